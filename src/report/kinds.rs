//! Why a run failed or is unknown, in short: all causes in one sentence, for the headline of every report.

use crate::{
    model::{
        finding::FindingKind,
        record::{RunRecord, ScenarioRecord},
        verdict::{Judgement, Role, Verdict},
    },
    report::{
        facts::{reasons, run_problems},
        terminal::style::count,
    },
};
use std::collections::BTreeMap;

/// The most kinds of findings that are named beside the commonest.
pub const MOST_KINDS: usize = 2;

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
fn worst_kind(record: &RunRecord) -> Option<String> {
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

/// All causes of a failed run: the commonest kind of finding with its meaning, the others by name.
pub fn causes(record: &RunRecord) -> String {
    let mut causes: Vec<String> = worst_kind(record).into_iter().collect();
    let kinds = kinds(record);
    let others = kinds.iter().skip(1).take(MOST_KINDS);
    causes.extend(others.map(|(kind, n)| format!("{} ({})", kind.describe(), times(*n))));
    if let Some(more) = kinds.len().checked_sub(MOST_KINDS + 1).filter(|n| *n > 0) {
        causes.push(count(more, "more kind of finding"));
    }
    let failed = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Fail);
    let missing: usize = failed.map(|s| s.judgement.iter().flat_map(Judgement::missing).count()).sum();
    if missing > 0 {
        let were = if missing == 1 { "was" } else { "were" };
        causes.push(format!("{} {were} not reported", count(missing, "expected finding")));
    }
    let over = record.budgets.iter().filter(|b| b.verdict == Verdict::Fail);
    causes.extend(over.map(|b| format!("the {b}")));
    if causes.is_empty() {
        causes.push("the record holds no reason".to_owned());
    }
    causes.join("; ")
}

/// Why nothing is known: the run's own problem, else the first reason of a drill, else a budget.
pub fn unknown_cause(record: &RunRecord) -> String {
    if let Some(problem) = run_problems(record).first() {
        return problem.to_string();
    }
    let unknown = record.scenarios.iter().find(|s| s.verdict() == Verdict::Unknown);
    if let Some((scenario, reason)) = unknown.and_then(|s| Some((s, reasons(s).into_iter().next()?))) {
        return format!("{}: {reason}", scenario.id);
    }
    let budget = record.budgets.iter().find(|b| b.verdict == Verdict::Unknown);
    budget.map_or_else(|| "the record holds no reason".to_owned(), |b| format!("the {b}"))
}
