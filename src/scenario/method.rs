//! Where a site's state lives and by which procedure it is backed up and restored: topologies,
//! stores, the sub-steps of backup and restore, and the procedures that are made of them. How each
//! sub-step is done is in `procedure`.

use crate::model::write::WriteOrderOverride;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// All that tells one way to keep, back up and restore from another; each needs a clean control of
/// its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    /// What runs beside the stores.
    pub runs: TargetProcess,
    /// Where rows and binaries live.
    pub topology: Topology,
    /// Where the results of batch jobs live, where they have a place of their own.
    pub results: Option<Results>,
    /// What `runbook` means.
    pub procedure: Procedure,
    /// How the database is dumped.
    pub dump: DumpOptions,
    /// The operator's own commands.
    pub commands: Option<Commands>,
    /// The schema of the backup.
    pub schema: BackupSchema,
    /// What the engine has in its environment beside the rest.
    pub env: BTreeMap<String, String>,
    /// The order of writes, where it is not the one of the target's profile.
    pub writes: WriteOrderOverride,
}

/// The schema that the backup's rows have, seen from the release that restores them (runbook 3.4).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BackupSchema {
    /// Its own: backup and restore are of one release.
    #[default]
    Same,
    /// That of the release before: the restore brings it forward.
    Previous,
    /// That of the release after: the restore is under a release that does not know it.
    Newer,
}

/// What of a target runs beside its stores, and whether it can be asked for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetProcess {
    /// An engine with the API of Pulp Engine.
    #[default]
    WithApi,
    /// Something that is started and stopped, and asked for no more than whether it is up.
    WithoutApi,
    /// Nothing: the stores are all that there is.
    Nothing,
}

/// Where rows and binaries live (runbook 1, 2.2, 6).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Topology {
    /// Rows in Postgres, binaries in a bucket: the production recommendation.
    #[default]
    #[serde(rename = "postgres + s3")]
    PostgresS3,
    /// Rows in Postgres, binaries in `ASSETS_DIR`.
    #[serde(rename = "postgres + files")]
    PostgresFiles,
    /// Everything in `TEMPLATES_DIR` and `ASSETS_DIR` (`STORAGE_MODE=file`).
    #[serde(rename = "files")]
    Files,
    /// `STORAGE_MODE=file` with binaries in a bucket; `ASSETS_DIR` still holds the index.
    #[serde(rename = "files + s3")]
    FilesS3,
}

/// Where the results of batch jobs live: a third durable place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Results {
    /// `JOB_RESULT_BLOB_BUCKET`.
    Bucket,
    /// `JOB_RESULT_BLOB_DIR`.
    Directory,
}

/// A durable place that a backup must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DurableStore {
    /// The Postgres database.
    Database,
    /// The engine's bucket.
    Bucket,
    /// `TEMPLATES_DIR`.
    Templates,
    /// `ASSETS_DIR`.
    Assets,
    /// The results of batch jobs.
    Results,
}

/// What `back up: runbook` and `restore: runbook` mean.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Procedure {
    /// Dump and copy while the engine runs (runbook 2.1, 2.2; 6 for file mode).
    #[default]
    #[serde(rename = "dump and copy")]
    DumpAndCopy,
    /// The same with the engine stopped meanwhile (runbook 2.3).
    #[serde(rename = "maintenance window")]
    MaintenanceWindow,
    /// Dump and copy; the rows are restored into a fresh database and the connection is flipped
    /// (runbook 3.3, "safer alternative").
    #[serde(rename = "fresh database")]
    FreshDatabase,
    /// Continuous archiving and bucket versioning: both stores are brought to one moment
    /// (runbook 2.3).
    #[serde(rename = "point in time")]
    PointInTime,
    /// The operator's own commands.
    #[serde(rename = "own commands")]
    OwnCommands,
}

/// How `pg_dump` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DumpOptions {
    /// `--format`.
    #[serde(default)]
    pub format: DumpFormat,
    /// `--jobs`: of the dump (directory format only) and of the restore (custom and directory).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u8>,
    /// `--compress` by level, 0 to 9; without it what `pg_dump` does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compress: Option<u8>,
}

