//! The verdict of a run in a sentence: the one that every report prints.

use crate::{
    model::{record::RunRecord, verdict::Verdict},
    report::{
        facts::{level, shown_by_pass},
        kinds::{causes, harmless, unknown_cause},
        terminal::style::count,
    },
};

/// The scenarios of a run by their verdicts.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioTally {
    /// All of them.
    pub all: usize,
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Without a result.
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
    part.into_iter().chain([verdict(record)]).chain(level(record)).collect::<Vec<_>>().join(" ")
}

/// The verdict alone: what passed, or why not.
pub fn verdict(record: &RunRecord) -> String {
    match record.is_of_existing_backups() {
        true => of_existing_backup(record),
        false => of_scenarios(record),
    }
}

fn of_existing_backup(record: &RunRecord) -> String {
    match record.verdict() {
        Verdict::Pass => {
            let (restored, shown, harmless) = (restored(record), shown_by_pass(record), harmless(record));
            format!("Passed: the backup was restored{restored}. {shown}{harmless}")
        }
        Verdict::Fail => format!("Failed: {}.", causes(record)),
        Verdict::Unknown => format!("Could not verify, not counted as a pass: {}.", unknown_cause(record)),
    }
}

/// What came back of an existing backup, in figures; empty where nothing was counted.
fn restored(record: &RunRecord) -> String {
    let Some(figures) = record.scenarios.iter().find_map(|scenario| scenario.figures.as_deref()) else {
        return String::new();
    };
    let many = |n: u64, word| count(usize::try_from(n).unwrap_or(usize::MAX), word);
    let hold = if figures.matched == 1 { "holds" } else { "hold" };
    format!(
        ": {} in {} and {}; {} from rows to objects {hold}",
        many(figures.tables.values().sum(), "row"),
        count(figures.tables.len(), "table"),
        many(figures.objects, "object"),
        many(figures.matched, "reference"),
    )
}

fn of_scenarios(record: &RunRecord) -> String {
    let ScenarioTally { all, passed: _, failed, unknown } = tally(record);
    let (baselines, scenarios): (Vec<_>, Vec<_>) = record.scenarios.iter().partition(|s| s.is_baseline());
    let planned =
        format!("{} and {}", count(scenarios.len(), "scenario"), count(baselines.len(), "baseline drill"));
    match record.verdict() {
        Verdict::Pass => format!("Passed: {planned}. {}", shown_by_pass(record)),
        Verdict::Fail if failed + unknown == 0 => {
            format!("Failed: {planned} passed, but {}.", causes(record))
        }
        Verdict::Fail if failed == 0 => {
            format!("Failed: {}. {unknown} of {} could not be verified.", causes(record), count(all, "drill"))
        }
        Verdict::Fail => {
            format!("Failed: {failed} of {}{}: {}.", count(all, "drill"), named(record), causes(record))
        }
        Verdict::Unknown if unknown == 0 => {
            format!("Could not verify, not counted as a pass: {}.", unknown_cause(record))
        }
        Verdict::Unknown => format!(
            "Could not verify, not counted as a pass: {unknown} of {} {} no result. {}",
            count(all, "drill"),
            if unknown == 1 { "has" } else { "have" },
            sentence(&format!("first reason: {}", unknown_cause(record))),
        ),
    }
}

/// The drill that failed, if it is only one.
fn named(record: &RunRecord) -> String {
    let mut failed = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Fail);
    match (failed.next(), failed.next()) {
        (Some(only), None) => format!(", {}", only.id),
        (_, _) => String::new(),
    }
}

/// A fragment as a sentence.
pub fn sentence(fragment: &str) -> String {
    let fragment = fragment.trim();
    let mut letters = fragment.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if fragment.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
