//! The contents of both stores at one instant: rows, sequences, the catalog and objects; and what the
//! harness knows about the items that it created. Read at the source and compared with the restored
//! stores. Pure values: the adapters in `system` fill them.

use crate::base::{
    checksum::Checksums,
    digest::{Digest, Hasher},
    ids::{AssetName, ObjectKey, TableName, TemplateKey},
    shared::Shared,
    sorted::{Packed, SortedMap, pack_json},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The objects of a bucket, by key.
pub type Objects = SortedMap<ObjectKey, ObjectState>;

/// The rows of a table, by key.
pub type TableRows = SortedMap<String, Row>;

/// Both stores at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The database.
    pub database: Database,
    /// The bucket, by key.
    pub objects: Objects,
    /// The results of batch jobs, by key, if they have a place of their own.
    pub results: Objects,
}

/// A database at one instant, read in one snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Every ordinary table outside the system schemas.
    pub tables: BTreeMap<TableName, Table>,
    /// Every sequence.
    pub sequences: BTreeMap<String, Sequence>,
    /// Every materialised view that is populated.
    pub materialized: BTreeMap<TableName, StoredQuery>,
    /// The schema.
    pub catalog: Catalog,
}

impl Database {
    /// Unlogged tables without a row.
    pub fn unlogged_without_rows(&self) -> Vec<TableName> {
        let tables = self.tables.iter().filter(|(_, table)| table.may_be_empty());
        tables.map(|(name, _)| name.clone()).collect()
    }
}

/// A table with its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Columns in their order.
    pub columns: Vec<String>,
    /// The rows by primary key (the key's values as JSON text), or by digest and running number
    /// where a table has no primary key.
    pub rows: TableRows,
    /// Of a large table: the digest that the server computed of its rows, which tells without reading them
    /// that they are the same.
    pub on_server: Option<Digest>,
    /// Where rows are kept in files: the files that could be read and are not what the profile
    /// describes, by path, and what is wrong with them.
    pub damaged: BTreeMap<String, String>,
    /// Whether its rows are those of other tables: a view, or a partitioned table.
    pub of_others: bool,
    /// Whether it is unlogged: a crash empties it, a base backup has none of its rows, and `pg_dump
    /// --no-unlogged-table-data` leaves them out.
    pub unlogged: bool,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// SHA-256 of the row's exact text output, all columns.
    pub digest: Digest,
    /// The row, for people and for the columns that the profile names. Null where the table is too large to
    /// keep.
    pub json: RowJson,
}

/// A row as JSON, kept as text: a value in memory takes four times as much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowJson(Option<Box<str>>);

impl RowJson {
    /// The value, parsed.
    pub fn value(&self) -> Value {
        self.0.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether nothing of the row was kept.
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Value> for RowJson {
    fn from(value: Value) -> Self {
        // Its members are in order: equal values have equal texts.
        Self((!value.is_null()).then(|| value.to_string().into()))
    }
}

impl Packed for Row {
    /// The digest, then the JSON after a zero byte.
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.digest.0);
        if let Some(json) = &self.json.0 {
            to.push(0);
            to.extend_from_slice(json.as_bytes());
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (digest, json) = bytes.split_first_chunk()?;
        let json = json.split_first().map(|(_, json)| String::from_utf8(json.to_vec())).transpose().ok()?;
        Some(Self { digest: Digest(*digest), json: RowJson(json.map(Into::into)) })
    }
}

impl Table {
    /// Whether its rows may be missing: PostgreSQL's own programs leave them out.
    pub fn may_be_empty(&self) -> bool {
        self.unlogged && self.rows.is_empty()
    }

    /// One digest over all rows and keys: the table's content.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for (key, row) in &self.rows {
            hasher.field(key);
            hasher.field(row.digest.0);
        }
        hasher.finish()
    }
}

/// A sequence and the column that it feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The value that the next `nextval` hands out.
    pub next: i64,
    /// The increment; negative where it counts down.
    pub increment: i64,
    /// The column that owns it, if one does.
    pub feeds: Option<(TableName, String)>,
    /// The column's greatest value (least, for a negative increment); none for an empty table.
    pub reached: Option<i64>,
    /// Whether it has handed out a value, or was set to one.
    #[serde(default)]
    pub called: bool,
    /// Whether it begins again at its end, so that a lower position is no loss.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cycles: bool,
}

/// The schema of a database: each object's name and its definition as PostgreSQL prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// By `kind name` (`column assets.filename`, `index assets_pkey`, `constraint …`, `trigger …`,
    /// `view …`, `function …`, `type …`, `extension …`): the table that it belongs to, if any, and
    /// its definition.
    pub parts: BTreeMap<String, (Option<TableName>, String)>,
    /// Every object as `pg_dump --schema-only` writes it, by kind and name; none where it was not dumped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<BTreeMap<String, String>>,
    /// Owners and privileges that differ from those of a new object of the site's role, by kind and name;
    /// none where they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<BTreeMap<String, ObjectAccess>>,
}

