//! What a test of an existing backup is asked for.

use crate::{
    base::redact::Redactor,
    model::budget::TimeSpan,
    plan::TestScope,
    procedure::physical::PhysicalOrigin,
    run::{options::EngineOption, signing::KeyText},
    system::{objects::origin::Origin, postgres::Access},
};
use chrono::{DateTime, Utc};
use std::path::PathBuf;

/// The options of a test of an existing backup.
pub struct BackupTestOptions {
    /// The rows.
    pub rows: RowsOption,
    /// The database to test, if the backup is of several.
    pub database: Option<String>,
    /// The binaries: a folder, a prefix, or a tarball; none where only the schema is restored.
    pub assets: Option<Origin>,
    /// How much of the backup is tested.
    pub scope: TestScope,
    /// The newest of the folders or tarballs below that fit this pattern is meant.
    pub newest_assets: Option<String>,
    /// The longest time that the whole test may take.
    pub timeout: Option<TimeSpan>,
    /// The manifest that was recorded with the backup, or its folder.
    pub manifest: Option<PathBuf>,
    /// Templates to render, with the files of their data.
    pub renders: Vec<(String, PathBuf)>,
    /// The PDFs that renders must give.
    pub goldens: Vec<(String, PathBuf)>,
    /// The greatest age of the newest row.
    pub max_age: Option<TimeSpan>,
    /// The longest recovery time.
    pub max_rto: Option<TimeSpan>,
    /// A file with budgets, for limits that are not given.
    pub budgets: Option<PathBuf>,
    /// The ledger with the last proven restore.
    pub ledger: Option<PathBuf>,
    /// The live source.
    pub source: Option<Access>,
    /// How much fewer rows, objects or bytes are tolerated, in percent.
    pub max_drop: u8,
    /// Whether the schema is compared with that of the profile's `migrate`.
    pub schema_of_migrate: bool,
    /// Whether a superuser restores.
    pub restore_as_superuser: bool,
    /// The engine.
    pub engine: Option<EngineOption>,
    /// The longest time until the engine is ready, in seconds.
    pub ready_within: u16,
    /// The target profile.
    pub profile: String,
    /// Where runs are stored.
    pub report_dir: PathBuf,
    /// The key to sign with.
    pub sign_key: Option<KeyText>,
    /// Knows the secrets of the origins.
    pub redactor: Redactor,
}

/// Where the rows are.
pub enum RowsOption {
    /// A dump: a file or folder, or an object or prefix; or the newest of those that lie below.
    Dump(Origin, Option<NewestOf>),
    /// The files of a cluster.
    Physical {
        /// What made them, and where they are.
        origin: PhysicalOrigin,
        /// A folder with archived WAL.
        wal: Option<PathBuf>,
        /// The time to recover to.
        target: Option<DateTime<Utc>>,
        /// Whether the newest of the base backups in a folder is meant.
        newest: bool,
    },
}

/// That the newest backup below a place is meant: of all, or of those whose path fits a pattern.
pub struct NewestOf(pub Option<String>);
