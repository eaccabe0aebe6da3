//! RunRecord to files. Every report is a pure function of the record, so that an old run renders again
//! to the same bytes. No report touches a live system.

use crate::{base::error::Error, journal::folder, model::record::RunRecord};
use std::path::{Path, PathBuf};

// Each report may import those declared before it.
pub mod facts;
mod format;
mod inputs;

pub mod controls;
mod kinds;
pub mod headline;
pub mod runbook;
pub mod workload;

pub mod html;
pub mod junit;
pub mod oscal;
pub mod pages;
pub mod terminal;

pub mod detection;

pub mod pdf;

pub use format::ReportFormat;
pub use inputs::{Evidence, PARTS_COMMAND, json};

/// Whether this version wrote the run. Another version may have rendered it differently.
pub fn is_ours(record: &RunRecord) -> bool {
    let ours = concat!("pulp-drill ", env!("CARGO_PKG_VERSION"));
    record.started.as_ref().is_some_and(|started| started.harness == ours)
}

impl ReportFormat {
    /// The bytes of the report, made from the record and from the run's folder: the journal's digest and
    /// the kept PDFs.
    ///
    /// # Errors
    /// Blames the harness where the report cannot be made.
    pub fn render(self, dir: &Path, record: &RunRecord) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Record => json(record)?.into_bytes(),
            Self::Junit => junit::render(record)?.into_bytes(),
            Self::Oscal => oscal::render(record, &Evidence::of(dir, record)?)?.into_bytes(),
            Self::Pdf => pdf::render(record, &Evidence::of(dir, record)?)?,
            Self::Annex => pdf::annex::render(record)?,
            Self::Html => html::render(record, &pages::load(record, dir)).into_bytes(),
        })
    }
}

/// Writes all reports of a run into its folder, each completely or not at all, and returns their paths
/// in the order of [`ReportFormat::ALL`].
///
/// # Errors
/// Blames the environment where a file cannot be written, the harness where one cannot be made.
pub fn write_all(dir: &Path, record: &RunRecord) -> Result<Vec<PathBuf>, Error> {
    let write = |format: ReportFormat| {
        let path = dir.join(format.file_name());
        folder::write_whole(&path, &format.render(dir, record)?)?;
        Ok(path)
    };
    ReportFormat::ALL.into_iter().map(write).collect()
}
