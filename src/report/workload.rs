//! What was measured of writers under load, in the words of every report. Nothing is reckoned here.

use crate::model::{
    record::RunRecord,
    workload::{Measured, WriteTally, interval::Interval},
};

/// The writes of all drills of a run that raced a backup.
pub struct Raced {
    /// The drills with a load.
    pub drills: usize,
    /// Writes within the window of their backup.
    pub at_risk: u64,
    /// Those of them that came back by half.
    pub half_kept: u64,
}

impl Raced {
    /// Scenarios may allow it; a report that is green must say so all the same.
    pub fn warning(&self) -> Option<String> {
        let Self { at_risk, half_kept, .. } = self;
        (*half_kept > 0)
            .then(|| format!("Of {at_risk} writes that raced a backup, {half_kept} came back by half."))
    }
}

/// None where no drill has a load.
pub fn raced(record: &RunRecord) -> Option<Raced> {
    let loads: Vec<_> = record.scenarios.iter().filter_map(|s| s.load.as_ref()).collect();
    let rates = || loads.iter().filter_map(|load| load.all.rate);
    let (at_risk, half_kept) = (rates().map(|r| r.of).sum(), rates().map(|r| r.hits).sum());
    (!loads.is_empty()).then_some(Raced { drills: loads.len(), at_risk, half_kept })
}

/// The columns of a tally, behind the operation.
pub const HEADS: [&str; 8] =
    ["writes", "at risk", "whole", "after the dump", "lost", "no object", "no row", "other content"];

/// The operations and all of them together, each with its numbers in the order of [`HEADS`].
pub fn rows(measured: &Measured) -> Vec<(&'static str, [u64; 8], Option<Interval>)> {
    let row = |name, t: &WriteTally| {
        (name, [t.writes, t.at_risk, t.kept, t.after, t.lost, t.half, t.orphan, t.wrong], t.rate)
    };
    let each = measured.operations.iter().map(|(operation, tally)| row(operation.plural(), tally));
    each.chain([row("all", &measured.all)]).collect()
}

/// The facts in a line each.
pub fn facts(measured: &Measured) -> Vec<(&'static str, String)> {
    let Measured { load, .. } = measured;
    let method = measured.way.title();
    let rate =
        |rate: Option<Interval>| rate.map_or_else(|| "none was at risk".to_owned(), Interval::describe);
    let point = measured.recovery_point.map_or_else(
        || "could not be found out".to_owned(),
        |point| match (point.before_end_ms, point.before_dump_ms) {
            (0, _) => "the end of the backup: all that was acknowledged before is whole".to_owned(),
            (end, 0) => format!("{end} ms before the end of the backup, not before the dump"),
            (end, dump) => format!("{end} ms before the end of the backup, {dump} ms before the dump"),
        },
    );
    vec![
        (
            "load",
            format!(
                "{} writers, {} writes a second: {} acknowledged, {} refused, {} unanswered",
                load.writers, load.rate, measured.acknowledged, measured.refused, measured.unanswered
            ),
        ),
        (
            "backups",
            format!("{}, {method}; the longest window {} ms", measured.backups.len(), measured.window_ms()),
        ),
        ("half-kept writes", rate(measured.all.rate)),
        ("backups with one", rate(measured.backups_hit)),
        ("recovery point", point),
    ]
}
