//! The order of a timeline: goes through the steps with the little that matters of the site's state,
//! and says where a step could not be done, or would do nothing.

use crate::{
    model::{
        fault::{Archive, Fault, FaultTarget},
        profile::Profile,
    },
    scenario::{
        Act, At, BackupStep, Destroy, PlanRun, RestoreStep, SourcePosition, Step,
        diagnose::Mistake,
        method::{BackupJob, DurableStore, Method, Procedure, RestoreJob, TargetProcess},
    },
};
use std::collections::BTreeSet;

mod list;
mod held_writes;

use held_writes::Writes;
use list::List;

/// No next run is planned further ahead, in seconds.
const LONGEST: u64 = 60;

/// What matters of a site and its backup at a point of the timeline.
struct Timeline<'a> {
    method: &'a Method,
    /// None where it could not be read.
    profile: Option<&'a Profile>,
    running: bool,
    writes: Writes,
    list: List,
    /// The durable places that are there.
    there: BTreeSet<DurableStore>,
    /// The durable places that some backup holds.
    saved: BTreeSet<DurableStore>,
    backed_up: bool,
    dumped: bool,
    /// Whether a base backup was taken.
    based: bool,
    /// Whether a recovery target was chosen.
    targeted: bool,
    /// Faults that wait for a step: their place and the words of that step.
    armed: Vec<(SourcePosition, FaultTarget)>,
    mistakes: &'a mut Vec<Mistake>,
}

/// Looks at the order of all steps. `steps_key` is where the steps begin.
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

/// Whether what is lost is lost with such a place.
fn lost_with(what: Destroy, place: DurableStore) -> bool {
    match (what, place) {
        (Destroy::Everything, _) => true,
        (Destroy::Database, DurableStore::Database | DurableStore::Templates) => true,
        (Destroy::Objects, DurableStore::Bucket | DurableStore::Assets | DurableStore::Results) => true,
        (Destroy::Database, DurableStore::Bucket | DurableStore::Assets | DurableStore::Results)
        | (Destroy::Objects, DurableStore::Database | DurableStore::Templates) => false,
    }
}