/// `pg_dump --format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DumpFormat {
    /// One file for `pg_restore`.
    #[default]
    Custom,
    /// SQL for `psql`.
    Plain,
    /// A folder for `pg_restore`, the only one that is dumped in parallel.
    Directory,
    /// A tar file for `pg_restore`.
    Tar,
}

/// The operator's own commands, for a shell. Their environment is described in
/// `docs/own-commands.md`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Commands {
    /// The scenario file's folder: where they run.
    #[serde(skip)]
    #[schemars(skip)]
    pub folder: PathBuf,
    /// Done once before the first backup: a repository is made, archiving is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<String>,
    /// Takes the backup.
    #[serde(rename = "back up")]
    pub back_up: String,
    /// Brings it back.
    pub restore: String,
    /// Whether they need a PostgreSQL server of the scenario's own, with its data directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_server: bool,
    /// Programs that must be there; without one of them the scenario is skipped and says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

impl Topology {
    /// All.
    pub const ALL: [Self; 4] = [Self::PostgresS3, Self::PostgresFiles, Self::Files, Self::FilesS3];

    /// Whether rows are in Postgres.
    pub fn has_database(self) -> bool {
        matches!(self, Self::PostgresS3 | Self::PostgresFiles)
    }

    /// Whether binaries are in a bucket.
    pub fn has_bucket(self) -> bool {
        matches!(self, Self::PostgresS3 | Self::FilesS3)
    }

    /// The durable places.
    pub fn places(self) -> &'static [DurableStore] {
        match self {
            Self::PostgresS3 => &[DurableStore::Database, DurableStore::Bucket],
            Self::PostgresFiles => &[DurableStore::Database, DurableStore::Assets],
            Self::Files => &[DurableStore::Templates, DurableStore::Assets],
            Self::FilesS3 => &[DurableStore::Templates, DurableStore::Assets, DurableStore::Bucket],
        }
    }

    /// In the words of a scenario file.
    pub fn describe(self) -> &'static str {
        match self {
            Self::PostgresS3 => "postgres + s3",
            Self::PostgresFiles => "postgres + files",
            Self::Files => "files",
            Self::FilesS3 => "files + s3",
        }
    }
}

impl DurableStore {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Bucket => "bucket",
            Self::Templates => "templates folder",
            Self::Assets => "assets folder",
            Self::Results => "batch results",
        }
    }
}

impl Procedure {
    /// Whether it can back up and restore what is in these places.
    pub fn fits(self, topology: Topology, results: Option<Results>) -> bool {
        match self {
            Self::DumpAndCopy | Self::MaintenanceWindow | Self::OwnCommands => true,
            Self::FreshDatabase => topology.has_database(),
            Self::PointInTime => topology == Topology::PostgresS3 && results != Some(Results::Directory),
        }
    }

    /// In the words of a scenario file.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DumpAndCopy => "dump and copy",
            Self::MaintenanceWindow => "maintenance window",
            Self::FreshDatabase => "fresh database",
            Self::PointInTime => "point in time",
            Self::OwnCommands => "own commands",
        }
    }
}

impl Method {
    /// The durable places of a site.
    pub fn places(&self) -> Vec<DurableStore> {
        let results = self.results.map(|_| DurableStore::Results);
        self.topology.places().iter().copied().chain(results).collect()
    }

    /// Whether a scenario needs a PostgreSQL server of its own.
    pub fn needs_own_server(&self) -> bool {
        self.procedure == Procedure::PointInTime || self.commands.as_ref().is_some_and(|c| c.own_server)
    }

    /// The same with nothing in it that goes wrong by itself, or that matters to a write only: what its
    /// clean control is of.
    #[must_use]
    pub fn sound(&self) -> Self {
        let schema = match self.schema {
            BackupSchema::Newer => BackupSchema::Same,
            as_it_is @ (BackupSchema::Same | BackupSchema::Previous) => as_it_is,
        };
        // It writes nothing beside its seed.
        Self { schema, writes: WriteOrderOverride::default(), env: BTreeMap::new(), ..self.clone() }
    }

