//! The target profile: the description of an application whose rows point at binaries. The harness
//! hard-codes no table or column; a user edits a copy of the shipped profile
//! (`profiles/pulp-engine.yaml`) for the real schema.

use crate::{base::ids::TableName, model::write::WriteOrder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

pub mod run;
pub mod start;

pub use run::{ReadyCheck, Signal, StopCommand, TargetApi, Within};
pub use start::{AtStart, Due, EngineStart, RunRows};

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
    /// Object key prefixes that no row points at by design.
    #[serde(default)]
    pub ignore_objects: Vec<String>,
    /// The answer to a render whose binary is missing; required with `api: pulp-engine`. Without an API
    /// nothing is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_binary: Option<MissingBinary>,
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
    /// listen on. Without it and without an API nothing is started.
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
    /// Its table.
    pub table: TableName,
    /// The columns that name a row for people, joined by `@`; a dot goes into a JSON column
    /// (`definition.key`, `items.0.template`). Without it the primary key is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label: Vec<String>,
    /// Columns whose changes are not a loss (last seen, heartbeat).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<String>,
    /// The binary that each row points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<Binary>,
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

/// The columns that describe a binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Binary {
    /// The object key.
    pub key: String,
    /// Its store.
    #[serde(default, skip_serializing_if = "BinaryStore::is_default")]
    pub store: BinaryStore,
    /// The size in bytes, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The media type, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The SHA-256 in hex, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where a row's binary is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryStore {
    /// With the assets.
    #[default]
    Assets,
    /// With the results of batch jobs, if they have a place of their own.
    Results,
}

impl BinaryStore {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
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
    /// The path of the readiness probe, on an HTTP server on 127.0.0.1.
    pub fn ready_path(&self) -> &str {
        self.ready.as_ref().map_or("/health/ready", |ready| &ready.path)
    }

    /// How long it may take to stop.
    pub fn grace(&self) -> Duration {
        self.stop.within.0
    }

    /// The entities of a row fault on an asset: `asset` if there is one, else every entity whose rows point
    /// at binaries.
    pub fn assets(&self) -> Vec<(&ProfileEntity, &Binary)> {
        let asset = self.entities.get("asset").and_then(|e| Some((e, e.binary.as_ref()?)));
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

    /// The entity of a table.
    pub fn entity_of(&self, table: &TableName) -> Option<&ProfileEntity> {
        self.entities.values().find(|e| e.table == *table)
    }

    /// The entities whose rows point at binaries.
    pub fn with_binaries(&self) -> impl Iterator<Item = (&ProfileEntity, &Binary)> {
        self.entities.values().filter_map(|e| e.binary.as_ref().map(|b| (e, b)))
    }

    /// The columns of a table that its entities name, JSON columns as a whole. What is compared and
    /// reported of a row needs no others.
    pub fn columns_of(&self, table: &TableName) -> impl Iterator<Item = &str> {
        let entities = self.entities.values().filter(move |entity| entity.table == *table);
        entities.flat_map(|entity| {
            let label = entity.label.iter().map(|path| path.split('.').next().unwrap_or_default());
            let binary = entity.binary.iter().flat_map(|binary| {
                let optional = [&binary.size, &binary.media_type, &binary.sha256];
                std::iter::once(binary.key.as_str()).chain(optional.into_iter().filter_map(Option::as_deref))
            });
            let rules = entity.at_start.iter().flat_map(AtStart::columns);
            label.chain(binary).chain(entity.next_run.as_deref()).chain(rules)
        })
    }

    /// The name of a row for people: its label columns, else its key.
    pub fn row_name(&self, table: &TableName, key: &str, json: &serde_json::Value) -> String {
        let label = self.entity_of(table).map_or(&[][..], |e| &e.label[..]);
        let parts: Option<Vec<String>> = label.iter().map(|path| text_at(json, path)).collect();
        match parts {
            Some(parts) if !parts.is_empty() => parts.join("@"),
            Some(_) | None => key.to_owned(),
        }
    }
}

/// The text at a dotted path.
fn text_at<'a>(json: &'a serde_json::Value, path: &str) -> Option<String> {
    let member = |value: &'a serde_json::Value, name: &str| match name.parse::<usize>() {
        Ok(index) if value.is_array() => value.get(index),
        Ok(_) | Err(_) => value.get(name),
    };
    match path.split('.').try_fold(json, member)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