impl Timeline<'_> {
    fn wrong(&mut self, place: SourcePosition, message: impl Into<String>, label: &str, help: &str) {
        self.mistakes.push(Mistake::at(place, message).label(label).help(help));
    }

    fn is_whole(&self) -> bool {
        self.method.places().iter().all(|place| self.there.contains(place))
    }

    fn has_rows(&self) -> bool {
        self.there.contains(&DurableStore::Database) || self.there.contains(&DurableStore::Templates)
    }

    fn has_binaries(&self) -> bool {
        let of = if self.method.topology.has_bucket() { DurableStore::Bucket } else { DurableStore::Assets };
        self.there.contains(&of)
    }

    /// A step of places that this topology does not have.
    fn must_fit(&mut self, description: &str, of: &[DurableStore], place: SourcePosition) {
        let places = self.method.places();
        if !of.is_empty() && !of.iter().any(|of| places.contains(of)) {
            let topology = self.method.topology.describe();
            let message = format!("`{description}` in the topology `{topology}`");
            let there: Vec<&str> = places.iter().map(|place| place.describe()).collect();
            let help = format!("its durable places: {}", there.join(", "));
            self.wrong(place, message, "there is no such place", &help);
        }
    }

    fn back_up(&mut self, list: &[At<BackupStep>], place: SourcePosition) {
        if !self.is_whole() {
            let help = "restore first, or back up before `destroy`";
            self.wrong(place, "a backup of a destroyed site", "nothing is there to back up", help);
        }
        let jobs: Vec<BackupJob> = list.iter().filter_map(own_backup).collect();
        for missing in self.method.places() {
            let copied = missing == DurableStore::Bucket && list.iter().any(list::copies);
            if copied || jobs.iter().any(|job| job.saves().contains(&missing)) {
                continue;
            }
            let saving = self.method.backup().into_iter().find(|job| job.saves().contains(&missing));
            let description = saving.map_or("", BackupJob::describe);
            let message = format!("a backup without `{description}`");
            let why = match missing {
                DurableStore::Database | DurableStore::Templates => {
                    "no rows would be in this backup".to_owned()
                }
                DurableStore::Bucket => "no binaries would be in this backup".to_owned(),
                DurableStore::Assets | DurableStore::Results => {
                    format!("the {} would not be in this backup", missing.describe())
                }
            };
            self.wrong(place, message, &why, &format!("add `- {description}` to the list"));
        }
        let has = |wanted| jobs.contains(&wanted);
        if has(BackupJob::TakeBaseBackup) && !has(BackupJob::ChooseTarget) {
            let description = BackupJob::ChooseTarget.describe();
            let label = "no moment to recover to";
            self.wrong(
                place,
                format!("a backup without `{description}`"),
                label,
                &format!("add `- {description}` to the list"),
            );
        }
        self.list.begin();
        for at in list {
            match &at.value {
                BackupStep::Own(job) => self.backup_job(*job, at.place),
                BackupStep::Act(act) => self.act(act, at.place),
            }
        }
        self.end_list();
        self.backed_up = true;
    }

    fn recovers(&self) -> bool {
        self.method.procedure == Procedure::PointInTime
    }

    /// A step or fault of a recovery to a point in time in another procedure.
    fn must_recover(&mut self, description: &str, place: SourcePosition) {
        if !self.recovers() {
            let message = format!("`{description}` in the procedure `{}`", self.method.procedure.describe());
            let help = "write `procedure: point in time`";
            self.wrong(place, message, "no WAL is archived and no versions are kept", help);
        }
    }

    /// A step of an application that does not run, or an inventory of one that can't be asked.
    fn must_run(&mut self, description: &str, can: bool, place: SourcePosition) {
        if !can {
            let message = format!("`{description}` of a target that can't do it");
            let (label, help) = if description == BackupJob::RecordManifest.describe() {
                ("it has no API", "remove it: there is no inventory")
            } else {
                ("nothing of it runs", "remove it, or give the profile a `start`")
            };
            self.wrong(place, message, label, help);
        }
    }

    fn backup_job(&mut self, job: BackupJob, place: SourcePosition) {
        self.must_run(job.describe(), self.method.can_back_up(job), place);
        self.must_fit(job.describe(), job.saves(), place);
        self.saved.extend(job.saves());
        match job {
            BackupJob::StopEngine => {
                self.nothing_under_way(job.describe(), place);
                self.running = false;
            }
            BackupJob::StartEngine => self.running = true,
            BackupJob::RecordManifest if !self.running && self.method.runs == TargetProcess::WithApi => {
                let help = "put it after `start engine`";
                self.wrong(place, "a manifest while the engine is stopped", "nobody answers", help);
            }
            BackupJob::DumpDatabase => {
                self.dumped = true;
                self.fire(FaultTarget::NextDump);
            }
            BackupJob::CopyObjects => {
                self.fire(FaultTarget::NextCopy);
                self.fire(FaultTarget::NextTransfer);
            }
            BackupJob::ListObjects => {
                self.fire(FaultTarget::NextCopy);
                self.list_objects(place);
            }
            BackupJob::CopyListed => {
                self.fire(FaultTarget::NextTransfer);
                self.copy_of_list(job.describe(), place);
            }
            BackupJob::TakeBaseBackup => {
                self.must_recover(job.describe(), place);
                self.based = true;
            }
            BackupJob::ChooseTarget => {
                self.must_recover(job.describe(), place);
                if !self.based && self.recovers() {
                    let message = format!("`{}` before `take base backup`", job.describe());
                    let help = "put `- take base backup` before it";
                    self.wrong(place, message, "nothing to recover from yet", help);
                }
                self.targeted = true;
            }
            BackupJob::ArchiveAssets => self.fire(FaultTarget::NextArchive),
            BackupJob::CopyResults => self.fire(FaultTarget::NextResults),
            BackupJob::RecordManifest | BackupJob::ArchiveTemplates | BackupJob::RunBackupCommand => {}
        }
    }

    fn destroy(&mut self, what: Destroy, place: SourcePosition) {
        self.nothing_under_way("destroy", place);
        if !self.backed_up {
            let message = "the site is destroyed before any backup";
            self.wrong(place, message, "nothing could be restored after this", "put `back up` before it");
        }
        self.there.retain(|place| !lost_with(what, *place));
        self.running &= what != Destroy::Everything;
    }

    fn restore(&mut self, list: &[At<RestoreStep>], place: SourcePosition) {
        self.nothing_under_way("restore", place);
        if !self.backed_up {
            let help = "put `back up` before it";
            self.wrong(place, "a restore without a backup", "nothing is there to restore", help);
        }
        for (at, step) in list.iter().enumerate() {
            match &step.value {
                RestoreStep::Own(RestoreJob::Migrate) => {
                    let is_rows = |sub: &At<RestoreStep>| matches!(&sub.value, RestoreStep::Own(job) if job.brings_back().contains(&DurableStore::Database));
                    let later = list[at..].iter().any(is_rows) && !list[..at].iter().any(is_rows);
                    if later || !self.has_rows() {
                        let help = "put `- restore database` before it";
                        let message = "`migrate` before `restore database`";
                        self.wrong(step.place, message, "no database to migrate yet", help);
                    }
                    self.fire(FaultTarget::NextMigration);
                }
                RestoreStep::Own(job) => self.restore_job(*job, step.place),
                RestoreStep::Act(act) => self.act(act, step.place),
            }
        }
    }

    fn restore_job(&mut self, job: RestoreJob, place: SourcePosition) {
        self.must_run(job.describe(), self.method.can_restore(job), place);
        self.must_fit(job.describe(), job.brings_back(), place);
        self.there.extend(job.brings_back());
        match job {
            RestoreJob::StopEngine => {
                self.nothing_under_way(job.describe(), place);
                self.running = false;
            }
            RestoreJob::StartEngine => self.running = true,
            RestoreJob::RestoreDatabase | RestoreJob::RestoreFreshDatabase => {
                self.fire(FaultTarget::NextRestore)
            }
            RestoreJob::RecoverObjects => {
                self.must_recover(job.describe(), place);
                self.fire(FaultTarget::NextBucketRecovery);
            }
            RestoreJob::RecoverDatabase => {
                self.must_recover(job.describe(), place);
                // A base backup without a target is told where it is taken.
                if !self.based && !self.targeted && self.recovers() {
                    let message = format!("`{}` without a base backup", job.describe());
                    let help =
                        "write `back up: runbook`, or `- take base backup` and `- choose recovery target`";
                    self.wrong(place, message, "nothing to recover from", help);
                }
                self.fire(FaultTarget::NextDatabaseRecovery);
            }
            RestoreJob::RestoreObjects
            | RestoreJob::RestoreResults
            | RestoreJob::ExtractAssets
            | RestoreJob::ExtractTemplates
            | RestoreJob::RunRestoreCommand
            | RestoreJob::Migrate => {}
        }
    }

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

    /// A next run that is written behind the engine's back: one that runs would be at it.
    fn plan_run(&mut self, plan: &PlanRun, place: SourcePosition) {
        if !self.method.topology.has_database() {
            let help = "remove it, or choose a topology with Postgres";
            self.wrong(place, "schedules are not kept in file mode", "there is none to plan", help);
        }
        if self.running {
            let help = "put it after `stop engine`";
            let label = "its schedule may have run before the dump";
            self.wrong(place, "`plan next run` while the engine runs", label, help);
        } else if !self.has_rows() {
            let help = "put it before `destroy`";
            self.wrong(place, "`plan next run` in a destroyed store", "no row of it is left", help);
        }
        if plan.after.0.as_secs() > LONGEST {
            let help = format!("at most {LONGEST}s: a drill waits for it");
            self.wrong(place, "a next run that is too far ahead", "longer than a drill", &help);
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

    fn fault(&mut self, fault: &Fault, place: SourcePosition) {
        match fault.target() {
            FaultTarget::WalArchive => self.wrong(
                place,
                "this fault is for a backup, not for the live stores",
                "the WAL archive belongs to the backup",
                "write `fault in backup: …`",
            ),
            FaultTarget::Versions => {
                self.must_recover(fault.describe(), place);
                self.fault_in_store(self.has_binaries(), "bucket", place);
            }
            armed @ (FaultTarget::NextBucketRecovery | FaultTarget::NextDatabaseRecovery) => {
                self.must_recover(fault.describe(), place);
                self.armed.push((place, armed));
            }
            FaultTarget::Dump | FaultTarget::Tarball => self.wrong(
                place,
                "this fault is for a backup, not for the live stores",
                "the live stores have no such file",
                "write `fault in backup: …`",
            ),
            FaultTarget::Rows if !self.method.topology.has_database() => {
                let help = "choose a topology with Postgres";
                self.wrong(
                    place,
                    "a fault in rows of a site without a database",
                    "no rows to change by SQL",
                    help,
                );
            }
            FaultTarget::Rows => {
                self.fault_in_store(self.has_rows(), "database", place);
                self.fault_beside_writes(fault, place);
            }
            FaultTarget::RowFiles => self.fault_in_row_files(place),
            FaultTarget::Objects => self.fault_in_store(self.has_binaries(), "bucket", place),
            armed @ (FaultTarget::NextDump
            | FaultTarget::NextCopy
            | FaultTarget::NextTransfer
            | FaultTarget::NextArchive
            | FaultTarget::NextResults
            | FaultTarget::NextRestore
            | FaultTarget::NextMigration) => {
                self.armed.push((place, armed));
            }
        }
    }

    fn fault_in_store(&mut self, there: bool, what: &str, place: SourcePosition) {
        if !there {
            let label = format!("the {what} is gone at this point");
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, "a fault in a destroyed store", &label, help);
        }
    }

    /// Whether rows are in files, and these are there.
    fn fault_in_row_files(&mut self, place: SourcePosition) {
        if self.method.topology.has_database() {
            let message = "a fault in files with rows of a site with a database";
            self.wrong(place, message, "no rows in files", "choose a topology without Postgres");
        } else if !self.is_whole() {
            let label = "a folder is gone at this point";
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, "a fault in a destroyed store", label, help);
        }
    }

    fn fault_in_backup(&mut self, fault: &Fault, place: SourcePosition) {
        let binaries =
            if self.method.topology.has_bucket() { DurableStore::Bucket } else { DurableStore::Assets };
        let saving = self.method.backup().into_iter().find(|job| job.saves().contains(&binaries));
        let (there, step) = match fault.target() {
            FaultTarget::Dump => (self.dumped, BackupJob::DumpDatabase),
            FaultTarget::Tarball if *fault == Fault::TruncateArchive(Archive::Templates) => {
                (self.saved.contains(&DurableStore::Templates), BackupJob::ArchiveTemplates)
            }
            FaultTarget::Tarball => (self.saved.contains(&DurableStore::Assets), BackupJob::ArchiveAssets),
            FaultTarget::RowFiles if self.method.topology.has_database() => {
                return self.fault_in_row_files(place);
            }
            FaultTarget::RowFiles => (self.saved.contains(&DurableStore::Assets), BackupJob::ArchiveAssets),
            FaultTarget::Objects => {
                (self.saved.contains(&binaries), saving.unwrap_or(BackupJob::CopyObjects))
            }
            FaultTarget::WalArchive => (self.targeted, BackupJob::ChooseTarget),
            FaultTarget::Rows
            | FaultTarget::NextDump
            | FaultTarget::NextCopy
            | FaultTarget::NextTransfer
            | FaultTarget::NextArchive
            | FaultTarget::NextResults
            | FaultTarget::NextRestore
            | FaultTarget::NextMigration
            | FaultTarget::Versions
            | FaultTarget::NextBucketRecovery
            | FaultTarget::NextDatabaseRecovery => {
                let help = "write `fault: …`";
                return self.wrong(
                    place,
                    "this fault is for the live stores, not for a backup",
                    "not possible in a backup",
                    help,
                );
            }
        };
        if !there {
            let help = format!("put it after `{}`", step.describe());
            self.wrong(place, "a fault in a backup before it exists", "nothing to damage yet", &help);
        }
    }

    fn fire(&mut self, takes: FaultTarget) {
        self.armed.retain(|(_, armed)| *armed != takes);
    }

    fn end(&mut self, steps: &[At<Step>], steps_key: SourcePosition) {
        for (place, takes) in std::mem::take(&mut self.armed) {
            let step = match takes {
                FaultTarget::NextDump => BackupJob::DumpDatabase.describe(),
                FaultTarget::NextCopy | FaultTarget::NextTransfer => BackupJob::CopyObjects.describe(),
                FaultTarget::NextArchive => BackupJob::ArchiveAssets.describe(),
                FaultTarget::NextResults => BackupJob::CopyResults.describe(),
                FaultTarget::NextRestore => RestoreJob::RestoreDatabase.describe(),
                FaultTarget::NextMigration => RestoreJob::Migrate.describe(),
                FaultTarget::NextBucketRecovery => RestoreJob::RecoverObjects.describe(),
                FaultTarget::NextDatabaseRecovery => RestoreJob::RecoverDatabase.describe(),
                FaultTarget::Objects
                | FaultTarget::Rows
                | FaultTarget::RowFiles
                | FaultTarget::Dump
                | FaultTarget::Tarball
                | FaultTarget::Versions
                | FaultTarget::WalArchive => continue,
            };
            let message = format!("this fault takes effect at the next `{step}`, and there is none");
            self.wrong(place, message, "has no effect", &format!("put it before `{step}`"));
        }
        let Some(last) = steps.last() else { return };
        self.nothing_under_way(held_writes::END, last.place);
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

fn own_backup(step: &At<BackupStep>) -> Option<BackupJob> {
    match &step.value {
        BackupStep::Own(job) => Some(*job),
        BackupStep::Act(_) => None,
    }
}