    /// What tells it from the default in the id of its clean control: `files-maintenance-window`.
    pub fn suffix(&self) -> String {
        let mut parts = Vec::new();
        if self.topology != Topology::default() {
            parts.push(self.topology.describe().to_owned());
        }
        if let Some(results) = self.results {
            parts.push(match results {
                Results::Bucket => "results bucket".to_owned(),
                Results::Directory => "results directory".to_owned(),
            });
        }
        if self.procedure != Procedure::default() {
            parts.push(self.procedure.describe().to_owned());
        }
        let default = DumpOptions::default();
        if self.dump.format != default.format {
            parts.push(self.dump.format.option().to_owned());
        }
        parts.extend(self.dump.jobs.map(|jobs| format!("jobs {jobs}")));
        parts.extend(self.dump.compress.map(|level| format!("compress {level}")));
        if let Some(commands) = &self.commands {
            parts.extend(commands.needs.first().cloned());
        }
        parts.extend(match self.schema {
            BackupSchema::Same => None,
            BackupSchema::Previous => Some("previous schema".to_owned()),
            BackupSchema::Newer => Some("newer schema".to_owned()),
        });
        let kebab = |text: &str| {
            let description: Vec<&str> =
                text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
            description.join("-").to_ascii_lowercase()
        };
        kebab(&parts.join(" "))
    }

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

    /// The backup's sub-steps in the runbook's order: every place once, the manifest after them
    /// (2.4). A maintenance window stops the engine before and starts it after (2.3).
    pub fn backup(&self) -> Vec<BackupJob> {
        let mut jobs = self.whole_backup();
        jobs.retain(|job| self.can_back_up(*job));
        jobs
    }

    /// Whether a sub-step is one of this target's: without an API there is no inventory, and what
    /// does not run is neither stopped nor started.
    pub fn can_back_up(&self, job: BackupJob) -> bool {
        match job {
            BackupJob::RecordManifest => self.runs == TargetProcess::WithApi,
            BackupJob::StopEngine | BackupJob::StartEngine => self.runs != TargetProcess::Nothing,
            _ => true,
        }
    }

    /// The same of a restore.
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

impl DumpFormat {
    /// As `pg_dump` takes it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Plain => "plain",
            Self::Directory => "directory",
            Self::Tar => "tar",
        }
    }

    /// How the file or folder is called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Custom => "dump",
            Self::Plain => "sql",
            Self::Directory => "dir",
            Self::Tar => "tar",
        }
    }
}

// A sub-step: its variant, its words in a scenario file, the places that it saves or brings back,
// and what it does.
macro_rules! jobs {
    ($(#[$doc:meta])* $name:ident $of:ident: $($variant:ident $description:literal [$($place:ident)*] $meaning:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $(#[doc = $meaning] #[serde(rename = $description)] $variant),* }

        impl $name {
            /// All, in the order of a procedure.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The words of a scenario file.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }

            /// What it does, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// The sub-step with these words.
            pub fn named(description: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|job| job.describe() == description)
            }

            /// The places that it
            #[doc = stringify!($of)]
            pub fn $of(self) -> &'static [DurableStore] {
                match self { $(Self::$variant => &[$(DurableStore::$place),*]),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.describe())
            }
        }
    };
}

jobs! {
    /// A sub-step of a backup (runbook 2).
    BackupJob saves:
    StopEngine "stop engine" [] "The engine is stopped: a maintenance window begins (runbook 2.3).",
    DumpDatabase "dump database" [Database] "`pg_dump` (runbook 2.1).",
    CopyObjects "copy objects" [Bucket] "The bucket into a dated prefix of the backup bucket (runbook 2.2).",
    ListObjects "list objects" [] "The bucket is listed: what is copied after it is what was listed.",
    CopyListed "copy listed objects" [Bucket] "What of the list is not copied yet, as `copy objects` does it; what is gone by then is noted.",
    ArchiveTemplates "archive templates" [Templates] "`tar` of `TEMPLATES_DIR` (runbook 6).",
    ArchiveAssets "archive assets" [Assets] "`tar` of `ASSETS_DIR` (runbook 2.2, 6).",
    CopyResults "copy results" [Results] "The results of batch jobs (runbook 1).",
    TakeBaseBackup "take base backup" [Database Bucket Results] "`pg_basebackup`, WAL archiving, bucket versioning (runbook 2.1, 2.3).",
    ChooseTarget "choose recovery target" [] "The moment that both stores will be brought to (runbook 2.3).",
    RunBackupCommand "run backup command" [Database Bucket Templates Assets Results] "The operator's own backup.",
    StartEngine "start engine" [] "The engine is started: a maintenance window ends.",
    RecordManifest "record manifest" [] "The metadata inventory (runbook 2.4).",
}

