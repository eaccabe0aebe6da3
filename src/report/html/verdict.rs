//! The verdict in sentences that a stranger understands.

use crate::{
    model::{
        event::BudgetChecked,
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    report::{
        html::text::{count, is_expected, line, with_role},
        kinds::{kinds, times, worst_kind},
        workload::raced,
    },
};

/// Kinds of findings that are named on the first screen.
const MOST_KINDS: usize = 3;

/// The scenarios of a run by their verdicts.
pub struct ScenarioTally {
    pub all: usize,
    pub passed: usize,
    pub failed: usize,
    pub unknown: usize,
    /// Those of the unknown that never began.
    pub never_began: usize,
}

/// Counts them.
pub fn tally(record: &RunRecord) -> ScenarioTally {
    let with = |verdict| record.scenarios.iter().filter(|s| s.verdict() == verdict).count();
    ScenarioTally {
        all: record.scenarios.len(),
        passed: with(Verdict::Pass),
        failed: with(Verdict::Fail),
        unknown: with(Verdict::Unknown),
        never_began: record.scenarios.iter().filter(|s| s.started.is_none() && s.judgement.is_none()).count(),
    }
}

/// The verdict in one sentence.
pub fn headline(record: &RunRecord) -> String {
    match record.part() {
        Some(part) => {
            let part = part.to_string().replacen("part", "Part", 1);
            format!("{part} of a run, which proves nothing alone. {}", verdict(record))
        }
        None => verdict(record),
    }
}

fn verdict(record: &RunRecord) -> String {
    let tally = tally(record);
    let (controls, scenarios): (Vec<_>, Vec<_>) = record.scenarios.iter().partition(|s| s.is_control());
    match record.verdict() {
        Verdict::Pass => {
            let met = scenarios.iter().any(|s| !with_role(s, is_expected).is_empty());
            format!(
                "Green: {} and {} held. What was backed up came back{}.",
                count(scenarios.len(), "scenario"),
                count(controls.len(), "clean control"),
                if met { ", and damage that was done on purpose was noticed" } else { "" },
            )
        }
        Verdict::Fail if tally.failed == 0 => format!(
            "Red: {} and {} ended as they must, but {}.",
            count(scenarios.len(), "scenario"),
            count(controls.len(), "clean control"),
            worst(record),
        ),
        Verdict::Fail => {
            format!(
                "Red: {} of {} failed{}: {}.",
                tally.failed,
                count(tally.all, "drill"),
                named(record),
                worst(record)
            )
        }
        Verdict::Unknown if tally.unknown == 0 && of_run(record).is_empty() => {
            "Could not verify, which is no pass: a recovery objective has a budget, and was not measured."
                .to_owned()
        }
        Verdict::Unknown if tally.unknown == 0 => {
            "Could not verify, which is no pass: the run itself did not end as planned.".to_owned()
        }
        Verdict::Unknown => format!(
            "Could not verify, which is no pass: {} of {} could not find out whether what was backed up came back.",
            tally.unknown,
            count(tally.all, "drill"),
        ),
    }
}

/// The one that failed, where it is one.
fn named(record: &RunRecord) -> String {
    let mut failed = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Fail);
    match (failed.next(), failed.next()) {
        (Some(only), None) => format!(", {}", line(only.id.as_str())),
        (_, _) => String::new(),
    }
}

/// The commonest reason of a red run, as the rest of a sentence.
fn worst(record: &RunRecord) -> String {
    match worst_kind(record) {
        Some(worst) => worst,
        None => match over_budget(record) {
            Some(over) => format!("the {over}"),
            None => "damage that was done on purpose went unnoticed".to_owned(),
        },
    }
}

/// The first budget that was exceeded.
fn over_budget(record: &RunRecord) -> Option<&BudgetChecked> {
    record.budgets.iter().find(|b| b.verdict == Verdict::Fail)
}

