//! What a restore brought back, in figures: what a later run is compared with.

use crate::base::ids::TableName;
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
    /// Rows whose object is there with the recorded size and digest.
    pub matched: u64,
    /// Tables whose rows were not compared with any reference although other tables were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<TableName>,
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
}

/// A figure that is lower than an earlier one by more than the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// The table; none for the objects.
    pub table: Option<TableName>,
    /// What is counted: `rows`, `objects`, `bytes of objects`.
    pub unit: &'static str,
    /// The earlier figure.
    pub before: u64,
    /// The present one; none for a table that is gone.
    pub now: Option<u64>,
}

impl RestoredFigures {
    /// What dropped by more than so many percent. A table that is gone and one that became empty always
    /// count.
    pub fn drops(&self, earlier: &EarlierFigures, percent: u8) -> Vec<Drop> {
        let too_few = |before: u64, now: u64| {
            let least = u128::from(before) * u128::from(100 - percent.min(100));
            u128::from(now) * 100 < least || (now == 0 && before > 0)
        };
        let tables = earlier.tables.iter().map(|(table, before)| {
            let now = self.tables.get(table).copied();
            Drop { table: Some(table.clone()), unit: "rows", before: *before, now }
        });
        let stores = earlier.objects.into_iter().flat_map(|(objects, bytes)| {
            let drop = |unit, before, now| Drop { table: None, unit, before, now: Some(now) };
            [drop("objects", objects, self.objects), drop("bytes of objects", bytes, self.bytes)]
        });
        tables.chain(stores).filter(|drop| drop.now.is_none_or(|now| too_few(drop.before, now))).collect()
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
        };
        let figures = |a, b, c, objects, bytes| RestoredFigures {
            tables: [("a", a), ("b", b), ("c", c), ("none", 0)]
                .map(|(table, rows)| (table.into(), rows))
                .into(),
            objects,
            bytes,
            ..RestoredFigures::default()
        };
        let drops = |now: RestoredFigures, percent| -> Vec<String> {
            let name = |drop: Drop| drop.table.map_or(drop.unit.to_owned(), |table| table.to_string());
            now.drops(&earlier, percent).into_iter().map(name).collect()
        };
        assert_eq!(drops(figures(95, 1, 200, 950, u64::MAX), 5), ["gone"]);
        assert_eq!(drops(figures(94, 0, 100, 949, 1), 5), ["a", "b", "gone", "objects", "bytes of objects"]);
        assert_eq!(drops(figures(1, 0, 0, 1, 1), 100), ["b", "c", "gone"]);
    }
}
