//! What reports print beside the record: digests, the record as JSON, the command of a merged run.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    journal::read::EVENTS,
    model::record::RunRecord,
};
use serde::Serialize;
use std::path::Path;

/// The setting of a merged run that holds the command of its first part.
pub const PARTS_COMMAND: &str = "command of the parts";

/// The digests that a report prints beside the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of `record.json`.
    pub record: Digest,
    /// SHA-256 of the journal; `None` if it cannot be read.
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

/// The record, or another result, as JSON; as in `record.json`.
///
/// # Errors
/// Blames the harness.
pub fn json(result: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(result).or_harness(|| "can't write JSON".to_owned());
    Ok(text? + "\n")
}