/// Who owns an object, and who may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectAccess {
    /// The owner, if it is not the role that looked.
    pub owner: Option<String>,
    /// What is granted: `SELECT to reader`.
    pub granted: BTreeSet<String>,
    /// What a new object of its kind would have.
    pub by_default: BTreeSet<String>,
}

/// A materialised view at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredQuery {
    /// How many rows it holds, and their checksum, whatever their order.
    pub rows: String,
    /// The same of what its query returned at that instant; none where the query failed.
    pub query: Option<String>,
}

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectState {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes as they were read.
    pub sha256: Digest,
    /// The other checksums that rows record.
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub checksums: Checksums,
    /// The headers that the store keeps with them.
    #[serde(default)]
    pub metadata: Metadata,
}

impl Packed for ObjectState {
    /// Size and digest, then what else there is as JSON.
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.size.to_le_bytes());
        to.extend_from_slice(&self.sha256.0);
        let rest = (&self.checksums, &self.metadata);
        if rest != (&Checksums::default(), &Metadata::default()) {
            pack_json(&rest, to);
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (size, bytes) = bytes.split_first_chunk()?;
        let (sha256, rest) = bytes.split_first_chunk()?;
        let (checksums, metadata) = match rest {
            [] => Default::default(),
            rest => serde_json::from_slice(rest).ok()?,
        };
        Some(Self { size: u64::from_le_bytes(*size), sha256: Digest(*sha256), checksums, metadata })
    }
}

/// The headers that a store keeps with an object's bytes, by lower-case name:
/// `content-type`, `cache-control`, `x-amz-meta-owner`. A folder keeps none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub BTreeMap<String, String>);

impl Metadata {
    /// The prefix of user-defined headers, which the store does not interpret.
    pub const USER: &str = "x-amz-meta-";

    /// A content type and nothing else.
    pub fn of_type(content_type: impl Into<String>) -> Self {
        Self(BTreeMap::from([("content-type".to_owned(), content_type.into())]))
    }

    /// The headers that `after` lacks or changes, before and after, as text; `None` if there is no such
    /// header. Additional user-defined headers (rclone's `x-amz-meta-mtime`) do not count.
    pub fn changed(&self, after: &Self) -> Option<(String, String)> {
        let MapChange { set, gone } = change(&self.0, &after.0);
        let counts = |name: &&String| self.0.contains_key(*name) || !name.starts_with(Self::USER);
        let names: Vec<&String> = set.keys().filter(counts).chain(&gone).collect();
        let describe = |of: &Self| {
            let one = |name: &&String| format!("{name}: {}", of.0.get(*name).map_or("none", String::as_str));
            names.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        (!names.is_empty()).then(|| (describe(self), describe(after)))
    }
}

/// A difference between two maps: new and changed entries with their new values, and removed keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapChange<K: Ord, V> {
    /// New and changed entries.
    pub set: BTreeMap<K, V>,
    /// Removed keys.
    pub gone: Vec<K>,
}

/// The changes from `before` to `after`.
pub fn change<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> MapChange<K, V> {
    MapChange {
        set: after
            .iter()
            .filter(|(k, v)| before.get(k) != Some(v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        gone: before.keys().filter(|k| !after.contains_key(k)).cloned().collect(),
    }
}

impl<K: Ord + Clone, V: Clone> MapChange<K, V> {
    /// Applies the change to another map.
    pub fn apply(self, to: &mut BTreeMap<K, V>) {
        to.extend(self.set);
        for key in &self.gone {
            to.remove(key);
        }
    }
}

impl State {
    /// Adds only what a correct write changed between two reads of the source: damage by an earlier fault
    /// does not become part of the expected state.
    pub fn take_over(&mut self, before: &Self, after: &Self) {
        self.objects.take_over(&before.objects, &after.objects);
        self.results.take_over(&before.results, &after.results);
        for (name, table) in &after.database.tables {
            let mine = self.database.tables.entry(name.clone()).or_insert_with(|| table.clone());
            let empty = TableRows::default();
            let was = before.database.tables.get(name).map_or(&empty, |t| &t.rows);
            if mine.rows.take_over(was, &table.rows) {
                mine.on_server = None;
            }
        }
        change(&before.database.sequences, &after.database.sequences).apply(&mut self.database.sequences);
        change(&before.database.materialized, &after.database.materialized)
            .apply(&mut self.database.materialized);
    }

    /// Holds what equals a part of the other state only once.
    pub fn share_with(&mut self, other: &Self) {
        self.objects.share_with(&other.objects);
        self.results.share_with(&other.results);
        for (name, table) in &mut self.database.tables {
            if let Some(theirs) = other.database.tables.get(name) {
                table.rows.share_with(&theirs.rows);
            }
        }
    }
}

/// What the harness knows about the items that it created through the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The existing assets, by name.
    pub assets: Shared<BTreeMap<AssetName, KnownAsset>>,
    /// The existing templates.
    pub templates: BTreeMap<TemplateKey, KnownTemplate>,
    /// The completed batch jobs, by the engine's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jobs: BTreeMap<String, KnownJob>,
    /// The batch jobs in flight, by the engine's id, with the template of their first document.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfinished: BTreeMap<String, TemplateKey>,
}

/// A completed batch job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownJob {
    /// The template of its first document, which is its name for people.
    pub template: TemplateKey,
    /// SHA-256 of the results as they were polled, as JSON text.
    pub results: Digest,
}

