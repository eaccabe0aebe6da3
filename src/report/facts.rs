//! The facts that several reports state, derived from the record once and typed: why a run or a scenario
//! is not a pass, and what the run does not show. Reports only render them.

use crate::{
    base::ids::ScenarioId,
    model::{
        check::{CheckId, ProofLevel},
        event::RpoFrom,
        finding::{Entity, Finding},
        level::{self, LevelGap},
        record::{Integrity, RunRecord, ScenarioRecord, Skipped},
        verdict::{CheckOutcome, Reason, Role, Verdict, limit::Limit},
    },
};
use std::fmt;

/// What went wrong with a run as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunProblem {
    /// Its stored files are not as it wrote them.
    NotAsWritten {
        /// What is wrong, by file.
        problems: Vec<String>,
    },
    /// There is no last event.
    NotEnded,
    /// It ended before its scenarios did.
    CutShort {
        /// Why.
        why: String,
    },
    /// It has no scenario.
    NoScenario,
    /// Planned drills did not start.
    NotStarted {
        /// How many.
        drills: usize,
    },
    /// Something could not be done or determined.
    Error {
        /// With cause and hint.
        error: String,
    },
}

impl fmt::Display for RunProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsWritten { problems } => {
                write!(f, "the stored run does not verify: {}", problems.join("; "))
            }
            Self::NotEnded => f.write_str("the run did not end: it was killed or is still running"),
            Self::CutShort { why } => write!(f, "the run was cut short: {why}"),
            Self::NoScenario => f.write_str("no scenario was run"),
            Self::NotStarted { drills: 1 } => f.write_str("1 drill did not start"),
            Self::NotStarted { drills } => write!(f, "{drills} drills did not start"),
            Self::Error { error } => write!(f, "error: {error}"),
        }
    }
}

/// What went wrong with the run as a whole; empty where it ended as planned.
pub fn run_problems(record: &RunRecord) -> Vec<RunProblem> {
    let mut problems = Vec::new();
    if let Integrity::Violated(found) = &record.integrity {
        problems.push(RunProblem::NotAsWritten { problems: found.clone() });
    }
    match &record.finished {
        None => problems.push(RunProblem::NotEnded),
        Some(finished) => {
            problems.extend(finished.cut_short.clone().map(|why| RunProblem::CutShort { why }));
        }
    }
    if record.scenarios.is_empty() {
        problems.push(RunProblem::NoScenario);
    }
    let drills = record.scenarios.iter().filter(|s| !has_begun(s)).count();
    if drills > 0 {
        problems.push(RunProblem::NotStarted { drills });
    }
    problems.extend(record.errors.iter().map(|error| RunProblem::Error { error: error.clone() }));
    problems
}

/// Whether anything is known of a planned scenario.
pub fn has_begun(scenario: &ScenarioRecord) -> bool {
    scenario.started.is_some() || scenario.judgement.is_some()
}

/// The level of proof in a sentence; none for a run without a restore that could reach one.
pub fn level(record: &RunRecord) -> Option<String> {
    record.least_proven()?;
    let level = level::describe(record.level());
    let restores = record.scenarios.iter().filter(|s| s.level.is_some()).count();
    Some(match (record.scenarios.len(), restores) {
        (1, _) => format!("Level of proof: {level}."),
        (_, 1) => format!("Level of proof of the restore without damage: {level}."),
        (_, restores) => {
            let higher = if record.level() == Some(ProofLevel::Usable) { "" } else { " or higher" };
            format!("Level of proof of the {restores} restores without damage: {level}{higher}.")
        }
    })
}

/// What a drill of this run does, for a reader who does not know the project.
pub fn what_a_drill_does(record: &RunRecord) -> &'static str {
    match record.is_of_existing_backups() {
        true => {
            "An existing backup is restored into a site of its own by the runbook, and the restored rows and binaries \
             are checked. The system that was backed up is not changed."
        }
        false => {
            "A drill takes a backup, injects a fault or none (baseline drill), destroys the site or a part of it, \
             restores it by the runbook and checks the restored rows, binaries and PDFs. Damage must be reported as \
             the findings that the scenario expects; without damage no check may report one."
        }
    }
}