/// What the headline leaves out: why, in sentences, worst first.
pub fn reasons(record: &RunRecord) -> Vec<String> {
    let mut whys = Vec::new();
    let tally = tally(record);
    if let Some(engine) = record.versions.get("engine").filter(|name| name.contains(" with defect")) {
        whys.push(format!(
            "The engine was told to misbehave ({}): that a run like this is red is what it is for.",
            line(engine)
        ));
    }
    let failed = |s: &&ScenarioRecord| s.verdict() == Verdict::Fail;
    if record.scenarios.iter().filter(failed).any(ScenarioRecord::is_control) {
        whys.push(
            "A clean control failed, where nothing was damaged: look at the engine, the stores and the procedure \
             before you look at any fault."
                .to_owned(),
        );
    }
    let kinds = kinds(record);
    whys.extend(kinds.first().map(|(kind, _)| format!("What to do first: {}", kind.what_to_do())));
    for (kind, n) in kinds.iter().skip(1).take(MOST_KINDS) {
        whys.push(format!("Also {} ({}): {}", kind.describe(), times(*n), kind.meaning()));
    }
    if let Some(more) = kinds.len().checked_sub(MOST_KINDS + 1).filter(|n| *n > 0) {
        whys.push(format!("And {} of findings, below.", count(more, "more kind")));
    }
    let away = |s: &ScenarioRecord| match (s.verdict(), &s.judgement) {
        (Verdict::Fail, Some(judgement)) => judgement.stayed_away.len(),
        (Verdict::Pass | Verdict::Unknown | Verdict::Fail, _) => 0,
    };
    let away: usize = record.scenarios.iter().map(away).sum();
    if away > 0 {
        whys.push(format!(
            "{} stayed away: the drill is blind to that damage.",
            count(away, "expected finding")
        ));
    }
    if tally.failed > 0 && tally.unknown > 0 {
        whys.push(format!("{} could not be verified.", count(tally.unknown, "more drill")));
    }
    let untold = |b: &&BudgetChecked| {
        b.verdict != Verdict::Pass && (tally.failed > 0 || Some(*b) != over_budget(record))
    };
    whys.extend(record.budgets.iter().filter(untold).map(|b| format!("The {b}.")));
    if record.part().is_some() {
        whys.push(
            "Join the parts to have a verdict: pulp-drill report merge RUN_DIR... --out DIR.".to_owned(),
        );
    }
    whys.extend(of_run(record));
    if record.verdict() == Verdict::Unknown && tally.never_began < tally.unknown {
        whys.extend(first_unknown(record));
    }
    whys.extend(raced(record).and_then(|raced| raced.warning()));
    whys
}

/// What went wrong with the run as a whole.
pub fn of_run(record: &RunRecord) -> Vec<String> {
    let mut whys = Vec::new();
    match &record.finished {
        None => whys.push("The run did not end: it was killed, or is still under way.".to_owned()),
        Some(finished) => {
            whys.extend(finished.cut_short.iter().map(|why| format!("The run was cut short: {}.", line(why))))
        }
    }
    if record.scenarios.is_empty() {
        whys.push("No scenario was run.".to_owned());
    }
    let never = tally(record).never_began;
    if never > 0 {
        whys.push(format!("{} never began.", count(never, "drill")));
    }
    whys.extend(record.errors.iter().map(|error| format!("Trouble: {}", line(error))));
    whys
}

fn first_unknown(record: &RunRecord) -> Option<String> {
    let begun = |s: &&ScenarioRecord| s.verdict() == Verdict::Unknown && s.started.is_some();
    let scenario = record.scenarios.iter().find(begun)?;
    let reason = match &scenario.judgement {
        Some(judgement) => judgement.reasons.first().or(scenario.errors.first()).cloned(),
        None => Some(scenario.errors.first().cloned().unwrap_or_else(|| "it did not end".to_owned())),
    };
    Some(format!("First: {}: {}", line(scenario.id.as_str()), line(&reason?)))
}
