//! Writers under load: whether the numbers make sense, and whether the steps beside the writers can be
//! done while they write.

use crate::{
    model::workload::Load,
    scenario::{
        Act, At, BackupStep, RestoreStep, SourcePosition, Step,
        diagnose::Mistake,
        method::{BackupJob, Method, Procedure, Topology},
    },
};

/// More writers, or more writes per second, would test the machine and not the backup.
const MOST_WRITERS: u8 = 64;
const MOST_WRITES: u16 = 1_000;

/// More backups would take too long.
const MOST_BACKUPS: u8 = 50;

/// A point of the timeline.
enum Point<'a> {
    BackUp(BackupJob),
    Restore,
    Destroy,
    Act(&'a Act),
}

/// The state of the load at a point of the timeline.
#[derive(Default)]
struct Course {
    /// Where it began, and whether it goes on.
    load: Option<(Load, SourcePosition)>,
    writing: bool,
    running: bool,
    /// Whether rows and binaries were backed up since.
    backed_up: bool,
    restored: bool,
}

/// Checks all steps.
pub fn check(steps: &[At<Step>], method: &Method, mistakes: &mut Vec<Mistake>) {
    let mut course = Course { running: true, ..Course::default() };
    for (point, place) in points(steps) {
        course.pass(&point, place, method, mistakes);
    }
    if let (Some((_, place)), true) = (course.load, course.writing) {
        let mistake = Mistake::at(place, "these writers never stop").label("begun here");
        mistakes.push(mistake.help("add `- stop writing` after the backup"));
    }
}

fn points(steps: &[At<Step>]) -> Vec<(Point<'_>, SourcePosition)> {
    let mut all = Vec::new();
    for At { value, place } in steps {
        match value {
            Step::Act(act) => all.push((Point::Act(act), *place)),
            Step::Destroy(_) => all.push((Point::Destroy, *place)),
            Step::BackUp(list) => all.extend(list.iter().map(|sub| match &sub.value {
                BackupStep::Own(job) => (Point::BackUp(*job), sub.place),
                BackupStep::Act(act) => (Point::Act(act), sub.place),
            })),
            Step::Restore(list) => all.extend(list.iter().map(|sub| match &sub.value {
                RestoreStep::Own(_) => (Point::Restore, sub.place),
                RestoreStep::Act(act) => (Point::Act(act), sub.place),
            })),
        }
    }
    all
}

impl Course {
    fn pass(
        &mut self,
        point: &Point<'_>,
        place: SourcePosition,
        method: &Method,
        mistakes: &mut Vec<Mistake>,
    ) {
        let mut wrong = |message: &str, label: &str, help: &str| {
            mistakes.push(Mistake::at(place, message).label(label).help(help));
        };
        match point {
            Point::BackUp(job) => {
                match job {
                    BackupJob::StopEngine => self.running = false,
                    BackupJob::StartEngine => self.running = true,
                    _ => {}
                }
                self.backed_up |= self.writing && job.fixes_cut_point();
                if self.restored && self.load.is_some() && job.fixes_cut_point() {
                    let help = "give this backup a scenario of its own";
                    wrong("a second backup of writes under load", "these writes were already restored", help);
                }
            }
            Point::Destroy | Point::Restore => {
                self.restored |= matches!(point, Point::Restore);
                if std::mem::take(&mut self.writing) {
                    let help = "put `- stop writing` before it";
                    wrong("the site is lost or restored while writers run", "writers run here", help);
                }
            }
            Point::Act(act) => self.act(act, place, method, mistakes),
        }
    }

