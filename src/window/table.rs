//! What can go wrong with each write under each backup method: found by exploring every interleaving,
//! with a minimal schedule for each outcome.

use crate::model::{
    workload::BackupMethod,
    write::{WriteKind, WritePath},
};
use crate::window::judge::{AssetOutcome, Outcomes, outcome};
use crate::window::schedule::Schedule;
use crate::window::search::{Amount, Limits, explore};
use crate::window::shrink::shrink;
use crate::window::vocabulary::{ModelStep, PartsOf, Setting, WriteNo};
use crate::window::world::{Course, World};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What is to be explored.
#[derive(Clone, Debug)]
pub struct Question {
    /// The writes.
    pub paths: Vec<WritePath>,
    /// The largest number of writes during one backup, from 1 to [`MOST_WRITES`](super::MOST_WRITES).
    pub writes: usize,
    /// The delete grace, see [`Setting::grace`].
    pub grace: u8,
    /// Whether the third store is copied too.
    pub results: bool,
    /// The bound of the search.
    pub limits: Limits,
    /// The parts of a write.
    pub parts: PartsOf,
}

/// A write under a backup method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The write.
    #[serde(flatten)]
    pub write: WritePath,
    /// The backup method.
    pub method: BackupMethod,
    /// All possible outcomes, from harmless to worst; empty: always consistent.
    pub outcomes: Outcomes,
    /// A minimal schedule for each; consistent first, where possible.
    pub examples: Vec<Example>,
    /// Interleavings of all writes with the backup in which this write takes part.
    pub interleavings: u128,
    /// Interleavings that were explored.
    pub explored: u64,
    /// Whether those represent all.
    pub exhaustive: bool,
}

impl Cell {
    /// Its name in files: `upload-binary-first-dump-first`.
    pub fn name(&self) -> String {
        let order = match self.write.kind {
            WriteKind::Label => "row-only",
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Batch => self.write.order.describe(),
        };
        format!("{}-{order}-{}", self.write.name(), self.method.name())
    }

    /// The file name of its picture: `upload-binary-first-dump-first.svg`.
    pub fn picture_file(&self) -> String {
        format!("{}.svg", self.name())
    }

    /// The schedule that demonstrates it on real stores: a minimal one of the worst outcome, or, if the
    /// write is always consistent, the one in which it completes before the backup.
    pub fn shown(&self, parts: PartsOf) -> Option<Schedule> {
        let last = self.examples.last()?;
        let harmless = || whole(self.write, last.schedule.setting, parts);
        Some(last.outcome.map_or_else(harmless, |_| last.schedule.clone()))
    }
}

/// A write, and a backup after it.
fn whole(write: WritePath, setting: Setting, parts: PartsOf) -> Schedule {
    let course = Course::with(parts, &[write], setting);
    let mut world = World::before(&course);
    let mut steps = Vec::new();
    let ready = |world: &World| {
        (0..course.processes())
            .filter_map(|process| world.next(&course, process))
            .find(|step| world.ready(&course, *step))
    };
    while let Some(step) = ready(&world).filter(|_| !world.backed_up(&course)) {
        world.make(&course, step);
        steps.push(step);
    }
    Schedule { setting, writes: vec![write], steps }
}

/// A schedule that leads to an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The outcome; `None` for consistent.
    pub outcome: Option<AssetOutcome>,
    /// The schedule.
    pub schedule: Schedule,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WindowTable {
    /// A row of cells for each write, in the order of [`Question::paths`], each in the order of
    /// [`BackupMethod::ALL`].
    pub cells: Vec<Cell>,
    /// Interleavings of all, each combination of writes once.
    pub interleavings: u128,
    /// Interleavings that were explored.
    pub explored: u64,
    /// Whether those represent all.
    pub exhaustive: bool,
}

/// The result for one write under one backup method.
#[derive(Clone, Debug, Default)]
pub(super) struct Finding {
    pub(super) outcomes: Outcomes,
    examples: BTreeMap<Option<AssetOutcome>, Schedule>,
    amount: Amount,
}

