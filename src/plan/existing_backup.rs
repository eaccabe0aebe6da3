//! A backup that existed before the run, what was recorded with it, and the limits of its recovery.

use crate::{
    base::ids::TemplateKey,
    model::{
        figures::{EarlierFigures, SchemaReference},
        state::Golden,
    },
    procedure::{foreign::Recognised, manifest::Manifest, physical::PhysicalBackup},
    scenario::method::{DumpFormat, DumpOptions, Method, Topology},
    system::{objects::origin::Origin, postgres::Access},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// The id of the plan that restores it.
pub const ID: &str = "restore-test";

/// A backup that existed before the run, and what was recorded with it.
#[derive(Clone, Debug)]
pub struct ExistingBackup {
    /// The rows.
    pub rows: RowsBackup,
    /// Where the binaries are stored; none where only the schema is restored.
    pub assets: Option<Origin>,
    /// How much of it is tested.
    pub scope: TestScope,
    /// Which database of a cluster's backup is tested; without a name, the one with the profile's tables.
    pub database: Option<String>,
    /// How many other backups lie beside it, which are not tested.
    pub others: usize,
    /// The manifest of the backup.
    pub manifest: Option<Manifest>,
    /// The renders that are asked for.
    pub renders: BTreeMap<TemplateKey, ExpectedRender>,
    /// The limits that the user set.
    pub limits: RecoveryLimits,
    /// Figures of the last proven restore and of the live source, with the tolerated drop in percent.
    pub earlier: (Vec<EarlierFigures>, u8),
    /// The schemas of the live source, the last proven restore and the manifest.
    pub schemas: Vec<SchemaReference>,
    /// The live source, for what only the programs of its version can read.
    pub source: Option<Access>,
    /// Why a part of a reference can't be compared.
    pub not_read: Vec<String>,
    /// Whether the schema is compared with the one that `migrate` makes in an empty database.
    pub schema_of_migrate: bool,
    /// Whether the cluster's superuser restores, who may start programs.
    pub as_superuser: bool,
}

/// How much of a backup is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestScope {
    /// All of it.
    Whole,
    /// All rows, and the bytes of some objects.
    Sample {
        /// How many objects.
        objects: usize,
        /// Which ones.
        seed: u64,
    },
    /// The schema only.
    Schema,
}

/// What holds the rows.
#[derive(Clone, Debug)]
pub enum RowsBackup {
    /// A dump of `pg_dump` or `pg_dumpall`.
    Dump {
        /// Where it is stored.
        origin: Origin,
        /// What its first bytes show that it is.
        recognised: Recognised,
    },
    /// The files of a cluster.
    Physical(PhysicalBackup),
}

impl RowsBackup {
    /// For people: its path or URL.
    pub fn shown(&self) -> String {
        match self {
            Self::Dump { origin, .. } => origin.shown().to_owned(),
            Self::Physical(backup) => backup.shown(),
        }
    }
}

/// A render that is asked for.
#[derive(Clone, Debug)]
pub struct ExpectedRender {
    /// The data.
    pub data: Value,
    /// The PDF that it must give, where one is known.
    pub golden: Option<Golden>,
}

/// RecoveryLimits of a recovery; a finding where one is exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryLimits {
    /// How old the newest row of the backup may be.
    pub age: Option<Duration>,
    /// How long the recovery may take.
    pub rto: Option<Duration>,
}

impl ExistingBackup {
    /// Where the site keeps its binaries: a bucket for those of a bucket, else a folder.
    pub fn method(&self) -> Method {
        let format = match &self.rows {
            RowsBackup::Dump { recognised: Recognised::Dump(head), .. } => head.format,
            RowsBackup::Dump { recognised: Recognised::Not(_), .. } | RowsBackup::Physical(_) => {
                DumpFormat::Custom
            }
        };
        let in_folder = self.assets.as_ref().is_none_or(|assets| assets.is_local() || !assets.is_folder());
        let topology = if in_folder { Topology::PostgresFiles } else { Topology::PostgresS3 };
        Method {
            topology,
            whole_cluster: matches!(self.rows, RowsBackup::Physical(_)),
            dump: DumpOptions {
                format,
                on_another_server: true,
                schema_only: self.scope == TestScope::Schema,
                ..DumpOptions::default()
            },
            ..Method::default()
        }
    }
}
