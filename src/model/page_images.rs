//! The images of PDF pages that a run keeps: which pages of a render differ from the known-good PDF, and the
//! files that show it. They are drawn once, at the end of the run, so that every build renders the same report.

use serde::{Deserialize, Serialize};

/// The comparison of a known-good PDF with a render, as images of their pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageComparison {
    /// The first pages that look different.
    Pages {
        /// In their order.
        pages: Vec<PageImages>,
        /// Pages that look different and are not shown.
        more: usize,
        /// Pages that look the same.
        same: usize,
        /// Pages that were not compared.
        not_compared: usize,
    },
    /// The same two PDFs are shown with the artefact of this path.
    ShownWith(String),
    /// Why there is no image.
    NotDrawn(String),
}

/// One page of both PDFs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageImages {
    /// From 1.
    pub number: usize,
    /// The known-good page; `None` if that PDF has no such page.
    pub expected: Option<ImageFile>,
    /// The rendered page; `None` if that PDF has no such page.
    pub actual: Option<ImageFile>,
    /// Where they differ; `None` if one of them is missing.
    pub difference: Option<ImageFile>,
    /// How many pixels of a thousand differ, at least 1.
    pub permille: u32,
}

/// A PNG among the artefacts of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// Below the run's folder.
    pub path: String,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}
