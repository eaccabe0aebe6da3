//! What a restore brought back, in figures: what a later run is compared with.

use crate::{base::ids::TableName, model::state::Sequence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came back, before the checks changed anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredFigures {
    /// Rows by table.
    pub tables: BTreeMap<TableName, u64>,
    /// Objects.
    pub objects: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// Objects of which only presence and size were compared: those outside of a sample.
    #[serde(default, skip_serializing_if = "is_none")]
    pub listed: u64,
    /// Rows whose object is there with the recorded size and digest.
    pub matched: u64,
    /// Unlogged tables without a row: PostgreSQL's own programs leave their rows out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlogged: Vec<TableName>,
    /// The schema of an existing backup; none where rows are in files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaFigures>,
    /// What was not compared with any reference although rows were.
    #[serde(default, skip_serializing_if = "NotCompared::is_empty")]
    pub not_compared: NotCompared,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(n: &u64) -> bool {
    *n == 0
}

/// What no reference covers although one covers rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// Tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableName>,
    /// Columns, indexes, constraints, triggers, policies and other parts of the schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub schema: bool,
    /// The positions of sequences.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sequences: bool,
}

impl NotCompared {
    /// Whether everything was compared.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && !self.schema && !self.sequences
    }
}

/// Parts of a schema by kind and name, as in [`Catalog::parts`](crate::model::state::Catalog::parts): the table
/// that each belongs to, and its definition or the first digits of its SHA-256.
pub type SchemaParts = BTreeMap<String, (Option<TableName>, String)>;

/// What a backup holds of a schema, in digests: a later one must hold it too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaFigures {
    /// The parts, with digests.
    pub parts: SchemaParts,
    /// The positions of sequences.
    pub sequences: BTreeMap<String, Sequence>,
    /// How many large objects there are.
    pub large_objects: u64,
    /// The major version of the server: each prints views and rules in its own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
}

/// A schema that the restored one must contain; the restored one may contain more.
#[derive(Clone, Debug)]
pub struct SchemaReference {
    /// Where it is from, for people.
    pub origin: String,
    /// What it was read from.
    pub read_from: SchemaOrigin,
    /// The major version of its server.
    pub major: Option<u32>,
    /// Its tables with their rows.
    pub tables: BTreeMap<TableName, u64>,
    /// Its parts.
    pub parts: SchemaParts,
    /// The positions of its sequences; none where they were not read, or show nothing.
    pub sequences: Option<BTreeMap<String, Sequence>>,
}

/// What a schema was read from, and so what may differ from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaOrigin {
    /// An empty database on the same server that migrations were run on.
    Migrations,
    /// The live source, which has gone on since the backup.
    Source,
    /// What was recorded with this backup, in digests.
    Manifest,
    /// What an earlier backup brought back, in digests.
    EarlierRun,
}

/// Figures of the same application from elsewhere: of an earlier restore, or of the live source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierFigures {
    /// Where they are from, for people.
    pub origin: String,
    /// Rows by table.
    pub tables: BTreeMap<TableName, u64>,
    /// Objects and their bytes, if they were counted.
    pub objects: Option<(u64, u64)>,
    /// Large objects, if they were counted.
    pub large_objects: Option<u64>,
}

/// A figure that is lower than an earlier one by more than the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// The table; none for the objects.
    pub table: Option<TableName>,
    /// What is counted: `rows`, `objects`, `bytes of objects`, `large objects`.
    pub unit: &'static str,
    /// The earlier figure.
    pub before: u64,
    /// The present one; none for a table that is gone.
    pub now: Option<u64>,
}

impl RestoredFigures {
    /// What dropped by more than so many percent. A table that is gone and one that became empty always
    /// count, except that an unlogged table may be empty.
    pub fn drops(&self, earlier: &EarlierFigures, percent: u8) -> Vec<Drop> {
        let too_few = |before: u64, now: u64| {
            let least = u128::from(before) * u128::from(100 - percent.min(100));
            u128::from(now) * 100 < least || (now == 0 && before > 0)
        };
        let tables = earlier.tables.iter().map(|(table, before)| {
            let now = self.tables.get(table).copied();
            Drop { table: Some(table.clone()), unit: "rows", before: *before, now }
        });
        let drop = |unit, before, now| Drop { table: None, unit, before, now: Some(now) };
        let stores = earlier.objects.into_iter().flat_map(|(objects, bytes)| {
            [drop("objects", objects, self.objects), drop("bytes of objects", bytes, self.bytes)]
        });
        let now = self.schema.as_ref().map(|schema| schema.large_objects);
        let large = earlier.large_objects.zip(now).map(|(before, now)| drop("large objects", before, now));
        tables
            .chain(stores)
            .chain(large)
            .filter(|drop| !drop.table.as_ref().is_some_and(|table| self.unlogged.contains(table)))
            .filter(|drop| drop.now.is_none_or(|now| too_few(drop.before, now)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_beyond_the_limit_counts_and_an_emptied_or_lost_table_always() {
        let earlier = EarlierFigures {
            origin: String::new(),
            tables: [("a", 100), ("b", 1), ("c", 100), ("gone", 0), ("none", 0)]
                .map(|(table, rows)| (table.into(), rows))
                .into(),
            objects: Some((1_000, u64::MAX)),
            large_objects: Some(2),
        };
        let figures = |a, b, c, objects, bytes| RestoredFigures {
            tables: [("a", a), ("b", b), ("c", c), ("none", 0)]
                .map(|(table, rows)| (table.into(), rows))
                .into(),
            objects,
            bytes,
            schema: Some(SchemaFigures { large_objects: 2, ..SchemaFigures::default() }),
            ..RestoredFigures::default()
        };
        let drops = |now: RestoredFigures, percent| -> Vec<String> {
            let name = |drop: Drop| drop.table.map_or(drop.unit.to_owned(), |table| table.to_string());
            now.drops(&earlier, percent).into_iter().map(name).collect()
        };
        assert_eq!(drops(figures(95, 1, 200, 950, u64::MAX), 5), ["gone"]);
        let unlogged = RestoredFigures { unlogged: vec!["a".into()], ..figures(0, 0, 100, 1_000, u64::MAX) };
        assert_eq!(drops(unlogged, 5), ["b", "gone"]);
        assert_eq!(drops(figures(94, 0, 100, 949, 1), 5), ["a", "b", "gone", "objects", "bytes of objects"]);
        let lost = RestoredFigures { schema: Some(SchemaFigures::default()), ..figures(1, 0, 0, 1, 1) };
        assert_eq!(drops(lost, 100), ["b", "c", "gone", "large objects"]);
    }
}