impl WindowTable {
    /// Explores every combination of up to [`Question::writes`] writes with every backup method.
    pub fn explore(question: &Question) -> Self {
        let writes = &question.paths;
        let mut table = Self { cells: Vec::new(), interleavings: 0, explored: 0, exhaustive: true };
        let mut found: BTreeMap<(usize, BackupMethod), Finding> = BTreeMap::new();
        for chosen in combinations(writes.len(), question.writes) {
            let here: Vec<WritePath> = chosen.iter().map(|n| writes[*n]).collect();
            for method in BackupMethod::ALL {
                let setting = Setting { method, grace: question.grace, results: question.results };
                let course = Course::with(question.parts, &here, setting);
                let (amount, findings) = examine(&course, question.limits);
                table.interleavings += amount.interleavings;
                table.explored += amount.explored;
                table.exhaustive &= amount.exhaustive;
                for (place, finding) in findings.into_iter().enumerate() {
                    // Two equal writes are counted once.
                    let again = place > 0 && chosen[place] == chosen[place - 1];
                    let amount = if again { Amount::NONE } else { amount };
                    found.entry((chosen[place], method)).or_default().join(finding, amount);
                }
            }
        }
        table.cells = found.into_iter().map(|((row, method), f)| f.cell(writes[row], method)).collect();
        table
    }

    /// The cells of one write.
    pub fn row(&self, write: WritePath) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.write == write)
    }

    /// The writes that have a row.
    pub fn writes(&self) -> Vec<WritePath> {
        WritePath::all().into_iter().filter(|write| self.row(*write).next().is_some()).collect()
    }
}

impl Finding {
    fn join(&mut self, other: Self, amount: Amount) {
        let first = self.amount == Amount::default();
        self.outcomes.join(other.outcomes);
        self.amount = Amount {
            interleavings: self.amount.interleavings + amount.interleavings,
            explored: self.amount.explored + amount.explored,
            exhaustive: (first || self.amount.exhaustive) && amount.exhaustive,
        };
        for (outcome, schedule) in other.examples {
            self.examples.entry(outcome).or_insert(schedule);
        }
    }

    fn cell(self, write: WritePath, method: BackupMethod) -> Cell {
        let least = |(outcome, schedule): (Option<AssetOutcome>, Schedule)| {
            let schedule = shrink(&schedule, |smaller| does(smaller, write, outcome));
            Example { outcome, schedule }
        };
        Cell {
            write,
            method,
            outcomes: self.outcomes,
            examples: self.examples.into_iter().map(least).collect(),
            interleavings: self.amount.interleavings,
            explored: self.amount.explored,
            exhaustive: self.amount.exhaustive,
        }
    }
}

/// Whether a schedule leads to an outcome for such a write; `None`: to a consistent state.
fn does(schedule: &Schedule, write: WritePath, outcome: Option<AssetOutcome>) -> bool {
    let Ok(outcomes) = schedule.replay() else { return false };
    let mut of_it = schedule.writes.iter().zip(outcomes).filter(|(other, _)| **other == write);
    of_it.any(|(_, outcomes)| outcome.map_or(outcomes.consistent(), |outcome| outcomes.has(outcome)))
}

/// Explores the interleavings of one combination of writes with a backup: the outcomes for each write.
pub(super) fn examine(course: &Course, limits: Limits) -> (Amount, Vec<Finding>) {
    let mut findings = vec![Finding::default(); course.writes.len()];
    let amount = explore(course, limits, true, &mut |world, steps| {
        for (n, finding) in findings.iter_mut().enumerate() {
            finding.record(outcome(world, course, WriteNo(n as u8)), course, steps);
        }
        ControlFlow::Continue(())
    });
    (amount, findings)
}

impl Finding {
    /// Keeps the outcomes of one interleaving, with its schedule if that is new or shorter.
    fn record(&mut self, outcomes: Outcomes, course: &Course, steps: &[ModelStep]) {
        self.outcomes.join(outcomes);
        let consistent = outcomes.consistent().then_some(None);
        for outcome in consistent.into_iter().chain(outcomes.iter().map(Some)) {
            let known = self.examples.get(&outcome);
            if known.is_none_or(|known| (steps.len(), steps) < (known.steps.len(), known.steps.as_slice())) {
                let schedule = Schedule {
                    setting: course.setting,
                    writes: course.writes.clone(),
                    steps: steps.to_vec(),
                };
                self.examples.insert(outcome, schedule);
            }
        }
    }
}

/// All combinations with repetition of up to `most` of `n` items; fewer first.
pub(super) fn combinations(n: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut last: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..most {
        let longer = |chosen: &Vec<usize>| {
            let from = chosen.last().copied().unwrap_or(0);
            (from..n).map(|next| [chosen.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    all
}
