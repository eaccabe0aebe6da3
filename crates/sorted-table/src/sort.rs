//! An external merge sort: entries are collected up to a limit, sorted and written as tables, which are merged.

use crate::{
    TableEntry, append, parse,
    table::{Entries, SortedTable},
    write::TableWriter,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// So many bytes are sorted in memory.
const COLLECTED: usize = 8 * 1024 * 1024;

/// So many tables are merged at a time, at most: each holds one block in memory.
const MERGED: usize = 16;

/// Sorts entries by key, then by value. Equal ones stay.
pub struct ExternalSort {
    limit: usize,
    collected: Vec<u8>,
    /// Where the collected entries begin.
    begins: Vec<usize>,
    /// Sorted tables; those of a level were merged equally often.
    levels: Vec<Vec<SortedTable>>,
}

impl Default for ExternalSort {
    fn default() -> Self {
        Self::with_limit(COLLECTED)
    }
}

impl ExternalSort {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sorts so many bytes at a time in memory.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit, collected: Vec::new(), begins: Vec::new(), levels: Vec::new() }
    }

    /// Adds an entry.
    pub fn add(&mut self, key: &str, value: &[u8]) {
        self.begins.push(self.collected.len());
        append(&mut self.collected, key, value);
        if self.collected.len() >= self.limit {
            let table = self.sorted();
            self.keep(table, 0);
        }
    }

    /// All entries, in order.
    pub fn entries(mut self) -> Merged {
        let last = self.sorted();
        let tables = self.levels.into_iter().flatten().chain(Some(last));
        Merged::of(tables.filter(|table| !table.is_empty()))
    }

    /// All entries as a table. Where nothing has to be merged, nothing is written again.
    pub fn table(mut self) -> SortedTable {
        if self.levels.is_empty() {
            return self.sorted();
        }
        written(self.entries())
    }

    /// The collected entries as a table.
    fn sorted(&mut self) -> SortedTable {
        let entry = |at: &usize| parse(&self.collected, *at).map(|(key, value, _)| (key, value));
        self.begins.sort_unstable_by(|a, b| entry(a).cmp(&entry(b)));
        let mut writer = TableWriter::new();
        for (key, value) in self.begins.iter().filter_map(entry) {
            writer.push(&String::from_utf8_lossy(key), value);
        }
        self.begins.clear();
        self.collected.clear();
        writer.finish()
    }

    fn keep(&mut self, table: SortedTable, level: usize) {
        if self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(table);
        if self.levels[level].len() == MERGED {
            let merged = written(Merged::of(std::mem::take(&mut self.levels[level])));
            self.keep(merged, level + 1);
        }
    }
}

fn written(entries: impl Iterator<Item = TableEntry>) -> SortedTable {
    let mut writer = TableWriter::new();
    entries.for_each(|(key, value)| writer.push(&key, &value));
    writer.finish()
}

/// The entries of several tables in order.
pub struct Merged {
    tables: Vec<Entries>,
    /// The next entry of each table that has one, with the table's number.
    next: BinaryHeap<Reverse<(TableEntry, usize)>>,
}

impl Merged {
    /// Merges tables.
    pub fn of(tables: impl IntoIterator<Item = SortedTable>) -> Self {
        let mut tables: Vec<Entries> = tables.into_iter().map(|table| table.iter()).collect();
        let next = tables.iter_mut().enumerate();
        let next = next.filter_map(|(number, table)| Some(Reverse((table.next()?, number)))).collect();
        Self { tables, next }
    }
}

impl Iterator for Merged {
    type Item = TableEntry;

    fn next(&mut self) -> Option<TableEntry> {
        let Reverse((entry, number)) = self.next.pop()?;
        let following = self.tables[number].next();
        self.next.extend(following.map(|entry| Reverse((entry, number))));
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys that often begin alike or are the same; values so long that a few fill a block.
    fn entries() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
        let value = prop_oneof![3 => 0..8_usize, 1 => 30_000..70_000_usize];
        let entry =
            ("[ab]{0,3}", value, any::<u8>()).prop_map(|(key, length, byte)| (key, vec![byte; length]));
        prop::collection::vec(entry, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_sort_of_any_size_is_the_sort_in_memory(entries in entries(), limit in 1..200_000_usize) {
            let mut sorted = entries.clone();
            sorted.sort();
            let sort = || {
                let mut sort = ExternalSort::with_limit(limit);
                entries.iter().for_each(|(key, value)| sort.add(key, value));
                sort
            };
            prop_assert_eq!(&sort().entries().collect::<Vec<_>>(), &sorted);
            let table = sort().table();
            prop_assert_eq!(table.len(), sorted.len());
            prop_assert_eq!(&table.iter().collect::<Vec<_>>(), &sorted);
            for key in ["", "a", "ab", "b", "bbb", "c"] {
                let from: Vec<_> = sorted.iter().filter(|(k, _)| k.as_str() >= key).cloned().collect();
                prop_assert_eq!(table.range_from(key).collect::<Vec<_>>(), from.clone());
                let first = from.into_iter().next().filter(|(k, _)| k == key).map(|(_, value)| value);
                prop_assert_eq!(table.get(key), first);
            }
        }
    }

    #[test]
    fn many_small_tables_are_merged_in_levels() {
        let mut sort = ExternalSort::with_limit(1);
        let entries: Vec<TableEntry> = (0..600).rev().map(|n| (format!("{n:03}"), vec![7])).collect();
        entries.iter().for_each(|(key, value)| sort.add(key, value));
        // 600 tables are 37 of 16 and 8 more; 37 are 2 of 16 and 5 more.
        let levels: Vec<usize> = sort.levels.iter().map(Vec::len).collect();
        assert_eq!(levels, [8, 5, 2]);
        assert!(sort.entries().map(|(key, _)| key).is_sorted());
    }

    #[test]
    fn a_sort_holds_so_many_bytes_and_no_more() {
        assert_eq!(ExternalSort::new().limit, 8 << 20);
        // An entry has 16 bytes of lengths, a key of one byte and its value.
        let mut sort = ExternalSort::with_limit(40);
        sort.add("b", b"123");
        assert!(sort.levels.is_empty() && sort.collected.len() == 20);
        sort.add("a", b"123");
        assert!(sort.levels.len() == 1 && sort.collected.is_empty());
    }
}
