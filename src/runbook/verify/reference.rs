//! What a restored site is compared with. A check without its part of the reference answers that it
//! was skipped, and why; nothing is compared with itself.

use crate::{
    base::{
        ids::{AssetName, ObjectKey, TableName, TemplateKey},
        sorted::SortedMap,
    },
    model::{
        figures::{EarlierFigures, SchemaOrigin, SchemaReference},
        finding::Entity,
        state::{Database, Known, State, Table},
        workload::{BackupMethod, Load, Marks, Times, Written, write_outcome::Judged},
    },
    plan::ExpectedRender,
    procedure::manifest::Manifest,
    runbook::verify::{api_snapshot::ApiSnapshot, render::releases::Releases},
};
use std::collections::BTreeMap;

/// What must be there after the restore, as far as it was recorded.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// Rows, sequences, schema and objects of the source at the cut point; none for a backup that
    /// existed before the run.
    pub state: Option<State>,
    /// Assets and templates with their known-good PDFs.
    pub known: Known,
    /// Renders that the user asked for, with a known-good PDF where one was given.
    pub renders: BTreeMap<TemplateKey, ExpectedRender>,
    /// What each version and label rendered as at the source; recorded for baseline drills.
    pub releases: Releases,
    /// The manifest that was recorded with the backup.
    pub manifest: Option<Manifest>,
    /// Tenants, labels, runs and dead letters as the API listed them.
    pub api: Option<ApiSnapshot>,
    /// Whether nothing was written since the API listed that.
    pub api_is_current: bool,
    /// The schema that the restoring release makes in an empty database, and the migrations that it
    /// records, where the backup is of another release.
    pub schema: Option<Database>,
    /// Schemas that the restored one must contain.
    pub schemas: Vec<SchemaReference>,
    /// Figures that the restored ones may be lower than by so many percent.
    pub earlier: (Vec<EarlierFigures>, u8),
    /// Objects of an existing backup that were listed and not read, with their sizes: those outside of a sample.
    pub listed: SortedMap<ObjectKey, u64>,
    /// Whether only the schema was restored.
    pub schema_only: bool,
    /// Writes that were in flight while the backup ran. What is new since then and theirs is judged by
    /// the check of acknowledged writes alone; the rest must come back exactly, as without them.
    pub workload: Option<UnderLoad>,
}

impl Reference {
    /// The recorded database.
    pub fn database(&self) -> Option<&Database> {
        self.state.as_ref().map(|state| &state.database)
    }

    /// Whether objects of the schema were recorded as `pg_dump` writes them, of the same time as what is observed
    /// after the restore.
    pub fn has_definitions(&self) -> bool {
        let was = self.schema.as_ref().or(self.database());
        was.is_some_and(|was| was.catalog.definitions.is_some())
            || self.schemas.iter().any(|schema| schema.read_from == SchemaOrigin::Source)
    }

    /// A recorded table.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.database()?.tables.get(name)
    }
}

/// The writes in flight, and the backup that they raced.
#[derive(Clone, Debug)]
pub struct UnderLoad {
    /// How the writers were configured.
    pub load: Load,
    /// All that they wrote.
    pub writes: Vec<Written>,
    /// How the backups were taken.
    pub way: BackupMethod,
    /// When the backup read the stores; none where it did not read both.
    pub times: Option<Times>,
    /// The results of its earlier backups.
    pub earlier: Vec<(Times, Vec<Judged>)>,
    /// What marks its rows and objects.
    pub marks: Marks,
}

/// What people call the objects of a run: also those that came after the cut point.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<ObjectKey, AssetName>);

impl Names {
    /// Learns an asset's key.
    pub fn learn(&mut self, key: ObjectKey, name: AssetName) {
        self.0.insert(key, name);
    }

    /// The asset that an object belongs to, if it is known.
    pub fn asset(&self, key: &ObjectKey) -> Option<&AssetName> {
        self.0.get(key)
    }

    /// The asset by its name, else the object by its key.
    pub fn entity(&self, key: &ObjectKey) -> Entity {
        self.asset(key).map_or_else(|| Entity::Object(key.clone()), |name| Entity::Asset(name.clone()))
    }
}