/// An asset as it was sent and as the engine answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAsset {
    /// The engine's id.
    pub id: String,
    /// The storage key.
    pub key: ObjectKey,
    /// Bytes that were sent.
    pub size: u64,
    /// SHA-256 of what was sent.
    pub sha256: Digest,
}

/// A template, the data that it is rendered with, and its known-good render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownTemplate {
    /// The data for the render, asset references in place.
    pub data: Value,
    /// The assets that a render with this data needs.
    pub assets: Vec<AssetName>,
    /// The assets among them that are certain to be visible in the known-good PDF: a definition may refer
    /// to an asset in a branch that its data does not take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<AssetName>,
    /// The known-good PDF: its digest and its file.
    pub golden: Option<Golden>,
}

/// A known-good PDF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Where it is.
    pub path: std::path::PathBuf,
}

impl Known {
    /// The asset that owns an object key.
    pub fn owner(&self, key: &ObjectKey) -> Option<&AssetName> {
        self.assets.iter().find(|(_, asset)| asset.key == *key).map(|(name, _)| name)
    }

    /// The assets by their object keys.
    pub fn owners(&self) -> BTreeMap<&ObjectKey, &AssetName> {
        self.assets.iter().map(|(name, asset)| (&asset.key, name)).collect()
    }

    /// The templates that a missing binary breaks.
    pub fn broken_by<'a>(&'a self, asset: &'a AssetName) -> impl Iterator<Item = &'a TemplateKey> {
        self.templates.iter().filter(move |(_, t)| t.assets.contains(asset)).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> ObjectState {
        ObjectState {
            size: text.len() as u64,
            sha256: Digest::of(text),
            checksums: Checksums::default(),
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn each_header_that_is_lost_or_changed_is_named_and_a_users_new_one_is_not() {
        let kept = |pairs: &[(&str, &str)]| {
            Metadata(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let before =
            kept(&[("cache-control", "no-cache"), ("content-type", "image/png"), ("x-amz-meta-a", "1")]);
        assert_eq!(before.changed(&before), None);
        let lost = |after: &[(&str, &str)]| {
            let (was, is) = before.changed(&kept(after)).unwrap();
            format!("{was} / {is}")
        };
        assert_eq!(
            lost(&[("content-type", "image/jpeg"), ("x-amz-meta-a", "1"), ("x-amz-meta-mtime", "2")]),
            "content-type: image/png, cache-control: no-cache / content-type: image/jpeg, cache-control: none"
        );
        let all = [("cache-control", "no-cache"), ("content-type", "image/png")];
        assert_eq!(lost(&all), "x-amz-meta-a: 1 / x-amz-meta-a: none");
        let user = ("x-amz-meta-a", "1");
        let encoded = [all[0], all[1], user, ("content-encoding", "gzip")];
        assert_eq!(lost(&encoded), "content-encoding: none / content-encoding: gzip");
        assert_eq!(before.changed(&kept(&[all[0], all[1], user, ("x-amz-meta-mtime", "2")])), None);
    }

    #[test]
    fn a_write_is_taken_over_and_damage_before_it_is_not() {
        let state = |pairs: &[(&str, &str)]| State {
            objects: pairs.iter().map(|(k, v)| (ObjectKey::from(*k), object(v))).collect(),
            ..State::default()
        };
        let mut expected = state(&[("a", "1"), ("b", "2")]);
        let damaged = state(&[("b", "2")]);
        let written = state(&[("b", "3"), ("c", "4")]);
        expected.take_over(&damaged, &written);
        assert_eq!(expected, state(&[("a", "1"), ("b", "3"), ("c", "4")]));
    }
}
