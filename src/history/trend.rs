//! What a ledger tells at a point of time: the last proven restore of each group, and how long ago it
//! was.

use super::LedgerEntry;
use crate::{
    base::sanitize::one_line,
    model::{budget::TimeSpan, verdict::Verdict},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// When a group was proven to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `topology / seed`.
    pub group: String,
    /// The end of the last run in which all of its scenarios passed; none where there was none.
    pub last: Option<DateTime<Utc>>,
    /// The end of such a run that is still to come: a clock was wrong. It proves nothing, or the group
    /// would be proven until then.
    pub to_come: Option<DateTime<Utc>>,
}

/// So far may the clocks of two machines be apart.
const APART: TimeDelta = TimeDelta::minutes(5);

/// The last proof of every group that the ledger ever saw, by name.
pub fn proofs(lines: &[LedgerEntry], now: DateTime<Utc>) -> Vec<Proof> {
    let mut proofs: BTreeMap<&str, Proof> = BTreeMap::new();
    for line in lines {
        for (group, verdict) in &line.groups {
            let none = || Proof { group: group.clone(), last: None, to_come: None };
            let proof = proofs.entry(group).or_insert_with(none);
            let known = if line.ended > now + APART { &mut proof.to_come } else { &mut proof.last };
            if *verdict == Verdict::Pass {
                *known = (*known).max(Some(line.ended));
            }
        }
    }
    proofs.into_values().collect()
}

/// Milliseconds since then; a time to come counts as now.
pub fn age_ms(then: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - then).num_milliseconds()).unwrap_or(0)
}

/// What the policy misses, a sentence each; empty where it is kept.
pub fn gaps(lines: &[LedgerEntry], every: TimeSpan, now: DateTime<Utc>) -> Vec<String> {
    let proofs = proofs(lines, now);
    if proofs.is_empty() {
        return vec![format!(
            "no successful restore test is recorded, policy says every {}",
            every_in_words(every)
        )];
    }
    proofs.iter().filter_map(|proof| gap(proof, every, now)).collect()
}

fn gap(proof: &Proof, every: TimeSpan, now: DateTime<Utc>) -> Option<String> {
    let (group, policy) = (one_line(&proof.group), every_in_words(every));
    let gap = match proof.last.map(|last| age_ms(last, now)) {
        None => format!("{group}: no successful restore test ever, policy says every {policy}"),
        Some(age) if age > every.ms => {
            format!("{group}: no successful restore test in {}, policy says {policy}", describe(age))
        }
        Some(_) => return None,
    };
    let to_come = proof.to_come.map(|at| format!("; one of {} is still to come", at.format("%Y-%m-%d")));
    Some(gap + &to_come.unwrap_or_default())
}

fn every_in_words(every: TimeSpan) -> String {
    describe(every.ms)
}

/// `92 days`, `5 hours`, `3 minutes`: whole units, rounded down.
pub fn describe(ms: u64) -> String {
    let (number, unit) = match ms / 60_000 {
        minutes @ 0..120 => (minutes, "minute"),
        minutes @ 120..2_880 => (minutes / 60, "hour"),
        minutes => (minutes / 1_440, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
