//! The result of a comparison: how two documents differ, or why one cannot be read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How two PDFs compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Comparison {
    /// The same bytes.
    Identical,
    /// Different bytes, the same document: only what a new run of the same writer changes differs.
    SameApartFromMetadata {
        /// What differs and was not counted: `Info /ModDate`, `file layout`.
        ignored: Vec<String>,
    },
    /// Different documents.
    Different {
        /// The first of the differences, in the order of the expected document.
        differences: Vec<Difference>,
        /// How many more there are.
        more: usize,
        /// Where the difference comes from.
        origin: DifferenceOrigin,
    },
}

/// What most likely changed between two documents that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceOrigin {
    /// What the document says: words, pictures, annotations, attachments, title or author. Also where the
    /// words can't be read.
    Data,
    /// How it is set: the words in their order and the pictures are the same, so that fonts, layout or the
    /// version of the renderer differ.
    Environment,
}

impl DifferenceOrigin {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Data => "data: the content of the document differs",
            Self::Environment => {
                "environment: the same words and pictures; fonts, layout or the renderer differ"
            }
        }
    }
}

/// One difference, located.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The number of the object in the expected file; in the actual one if the expected lacks it.
    pub object: Option<u32>,
    /// The page, counted from 1.
    pub page: Option<u32>,
    /// What sort of thing differs.
    pub kind: DifferenceKind,
    /// Which thing: `page 1 /Resources /XObject /Im0`.
    pub what: String,
    /// What the expected file has there.
    pub expected: String,
    /// What the actual file has there.
    pub actual: String,
}

/// What sort of thing differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The number of pages.
    PageCount,
    /// A page's boxes, rotation or unit.
    PageSize,
    /// The text of a page.
    Text,
    /// An image.
    Image,
    /// A font.
    Font,
    /// The drawing instructions of a page, the text being the same.
    Content,
    /// Title, author and the like: metadata that is no date, id or producer.
    Metadata,
    /// Anything else: annotations, outlines, attachments, form fields.
    Structure,
}

/// One of the two files compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The known-good one.
    Expected,
    /// The one in question.
    Actual,
}

/// Bytes that are not a complete, readable PDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct NotAPdf {
    /// Which of the two files it is, where two are compared.
    pub side: Option<Side>,
    /// Why, as a lowercase fragment.
    pub why: String,
    /// The offset of the error in bytes, where known.
    pub offset: Option<u64>,
}

impl NotAPdf {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { side: None, why: why.into(), offset: None }
    }

    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset as u64);
        self
    }

    pub(crate) fn on(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }
}

impl fmt::Display for NotAPdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side {
            None => {}
            Some(Side::Expected) => f.write_str("the expected file is no readable PDF: ")?,
            Some(Side::Actual) => f.write_str("the actual file is no readable PDF: ")?,
        }
        f.write_str(&self.why)?;
        self.offset.map_or(Ok(()), |offset| write!(f, " (byte {offset})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_names_side_place_and_origin() {
        let broken = NotAPdf::new("is empty").at(7);
        assert_eq!(broken.to_string(), "is empty (byte 7)");
        assert_eq!(
            broken.on(Side::Actual).to_string(),
            "the actual file is no readable PDF: is empty (byte 7)"
        );
        assert!(DifferenceOrigin::Data.describe().starts_with("data: "));
        assert!(DifferenceOrigin::Environment.describe().starts_with("environment: "));
    }
}
