//! The sub-steps of backup and restore: their keywords, and the durable places that each saves or restores.

use super::DurableStore;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

// A sub-step: its variant, its keyword in scenario files, the places that it saves or restores, and
// what it does.
macro_rules! jobs {
    ($(#[$doc:meta])* $name:ident $of:ident: $($variant:ident $description:literal [$($place:ident)*] $meaning:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $(#[doc = $meaning] #[serde(rename = $description)] $variant),* }

        impl $name {
            /// All, in the order of a procedure.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As in a scenario file.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }

            /// What it does, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// The sub-step with this keyword.
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
    ListObjects "list objects" [] "The bucket is listed; the copies after it use this list.",
    CopyListed "copy listed objects" [Bucket] "The listed objects that are not copied yet, as in `copy objects`; objects that are gone by then are recorded.",
    ArchiveTemplates "archive templates" [Templates] "`tar` of `TEMPLATES_DIR` (runbook 6).",
    ArchiveAssets "archive assets" [Assets] "`tar` of `ASSETS_DIR` (runbook 2.2, 6).",
    CopyResults "copy results" [Results] "The results of batch jobs (runbook 1).",
    TakeBaseBackup "take base backup" [Database Bucket Results] "`pg_basebackup`, WAL archiving, bucket versioning (runbook 2.1, 2.3).",
    ChooseTarget "choose recovery target" [] "The instant that both stores will be recovered to (runbook 2.3).",
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
    RecoverObjects "recover objects" [Bucket Results] "The buckets are recovered to their versions as of the recovery target.",
    RestoreDatabase "restore database" [Database] "Drop, create, `pg_restore` (runbook 3.3).",
    RestoreFreshDatabase "restore into fresh database" [Database] "`pg_restore` into a new database, and the connection is switched (runbook 3.3).",
    RecoverDatabase "recover database" [Database] "The base backup, and WAL up to the recovery target.",
    RunRestoreCommand "run restore command" [Database Bucket Templates Assets Results] "The operator's own restore.",
    Migrate "migrate" [] "Migrates the schema (runbook 3.4).",
    StartEngine "start engine" [] "The engine is started (runbook 3.5).",
}

impl BackupJob {
    /// Whether its start is the cut point: the backup must contain the rows of that instant.
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
