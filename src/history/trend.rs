//! What a ledger tells at a point of time: the last proven restore of each group, and how long ago it
//! was.

use super::Line;
use crate::model::{budget::Span, verdict::Verdict};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// When a group was proven to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `topology / seed`.
    pub group: String,
    /// The end of the last run in which all of its scenarios passed; none where there was none.
    pub last: Option<DateTime<Utc>>,
}

/// The last proof of every group that the ledger ever saw, by name.
pub fn proofs(lines: &[Line]) -> Vec<Proof> {
    let mut last: BTreeMap<&str, Option<DateTime<Utc>>> = BTreeMap::new();
    for line in lines {
        for (group, verdict) in &line.groups {
            let known = last.entry(group).or_default();
            if *verdict == Verdict::Pass {
                *known = (*known).max(Some(line.ended));
            }
        }
    }
    last.into_iter().map(|(group, last)| Proof { group: group.to_owned(), last }).collect()
}

/// Milliseconds since then; a time to come counts as now.
pub fn age_ms(then: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - then).num_milliseconds()).unwrap_or(0)
}

/// What the policy misses, a sentence each; empty where it is kept.
pub fn gaps(lines: &[Line], every: Span, now: DateTime<Utc>) -> Vec<String> {
    let proofs = proofs(lines);
    if proofs.is_empty() {
        return vec![format!(
            "no successful restore test is recorded, policy says every {}",
            every_in_words(every)
        )];
    }
    proofs.iter().filter_map(|proof| gap(proof, every, now)).collect()
}

fn gap(proof: &Proof, every: Span, now: DateTime<Utc>) -> Option<String> {
    let Proof { group, last } = proof;
    let policy = every_in_words(every);
    match last {
        None => Some(format!("{group}: no successful restore test ever, policy says every {policy}")),
        Some(last) => {
            let age = age_ms(*last, now);
            (age > every.ms).then(|| {
                format!("{group}: no successful restore test in {}, policy says {policy}", in_words(age))
            })
        }
    }
}

fn every_in_words(every: Span) -> String {
    in_words(every.ms)
}

/// `92 days`, `5 hours`, `3 minutes`: whole units, rounded down.
pub fn in_words(ms: u64) -> String {
    let (number, unit) = match ms / 60_000 {
        minutes @ 0..120 => (minutes, "minute"),
        minutes @ 120..2_880 => (minutes / 60, "hour"),
        minutes => (minutes / 1_440, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
