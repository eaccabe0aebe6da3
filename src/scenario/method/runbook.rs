//! The sub-steps that the runbook prescribes for a method, in its order, and the sections that they
//! exercise.

use super::{
    BackupJob, DurableStore, Method, PrivilegesKept, Procedure, RestoreJob, TargetProcess, Topology,
};

impl Method {
    /// The sections of the runbook that it exercises.
    pub fn sections(&self) -> Vec<&'static str> {
        let backup: &[&str] = match (self.procedure, self.topology) {
            (Procedure::PointInTime, _) => &["2.1", "2.2", "2.3", "2.4"],
            (Procedure::MaintenanceWindow, Topology::PostgresS3 | Topology::PostgresFiles) => {
                &["2.1", "2.2", "2.3", "2.4"]
            }
            (_, Topology::PostgresS3 | Topology::PostgresFiles) => &["2.1", "2.2", "2.4"],
            (_, Topology::Files) => &["6"],
            (_, Topology::FilesS3) => &["2.2", "6"],
        };
        let restore: &[&str] = match self.topology {
            Topology::PostgresS3 | Topology::PostgresFiles => &["3.1", "3.2", "3.3", "3.4", "3.5", "3.6"],
            Topology::Files | Topology::FilesS3 => &["3.6"],
        };
        backup.iter().chain(restore).copied().collect()
    }

    /// Whether owners and privileges come back.
    pub fn keeps_privileges(&self) -> PrivilegesKept {
        match self.procedure {
            Procedure::DumpAndCopy | Procedure::MaintenanceWindow | Procedure::FreshDatabase => {
                PrivilegesKept::None
            }
            Procedure::PointInTime => PrivilegesKept::All,
            Procedure::OwnCommands => PrivilegesKept::Unknown,
        }
    }

    /// The backup's sub-steps in the runbook's order: every place once, the manifest after them
    /// (2.4). A maintenance window stops the engine before and starts it after (2.3).
    pub fn backup(&self) -> Vec<BackupJob> {
        let mut jobs = self.whole_backup();
        jobs.retain(|job| self.can_back_up(*job));
        jobs
    }

    /// Whether a sub-step of a backup is possible: without an API there is no inventory, and without a
    /// process nothing is stopped or started.
    pub fn can_back_up(&self, job: BackupJob) -> bool {
        match job {
            BackupJob::RecordManifest => self.runs == TargetProcess::WithApi,
            BackupJob::StopEngine | BackupJob::StartEngine => self.runs != TargetProcess::Nothing,
            _ => true,
        }
    }

    /// Whether a sub-step of a restore is possible.
    pub fn can_restore(&self, job: RestoreJob) -> bool {
        !matches!(job, RestoreJob::StopEngine | RestoreJob::StartEngine)
            || self.runs != TargetProcess::Nothing
    }

    fn whole_backup(&self) -> Vec<BackupJob> {
        use BackupJob as B;
        let places = self.places();
        let each = || {
            places.iter().map(|place| match place {
                DurableStore::Database => B::DumpDatabase,
                DurableStore::Bucket => B::CopyObjects,
                DurableStore::Templates => B::ArchiveTemplates,
                DurableStore::Assets => B::ArchiveAssets,
                DurableStore::Results => B::CopyResults,
            })
        };
        match self.procedure {
            Procedure::DumpAndCopy | Procedure::FreshDatabase => each().chain([B::RecordManifest]).collect(),
            Procedure::MaintenanceWindow => {
                [B::StopEngine].into_iter().chain(each()).chain([B::StartEngine, B::RecordManifest]).collect()
            }
            Procedure::PointInTime => vec![B::TakeBaseBackup, B::RecordManifest, B::ChooseTarget],
            Procedure::OwnCommands => vec![B::RunBackupCommand, B::RecordManifest],
        }
    }

    /// The restore's sub-steps in the runbook's order: binaries before rows, the engine last
    /// (runbook 3).
    pub fn restore(&self) -> Vec<RestoreJob> {
        use RestoreJob as R;
        let mut jobs = vec![R::StopEngine];
        match self.procedure {
            Procedure::OwnCommands => jobs.push(R::RunRestoreCommand),
            Procedure::PointInTime => jobs.extend([R::RecoverObjects, R::RecoverDatabase]),
            Procedure::DumpAndCopy | Procedure::MaintenanceWindow | Procedure::FreshDatabase => {
                let mut places = self.places();
                places.sort_by_key(|place| match place {
                    DurableStore::Bucket => 0,
                    DurableStore::Results => 1,
                    DurableStore::Assets => 2,
                    DurableStore::Templates => 3,
                    DurableStore::Database => 4,
                });
                jobs.extend(places.iter().map(|place| match place {
                    DurableStore::Database if self.procedure == Procedure::FreshDatabase => {
                        R::RestoreFreshDatabase
                    }
                    DurableStore::Database => R::RestoreDatabase,
                    DurableStore::Bucket => R::RestoreObjects,
                    DurableStore::Templates => R::ExtractTemplates,
                    DurableStore::Assets => R::ExtractAssets,
                    DurableStore::Results => R::RestoreResults,
                }));
            }
        }
        if self.topology.has_database() {
            jobs.push(R::Migrate);
        }
        jobs.push(R::StartEngine);
        jobs.retain(|job| self.can_restore(*job));
        jobs
    }
}
