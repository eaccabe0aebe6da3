//! Whether two PDFs are the same, and where they differ.
//!
//! Bytes first: equal bytes are [`Comparison::Identical`]. Otherwise both files are read strictly
//! (nothing is repaired: a file that needs repair is [`NotAPdf`]) and their canonical forms compared.
//! The canonical form (`canonical`) is the content of the document, independent of how the file encodes it.
//! It does not render: two documents with the same appearance but different structure are different.
//!
//! Known limit: lopdf reads real numbers as `f32`, so a change beyond seven digits of a number
//! outside content streams goes undetected when every other byte of the document is the same.

#![warn(unreachable_pub)]

mod canonical;
mod content;
mod decode;
mod differences;
mod digest;
mod guard;
mod load;
mod pages;
mod text;
mod types;
mod value;
mod xmp;

use canonical::walk::walk;
use load::Loaded;
use serde::{Deserialize, Serialize};

pub use types::{Comparison, Difference, DifferenceKind, DifferenceOrigin, NotAPdf, Side};

/// How many pages a PDF has; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageCount(pub u32);

/// Compares two PDFs; see [`Comparison`].
///
/// # Errors
/// One of them is not a complete PDF, is encrypted, or exceeds the limits (256 MB, 512 MB decompressed).
pub fn compare(expected: &[u8], actual: &[u8]) -> Result<Comparison, NotAPdf> {
    load::outline(expected).map_err(|e| e.on(Side::Expected))?;
    load::outline(actual).map_err(|e| e.on(Side::Actual))?;
    if expected == actual {
        return Ok(Comparison::Identical);
    }
    let (expected, actual) = (expected.to_vec(), actual.to_vec());
    guard::guarded(move || {
        let read = |bytes: &[u8], side| Loaded::read(bytes).map_err(|e: NotAPdf| e.on(side));
        let (expected, actual) = (read(&expected, Side::Expected)?, read(&actual, Side::Actual)?);
        let before = walk(&expected).map_err(|e| e.on(Side::Expected))?;
        let after = walk(&actual).map_err(|e| e.on(Side::Actual))?;
        if before.digest() == after.digest() {
            let ignored = differences::ignored(&before, &after);
            return Ok(Comparison::SameApartFromMetadata { ignored });
        }
        let (differences, more) = differences::between(&before, &after, &expected, &actual);
        let origin = differences::origin(&before, &after, &expected, &actual);
        Ok(Comparison::Different { differences, more, origin })
    })
}

/// The digest of the canonical form: equal for two PDFs exactly when [`compare`] finds them
/// identical or the same apart from metadata.
///
/// # Errors
/// As [`compare`].
pub fn canonical_digest(bytes: &[u8]) -> Result<[u8; 32], NotAPdf> {
    load::outline(bytes)?;
    let bytes = bytes.to_vec();
    guard::guarded(move || Ok(walk(&Loaded::read(&bytes)?)?.digest()))
}

/// Whether it is a whole PDF: header, `%%EOF` at the end, a `startxref` that points at a
/// cross-reference, objects that parse, streams that decode to their last byte and a page tree with at
/// least one page.
///
/// # Errors
/// It is not; or as [`compare`].
pub fn well_formed(bytes: &[u8]) -> Result<PageCount, NotAPdf> {
    load::outline(bytes)?;
    let bytes = bytes.to_vec();
    guard::guarded(move || {
        let loaded = Loaded::read(&bytes)?;
        decode::all_decode(&loaded)?;
        let count = pages::PageTree::of(&loaded)?.leaves.len();
        Ok(PageCount(u32::try_from(count).unwrap_or(u32::MAX)))
    })
}

/// The words of all pages, sorted, each once: the same for two layouts of the same text, also where
/// a table's header is repeated on each page. Empty where the text can't be extracted; never used to decide
/// whether two PDFs are the same.
///
/// # Errors
/// As [`compare`].
pub fn words(bytes: &[u8]) -> Result<Vec<String>, NotAPdf> {
    load::outline(bytes)?;
    let bytes = bytes.to_vec();
    guard::guarded(move || {
        let loaded = Loaded::read(&bytes)?;
        let pages = u32::try_from(pages::PageTree::of(&loaded)?.leaves.len()).unwrap_or(u32::MAX);
        let mut words = text::words_of_document(&loaded, pages);
        words.sort_unstable();
        words.dedup();
        Ok(words)
    })
}

/// The sizes in pixels of the pictures in a PDF, masks left out; unsorted.
///
/// # Errors
/// As [`compare`].
pub fn picture_sizes(bytes: &[u8]) -> Result<Vec<(usize, usize)>, NotAPdf> {
    load::outline(bytes)?;
    let bytes = bytes.to_vec();
    guard::guarded(move || Ok(load::picture_sizes(&Loaded::read(&bytes)?)))
}

#[cfg(test)]
mod tests;
