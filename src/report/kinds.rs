//! Why a run failed or is unknown, in short: all causes in one sentence, for the headline of every report.

use crate::{
    model::{
        finding::{Finding, FindingKind},
        record::{RunRecord, ScenarioRecord},
        verdict::{Judgement, Role, Verdict},
    },
    report::{
        facts::{RunProblem, reasons, run_problems},
        terminal::style::count,
    },
};
use std::collections::BTreeMap;

/// The most kinds of findings that are named beside the commonest.
pub const MOST_KINDS: usize = 2;

/// The findings of a role, in the record's order.
fn with_role(record: &RunRecord, wanted: fn(&Role) -> bool) -> impl Iterator<Item = &Finding> {
    let judged = record.scenarios.iter().flat_map(ScenarioRecord::judged);
    judged.filter(move |(_, role)| role.is_some_and(wanted)).map(|(finding, _)| finding)
}

/// The unexpected findings.
fn unexpected(record: &RunRecord) -> impl Iterator<Item = &Finding> {
    with_role(record, |role| matches!(role, Role::Unexpected))
}

/// Kinds of unexpected findings, the commonest first.
pub fn kinds(record: &RunRecord) -> Vec<(FindingKind, usize)> {
    counted(unexpected(record))
}

/// Harmless findings by kind, as a sentence; empty where there is none.
pub fn harmless(record: &RunRecord) -> String {
    let kinds = counted(with_role(record, |role| matches!(role, Role::Warning)));
    let named: Vec<String> =
        kinds.iter().map(|(kind, n)| format!("{} ({})", kind.describe(), times(*n))).collect();
    if named.is_empty() { String::new() } else { format!(" Harmless: {}.", named.join(", ")) }
}

/// The kinds of findings, the commonest first.
fn counted<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<(FindingKind, usize)> {
    let mut counts: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.kind).or_default() += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    kinds
}

/// The commonest kind as the rest of a sentence: what it means, then the finding, or how often there is one.
fn worst_kind(record: &RunRecord) -> Option<String> {
    let (kind, n) = *kinds(record).first()?;
    let named = match n {
        1 => unexpected(record).find(|finding| finding.kind == kind)?.to_string(),
        n => format!("{}, {}", kind.describe(), times(n)),
    };
    let meaning = kind.meaning().trim_end_matches('.');
    let mut letters = meaning.chars();
    let first: String = letters.next().map(|c| c.to_lowercase().collect()).unwrap_or_default();
    Some(format!("{first}{} ({named})", letters.as_str()))
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

/// Why nothing is known, in full: the run's own problem, else the first reason of a drill, else a budget. What could
/// not be done explains why the run was cut short, and comes before that.
fn unknown_text(record: &RunRecord) -> String {
    let problems = run_problems(record);
    let stored_wrong = problems
        .iter()
        .find(|problem| matches!(problem, RunProblem::NotAsWritten { .. } | RunProblem::NotEnded));
    let error = problems.iter().find(|problem| matches!(problem, RunProblem::Error { .. }));
    match stored_wrong.or(error).or(problems.first()) {
        Some(RunProblem::Error { error }) => return error.clone(),
        Some(problem) => return problem.to_string(),
        None => {}
    }
    let unknown = record.scenarios.iter().find(|s| s.verdict() == Verdict::Unknown);
    if let Some((scenario, reason)) = unknown.and_then(|s| Some((s, reasons(s).into_iter().next()?))) {
        return format!("{}: {reason}", scenario.id);
    }
    let budget = record.budgets.iter().find(|b| b.verdict == Verdict::Unknown);
    budget.map_or_else(|| "the record holds no reason".to_owned(), |b| format!("the {b}"))
}

/// Why nothing is known, without causes and hint.
pub fn unknown_cause(record: &RunRecord) -> String {
    let text = unknown_text(record);
    let end = ["\n  cause: ", "\n  hint: "].iter().filter_map(|mark| text.find(mark)).min();
    text[..end.unwrap_or(text.len())].to_owned()
}

/// What to do about it, where the message has a hint.
pub fn unknown_hint(record: &RunRecord) -> Option<String> {
    let text = unknown_text(record);
    text.split_once("\n  hint: ").map(|(_, hint)| hint.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::error::Error,
        model::{exit_code::ExitCode, record::Finished},
        report::headline::headline,
    };

    #[test]
    fn a_headline_has_neither_causes_nor_hint() {
        let error = Error::environment("no server was found")
            .cause("the dump was made by PostgreSQL 18")
            .hint("install\nPostgreSQL 18");
        let cut_short = Some("1 scenario did not end".to_owned());
        let finished = Finished { verdict: Verdict::Unknown, exit: ExitCode::Unverified, cut_short };
        let record =
            RunRecord { errors: vec![error.to_string()], finished: Some(finished), ..RunRecord::default() };
        assert_eq!(unknown_cause(&record), "no server was found");
        assert_eq!(unknown_hint(&record).unwrap(), "install PostgreSQL 18");
        assert!(headline(&record).ends_with("no server was found."), "{}", headline(&record));
    }
}
