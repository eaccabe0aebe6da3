//! What a ledger shows at a point in time: the last proven restore of each group and its age.

use super::LedgerEntry;
use crate::{
    base::{clock::human, sanitize::one_line},
    model::budget::TimeSpan,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// When a group was proven to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `topology / seed`, or `existing backup / profile`.
    pub group: String,
    /// The end of the last run in which all of its scenarios passed and its restore was proven; none if
    /// there is none.
    pub last: Option<DateTime<Utc>>,
    /// The end of such a run that is in the future because a clock was wrong. It proves nothing.
    pub future: Option<DateTime<Utc>>,
}

/// The tolerated difference between the clocks of two machines.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// The last proof of every group in the ledger, by name.
pub fn proofs(lines: &[LedgerEntry], now: DateTime<Utc>) -> Vec<Proof> {
    let mut proofs: BTreeMap<&str, Proof> = BTreeMap::new();
    for line in lines {
        for (group, result) in &line.groups {
            let none = || Proof { group: group.clone(), last: None, future: None };
            let proof = proofs.entry(group).or_insert_with(none);
            let known = if line.ended > now + SKEW { &mut proof.future } else { &mut proof.last };
            if result.is_proven() {
                *known = (*known).max(Some(line.ended));
            }
        }
    }
    proofs.into_values().collect()
}

/// Milliseconds since then; a future time counts as now.
pub fn age_ms(then: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - then).num_milliseconds()).unwrap_or(0)
}

/// Violations of the policy, a sentence each; empty where it is met.
pub fn gaps(lines: &[LedgerEntry], every: TimeSpan, now: DateTime<Utc>) -> Vec<String> {
    let proofs = proofs(lines, now);
    if proofs.is_empty() {
        return vec![format!(
            "no successful restore test is recorded, the policy requires one every {}",
            every
        )];
    }
    proofs.iter().filter_map(|proof| gap(proof, every, now)).collect()
}

fn gap(proof: &Proof, every: TimeSpan, now: DateTime<Utc>) -> Option<String> {
    let (group, policy) = (one_line(&proof.group), every);
    let gap = match proof.last.map(|last| age_ms(last, now)) {
        None => format!("{group}: no successful restore test ever, the policy requires one every {policy}"),
        Some(age) if age > every.ms => {
            format!(
                "{group}: no successful restore test in {}, the policy requires one every {policy}",
                human(age)
            )
        }
        Some(_) => return None,
    };
    let future = proof.future.map(|at| format!("; one of {} is in the future", at.format("%Y-%m-%d")));
    Some(gap + &future.unwrap_or_default())
}