jobs! {
    /// A sub-step of a restore (runbook 3).
    RestoreJob brings_back:
    StopEngine "stop engine" [] "The engine is stopped (runbook 3.1).",
    RestoreObjects "restore objects" [Bucket] "The copy back into the bucket (runbook 3.2).",
    RestoreResults "restore results" [Results] "The results of batch jobs.",
    ExtractAssets "extract assets" [Assets] "`ASSETS_DIR` from its tarball (runbook 3.2, 6).",
    ExtractTemplates "extract templates" [Templates] "`TEMPLATES_DIR` from its tarball (runbook 6).",
    RecoverObjects "recover objects" [Bucket Results] "The buckets to their versions as of the recovery target.",
    RestoreDatabase "restore database" [Database] "Drop, create, `pg_restore` (runbook 3.3).",
    RestoreFreshDatabase "restore into fresh database" [Database] "`pg_restore` into a new database, and the connection is flipped (runbook 3.3).",
    RecoverDatabase "recover database" [Database] "The base backup, and WAL up to the recovery target.",
    RunRestoreCommand "run restore command" [Database Bucket Templates Assets Results] "The operator's own restore.",
    Migrate "migrate" [] "Brings the schema forward (runbook 3.4).",
    StartEngine "start engine" [] "The engine is started (runbook 3.5).",
}

impl BackupJob {
    /// Whether its beginning is the instant whose rows the backup promises.
    pub fn fixes_cut_point(self) -> bool {
        match self {
            Self::DumpDatabase | Self::ArchiveTemplates | Self::ChooseTarget | Self::RunBackupCommand => true,
            Self::StopEngine
            | Self::CopyObjects
            | Self::ListObjects
            | Self::CopyListed
            | Self::ArchiveAssets
            | Self::CopyResults
            | Self::TakeBaseBackup
            | Self::StartEngine
            | Self::RecordManifest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::write::StoreOrder;

    #[test]
    fn every_procedure_saves_and_brings_back_every_place() {
        for topology in Topology::ALL {
            for results in [None, Some(Results::Bucket)] {
                for procedure in [
                    Procedure::DumpAndCopy,
                    Procedure::MaintenanceWindow,
                    Procedure::FreshDatabase,
                    Procedure::OwnCommands,
                ] {
                    let method = Method { topology, results, procedure, ..Method::default() };
                    let saved: Vec<DurableStore> =
                        method.backup().into_iter().flat_map(BackupJob::saves).copied().collect();
                    let back: Vec<DurableStore> =
                        method.restore().into_iter().flat_map(RestoreJob::brings_back).copied().collect();
                    for place in method.places() {
                        assert!(saved.contains(&place), "{method:?} does not save the {}", place.describe());
                        assert!(
                            back.contains(&place),
                            "{method:?} does not bring back the {}",
                            place.describe()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_default_method_has_no_suffix() {
        assert_eq!(Method::default().suffix(), "");
        let method = Method {
            topology: Topology::FilesS3,
            procedure: Procedure::MaintenanceWindow,
            ..Method::default()
        };
        assert_eq!(method.suffix(), "files-s3-maintenance-window");
    }

    #[test]
    fn a_clean_control_is_of_a_schema_that_can_be_restored() {
        let of = |schema| Method { schema, ..Method::default() };
        assert_eq!(of(BackupSchema::Newer).sound(), Method::default());
        assert_eq!(of(BackupSchema::Previous).sound().suffix(), "previous-schema");
        let writes =
            WriteOrderOverride { upload: Some(StoreOrder::RowFirst), ..WriteOrderOverride::default() };
        assert_eq!(Method { writes, ..Method::default() }.sound(), Method::default());
    }
}
