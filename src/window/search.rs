//! Every interleaving of some writes and a backup: all of them up to a bound, otherwise a random
//! sample. It judges none.
//!
//! Swapping two neighbouring steps that share no state changes nothing. Of the interleavings that
//! differ only in such swaps, one is explored (sleep sets: P. Godefroid,
//! "Partial-Order Methods for the Verification of Concurrent Systems", 1996).

use crate::base::clock::choices;
use crate::window::vocabulary::ModelStep;
use crate::window::world::{Course, World};
use rand::RngExt as _;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The bound of the search, and the seed of the sample beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of interleavings to explore. If there are more, a sample of this size is.
    pub bound: u64,
    /// The seed of the sample.
    pub seed: u64,
}

/// How much was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// All interleavings, explored or not.
    pub interleavings: u128,
    /// Interleavings that were explored.
    pub explored: u64,
    /// Whether those represent all.
    pub exhaustive: bool,
}

impl Amount {
    /// Nothing further to explore.
    pub(super) const NONE: Self = Self { interleavings: 0, explored: 0, exhaustive: true };
}

/// Called at the end of each backup with the state and the steps that led there.
pub(super) type Look<'a> = &'a mut dyn FnMut(&World, &[ModelStep]) -> ControlFlow<()>;

/// Explores every interleaving, or a sample as large as the bound. Stops when the visitor breaks.
pub(super) fn explore(course: &Course, limits: Limits, reduce: bool, look: Look<'_>) -> Amount {
    let interleavings = count(course, World::before(course), &mut HashMap::new());
    // Counted first, without visiting: the result must not depend on where the bound cuts.
    let all = Search::new(course, limits.bound, reduce).run(&mut |_, _| ControlFlow::Continue(()));
    if let Some(explored) = all {
        let _ended_early = Search::new(course, limits.bound, reduce).run(look);
        return Amount { interleavings, explored, exhaustive: true };
    }
    sample(course, limits, look);
    Amount { interleavings, explored: limits.bound, exhaustive: false }
}

struct Search<'a> {
    course: &'a Course,
    bound: u64,
    reduce: bool,
    explored: u64,
    steps: Vec<ModelStep>,
}

impl<'a> Search<'a> {
    fn new(course: &'a Course, bound: u64, reduce: bool) -> Self {
        Self { course, bound, reduce, explored: 0, steps: Vec::new() }
    }

    /// How many were explored; `None` if the bound or the visitor ended the search.
    fn run(mut self, look: Look<'_>) -> Option<u64> {
        let ended = self.from(World::before(self.course), 0, look);
        ended.is_continue().then_some(self.explored)
    }

    /// All continuations. `asleep` are the processes whose next step was explored first elsewhere.
    fn from(&mut self, world: World, mut asleep: u8, look: Look<'_>) -> ControlFlow<()> {
        if world.backed_up(self.course) {
            // No process wakes any more: the same was explored with its step made earlier.
            if asleep != 0 {
                return ControlFlow::Continue(());
            }
            if self.explored == self.bound {
                return ControlFlow::Break(());
            }
            self.explored += 1;
            return look(&world, &self.steps);
        }
        for process in 0..self.course.processes() {
            let Some(step) = world.next(self.course, process) else { continue };
            if asleep & (1 << process) != 0 || !world.ready(self.course, step) {
                continue;
            }
            let mut after = world;
            after.make(self.course, step);
            self.steps.push(step);
            self.from(after, self.still_asleep(&world, asleep, step), look)?;
            self.steps.pop();
            if self.reduce {
                asleep |= 1 << process;
            }
        }
        ControlFlow::Continue(())
    }

    /// The processes that stay asleep after a step: those whose next step commutes with it.
    fn still_asleep(&self, world: &World, asleep: u8, step: ModelStep) -> u8 {
        if asleep == 0 {
            return 0;
        }
        let footprint = world.footprint(self.course, step);
        (0..self.course.processes())
            .filter(|process| asleep & (1 << process) != 0)
            .filter_map(|process| Some((process, world.next(self.course, process)?)))
            .filter(|(_, next)| world.footprint(self.course, *next).commutes(footprint))
            .fold(0, |asleep, (process, _)| asleep | 1 << process)
    }
}

/// How many interleavings follow from here, to the last step of every write.
fn count(course: &Course, world: World, known: &mut HashMap<World, u128>) -> u128 {
    let key = world.without_backup();
    if let Some(count) = known.get(&key) {
        return *count;
    }
    let (mut sum, mut any) = (0_u128, false);
    for process in 0..course.processes() {
        let Some(step) = world.next(course, process) else { continue };
        if !world.ready(course, step) {
            continue;
        }
        any = true;
        let mut after = key;
        after.make(course, step);
        sum += count(course, after, known);
    }
    let count = if any { sum } else { 1 };
    known.insert(key, count);
    count
}

/// A random sample of interleavings, as large as the bound.
fn sample(course: &Course, limits: Limits, look: Look<'_>) {
    let mut chance = choices(limits.seed, "explore");
    let mut steps = Vec::new();
    for _ in 0..limits.bound {
        let mut world = World::before(course);
        steps.clear();
        while !world.backed_up(course) {
            let ready = |process| world.next(course, process).filter(|step| world.ready(course, *step));
            let ready: Vec<ModelStep> = (0..course.processes()).filter_map(ready).collect();
            let Some(step) = ready.get(chance.random_range(0..ready.len().max(1))) else { break };
            world.make(course, *step);
            steps.push(*step);
        }
        if look(&world, &steps).is_break() {
            return;
        }
    }
}
