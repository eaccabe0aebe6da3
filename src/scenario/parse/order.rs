//! The order of the steps: follows the state of the site through the timeline and reports each step that
//! is not possible at its place, or has no effect there.

use crate::{
    model::profile::Profile,
    scenario::{
        Act, At, PlanRun, SourcePosition, Step,
        diagnose::Mistake,
        method::{Method, RestoreJob, TargetProcess},
    },
};
use std::collections::BTreeSet;

mod faults;
mod held_writes;
mod jobs;
mod list;
mod timeline;

use timeline::{List, Timeline, Writes};

/// The latest next run, in seconds from now.
const LONGEST: u64 = 60;

/// Checks the order of all steps. `steps_key` is where the steps begin.
pub fn check(
    steps: &[At<Step>],
    method: &Method,
    profile: Option<&Profile>,
    steps_key: SourcePosition,
    mistakes: &mut Vec<Mistake>,
) {
    let mut timeline = Timeline {
        method,
        profile,
        running: true,
        writes: Writes::default(),
        list: List::default(),
        there: method.places().into_iter().collect(),
        saved: BTreeSet::new(),
        backed_up: false,
        dumped: false,
        based: false,
        targeted: false,
        pending: Vec::new(),
        mistakes,
    };
    for At { value, place } in steps {
        match value {
            Step::BackUp(list) => timeline.back_up(list, *place),
            Step::Destroy(what) => timeline.destroy(*what, *place),
            Step::Restore(list) => timeline.restore(list, *place),
            Step::Act(act) => timeline.act(act, *place),
        }
    }
    timeline.end(steps, steps_key);
}

impl Timeline<'_> {
    fn act(&mut self, act: &Act, place: SourcePosition) {
        match act {
            Act::Upload(name) | Act::Delete(name) => self.write_asset(name, place),
            Act::Replace(replace) => self.write_asset(&replace.asset, place),
            Act::Copy(copy) => self.write_asset(&copy.name, place),
            Act::SaveTemplate(_) | Act::MoveLabel(_) => self.write(place),
            Act::RunBatch(template) => self.write_batch(template, place),
            Act::Begin(begin) => self.begin(begin, place),
            Act::GoOn(go_on) => self.go_on(go_on, place),
            Act::Release(name) => self.release(name, place),
            Act::KillEngine => self.kill(place),
            Act::CopyObject(_) | Act::CopyNewObject(_) => self.copy_of_list(&act.describe(), place),
            Act::PlanRun(plan) => self.plan_run(plan, place),
            Act::WaitForRun(_) => {}
            Act::WriteUnderLoad(_) | Act::WaitForWrites(_) | Act::StopWriting => self.write(place),
            Act::Fault(fault) => self.fault(fault, place),
            Act::FaultInBackup(fault) => self.fault_in_backup(fault, place),
        }
    }

    /// The next run is written into the database, so the engine must not be running: it could start the
    /// run at once.
    fn plan_run(&mut self, plan: &PlanRun, place: SourcePosition) {
        if !self.method.topology.has_database() {
            let help = "remove it, or choose a topology with Postgres";
            self.wrong(place, "schedules are not kept in file mode", "there is no schedule to plan", help);
        }
        if self.running {
            let help = "put it after `stop engine`";
            let label = "its schedule may have run before the dump";
            self.wrong(place, "`plan next run` while the engine runs", label, help);
        } else if !self.has_rows() {
            let help = "put it before `destroy`";
            self.wrong(place, "`plan next run` in a destroyed store", "its row is gone", help);
        }
        if plan.after.0.as_secs() > LONGEST {
            let help = format!("at most {LONGEST}s: the drill waits for it");
            self.wrong(place, "the next run is too far ahead", "the drill would wait too long", &help);
        }
    }

    /// A write through the API.
    fn write(&mut self, place: SourcePosition) {
        let message = "a write while the site is down";
        if !self.is_whole() {
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, message, "the site is destroyed at this point", help);
        } else if !self.running {
            let help = "put it before `stop engine`, or after `start engine`";
            self.wrong(place, message, "the engine is stopped at this point", help);
        }
    }

    fn end(&mut self, steps: &[At<Step>], steps_key: SourcePosition) {
        self.unused_faults();
        let Some(last) = steps.last() else { return };
        self.nothing_in_flight(held_writes::END, last.place);
        if !steps.iter().any(|step| matches!(step.value, Step::Restore(_))) {
            let help = "add `- restore: runbook`";
            self.wrong(steps_key, "nothing is restored", "these steps have no `restore`", help);
        } else if let Some(lost) = self.method.places().into_iter().find(|place| !self.there.contains(place))
        {
            let step = self.method.restore().into_iter().find(|job| job.brings_back().contains(&lost));
            let message = format!("the {} is never restored", lost.describe());
            let help = format!("add `- {}`", step.map_or("", RestoreJob::describe));
            self.wrong(last.place, message, "still destroyed after this", &help);
        } else if !self.running && self.method.runs != TargetProcess::Nothing {
            let help = "add `- start engine` to the restore";
            self.wrong(last.place, "the engine is never started again", "still stopped after this", help);
        }
    }
}
