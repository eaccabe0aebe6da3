//! A minimal part of a schedule that still has the same result (delta debugging: A. Zeller,
//! R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002). It tries
//! valid schedules only.

use crate::model::write::WritePath;
use crate::window::schedule::Schedule;
use crate::window::vocabulary::{ModelObject, ModelStep, WriteNo};
use crate::window::world::{Course, World};

/// Removes writes and parts of them while the schedule still fails, until none can be removed. A schedule
/// that does not fail is returned unchanged.
pub fn shrink(schedule: &Schedule, mut fails: impl FnMut(&Schedule) -> bool) -> Schedule {
    let mut least = schedule.clone();
    let mut chunk = writes_in(&least).div_ceil(2).max(1);
    while chunk > 0 {
        // First the writes of which no part is done: they only fill the stores.
        let found = std::iter::once((0, 0))
            .chain((0..writes_in(&least)).step_by(chunk).map(|from| (from, from + chunk)))
            .filter_map(|(from, to)| without(&least, from, to))
            .find(|smaller| fails(smaller));
        match found {
            Some(smaller) => {
                least = smaller;
                chunk = chunk.min(writes_in(&least)).max(1);
            }
            None => chunk /= 2,
        }
    }
    least
}

/// The number of parts of writes in it.
fn writes_in(schedule: &Schedule) -> usize {
    schedule.steps.iter().filter(|step| matches!(step, ModelStep::Write(..))).count()
}

/// The schedule without some parts of writes, and without the steps that depend on them. `None` if no
/// valid schedule remains.
fn without(schedule: &Schedule, from: usize, to: usize) -> Option<Schedule> {
    let mut seen = 0;
    let mut left: Vec<ModelStep> = schedule.steps.clone();
    left.retain(|step| {
        let part = matches!(step, ModelStep::Write(..));
        seen += usize::from(part);
        !part || !(from..to).contains(&(seen - 1))
    });
    let stays = |n: &u8| left.iter().any(|step| matches!(step, ModelStep::Write(no, _) if no.0 == *n));
    let kept: Vec<u8> = (0..schedule.writes.len() as u8).filter(stays).collect();
    let renumbered = |no: WriteNo| kept.iter().position(|n| *n == no.0).map(|n| WriteNo(n as u8));
    let renamed = |step: &ModelStep| match step {
        ModelStep::Write(no, part) => Some(ModelStep::Write(renumbered(*no)?, *part)),
        ModelStep::Copy(object) => {
            Some(ModelStep::Copy(ModelObject { write: renumbered(object.write)?, new: object.new }))
        }
        ModelStep::Dump
        | ModelStep::List
        | ModelStep::ListResults
        | ModelStep::Instant
        | ModelStep::Stop
        | ModelStep::Start => Some(*step),
    };
    let steps: Vec<ModelStep> = left.iter().filter_map(renamed).collect();
    let writes: Vec<WritePath> = kept.iter().map(|n| schedule.writes[usize::from(*n)]).collect();
    let repaired = repaired(Schedule { setting: schedule.setting, writes, steps })?;
    let fewer = writes_in(&repaired) < writes_in(schedule) || repaired.writes.len() < schedule.writes.len();
    fewer.then_some(repaired)
}

/// Removes steps that are no longer possible and adds missing sub-steps of the backup.
fn repaired(schedule: Schedule) -> Option<Schedule> {
    let course = Course::new(&schedule.writes, schedule.setting);
    let mut world = World::before(&course);
    let mut steps = Vec::new();
    for step in schedule.steps {
        let next = (0..course.processes()).any(|process| world.next(&course, process) == Some(step));
        if next && world.ready(&course, step) && !world.backed_up(&course) {
            world.make(&course, step);
            steps.push(step);
        }
    }
    while !world.backed_up(&course) {
        let step = world.next(&course, course.writes.len())?;
        if !world.ready(&course, step) {
            return None;
        }
        world.make(&course, step);
        steps.push(step);
    }
    Some(Schedule { steps, ..schedule })
}