/// What the recovery time of this run is measured from and to.
pub fn span_of_rto(record: &RunRecord) -> &'static str {
    match record.is_of_existing_backups() {
        true => "from the first read of the backup to the end of the recovery",
        false => {
            "from the loss to the first known-good render, or to the ready engine where nothing is rendered"
        }
    }
}

/// The result of an assertion.
#[derive(Clone, Debug, PartialEq)]
pub enum AssertionResult<'a> {
    /// It holds.
    Holds,
    /// It does not; the finding.
    Fails(&'a Finding),
    /// It has no result.
    Unknown {
        /// Why.
        why: &'a str,
    },
    /// It was not checked.
    Skipped {
        /// Why.
        why: &'a str,
    },
}

impl fmt::Display for AssertionResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => f.write_str("holds"),
            Self::Fails(Finding { expected, actual, .. }) => {
                write!(f, "does not hold: expected {expected}, found {actual}")
            }
            Self::Unknown { why } => write!(f, "no result: {why}"),
            Self::Skipped { why } => write!(f, "skipped: {why}"),
        }
    }
}

/// The assertions of the profile by name, with their results.
pub fn assertions(scenario: &ScenarioRecord) -> impl Iterator<Item = (&str, AssertionResult<'_>)> {
    scenario.assertions.iter().map(|(name, outcome, _)| {
        let of_it = |f: &&Finding| f.entity == Entity::Assertion(name.clone());
        let result = match (scenario.findings.iter().find(of_it), outcome) {
            (Some(finding), _) => AssertionResult::Fails(finding),
            (None, CheckOutcome::Checked { items: 1.. }) => AssertionResult::Holds,
            (None, CheckOutcome::Checked { items: 0 }) => {
                AssertionResult::Unknown { why: "nothing to check" }
            }
            (None, CheckOutcome::Unknown { why }) => AssertionResult::Unknown { why },
            (None, CheckOutcome::Skipped { why }) => AssertionResult::Skipped { why },
        };
        (name.as_str(), result)
    })
}

/// What a passed run shows, in a sentence.
pub fn shown_by_pass(record: &RunRecord) -> &'static str {
    let expected = |s: &ScenarioRecord| s.judged().any(|(_, role)| matches!(role, Some(Role::Expected)));
    let detected = record.scenarios.iter().any(expected);
    match (record.least_proven().map(|_| record.level() >= Some(ProofLevel::Complete)), detected) {
        (Some(true), false) => "The restored state matched the backup.",
        (Some(true), true) => {
            "The restored state matched the backup where nothing was damaged, and every injected fault was \
             detected."
        }
        (None, true) => "Every injected fault was detected.",
        (Some(false), true) => "No check found other damage, and every injected fault was detected.",
        (Some(false) | None, false) => "No check found damage.",
    }
}

/// What the levels lack that the least proven restore did not reach.
pub fn level_gaps(record: &RunRecord) -> &[LevelGap] {
    record.least_proven().and_then(|least| least.level.as_ref()).map_or(&[], |level| &level.gaps)
}

/// Why a scenario is not a pass, worst first; empty for a pass.
pub fn reasons(scenario: &ScenarioRecord) -> Vec<Reason> {
    let Some(judgement) = &scenario.judgement else {
        let end = if scenario.started.is_some() { Reason::NotEnded } else { Reason::NotStarted };
        let errors = scenario.errors.iter().map(|error| Reason::Error { error: error.clone() });
        return std::iter::once(end).chain(errors).collect();
    };
    // A record may have lost its reasons; the verdict must be visible all the same.
    match (judgement.verdict, &judgement.reasons[..]) {
        (Verdict::Unknown | Verdict::Fail, []) => vec![Reason::NotRecorded],
        (Verdict::Pass | Verdict::Unknown | Verdict::Fail, reasons) => reasons.to_vec(),
    }
}

/// The reasons that are not an unexpected finding: reports print findings in full elsewhere.
pub fn other_reasons(scenario: &ScenarioRecord) -> Vec<Reason> {
    let is_finding = |reason: &Reason| matches!(reason, Reason::UnexpectedFinding { .. });
    reasons(scenario).into_iter().filter(|reason| !is_finding(reason)).collect()
}