    fn act(&mut self, act: &Act, place: SourcePosition, method: &Method, mistakes: &mut Vec<Mistake>) {
        let mut wrong = |message: &str, label: &str, help: &str| {
            mistakes.push(Mistake::at(place, message).label(label).help(help));
        };
        match act {
            Act::WriteUnderLoad(load) => {
                if self.load.is_some() {
                    wrong("a second load", "there was a load before", "extend the first load");
                    return;
                }
                (self.load, self.writing) = (Some((*load, place)), true);
                mistakes.extend(numbers(load, place));
                mistakes.extend(repeated(load, method, place));
                if load.mix.batch > 0 && method.results.is_none() {
                    let mistake = Mistake::at(place, "batch jobs whose results have no place of their own");
                    let help = "put `results: bucket` beside the seed, or remove `batch` from the mix";
                    mistakes.push(mistake.label("a write to rows only cannot be torn").help(help));
                }
            }
            Act::WaitForWrites(_) | Act::StopWriting if !self.writing => {
                let help = "put `- write under load: …` before it";
                wrong("no writers run at this point", "there are no writers", help);
            }
            Act::WaitForWrites(0) => {
                wrong("a wait for zero writes", "waits for nothing", "write `wait for writes: 20`");
            }
            Act::WaitForWrites(_) => {}
            Act::StopWriting => {
                self.writing = false;
                if !self.backed_up {
                    let help = "put `dump database` and `copy objects` before it";
                    wrong("no backup ran under this load", "no backup before this step", help);
                }
            }
            Act::Fault(_)
            | Act::FaultInBackup(_)
            | Act::CopyObject(_)
            | Act::CopyNewObject(_)
            | Act::PlanRun(_)
            | Act::WaitForRun(_) => {}
            Act::Upload(_)
            | Act::Replace(_)
            | Act::Delete(_)
            | Act::SaveTemplate(_)
            | Act::Copy(_)
            | Act::MoveLabel(_)
            | Act::RunBatch(_)
            | Act::Begin(_)
            | Act::GoOn(_)
            | Act::Release(_)
            | Act::KillEngine
                if self.writing =>
            {
                let help = "put it before `write under load`, or after `stop writing`";
                wrong(
                    "a write of the timeline while writers run",
                    "it cannot be distinguished from theirs",
                    help,
                );
            }
            Act::Upload(_)
            | Act::Replace(_)
            | Act::Delete(_)
            | Act::SaveTemplate(_)
            | Act::Copy(_)
            | Act::MoveLabel(_)
            | Act::RunBatch(_)
            | Act::Begin(_)
            | Act::GoOn(_)
            | Act::Release(_)
            | Act::KillEngine => {}
        }
    }
}

/// What is wrong with a load's numbers.
fn numbers(load: &Load, place: SourcePosition) -> Vec<Mistake> {
    let within = |number: u64, most: u64| (1..=most).contains(&number);
    let checks = [
        (within(load.writers.into(), MOST_WRITERS.into()), "writers", format!("1 to {MOST_WRITERS}")),
        (
            within(load.rate.into(), MOST_WRITES.into()),
            "rate",
            format!("1 to {MOST_WRITES} writes per second"),
        ),
        (within(load.backups.into(), MOST_BACKUPS.into()), "backups", format!("1 to {MOST_BACKUPS}")),
        (load.mix.sum() > 0, "mix", "at least one operation: `mix: { upload: 1 }`".to_owned()),
    ];
    let wrong = |(_, key, can_be): &(bool, &str, String)| {
        Mistake::at(place, format!("`{key}` of the load is out of range"))
            .label("out of range")
            .help(format!("`{key}` must be {can_be}"))
    };
    checks.iter().filter(|(right, ..)| !right).map(wrong).collect()
}

/// Only a dump and a copy beside it can be compared without being restored in place of the site.
fn repeated(load: &Load, method: &Method, place: SourcePosition) -> Option<Mistake> {
    let fits = method.topology == Topology::PostgresS3
        && match method.procedure {
            Procedure::DumpAndCopy | Procedure::MaintenanceWindow | Procedure::FreshDatabase => true,
            Procedure::PointInTime | Procedure::OwnCommands => false,
        };
    (load.backups > 1 && !fits).then(|| {
        let (procedure, topology) = (method.procedure.describe(), method.topology.describe());
        Mistake::at(place, format!("several backups by `{procedure}` in the topology `{topology}`"))
            .label("only the last one could be verified")
            .help("remove `backups`, or choose a dump and a copy of a bucket")
    })
}
