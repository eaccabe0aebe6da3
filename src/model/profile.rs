//! The target profile: the description of an application whose rows point at binaries. The harness
//! hard-codes no table or column; a user edits a copy of the shipped profile
//! (`profiles/pulp-engine.yaml`) for the real schema.

use crate::{
    base::{checksum::ChecksumAlgorithm, ids::TableName, pattern},
    model::write::WriteOrder,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

pub mod assertion;
pub mod binary;
pub mod column;
pub mod key;
pub mod pdf;
pub mod read_back;
pub mod run;
pub mod start;
pub mod write_commands;

pub use assertion::Assertion;
pub use binary::{Binary, BinaryStore, SizeRange};
pub use column::{ColumnPath, Condition};
pub use pdf::{PageMask, PdfDepth, PdfRule};
pub use read_back::ReadBack;
pub use run::{PortVariable, ReadyCheck, Signal, StopCommand, TargetApi, Within};
pub use start::{AtStart, Due, EngineStart, RunRows};
pub use write_commands::WriteCommands;

/// The tables in which migration tools record applied migrations: no entity's rows.
const MIGRATIONS: [&str; 2] = ["_prisma_migrations", "_schema_migrations"];

/// A target profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// The profile's folder: where its commands run.
    #[serde(skip)]
    #[schemars(skip)]
    pub folder: PathBuf,
    /// The application and releases that it describes.
    pub name: String,
    /// The API that the harness uses.
    #[serde(default)]
    pub api: TargetApi,
    /// The durable entities, by the name that findings use.
    pub entities: BTreeMap<String, ProfileEntity>,
    /// Tables whose rows a backup need not contain (scratch tables, locks).
    #[serde(default)]
    pub ignore_tables: Vec<TableName>,
    /// How many rows the migration itself writes into an empty database, by table: a site with no more
    /// rows counts as empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fresh_rows: BTreeMap<TableName, u64>,
    /// Objects to which no row refers by design: patterns of keys in which `*` stands for any text
    /// (`*__*`), or what keys begin with (`thumbnails/`).
    #[serde(default)]
    pub ignore_objects: Vec<String>,
    /// The answer to a render whose binary is missing; required with `api: pulp-engine`. Without an API
    /// nothing is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_binary: Option<MissingBinary>,
    /// How alike a render and its known-good PDF must be.
    #[serde(default)]
    pub pdf: PdfRule,
    /// The order in which the target's writes touch the two stores.
    pub write_order: WriteOrder,
    /// The environment variable that sets the order of writes for a scenario with `writes`:
    /// `upload=row-first,replace=new-key,delete=row-first,batch=binary-first`. Without it no scenario
    /// can have `writes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_order_env: Option<String>,
    /// The command that migrates the database, and creates the schema of an empty one. The name
    /// `pulp-drill` stands for this program.
    pub migrate: Vec<String>,
    /// The command that starts the target if there is no `--engine`; `${PORT}` is the port that it must
    /// listen on, `${PORT2}` one that it may use. Without it and without an API nothing is started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// The readiness probe; `/health/ready` for an engine, required with `start` if there is no API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadyCheck>,
    /// How the target is stopped.
    #[serde(default)]
    pub stop: StopCommand,
    /// The command that seeds an empty site; required without an API, because seeds are created through
    /// the API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seed: Vec<String>,
    /// Commands that write while a backup runs, for scenarios with writes under load; only without an API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<WriteCommands>,
    /// Programs that the commands need; if one is not installed, scenarios of this target are skipped
    /// with that reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Additional environment variables of the target and the commands: `PGURL: ${DATABASE_URL}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The migration command in a form that stops half way and fails, as if it had been killed; without
    /// it no scenario can inject that fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrate_by_half: Vec<String>,
    /// How to obtain the previous release; without it no scenario can have `schema: previous`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_release: Option<PreviousRelease>,
    /// What must be true after a restore, by name: each is a check of its own in every report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub assertions: BTreeMap<String, Assertion>,
    /// Where the rows are in file mode (runbook 6); without it the target has no file mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<FileMode>,
}

/// The previous release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PreviousRelease {
    /// Its additional environment variables, also for its migrations.
    pub env: BTreeMap<String, String>,
}

