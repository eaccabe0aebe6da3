//! Backup, loss and restore along a timeline: whether each sub-step is possible at its place, and which
//! durable places it saves or restores.

use super::{Timeline, list};
use crate::{
    model::fault::FaultTarget,
    scenario::{
        At, BackupStep, Destroy, RestoreStep, SourcePosition,
        method::{BackupJob, DurableStore, RestoreJob, TargetProcess},
    },
};

impl Timeline<'_> {
    pub(super) fn back_up(&mut self, list: &[At<BackupStep>], place: SourcePosition) {
        if !self.is_whole() {
            let help = "restore first, or back up before `destroy`";
            self.wrong(place, "a backup of a destroyed site", "nothing to back up", help);
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
            let label = "no recovery target";
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

    fn backup_job(&mut self, job: BackupJob, place: SourcePosition) {
        self.must_run(job.describe(), self.method.can_back_up(job), place);
        self.must_fit(job.describe(), job.saves(), place);
        self.saved.extend(job.saves());
        match job {
            BackupJob::StopEngine => {
                self.nothing_in_flight(job.describe(), place);
                self.running = false;
            }
            BackupJob::StartEngine => self.start_engine(),
            BackupJob::RecordManifest if !self.running && self.method.runs == TargetProcess::WithApi => {
                let help = "put it after `start engine`";
                self.wrong(place, "a manifest while the engine is stopped", "the engine cannot answer", help);
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

    fn start_engine(&mut self) {
        self.running = true;
        self.fire(FaultTarget::NextStart);
    }

    pub(super) fn destroy(&mut self, what: Destroy, place: SourcePosition) {
        self.nothing_in_flight("destroy", place);
        if !self.backed_up {
            let message = "the site is destroyed before any backup";
            self.wrong(place, message, "nothing can be restored after this", "put `back up` before it");
        }
        self.there.retain(|place| !lost_with(what, *place));
        self.running &= what != Destroy::Everything;
    }

    pub(super) fn restore(&mut self, list: &[At<RestoreStep>], place: SourcePosition) {
        self.nothing_in_flight("restore", place);
        if !self.backed_up {
            let help = "put `back up` before it";
            self.wrong(place, "a restore without a backup", "nothing to restore", help);
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
                self.nothing_in_flight(job.describe(), place);
                self.running = false;
            }
            RestoreJob::StartEngine => self.start_engine(),
            RestoreJob::RestoreDatabase | RestoreJob::RestoreFreshDatabase => {
                self.fire(FaultTarget::NextRestore)
            }
            RestoreJob::RecoverObjects => {
                self.must_recover(job.describe(), place);
                self.fire(FaultTarget::NextBucketRecovery);
            }
            RestoreJob::RecoverDatabase => {
                self.must_recover(job.describe(), place);
                // A base backup without a target is reported where it is taken.
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
}

/// Whether a durable place is lost with `what`.
fn lost_with(what: Destroy, place: DurableStore) -> bool {
    match (what, place) {
        (Destroy::Everything, _) => true,
        (Destroy::Database, DurableStore::Database | DurableStore::Templates) => true,
        (Destroy::Objects, DurableStore::Bucket | DurableStore::Assets | DurableStore::Results) => true,
        (Destroy::Database, DurableStore::Bucket | DurableStore::Assets | DurableStore::Results)
        | (Destroy::Objects, DurableStore::Database | DurableStore::Templates) => false,
    }
}

fn own_backup(step: &At<BackupStep>) -> Option<BackupJob> {
    match &step.value {
        BackupStep::Own(job) => Some(*job),
        BackupStep::Act(_) => None,
    }
}
