//! Where a site's state lives and by which procedure it is backed up and restored: topologies, stores
//! and procedures. Their sub-steps are in the submodules; how each is done is in `procedure`.

use crate::model::write::WriteOrderOverride;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

mod jobs;
mod runbook;

pub use jobs::{BackupJob, RestoreJob};

/// How a site keeps its state, is backed up and restored. Each method needs its own baseline drill.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    /// Which process runs beside the stores.
    pub runs: TargetProcess,
    /// Where rows and binaries live.
    pub topology: Topology,
    /// Where the results of batch jobs live, if they have a place of their own.
    pub results: Option<Results>,
    /// What `runbook` means.
    pub procedure: Procedure,
    /// How the database is dumped.
    pub dump: DumpOptions,
    /// The operator's own commands.
    pub commands: Option<Commands>,
    /// Whether the files of a whole cluster are restored, as from a physical backup that existed before.
    pub whole_cluster: bool,
    /// The schema of the backup.
    pub schema: BackupSchema,
    /// Additional environment variables of the engine.
    pub env: BTreeMap<String, String>,
    /// The order of writes, if it differs from that of the target's profile.
    pub writes: WriteOrderOverride,
}

/// The schema of the backup's rows, relative to the release that restores them (runbook 3.4).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BackupSchema {
    /// That of the same release.
    #[default]
    Same,
    /// That of the previous release: the restore migrates it.
    Previous,
    /// That of a newer release, which the restoring release does not know.
    Newer,
}

/// The process of a target beside its stores, and whether it has an API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetProcess {
    /// An engine with the API of Pulp Engine.
    #[default]
    WithApi,
    /// A process without an API: it is started, stopped and probed for readiness.
    WithoutApi,
    /// None: the target consists of its stores.
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
    /// The same while the engine is stopped (runbook 2.3).
    #[serde(rename = "maintenance window")]
    MaintenanceWindow,
    /// Dump and copy; the rows are restored into a fresh database and the connection is flipped
    /// (runbook 3.3, "safer alternative").
    #[serde(rename = "fresh database")]
    FreshDatabase,
    /// Continuous archiving and bucket versioning: both stores are recovered to one instant
    /// (runbook 2.3).
    #[serde(rename = "point in time")]
    PointInTime,
    /// The operator's own commands.
    #[serde(rename = "own commands")]
    OwnCommands,
}

/// Whether owners and privileges come back with a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivilegesKept {
    /// With files of the data directory.
    All,
    /// Left out (`--no-owner --no-privileges`, runbook 2.1 and 3.3).
    None,
    /// The operator's own commands decide.
    Unknown,
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
    /// `--compress` by level, 0 to 9; the default of `pg_dump` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compress: Option<u8>,
    /// Whether it is restored on another server than the source's: without subscriptions, which must not replicate
    /// from a system that still runs, and without the source's tablespaces.
    #[serde(skip)]
    pub on_another_server: bool,
    /// Whether the restore leaves rows out (`pg_restore --schema-only`).
    #[serde(skip)]
    pub schema_only: bool,
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
    /// Runs once before the first backup, for example to create a repository or set up archiving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<String>,
    /// Takes the backup.
    #[serde(rename = "back up")]
    pub back_up: String,
    /// Restores it.
    pub restore: String,
    /// Whether they need a dedicated PostgreSQL server, with access to its data directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_server: bool,
    /// Required programs; if one is missing, the scenario is skipped with that reason.
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

    /// As in a scenario file.
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
    /// Whether it can back up and restore these places.
    pub fn fits(self, topology: Topology, results: Option<Results>) -> bool {
        match self {
            Self::DumpAndCopy | Self::MaintenanceWindow | Self::OwnCommands => true,
            Self::FreshDatabase => topology.has_database(),
            Self::PointInTime => topology == Topology::PostgresS3 && results != Some(Results::Directory),
        }
    }

    /// As in a scenario file.
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
        self.whole_cluster
            || self.procedure == Procedure::PointInTime
            || self.commands.as_ref().is_some_and(|c| c.own_server)
    }

    /// The method of its baseline drill: without the parts that damage data by themselves or matter to
    /// writes only.
    #[must_use]
    pub fn sound(&self) -> Self {
        let schema = match self.schema {
            BackupSchema::Newer => BackupSchema::Same,
            as_it_is @ (BackupSchema::Same | BackupSchema::Previous) => as_it_is,
        };
        // A baseline drill writes nothing but its seed.
        Self { schema, writes: WriteOrderOverride::default(), env: BTreeMap::new(), ..self.clone() }
    }

    /// The suffix of its baseline drill's id, with the differences from the default: `files-maintenance-window`.
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
}

impl DumpFormat {
    /// The value of `pg_dump --format`.
    pub fn option(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Plain => "plain",
            Self::Directory => "directory",
            Self::Tar => "tar",
        }
    }

    /// The extension of the file or folder.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Custom => "dump",
            Self::Plain => "sql",
            Self::Directory => "dir",
            Self::Tar => "tar",
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
    fn a_baseline_drill_has_a_schema_that_can_be_restored() {
        let of = |schema| Method { schema, ..Method::default() };
        assert_eq!(of(BackupSchema::Newer).sound(), Method::default());
        assert_eq!(of(BackupSchema::Previous).sound().suffix(), "previous-schema");
        let writes =
            WriteOrderOverride { upload: Some(StoreOrder::RowFirst), ..WriteOrderOverride::default() };
        assert_eq!(Method { writes, ..Method::default() }.sound(), Method::default());
    }
}