/// Rows in files (`STORAGE_MODE=file`): which files hold which table, and what the tables mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileMode {
    /// The files of each table.
    pub tables: BTreeMap<TableName, FileTable>,
    /// The durable entities, as for a database; they replace `entities` above in file mode.
    pub entities: BTreeMap<String, ProfileEntity>,
}

/// The files that hold the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileTable {
    /// Their folder.
    pub folder: RowFolder,
    /// Which files, as a path below it: `.assets-index.json`, `*/template.json`. A `*` stands for
    /// any part of one name, but not for the dot that a name begins with.
    pub files: String,
    /// The format of such a file.
    pub form: FileForm,
    /// The member that contains the table's rows, if they are part of other rows: a list, or an object
    /// of rows by name. It is then excluded from those other rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// For rows within rows: members that are copied from the outer row, as labels for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherit: Vec<String>,
    /// The members that identify a row; by default its position: the file's path, the name in the object,
    /// the line number, and all of them for rows within rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
}

/// A folder with rows in file mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RowFolder {
    /// `TEMPLATES_DIR`.
    Templates,
    /// `ASSETS_DIR`.
    Assets,
}

/// The format of a file with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileForm {
    /// A JSON object: one row.
    Object,
    /// A JSON object whose members are the rows.
    ObjectOfRows,
    /// JSON Lines: a row a line.
    Lines,
}

/// A durable entity and where its rows are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProfileEntity {
    /// Its table or view, with its schema unless that is `public`: `storage.objects`. Names as PostgreSQL
    /// stores them; a part with a dot is quoted.
    pub table: TableName,
    /// Only rows whose columns have these values, if several entities share the table.
    #[serde(default, rename = "where", skip_serializing_if = "Condition::is_empty")]
    pub only: Condition,
    /// No rows in which one of these columns has one of these values.
    #[serde(default, rename = "where-not", skip_serializing_if = "Condition::is_empty")]
    pub except: Condition,
    /// The columns that name a row for people, joined by `@`; a dot goes into a JSON column
    /// (`definition.key`, `items.0.template`). Without it the primary key is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label: Vec<ColumnPath>,
    /// Columns whose changes are not a loss (last seen, heartbeat).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<String>,
    /// The column that marks a row as deleted, if it is neither NULL, false, 0 nor empty. The object of such
    /// a row may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_deleted: Option<ColumnPath>,
    /// The binaries to which each row refers: one, or a list.
    #[serde(
        default,
        rename = "binary",
        deserialize_with = "one_or_several",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "one_or_several_schema")]
    pub binaries: Vec<Binary>,
    /// For templates' versions: the JSON column with the definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// For schedules: the column with the next run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<String>,
    /// The changes that an engine may make to its rows at startup; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_start: Vec<AtStart>,
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Binary>, D::Error> {
    struct Binaries;
    impl<'de> serde::de::Visitor<'de> for Binaries {
        type Value = Vec<Binary>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Vec<Binary>, A::Error> {
            let one = Binary::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
            Ok(vec![one])
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Vec<Binary>, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Binaries)
}

fn one_or_several_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let one = generator.subschema_for::<Binary>();
    let several = generator.subschema_for::<Vec<Binary>>();
    schemars::json_schema!({ "anyOf": [one, several] })
}

/// The answer to a refused render: the code is in `code` or in any `issues[].code` of an answer
/// that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MissingBinary {
    /// The HTTP status; by default any that is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The documented code.
    pub code: String,
}

impl Profile {
    /// What must happen when the target is ready, for people.
    pub fn ready_shown(&self) -> String {
        self.ready.clone().unwrap_or_default().describe()
    }

    /// How long it may take to stop.
    pub fn grace(&self) -> Duration {
        self.stop.within.0
    }

    /// The entities of a row fault on an asset: `asset` if there is one, else every entity whose rows point
    /// at binaries.
    pub fn assets(&self) -> Vec<(&ProfileEntity, &Binary)> {
        let asset = self.entities.get("asset").and_then(|e| Some((e, e.binaries.first()?)));
        asset.map_or_else(|| self.with_binaries().collect(), |asset| vec![asset])
    }

