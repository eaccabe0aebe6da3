//! Unexpected findings by kind: why a run failed, in short.

use crate::model::{
    finding::FindingKind,
    record::{RunRecord, ScenarioRecord},
    verdict::Role,
};
use std::collections::BTreeMap;

/// Kinds of unexpected findings, the commonest first.
pub fn kinds(record: &RunRecord) -> Vec<(FindingKind, usize)> {
    let mut counts: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for (finding, role) in record.scenarios.iter().flat_map(ScenarioRecord::judged) {
        if matches!(role, Some(Role::Unexpected)) {
            *counts.entry(finding.kind).or_default() += 1;
        }
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    kinds
}

/// The commonest kind as the rest of a sentence: what it means, its name, how often.
pub fn worst_kind(record: &RunRecord) -> Option<String> {
    let (kind, n) = *kinds(record).first()?;
    let meaning = kind.meaning().trim_end_matches('.');
    let mut letters = meaning.chars();
    let first: String = letters.next().map(|c| c.to_lowercase().collect()).unwrap_or_default();
    Some(format!("{first}{} ({}, {})", letters.as_str(), kind.describe(), times(n)))
}

/// `once`, `18 times`.
pub fn times(n: usize) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
