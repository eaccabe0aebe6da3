//! The order of a timeline: goes through the steps with the little that matters of the site's state,
//! and says where a step could not be done, or would do nothing.

use crate::{
    model::fault::{Fault, Takes},
    scenario::{Act, At, BackupStep, Destroy, Place, RestoreStep, Step, diagnose::Mistake},
};

/// What matters of a site and its backup at a point of the timeline.
struct Timeline<'a> {
    running: bool,
    database: bool,
    objects: bool,
    backed_up: bool,
    dumped: bool,
    copied: bool,
    /// Faults that wait for a step: their place and the words of that step.
    armed: Vec<(Place, Takes)>,
    mistakes: &'a mut Vec<Mistake>,
}

/// Looks at the order of all steps. `steps_key` is where the steps begin.
pub fn check(steps: &[At<Step>], steps_key: Place, mistakes: &mut Vec<Mistake>) {
    let mut timeline = Timeline {
        running: true,
        database: true,
        objects: true,
        backed_up: false,
        dumped: false,
        copied: false,
        armed: Vec::new(),
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
    fn wrong(&mut self, place: Place, message: impl Into<String>, label: &str, help: &str) {
        self.mistakes.push(Mistake::at(place, message).label(label).help(help));
    }

    fn back_up(&mut self, list: &[At<BackupStep>], place: Place) {
        if !self.database || !self.objects {
            let help = "restore first, or back up before `destroy`";
            self.wrong(place, "a backup of a destroyed site", "nothing is there to back up", help);
        }
        for (step, why) in [
            (BackupStep::DumpDatabase, "no rows would be in this backup"),
            (BackupStep::CopyObjects, "no binaries would be in this backup"),
        ] {
            if !list.iter().any(|sub| sub.value == step) {
                let message = format!("a backup without `{}`", step.words());
                self.wrong(place, message, why, &format!("add `- {}` to the list", step.words()));
            }
        }
        for At { value, place } in list {
            match value {
                BackupStep::RecordManifest => {}
                BackupStep::DumpDatabase => {
                    self.dumped = true;
                    self.fire(Takes::NextDump);
                }
                BackupStep::CopyObjects => {
                    self.copied = true;
                    self.fire(Takes::NextCopy);
                }
                BackupStep::Act(act) => self.act(act, *place),
            }
        }
        self.backed_up = true;
    }

    fn destroy(&mut self, what: Destroy, place: Place) {
        if !self.backed_up {
            let message = "the site is destroyed before any backup";
            self.wrong(place, message, "nothing could be restored after this", "put `back up` before it");
        }
        self.database &= what == Destroy::Objects;
        self.objects &= what == Destroy::Database;
        self.running &= what != Destroy::Everything;
    }

    fn restore(&mut self, list: &[At<RestoreStep>], place: Place) {
        if !self.backed_up {
            let help = "put `back up` before it";
            self.wrong(place, "a restore without a backup", "nothing is there to restore", help);
        }
        for (at, At { value, place }) in list.iter().enumerate() {
            match value {
                RestoreStep::StopEngine => self.running = false,
                RestoreStep::RestoreObjects => self.objects = true,
                RestoreStep::RestoreDatabase => {
                    self.database = true;
                    self.fire(Takes::NextRestore);
                }
                RestoreStep::Migrate => {
                    let is_rows = |sub: &At<RestoreStep>| sub.value == RestoreStep::RestoreDatabase;
                    let later = list[at..].iter().any(is_rows) && !list[..at].iter().any(is_rows);
                    if later || !self.database {
                        let help = "put `- restore database` before it";
                        let message = "`migrate` before `restore database`";
                        self.wrong(*place, message, "no database to migrate yet", help);
                    }
                }
                RestoreStep::StartEngine => self.running = true,
                RestoreStep::Act(act) => self.act(act, *place),
            }
        }
    }

    fn act(&mut self, act: &Act, place: Place) {
        match act {
            Act::Upload(_) | Act::Replace(_) | Act::Delete(_) | Act::SaveTemplate(_) => self.write(place),
            Act::Fault(fault) => self.fault(fault, place),
            Act::FaultInBackup(fault) => self.fault_in_backup(fault, place),
        }
    }

    /// A write through the API.
    fn write(&mut self, place: Place) {
        let message = "a write while the site is down";
        if !self.database || !self.objects {
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, message, "the site is destroyed at this point", help);
        } else if !self.running {
            let help = "put it before `stop engine`, or after `start engine`";
            self.wrong(place, message, "the engine is stopped at this point", help);
        }
    }

    fn fault(&mut self, fault: &Fault, place: Place) {
        match fault.takes() {
            Takes::Backup => self.wrong(
                place,
                "this fault is one of a backup, not of the live stores",
                "there is no dump in the live stores",
                "write `fault in backup: …`",
            ),
            Takes::Rows => self.fault_in_store(self.database, "database", place),
            Takes::Objects => self.fault_in_store(self.objects, "bucket", place),
            armed @ (Takes::NextDump | Takes::NextCopy | Takes::NextRestore) => {
                self.armed.push((place, armed));
            }
        }
    }

    fn fault_in_store(&mut self, there: bool, what: &str, place: Place) {
        if !there {
            let label = format!("the {what} is gone at this point");
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, "a fault in a destroyed store", &label, help);
        }
    }

    fn fault_in_backup(&mut self, fault: &Fault, place: Place) {
        let (there, step) = match fault.takes() {
            Takes::Backup => (self.dumped, BackupStep::DumpDatabase),
            Takes::Objects => (self.copied, BackupStep::CopyObjects),
            Takes::Rows | Takes::NextDump | Takes::NextCopy | Takes::NextRestore => {
                let help = "write `fault: …`";
                return self.wrong(place, "this fault is none of a backup", "fits the live site only", help);
            }
        };
        if !there {
            let help = format!("put it after `{}`", step.words());
            self.wrong(place, "a fault in a backup that is not there yet", "nothing to damage yet", &help);
        }
    }

    fn fire(&mut self, takes: Takes) {
        self.armed.retain(|(_, armed)| *armed != takes);
    }

    fn end(&mut self, steps: &[At<Step>], steps_key: Place) {
        for (place, takes) in std::mem::take(&mut self.armed) {
            let step = match takes {
                Takes::NextDump => BackupStep::DumpDatabase.words(),
                Takes::NextCopy => BackupStep::CopyObjects.words(),
                Takes::NextRestore => RestoreStep::RestoreDatabase.words(),
                Takes::Objects | Takes::Rows | Takes::Backup => continue,
            };
            let message = format!("this fault waits for a `{step}` that never comes");
            self.wrong(place, message, "has no effect", &format!("put it before `{step}`"));
        }
        let Some(last) = steps.last() else { return };
        if !steps.iter().any(|step| matches!(step.value, Step::Restore(_))) {
            let help = "add `- restore: runbook`";
            self.wrong(steps_key, "nothing is restored", "these steps have no `restore`", help);
        } else if !self.database || !self.objects {
            let what = if self.database { "objects" } else { "database" };
            let message =
                format!("the {what} is never restored", what = if self.database { "bucket" } else { what });
            let help = format!("add `- restore {what}`");
            self.wrong(last.place, message, "still destroyed after this", &help);
        } else if !self.running {
            let help = "add `- start engine` to the restore";
            self.wrong(last.place, "the engine is never started again", "still stopped after this", help);
        }
    }
}
