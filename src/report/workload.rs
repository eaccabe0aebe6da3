//! The measurements of a workload as text, for every report. Nothing is computed here.

use crate::{
    base::clock::human,
    model::{
        record::RunRecord,
        verdict::Verdict,
        workload::{Measured, WriteTally, interval::Interval},
    },
    report::terminal::style::count,
};

/// The writes of all drills of a run that raced a backup. Such drills provoke loss on purpose, to measure the
/// consistency window; a drill passes if the loss is within what its scenario allows.
pub struct Raced {
    /// The drills with a workload.
    pub drills: usize,
    /// Writes within the window of their backup.
    pub at_risk: u64,
    /// Those of them that were torn.
    pub torn: u64,
    /// Those that were torn in drills that did not pass.
    pub not_allowed: u64,
}

impl Raced {
    /// What a reader must know even if the run passed; `None` if no write was torn.
    pub fn warning(&self) -> Option<String> {
        let Self { drills, at_risk, torn, not_allowed } = self;
        let load = format!("{} wrote during the backup on purpose", count(*drills, "drill"));
        match (torn, not_allowed) {
            (0, _) => None,
            (_, 0) => Some(format!(
                "Provoked loss, allowed by the scenarios: {load}, and {torn} of {at_risk} writes at risk were torn."
            )),
            (_, lost) => Some(format!(
                "Loss beyond what the scenarios allow: {load}, and {torn} of {at_risk} writes at risk were torn, \
                 {lost} of them in drills that did not pass."
            )),
        }
    }
}

/// `None` if no drill has a workload.
pub fn raced(record: &RunRecord) -> Option<Raced> {
    let mut raced = Raced { drills: 0, at_risk: 0, torn: 0, not_allowed: 0 };
    for (scenario, load) in record.scenarios.iter().filter_map(|s| Some((s, s.load.as_ref()?))) {
        let (at_risk, torn) = load.all.rate.map_or((0, 0), |rate| (rate.of, rate.hits));
        raced.drills += 1;
        raced.at_risk += at_risk;
        raced.torn += torn;
        raced.not_allowed += if scenario.verdict() == Verdict::Pass { 0 } else { torn };
    }
    (raced.drills > 0).then_some(raced)
}

/// The columns of a tally, after the kind of write.
pub const HEADS: [&str; 8] =
    ["writes", "at risk", "complete", "after the dump", "lost", "no object", "no row", "other content"];

/// The kinds of writes and their total, each with its figures in the order of [`HEADS`].
pub fn rows(measured: &Measured) -> Vec<(&'static str, [u64; 8], Option<Interval>)> {
    let row = |name, t: &WriteTally| {
        (name, [t.writes, t.at_risk, t.kept, t.after, t.lost, t.half, t.orphan, t.wrong], t.rate)
    };
    let each = measured.operations.iter().map(|(operation, tally)| row(operation.plural(), tally));
    each.chain([row("all", &measured.all)]).collect()
}

/// The facts, one line each.
pub fn facts(measured: &Measured) -> Vec<(&'static str, String)> {
    let Measured { load, .. } = measured;
    let method = measured.method.title();
    let rate =
        |rate: Option<Interval>| rate.map_or_else(|| "none was at risk".to_owned(), Interval::describe);
    let point = measured.recovery_point.map_or_else(
        || "could not be determined".to_owned(),
        |point| match (point.before_end_ms, point.before_dump_ms) {
            (0, _) => "the end of the backup: every write acknowledged before is complete".to_owned(),
            (end, 0) => format!("{} before the end of the backup, not before the dump", human(end)),
            (end, dump) => {
                format!("{} before the end of the backup, {} before the dump", human(end), human(dump))
            }
        },
    );
    vec![
        (
            "load",
            format!(
                "{} writers, {} writes per second: {} acknowledged, {} refused, {} unanswered",
                load.writers, load.rate, measured.acknowledged, measured.refused, measured.unanswered
            ),
        ),
        (
            "backups",
            format!(
                "{}, {method}; the longest window {}",
                measured.backups.len(),
                human(measured.window_ms())
            ),
        ),
        ("torn writes", rate(measured.all.rate)),
        ("backups with one", rate(measured.backups_hit)),
        ("recovery point", point),
    ]
}
