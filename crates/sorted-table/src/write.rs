//! Writing a table, in the order of its keys.

use crate::{
    append,
    table::{Block, Place, SortedTable},
};
use std::{fs::File, io::Write as _};
use zstd::{bulk::Compressor, zstd_safe::CParameter};

/// A block is complete when it has so many bytes. Small enough to be read for one entry.
const BLOCK: usize = 64 * 1024;

/// Fast: what is written is read once or twice.
const LEVEL: i32 = 1;

/// Makes a table of entries that come in the byte order of their keys.
#[derive(Default)]
pub struct TableWriter {
    entries: usize,
    blocks: Vec<Block>,
    block: Vec<u8>,
    first: String,
    file: Option<File>,
    written: u64,
    compressor: Option<Compressor<'static>>,
}

impl TableWriter {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries it has so far.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it has none yet.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Adds an entry. Its key must not be less than the one before.
    pub fn push(&mut self, key: &str, value: &[u8]) {
        if self.block.len() >= BLOCK {
            self.complete();
        }
        if self.block.is_empty() {
            key.clone_into(&mut self.first);
        }
        append(&mut self.block, key, value);
        self.entries += 1;
    }

    /// The table.
    pub fn finish(self) -> SortedTable {
        SortedTable::new(self.entries, self.blocks, self.file, self.block)
    }

    fn complete(&mut self) {
        let bytes = self.compressed();
        let place = match self.store(&bytes) {
            Ok(offset) => Place::File { offset, length: bytes.len() },
            Err(_) => Place::Memory(bytes),
        };
        let first = std::mem::take(&mut self.first).into();
        self.blocks.push(Block { first, length: self.block.len(), place });
        self.block.clear();
    }

    fn compressed(&mut self) -> Vec<u8> {
        let compress = |compressor: &mut Option<Compressor<'static>>, block: &[u8]| {
            let compressor = match compressor {
                Some(compressor) => compressor,
                None => {
                    let mut new = Compressor::new(LEVEL)?;
                    new.set_parameter(CParameter::ChecksumFlag(true))?;
                    compressor.insert(new)
                }
            };
            compressor.compress(block)
        };
        match compress(&mut self.compressor, &self.block) {
            Ok(bytes) => bytes,
            Err(error) => panic!("zstd cannot compress a block in memory: {error}"),
        }
    }

    /// Appends the bytes to the file and gives where they begin.
    fn store(&mut self, bytes: &[u8]) -> std::io::Result<u64> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let offset = self.written;
        file.write_all(bytes).inspect_err(|_| {
            // Part of them may be there: what follows goes behind it.
            self.written = file.metadata().map_or(offset, |meta| meta.len());
        })?;
        self.written += bytes.len() as u64;
        Ok(offset)
    }
}
