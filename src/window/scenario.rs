//! A schedule as a scenario file, so that an ordinary run performs it on real stores. The expected
//! findings are derived from the model's final state, never from a run. No I/O.

mod describe;
mod expect;
mod staged;
mod steps;
mod subject;

use crate::base::error::Error;
use crate::model::finding::Expectation;
use crate::model::{
    workload::BackupMethod,
    write::{ReplaceKeys, WriteKind, WritePath},
};
use crate::window::judge::{AssetOutcome, Outcomes, outcome};
use crate::window::schedule::Schedule;
use crate::window::table::Cell;
use crate::window::vocabulary::{ModelStep, Part, PartsOf, WriteNo};
use staged::Staged;
use std::collections::BTreeMap;
use subject::subjects;

/// A schedule as a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The scenario's id; its file is called `<id>.yaml`.
    pub id: String,
    /// The scenario file.
    pub text: String,
    /// The outcomes for each write's asset in the model.
    pub outcomes: Vec<Outcomes>,
    /// The findings about binaries that the stores must give: these and no others.
    pub expect: Vec<Expectation>,
}

impl Script {
    /// The scenario of a schedule. `depth` is the number of folders between the project's folder and the
    /// file, for the editor's schema; `parts` is [`WritePath::parts`] unless a test injects a defect.
    ///
    /// # Errors
    /// A usage error if the schedule is invalid, or if no single engine can perform it.
    pub fn of(schedule: &Schedule, id: &str, depth: usize, parts: PartsOf) -> Result<Self, Error> {
        let (course, world) = schedule.perform(parts)?;
        let writes = writes(schedule)?;
        let staged = Staged { schedule, course, world, subjects: subjects(&schedule.writes) };
        let judged = |n| outcome(&staged.world, &staged.course, WriteNo(n as u8));
        let outcomes: Vec<Outcomes> = (0..schedule.writes.len()).map(judged).collect();
        let expect = expect::findings(&staged);
        let mut text = describe::head(&staged, id, depth, &outcomes);
        text += &method(&staged, &writes);
        text += "seed: invoices\n";
        text += &steps::steps(&staged)?;
        if !expect.is_empty() {
            text += "expect:\n";
            expect.iter().for_each(|found| text += &format!("  - {found}\n"));
        }
        Ok(Self { id: id.to_owned(), text, outcomes, expect })
    }

    /// The scenario of a cell, see [`Cell::shown`].
    ///
    /// # Errors
    /// As [`Script::of`].
    pub fn of_cell(cell: &Cell, depth: usize, parts: PartsOf) -> Result<Self, Error> {
        let shown = cell.shown(parts).ok_or_else(|| Error::harness("a cell without a schedule"))?;
        Self::of(&shown, &cell.name(), depth, parts)
    }

    /// The worst of all outcomes.
    pub fn worst(&self) -> Option<AssetOutcome> {
        self.outcomes.iter().filter_map(|outcomes| outcomes.worst()).max()
    }
}

/// The order of writes that a schedule requires of the engine.
fn writes(schedule: &Schedule) -> Result<BTreeMap<&'static str, &'static str>, Error> {
    let mut asked: BTreeMap<&str, (&str, WritePath)> = BTreeMap::new();
    for write in &schedule.writes {
        let order = write.order.describe();
        let keys: &[(&str, &str)] = match (write.kind, write.keys) {
            // A copy is an upload of what was downloaded.
            (WriteKind::Upload | WriteKind::Copy, _) => &[("upload", order)],
            (WriteKind::Delete, _) => &[("delete", order)],
            (WriteKind::Replace, ReplaceKeys::InPlace) => &[("replace", order), ("replace-keys", "in-place")],
            (WriteKind::Replace, ReplaceKeys::NewKey) => &[("replace", order), ("replace-keys", "new-key")],
            (WriteKind::Batch, _) => &[("batch", order)],
            (WriteKind::Label, _) => &[],
        };
        for (key, value) in keys {
            let (before, by) = *asked.entry(key).or_insert((value, *write));
            if before != *value {
                let why = format!("one engine can't do both {by} and {write}: `{key}` is one or the other");
                return Err(schedule.refused(why).hint("--in-model performs it in the model only"));
            }
        }
    }
    Ok(asked.into_iter().map(|(key, (value, _))| (key, value)).collect())
}

/// The scenario's keys for the procedure, the results store, the environment and the order of writes.
fn method(staged: &Staged<'_>, writes: &BTreeMap<&str, &str>) -> String {
    let mut text = String::new();
    match staged.schedule.setting.method {
        BackupMethod::DumpFirst | BackupMethod::CopyFirst => {}
        BackupMethod::PointInTime => text += "procedure: point in time\n",
        BackupMethod::Maintenance | BackupMethod::MaintenanceKilled => {
            text += "procedure: maintenance window\n"
        }
    }
    if staged.has_batch() {
        text += "results: bucket\n";
    }
    if has_job_in_flight(staged.schedule) {
        // Resumed, it would write again what was lost.
        text += "# At startup, the restored engine fails jobs that it finds in flight.\n";
        text += "env: {STARTUP_ORPHAN_GRACE_MS: \"1\"}\n";
    }
    if !writes.is_empty() {
        let pairs: Vec<String> = writes.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        text += &format!("writes: {{{}}}\n", pairs.join(", "));
    }
    text
}

/// Whether a batch job has begun and its row is not complete at the recovery point.
fn has_job_in_flight(schedule: &Schedule) -> bool {
    let fixes = |step: &ModelStep| matches!(step, ModelStep::Dump | ModelStep::Instant);
    let before = schedule.steps.split(fixes).next().unwrap_or_default();
    let has = |no, wanted: &dyn Fn(Part) -> bool| {
        before.iter().any(|step| matches!(step, ModelStep::Write(of, part) if *of == no && wanted(*part)))
    };
    (0..schedule.writes.len()).any(|n| {
        let no = WriteNo(n as u8);
        let batch = schedule.writes[n].kind == WriteKind::Batch;
        batch && has(no, &|_| true) && !has(no, &|part| part == Part::Row)
    })
}
