//! Reading a table: whole, from a key on, or one entry.

use crate::{TableEntry, parse};
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError},
};

/// An immutable list of entries in the byte order of their keys. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SortedTable(Arc<Content>);

#[derive(Debug, Default)]
pub(crate) struct Content {
    /// How many entries there are.
    pub(crate) entries: usize,
    /// The complete blocks.
    pub(crate) blocks: Vec<Block>,
    /// The file that holds them.
    pub(crate) file: Option<File>,
    /// The last block.
    pub(crate) last: Arc<[u8]>,
    /// The block that was read last to find one entry.
    recent: Mutex<Option<(usize, Arc<[u8]>)>>,
}

/// A complete block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The key of its first entry.
    pub(crate) first: Box<str>,
    /// Its length when it is not compressed.
    pub(crate) length: usize,
    pub(crate) place: Place,
}

/// Where the compressed bytes of a block are.
#[derive(Debug)]
pub(crate) enum Place {
    File { offset: u64, length: usize },
    Memory(Vec<u8>),
}

impl SortedTable {
    pub(crate) fn new(entries: usize, blocks: Vec<Block>, file: Option<File>, last: Vec<u8>) -> Self {
        Self(Arc::new(Content { entries, blocks, file, last: last.into(), recent: Mutex::default() }))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.entries == 0
    }

    /// Whether both are one table.
    pub fn is_one_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value of a key; the first one where there are several.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        for number in self.block_of(key)..=self.0.blocks.len() {
            let (block, mut at) = (self.0.recent(number), 0);
            while let Some((found, value, next)) = parse(&block, at) {
                if found >= key.as_bytes() {
                    return (found == key.as_bytes()).then(|| value.to_vec());
                }
                at = next;
            }
        }
        None
    }

    /// All entries.
    pub fn iter(&self) -> Entries {
        Entries { content: Arc::clone(&self.0), next: 0, block: Arc::default(), at: 0 }
    }

    /// The entries with this key or a greater one.
    pub fn range_from(&self, key: &str) -> Entries {
        let number = self.block_of(key);
        let block = self.0.recent(number);
        let mut entries = Entries { content: Arc::clone(&self.0), next: number + 1, block, at: 0 };
        entries.skip_below(key.as_bytes());
        entries
    }

    /// The number of a block before whose beginning there is no entry with this key, and after whose end are
    /// only greater ones, unless the next block begins with it.
    fn block_of(&self, key: &str) -> usize {
        let blocks = &self.0.blocks;
        if parse(&self.0.last, 0).is_some_and(|(first, ..)| first < key.as_bytes()) {
            return blocks.len();
        }
        blocks.partition_point(|block| &*block.first < key).saturating_sub(1)
    }
}

impl Content {
    /// Reads a block.
    fn block(&self, number: usize) -> Arc<[u8]> {
        let Some(block) = self.blocks.get(number) else { return Arc::clone(&self.last) };
        let read = |offset, length| {
            let mut bytes = vec![0; length];
            self.file.as_ref().map(|file| file.read_exact_at(&mut bytes, offset)).transpose()?;
            zstd::bulk::decompress(&bytes, block.length)
        };
        let raw = match &block.place {
            Place::File { offset, length } => read(*offset, *length),
            Place::Memory(bytes) => zstd::bulk::decompress(bytes, block.length),
        };
        match raw {
            Ok(raw) => raw.into(),
            Err(error) => panic!("a temporary file of this process cannot be read back: {error}"),
        }
    }

    /// The same, and keeps it for the next time.
    fn recent(&self, number: usize) -> Arc<[u8]> {
        if number >= self.blocks.len() {
            return Arc::clone(&self.last);
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        match &*recent {
            Some((known, block)) if *known == number => Arc::clone(block),
            Some(_) | None => Arc::clone(&recent.insert((number, self.block(number))).1),
        }
    }
}

/// Entries of a table in order. Holds one block.
#[derive(Clone, Debug)]
pub struct Entries {
    content: Arc<Content>,
    /// The number of the block after this one.
    next: usize,
    block: Arc<[u8]>,
    at: usize,
}

impl Entries {
    fn skip_below(&mut self, key: &[u8]) {
        while self.fill() {
            let Some((found, _, next)) = parse(&self.block, self.at) else { return };
            if found >= key {
                return;
            }
            self.at = next;
        }
    }

    /// Reads the next block where this one has ended; whether there is an entry.
    fn fill(&mut self) -> bool {
        while self.at >= self.block.len() {
            if self.next > self.content.blocks.len() {
                return false;
            }
            (self.block, self.at) = (self.content.block(self.next), 0);
            self.next += 1;
        }
        true
    }
}

impl Iterator for Entries {
    type Item = TableEntry;

    fn next(&mut self) -> Option<TableEntry> {
        if !self.fill() {
            return None;
        }
        let (key, value, next) = parse(&self.block, self.at)?;
        let entry = (String::from_utf8_lossy(key).into_owned(), value.to_vec());
        self.at = next;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableWriter;

    /// Entries of a little more than 1 KiB.
    fn table(entries: usize) -> SortedTable {
        let mut writer = TableWriter::new();
        assert!(writer.is_empty());
        for number in 0..entries {
            writer.push(&format!("{number:04}"), &[7; 1024]);
        }
        assert_eq!((writer.len(), writer.is_empty()), (entries, entries == 0));
        writer.finish()
    }

    #[test]
    fn blocks_are_complete_at_their_size() {
        let table = table(200);
        // An entry has 1044 bytes: with the 63rd a block has 64 KiB.
        let lengths: Vec<usize> = table.0.blocks.iter().map(|block| block.length).collect();
        assert_eq!(lengths, [63 * 1044; 3]);
        assert_eq!(table.0.last.len(), 11 * 1044);
        assert!(!table.is_empty() && SortedTable::default().is_empty());
    }

    #[test]
    fn one_entry_is_looked_for_in_one_block() {
        let table = table(200);
        let of = |key: &str| table.block_of(key);
        assert_eq!(["", "0000", "0062", "0064", "0130", "0190", "9"].map(of), [0, 0, 0, 1, 2, 3, 3]);
        assert_eq!(table.get("0130"), Some(vec![7; 1024]));
        assert!(Arc::ptr_eq(&table.0.recent(1), &table.0.recent(1)), "the block read last is kept");
        assert!(!Arc::ptr_eq(&table.0.recent(1), &table.0.recent(2)));
    }

    #[test]
    fn a_clone_is_the_same_table_and_an_equal_one_is_not() {
        let one = table(1);
        assert!(one.is_one_with(&one.clone()));
        assert!(!one.is_one_with(&table(1)));
    }
}