    /// The profile in file mode; `None` if the target has no file mode.
    pub fn in_file_mode(&self) -> Option<Self> {
        let entities = self.file_mode.as_ref()?.entities.clone();
        Some(Self { entities, ..self.clone() })
    }

    /// Whether it describes schedules.
    pub fn keeps_schedules(&self) -> bool {
        self.entities.values().any(|entity| entity.next_run.is_some())
    }

    /// The number of rows that an empty database may have, by table: those of the profile, and those of the
    /// migration tool.
    pub fn fresh(&self) -> BTreeMap<String, u64> {
        let said = self.fresh_rows.iter().map(|(table, rows)| (table.to_string(), *rows));
        said.chain(MIGRATIONS.map(|table| (table.to_owned(), u64::MAX))).collect()
    }

    /// Whether a backup need not contain the rows of a table: the profile ignores them, or a migration
    /// tool writes them.
    pub fn is_without_data(&self, table: &TableName) -> bool {
        self.ignore_tables.contains(table) || MIGRATIONS.contains(&table.as_str())
    }

    /// The entity of a row.
    pub fn entity_of(&self, table: &TableName, row: &serde_json::Value) -> Option<&ProfileEntity> {
        let mut of_table = self.entities.values().filter(|entity| entity.table == *table);
        of_table.find(|entity| entity.selects(row))
    }

    /// The entities whose rows point at binaries.
    pub fn with_binaries(&self) -> impl Iterator<Item = (&ProfileEntity, &Binary)> {
        self.entities.values().flat_map(|e| e.binaries.iter().map(move |b| (e, b)))
    }

    /// The checksums that its rows record; SHA-256 is always computed.
    pub fn checksums(&self) -> BTreeSet<ChecksumAlgorithm> {
        let all = self.with_binaries().flat_map(|(_, binary)| binary.checksums());
        all.map(|(algorithm, _)| algorithm).filter(|a| *a != ChecksumAlgorithm::Sha256).collect()
    }

    /// Whether no row refers to an object by design.
    pub fn ignores(&self, key: &str) -> bool {
        let fits = |pattern: &String| match pattern.contains('*') {
            true => pattern::matches(pattern, key),
            false => key.starts_with(pattern.as_str()),
        };
        self.ignore_objects.iter().any(fits)
    }

    /// The columns of a table that its entities name, JSON columns as a whole. What is compared and
    /// reported of a row needs no others.
    pub fn columns_of(&self, table: &TableName) -> impl Iterator<Item = &str> {
        let entities = self.entities.values().filter(move |entity| entity.table == *table);
        entities.flat_map(|entity| {
            let rules = entity.at_start.iter().flat_map(AtStart::columns);
            entity.columns().chain(entity.next_run.as_deref()).chain(rules)
        })
    }

    /// The name of a row for people: its label columns, else its key.
    pub fn row_name(&self, table: &TableName, key: &str, json: &serde_json::Value) -> String {
        let label = self.entity_of(table, json).and_then(|entity| entity.label_of(json));
        label.unwrap_or_else(|| key.to_owned())
    }
}

impl ProfileEntity {
    /// Whether a row of its table is one of its rows.
    pub fn selects(&self, row: &serde_json::Value) -> bool {
        self.only.holds(row) && !self.except.holds_in_part(row)
    }

    /// Whether a row is marked as deleted.
    pub fn is_deleted(&self, row: &serde_json::Value) -> bool {
        let mark = self.soft_deleted.as_ref().and_then(|path| path.value(row));
        binary::marks_deleted(mark.as_deref())
    }

    /// The label of a row; `None` if a part of it has no value.
    pub fn label_of(&self, row: &serde_json::Value) -> Option<String> {
        let text = |path: &ColumnPath| {
            path.value(row).filter(|value| !value.is_null()).map(|value| match &*value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        let parts: Vec<String> = self.label.iter().map(text).collect::<Option<_>>()?;
        (!parts.is_empty()).then(|| parts.join("@"))
    }

    /// The columns that tell which rows are its, what they are called, and to what they refer.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let conditions = self.only.0.keys().chain(self.except.0.keys());
        let paths = conditions.chain(&self.label).chain(&self.soft_deleted);
        paths.map(ColumnPath::column).chain(self.binaries.iter().flat_map(Binary::columns))
    }
}
