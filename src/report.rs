//! RunRecord to files: a pure function of the record, so that an old run can be rendered again and
//! comes out the same, byte for byte. No report touches a live system.

use crate::{
    base::trouble::{OrTrouble as _, Trouble},
    journal::folder,
    model::record::RunRecord,
};
use std::path::{Path, PathBuf};

pub mod html;
pub mod junit;
pub mod pages;
pub mod terminal;

/// The record as JSON, as it is kept in `record.json`.
///
/// # Errors
/// Blames the harness.
pub fn json(record: &RunRecord) -> Result<String, Trouble> {
    let text =
        serde_json::to_string_pretty(record).or_harness(|| "can't write the record as JSON".to_owned());
    Ok(text? + "\n")
}

/// Writes all reports of a run into its folder, each whole or not at all, and names them.
/// `report.html` also shows what PDFs in the folder show.
///
/// # Errors
/// Blames the surroundings where a file can't be written, the harness where one can't be made.
pub fn write_all(dir: &Path, record: &RunRecord) -> Result<Vec<PathBuf>, Trouble> {
    let write = |(name, text): (&str, String)| {
        let path = dir.join(name);
        folder::write_whole(&path, text.as_bytes()).map(|()| path)
    };
    let record_json = write(("record.json", json(record)?))?;
    let junit_xml = write(("junit.xml", junit::render(record)?))?;
    // Last: it reads PDFs, and the others are there whatever becomes of that.
    let report_html = write(("report.html", html::render(record, &pages::pictures(record, dir))))?;
    Ok(vec![record_json, junit_xml, report_html])
}
