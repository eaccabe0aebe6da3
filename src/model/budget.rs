//! Durations as people write them, and budgets: how long a recovery may take, how much it may lose, how
//! old the last proven restore may be. Compares measurements with budgets; does not know their consequences.

use crate::{
    base::clock::human,
    model::{
        event::{BudgetChecked, BudgetId},
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{fmt, str::FromStr, time::Duration};

/// A span of time in whole milliseconds, written `500ms`, `30s`, `15m`, `24h`, `90d` or `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan {
    /// Milliseconds.
    pub ms: u64,
}

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TimeSpan {
    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no = || "expected a whole number and a unit: 30s, 15m, 24h or 90d".to_owned();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(no)?;
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(no)?;
        let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)).filter(|ms| *ms > 0);
        Ok(Self { ms: ms.ok_or_else(no)? })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Weeks read badly; everything else in the largest unit that is whole.
        let unit = UNITS[1..].iter().find(|(_, factor)| self.ms.is_multiple_of(*factor)).unwrap_or(&UNITS[5]);
        write!(f, "{}{}", self.ms / unit.1, unit.0)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What must not be exceeded; nothing is bounded by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Recovery time: from the loss to the first known-good render.
    pub rto: Option<TimeSpan>,
    /// Recovery point: what was acknowledged in this span before the loss may be gone.
    pub rpo: Option<TimeSpan>,
    /// How old the last proven restore may be; read by `pulp-drill history`, since a run itself
    /// makes the last drill new.
    pub max_age_of_last_drill: Option<TimeSpan>,
}

impl Budgets {
    /// Compares what a run measured with its budgets: one event for each budget. What was not measured is
    /// unknown.
    pub fn against(&self, record: &RunRecord) -> Vec<BudgetChecked> {
        let rto = self.rto.map(|limit| judged(BudgetId::Rto, limit, record.longest(|s| s.rto_ms)));
        let rpo = self.rpo.map(|limit| judged(BudgetId::Rpo, limit, record.longest(|s| s.rpo_ms)));
        rto.into_iter().chain(rpo).collect()
    }
}

fn judged(budget: BudgetId, limit: TimeSpan, worst: Option<(u64, &ScenarioRecord)>) -> BudgetChecked {
    let (measured_ms, scenario) = worst.map(|(ms, s)| (ms, s.id.clone())).unzip();
    let verdict = match measured_ms {
        None => Verdict::Unknown,
        Some(ms) if ms > limit.ms => Verdict::Fail,
        Some(_) => Verdict::Pass,
    };
    BudgetChecked { budget, limit_ms: limit.ms, measured_ms, scenario, verdict }
}

impl fmt::Display for BudgetChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.budget {
            BudgetId::Rto => "recovery time (RTO)",
            BudgetId::Rpo => "recovery point (RPO)",
        };
        let limit = human(self.limit_ms);
        match self.measured_ms {
            None => write!(f, "{name} was not measured; its budget is {limit}"),
            Some(ms) => {
                let word = if ms > self.limit_ms { "over" } else { "within" };
                write!(f, "{name} is {word} its budget of {limit}: {}", human(ms))?;
                self.scenario.iter().try_for_each(|id| write!(f, " in {id}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let ms = |text: &str| text.parse::<TimeSpan>().map(|s| s.ms);
        assert_eq!(ms("15m"), Ok(900_000));
        assert_eq!(ms("90d"), Ok(7_776_000_000));
        assert_eq!(ms("2w"), ms("14d"));
        for wrong in ["", "15", "m", "1.5h", "-1d", "0s", "15 m", "99999999999999999999d", "1y"] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
        assert_eq!("90d".parse::<TimeSpan>().unwrap().to_string(), "90d");
        assert_eq!(TimeSpan { ms: 1_500 }.to_string(), "1500ms");
    }

    #[test]
    fn over_within_and_not_measured() {
        let mut record = RunRecord::default();
        let budgets = Budgets {
            rto: Some(TimeSpan { ms: 1_000 }),
            rpo: Some(TimeSpan { ms: 1 }),
            ..Budgets::default()
        };
        let verdicts =
            |record: &RunRecord| budgets.against(record).iter().map(|b| b.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&record), [Verdict::Unknown, Verdict::Unknown]);
        record
            .scenarios
            .push(crate::model::record::ScenarioRecord { rto_ms: Some(1_000), ..Default::default() });
        assert_eq!(verdicts(&record), [Verdict::Pass, Verdict::Unknown]);
        record.scenarios[0].rto_ms = Some(1_001);
        assert_eq!(verdicts(&record), [Verdict::Fail, Verdict::Unknown]);
        record.scenarios[0].rpo_ms = Some(1);
        assert_eq!(verdicts(&record), [Verdict::Fail, Verdict::Pass]);
        record.scenarios[0].rpo_ms = Some(2);
        assert_eq!(verdicts(&record), [Verdict::Fail, Verdict::Fail]);
    }
}
