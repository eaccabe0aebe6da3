//! Sorted string tables: immutable lists of entries in the byte order of their keys, of any size with little
//! memory. Complete blocks of entries lie compressed in a temporary file without a name, which the system removes
//! when the table is dropped or the process ends; the last block and an index of the others are in memory.
//! [`ExternalSort`] makes tables of entries that come in any order.
//!
//! If the temporary file cannot be written (a full disk), blocks stay in memory, compressed: nothing is lost, only
//! the memory is not bounded. A block that cannot be read back is a panic: no result may be derived from it.

mod sort;
mod table;
mod write;

pub use sort::{ExternalSort, Merged};
pub use table::{Entries, SortedTable};
pub use write::TableWriter;

/// An entry: its key and its value.
pub type TableEntry = (String, Vec<u8>);

/// Appends an entry to a block: the lengths of key and value as two little-endian `u64`, then both.
fn append(block: &mut Vec<u8>, key: &str, value: &[u8]) {
    block.extend_from_slice(&(key.len() as u64).to_le_bytes());
    block.extend_from_slice(&(value.len() as u64).to_le_bytes());
    block.extend_from_slice(key.as_bytes());
    block.extend_from_slice(value);
}

/// The bytes of a key and of its value at a place of a block, and where the next entry begins; none at its end.
fn parse(block: &[u8], at: usize) -> Option<(&[u8], &[u8], usize)> {
    let length = |at: usize| {
        let bytes = block.get(at..at + 8)?;
        usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let (key, value) = (at + 16, at + 16 + length(at)?);
    let end = value + length(at + 8)?;
    Some((block.get(key..value)?, block.get(value..end)?, end))
}
