//! Faults along a timeline: whether each has something to damage at its place, and whether the step that
//! it waits for follows.

use super::Timeline;
use crate::{
    model::fault::{Archive, Fault, FaultTarget},
    scenario::{
        SourcePosition,
        method::{BackupJob, DurableStore, RestoreJob},
    },
};

impl Timeline<'_> {
    pub(super) fn fault(&mut self, fault: &Fault, place: SourcePosition) {
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
            target @ (FaultTarget::NextBucketRecovery | FaultTarget::NextDatabaseRecovery) => {
                self.must_recover(fault.describe(), place);
                self.pending.push((place, target));
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
            target @ (FaultTarget::NextDump
            | FaultTarget::NextCopy
            | FaultTarget::NextTransfer
            | FaultTarget::NextArchive
            | FaultTarget::NextResults
            | FaultTarget::NextRestore
            | FaultTarget::NextMigration
            | FaultTarget::NextStart) => {
                self.pending.push((place, target));
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

    /// Whether rows are in files, and the files exist.
    fn fault_in_row_files(&mut self, place: SourcePosition) {
        if self.method.topology.has_database() {
            let message = "a fault in row files of a site with a database";
            self.wrong(place, message, "no rows in files", "choose a topology without Postgres");
        } else if !self.is_whole() {
            let label = "a folder is gone at this point";
            let help = "put it before `destroy`, or after the restore";
            self.wrong(place, "a fault in a destroyed store", label, help);
        }
    }

    pub(super) fn fault_in_backup(&mut self, fault: &Fault, place: SourcePosition) {
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
            | FaultTarget::NextDatabaseRecovery
            | FaultTarget::NextStart => {
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

    pub(super) fn fire(&mut self, takes: FaultTarget) {
        self.pending.retain(|(_, target)| *target != takes);
    }

    /// Reports faults that wait for a step that never comes.
    pub(super) fn unused_faults(&mut self) {
        for (place, takes) in std::mem::take(&mut self.pending) {
            let step = match takes {
                FaultTarget::NextDump => BackupJob::DumpDatabase.describe(),
                FaultTarget::NextCopy | FaultTarget::NextTransfer => BackupJob::CopyObjects.describe(),
                FaultTarget::NextArchive => BackupJob::ArchiveAssets.describe(),
                FaultTarget::NextResults => BackupJob::CopyResults.describe(),
                FaultTarget::NextRestore => RestoreJob::RestoreDatabase.describe(),
                FaultTarget::NextMigration => RestoreJob::Migrate.describe(),
                FaultTarget::NextBucketRecovery => RestoreJob::RecoverObjects.describe(),
                FaultTarget::NextDatabaseRecovery => RestoreJob::RecoverDatabase.describe(),
                FaultTarget::NextStart => RestoreJob::StartEngine.describe(),
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
    }
}
