//! What can go wrong with each write under each way to back up: found by looking at every
//! interleaving, with a least schedule for each outcome. It asserts nothing.

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
    /// How many writes there are beside a backup, at most: 1, 2 …
    pub writes: usize,
    /// The delete grace, see [`Setting::grace`].
    pub grace: u8,
    /// Whether the third store is copied too.
    pub results: bool,
    /// Up to where.
    pub limits: Limits,
    /// What a write is made of.
    pub parts: PartsOf,
}

/// A write under a way to back up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The write.
    #[serde(flatten)]
    pub write: WritePath,
    /// The way to back up.
    pub method: BackupMethod,
    /// All that can come of it, from harmless to worst; empty is always consistent.
    pub outcomes: Outcomes,
    /// A least schedule for each; consistent first, where that can be.
    pub examples: Vec<Example>,
    /// Interleavings of all writes with the backup in which this write takes part.
    pub interleavings: u128,
    /// Interleavings that were looked at.
    pub looked_at: u64,
    /// Whether those stand for all.
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

    /// The schedule that shows it on real stores: a least one of the worst outcome. Where nothing can
    /// come of the write, the one in which all of it is done before the backup.
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

/// How an outcome comes about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The outcome; nothing for consistent.
    pub outcome: Option<AssetOutcome>,
    /// The schedule.
    pub schedule: Schedule,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WindowTable {
    /// A row of cells for each write, in the order of [`Question::paths`], each in the order of
    /// [`BackupMethod::ALL`].
    pub cells: Vec<Cell>,
    /// Interleavings of all, each combination of writes once.
    pub interleavings: u128,
    /// Interleavings that were looked at.
    pub looked_at: u64,
    /// Whether those stand for all.
    pub exhaustive: bool,
}

/// What was found for one write beside a backup.
#[derive(Clone, Debug, Default)]
pub(super) struct Finding {
    pub(super) outcomes: Outcomes,
    examples: BTreeMap<Option<AssetOutcome>, Schedule>,
    amount: Amount,
}

impl WindowTable {
    /// Looks at every combination of up to so many writes with every way to back up.
    pub fn explore(question: &Question) -> Self {
        let writes = &question.paths;
        let mut table = Self { cells: Vec::new(), interleavings: 0, looked_at: 0, exhaustive: true };
        let mut found: BTreeMap<(usize, BackupMethod), Finding> = BTreeMap::new();
        for chosen in combinations(writes.len(), question.writes) {
            let here: Vec<WritePath> = chosen.iter().map(|n| writes[*n]).collect();
            for method in BackupMethod::ALL {
                let setting = Setting { method, grace: question.grace, results: question.results };
                let course = Course::with(question.parts, &here, setting);
                let (amount, findings) = examine(&course, question.limits);
                table.interleavings += amount.interleavings;
                table.looked_at += amount.looked_at;
                table.exhaustive &= amount.exhaustive;
                for (place, finding) in findings.into_iter().enumerate() {
                    // Of two equal writes, one stands for both in the count.
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
            looked_at: self.amount.looked_at + amount.looked_at,
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
            looked_at: self.amount.looked_at,
            exhaustive: self.amount.exhaustive,
        }
    }
}

/// Whether this comes of such a write in a schedule. With nothing for the outcome: whether it is
/// done, acknowledged or not, and all is consistent.
fn does(schedule: &Schedule, write: WritePath, outcome: Option<AssetOutcome>) -> bool {
    let Ok(outcomes) = schedule.replay() else { return false };
    let mut of_it = schedule.writes.iter().zip(outcomes).filter(|(other, _)| **other == write);
    of_it.any(|(_, outcomes)| outcome.map_or(outcomes.consistent(), |outcome| outcomes.has(outcome)))
}

/// Looks at the interleavings of one combination of writes with a backup: what comes of each write.
pub(super) fn examine(course: &Course, limits: Limits) -> (Amount, Vec<Finding>) {
    let mut findings = vec![Finding::default(); course.writes.len()];
    let amount = explore(course, limits, true, &mut |world, steps| {
        for (n, finding) in findings.iter_mut().enumerate() {
            finding.see(outcome(world, course, WriteNo(n as u8)), course, steps);
        }
        ControlFlow::Continue(())
    });
    (amount, findings)
}

impl Finding {
    /// Keeps what came of one interleaving, if it is new or shorter than what is known.
    fn see(&mut self, outcomes: Outcomes, course: &Course, steps: &[ModelStep]) {
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

/// All choices of up to `most` of `n` things, where one may be taken twice; fewer first.
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
