//! The measurements of a workload as text, for every report. Nothing is computed here.

use crate::model::{
    record::RunRecord,
    workload::{Measured, WriteTally, interval::Interval},
};

/// The writes of all drills of a run that raced a backup.
pub struct Raced {
    /// The drills with a workload.
    pub drills: usize,
    /// Writes within the window of their backup.
    pub at_risk: u64,
    /// Those of them that were torn.
    pub torn: u64,
}

impl Raced {
    /// Scenarios may allow torn writes; a passing report must mention them nevertheless.
    pub fn warning(&self) -> Option<String> {
        let Self { at_risk, torn, .. } = self;
        (*torn > 0).then(|| format!("Of {at_risk} writes that raced a backup, {torn} were torn."))
    }
}

/// `None` if no drill has a workload.
pub fn raced(record: &RunRecord) -> Option<Raced> {
    let loads: Vec<_> = record.scenarios.iter().filter_map(|s| s.load.as_ref()).collect();
    let rates = || loads.iter().filter_map(|load| load.all.rate);
    let (at_risk, torn) = (rates().map(|r| r.of).sum(), rates().map(|r| r.hits).sum());
    (!loads.is_empty()).then_some(Raced { drills: loads.len(), at_risk, torn })
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
            (end, 0) => format!("{end} ms before the end of the backup, not before the dump"),
            (end, dump) => format!("{end} ms before the end of the backup, {dump} ms before the dump"),
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
            format!("{}, {method}; the longest window {} ms", measured.backups.len(), measured.window_ms()),
        ),
        ("torn writes", rate(measured.all.rate)),
        ("backups with one", rate(measured.backups_hit)),
        ("recovery point", point),
    ]
}