/// What the run does not show, whatever its verdict.
pub fn limits(record: &RunRecord) -> Vec<Limit> {
    let mut limits = Vec::new();
    limits.extend(record.part().map(|part| Limit::Part { part: part.to_string() }));
    let drills = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Unknown).count();
    if drills > 0 {
        limits.push(Limit::UnverifiedDrills { drills });
    }
    limits.extend(skipped(record));
    limits.extend(record.limits.iter().cloned());
    limits.extend(of_faults_and_checks(record));
    limits.extend(of_objectives(record));
    limits.push(of_signature(record));
    let starts = || record.scenarios.iter().filter_map(|s| s.started.as_ref());
    limits.push(match starts().any(|s| !s.controls.is_empty()) {
        true => Limit::ControlsPartlyExercised,
        false => Limit::NoControl,
    });
    limits
}

/// The skipped scenarios by reason, in the record's order.
fn skipped(record: &RunRecord) -> Vec<Limit> {
    let mut whys: Vec<(&str, Vec<ScenarioId>)> = Vec::new();
    for Skipped { id, why, controls: _ } in &record.skipped {
        let why = why.trim_end_matches('.');
        match whys.iter_mut().find(|(known, _)| *known == why) {
            Some((_, ids)) => ids.push(id.clone()),
            None => whys.push((why, vec![id.clone()])),
        }
    }
    whys.into_iter().map(|(why, ids)| Limit::Skipped { ids, why: why.to_owned() }).collect()
}

fn of_faults_and_checks(record: &RunRecord) -> Vec<Limit> {
    let mut limits = Vec::new();
    let faults: Vec<String> = record
        .scenarios
        .iter()
        .flat_map(|s| &s.faults)
        .filter(|f| !f.changed)
        .map(|f| f.description.clone())
        .collect();
    if !faults.is_empty() {
        limits.push(Limit::FaultsWithoutEffect { faults });
    }
    let checks = checks_with(record, |outcome| match outcome {
        CheckOutcome::Checked { items } => *items == 0,
        CheckOutcome::Unknown { .. } => true,
        CheckOutcome::Skipped { .. } => false,
    });
    if !checks.is_empty() {
        limits.push(Limit::UnknownChecks { checks });
    }
    let checks = checks_with(record, |outcome| matches!(outcome, CheckOutcome::Skipped { .. }));
    if !checks.is_empty() {
        limits.push(Limit::SkippedChecks { checks });
    }
    let passed = |s: &ScenarioRecord| s.is_baseline() && s.verdict() == Verdict::Pass;
    // An existing backup was not damaged by the run.
    if !record.is_of_existing_backups() && !record.scenarios.iter().any(passed) {
        limits.push(Limit::NoBaseline);
    }
    limits
}

fn of_objectives(record: &RunRecord) -> Vec<Limit> {
    let mut limits = Vec::new();
    match record.longest_rpo() {
        None => limits.push(Limit::RpoNotMeasured),
        Some((_, RpoFrom::Writes, _)) => limits.push(Limit::RpoOfOneBackup),
        Some((_, RpoFrom::Newest, _)) => {}
    }
    if record.budgets.is_empty() && !has_own_limit(record) {
        limits.push(Limit::NoBudget);
    }
    limits.push(match record.is_of_existing_backups() {
        true => Limit::RtoOfThisMachine,
        false => Limit::RtoOfSmallSeed,
    });
    limits
}

/// Whether a test of an existing backup was given a limit of its recovery time.
fn has_own_limit(record: &RunRecord) -> bool {
    let limit = record.started.as_ref().and_then(|started| started.config.get("max rto"));
    record.is_of_existing_backups() && limit.is_some_and(|limit| limit != "none")
}

fn of_signature(record: &RunRecord) -> Limit {
    let key = record.started.as_ref().and_then(|s| s.config.get("signing key"));
    match key.filter(|key| *key != "none") {
        Some(key) => Limit::SignatureNotVerified { key: key.clone() },
        None => Limit::Unsigned,
    }
}

/// The checks with such an outcome, with the number of drills.
fn checks_with(record: &RunRecord, wanted: fn(&CheckOutcome) -> bool) -> Vec<(CheckId, usize)> {
    let drills = |check: &CheckId| {
        let has = |s: &&ScenarioRecord| s.checks.iter().any(|(c, outcome, _)| c == check && wanted(outcome));
        record.scenarios.iter().filter(has).count()
    };
    CheckId::ALL.iter().map(|check| (*check, drills(check))).filter(|(_, n)| *n > 0).collect()
}
