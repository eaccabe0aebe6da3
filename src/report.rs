//! RunRecord to files: a pure function of the record, so that an old run can be rendered again and
//! comes out the same, byte for byte. No report touches a live system.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    journal::{folder, read::EVENTS},
    model::record::RunRecord,
};
use std::path::{Path, PathBuf};

// Each report may import those declared before it.
pub mod controls;
mod kinds;
pub mod workload;

pub mod html;
pub mod junit;
pub mod oscal;
pub mod pages;
pub mod terminal;

pub mod pdf;

/// The setting of a joined run that holds the command of its first part.
pub const PARTS_COMMAND: &str = "command of the parts";

/// The digests that a report vouches by, beside the record itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of `record.json`.
    pub record: Digest,
    /// SHA-256 of the journal; none where there is none to read.
    pub journal: Option<Digest>,
}

impl Evidence {
    /// The digests of a record and of the journal in its folder.
    ///
    /// # Errors
    /// Blames the harness.
    pub fn of(dir: &Path, record: &RunRecord) -> Result<Self, Error> {
        let journal = Digest::of_file(&dir.join(EVENTS)).ok();
        Ok(Self { record: Digest::of(json(record)?), journal })
    }
}

/// The record as JSON, as it is kept in `record.json`.
///
/// # Errors
/// Blames the harness.
pub fn json(record: &RunRecord) -> Result<String, Error> {
    let text =
        serde_json::to_string_pretty(record).or_harness(|| "can't write the record as JSON".to_owned());
    Ok(text? + "\n")
}

/// Whether this version wrote the run: another one may have rendered it otherwise.
pub fn is_ours(record: &RunRecord) -> bool {
    let ours = concat!("pulp-drill ", env!("CARGO_PKG_VERSION"));
    record.started.as_ref().is_some_and(|started| started.harness == ours)
}

/// Writes all reports of a run into its folder, each whole or not at all, and names them.
/// `report.html` also shows what PDFs in the folder show.
///
/// # Errors
/// Blames the surroundings where a file can't be written, the harness where one can't be made.
pub fn write_all(dir: &Path, record: &RunRecord) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for name in NAMES {
        let path = dir.join(name);
        folder::write_whole(&path, &render(name, dir, record)?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// The reports of a run in their order. The page comes last: it reads PDFs, and the others are there
/// whatever becomes of that.
pub const NAMES: [&str; 5] =
    ["record.json", "junit.xml", "oscal-assessment-results.json", "report.pdf", "report.html"];

/// The bytes of one of [`NAMES`], made from the record and from what is in the run's folder beside it:
/// the digest of the journal, and the PDFs that were kept.
///
/// # Errors
/// Blames the harness where it can't be made.
pub fn render(name: &str, dir: &Path, record: &RunRecord) -> Result<Vec<u8>, Error> {
    Ok(match name {
        "record.json" => json(record)?.into_bytes(),
        "junit.xml" => junit::render(record)?.into_bytes(),
        "oscal-assessment-results.json" => oscal::render(record, &Evidence::of(dir, record)?)?.into_bytes(),
        "report.pdf" => pdf::render(record, &Evidence::of(dir, record)?)?,
        "report.html" => html::render(record, &pages::pictures(record, dir)).into_bytes(),
        other => return Err(Error::harness(format!("there is no report {other}"))),
    })
}
