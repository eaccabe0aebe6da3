//! The verdict in sentences for a reader who does not know the project.

use crate::{
    model::{
        record::{RunRecord, ScenarioRecord},
        verdict::{Verdict, limit::Limit},
    },
    report::{
        facts::{level, level_gaps, run_problems, shown_by_pass},
        html::text::{count, line, missing, sentence},
        kinds::{MOST_KINDS, causes, kinds, times, unknown_cause},
        workload::raced,
    },
};

/// The scenarios of a run by their verdicts.
pub struct ScenarioTally {
    pub all: usize,
    pub passed: usize,
    pub failed: usize,
    pub unknown: usize,
}

/// Counts them.
pub fn tally(record: &RunRecord) -> ScenarioTally {
    let with = |verdict| record.scenarios.iter().filter(|s| s.verdict() == verdict).count();
    ScenarioTally {
        all: record.scenarios.len(),
        passed: with(Verdict::Pass),
        failed: with(Verdict::Fail),
        unknown: with(Verdict::Unknown),
    }
}

/// The verdict in a sentence, and the level of proof.
pub fn headline(record: &RunRecord) -> String {
    let part = record.part().map(|part| {
        let part = part.to_string().replacen("part", "Part", 1);
        format!("{part} of a run, not a verdict on the whole.")
    });
    let level = level(record).map(|level| line(&level));
    part.into_iter().chain([verdict(record)]).chain(level).collect::<Vec<_>>().join(" ")
}

fn verdict(record: &RunRecord) -> String {
    let ScenarioTally { all, passed: _, failed, unknown } = tally(record);
    let (baselines, scenarios): (Vec<_>, Vec<_>) = record.scenarios.iter().partition(|s| s.is_baseline());
    let planned =
        format!("{} and {}", count(scenarios.len(), "scenario"), count(baselines.len(), "baseline drill"));
    match record.verdict() {
        Verdict::Pass => format!("Passed: {planned}. {}", shown_by_pass(record)),
        Verdict::Fail if failed == 0 => format!("Failed: {planned} passed, but {}.", line(&causes(record))),
        Verdict::Fail => {
            format!(
                "Failed: {failed} of {}{}: {}.",
                count(all, "drill"),
                named(record),
                line(&causes(record))
            )
        }
        Verdict::Unknown if unknown == 0 => {
            format!("Could not verify, not counted as a pass: {}.", line(&unknown_cause(record)))
        }
        Verdict::Unknown => format!(
            "Could not verify, not counted as a pass: {unknown} of {} have no result. {}",
            count(all, "drill"),
            sentence(&line(&unknown_cause(record))),
        ),
    }
}

/// The drill that failed, if it is only one.
fn named(record: &RunRecord) -> String {
    let mut failed = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Fail);
    match (failed.next(), failed.next()) {
        (Some(only), None) => format!(", {}", line(only.id.as_str())),
        (_, _) => String::new(),
    }
}

/// What the headline leaves out, most important first.
pub fn reasons(record: &RunRecord) -> Vec<String> {
    let mut whys = Vec::new();
    let tally = tally(record);
    let defects = |limit: &&Limit| matches!(limit, Limit::StandInEngine { defects: true, .. });
    whys.extend(record.limits.iter().find(defects).map(|limit| line(&limit.to_string())));
    let failed = |s: &&ScenarioRecord| s.verdict() == Verdict::Fail;
    if record.scenarios.iter().filter(failed).any(ScenarioRecord::is_baseline) {
        whys.push(
            "A baseline drill failed although nothing was damaged: check the engine, the stores and the \
             procedure before any fault."
                .to_owned(),
        );
    }
    let kinds = kinds(record);
    whys.extend(kinds.first().map(|(kind, _)| format!("What to do first: {}", kind.what_to_do())));
    for (kind, n) in kinds.iter().skip(1).take(MOST_KINDS) {
        whys.push(format!("Also {} ({}): {}", kind.describe(), times(*n), kind.meaning()));
    }
    if record.scenarios.iter().filter(failed).any(|s| missing(s) > 0) {
        whys.push(
            "An expected finding that is not reported means that the checks did not detect that damage."
                .to_owned(),
        );
    }
    if tally.failed > 0 && tally.unknown > 0 {
        whys.push(format!("{} could not be verified.", count(tally.unknown, "more drill")));
    }
    let unmeasured = record.budgets.iter().filter(|b| b.verdict == Verdict::Unknown);
    whys.extend(unmeasured.map(|b| format!("The {b}.")));
    if record.part().is_some() {
        whys.push(
            "Merge the parts to get a verdict: pulp-drill report merge RUN_DIR... --out DIR.".to_owned(),
        );
    }
    whys.extend(run_problems(record).iter().map(|problem| sentence(&problem.to_string())));
    whys.extend(level_gaps(record).iter().map(|gap| sentence(&line(&gap.to_string()))));
    whys.extend(raced(record).and_then(|raced| raced.warning()));
    whys
}
