//! What a run's record gives when it is rendered again, to hold the stored files against, and how
//! those are read.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    evidence::dsse::Envelope,
    journal::read::EVENTS,
    model::{event::Entry, record::RunRecord},
    report::{self, ReportFormat},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

/// No small file of ours is longer, in bytes; a longer one is not read.
const LARGEST: u64 = 64 << 20;

/// A report as the record renders it.
pub(super) struct Rendered {
    /// Its name in the run's folder.
    pub(super) name: String,
    /// What must be in it.
    pub(super) bytes: Vec<u8>,
}

/// Renders all reports of the folder's record; none where another version wrote the run, which may have
/// rendered otherwise.
pub(super) fn render(dir: &Path, record: &RunRecord) -> Result<Option<Vec<Rendered>>, Error> {
    if !report::is_ours(record) {
        return Ok(None);
    }
    let files = ReportFormat::ALL.into_iter().map(|format| {
        Ok(Rendered { name: format.file_name().to_owned(), bytes: format.render(dir, record)? })
    });
    files.collect::<Result<_, Error>>().map(Some)
}

/// The journal as its entries are spelled: other spellings of the same, and what a reader passes over,
/// are not what the run wrote.
pub(super) fn spelled(entries: &[Entry]) -> Result<Rendered, Error> {
    let mut bytes = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry).or_harness(|| "can't write an event as JSON".to_owned())?;
        bytes.push(b'\n');
    }
    Ok(Rendered { name: EVENTS.to_owned(), bytes })
}

#[derive(Deserialize)]
struct Statement {
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

/// The files that a statement is about; what can't be read is about none.
pub(super) fn subjects(payload: &[u8]) -> Vec<(String, Option<Digest>)> {
    let statement: Option<Statement> = serde_json::from_slice(payload).ok();
    let subjects = statement.map(|s| s.subject).unwrap_or_default();
    subjects.into_iter().map(|s| (s.name, s.digest.get("sha256").and_then(|d| d.parse().ok()))).collect()
}

/// The reports that an attestation is about, for runs that can't be rendered again.
pub(super) fn attested(envelope: Option<&Envelope>) -> Vec<String> {
    let payload = envelope.and_then(|e| e.payload().ok()).unwrap_or_default();
    let names = subjects(&payload).into_iter().map(|(name, _)| name);
    names.filter(|name| name != EVENTS && !name.contains('/')).collect()
}

/// Where a file begins to differ from what must be in it.
pub(super) fn first_difference(path: &Path, expected: &[u8]) -> String {
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut found));
    if let Err(error) = read {
        return error.to_string();
    }
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let line = 1 + expected[..same].iter().filter(|b| **b == b'\n').count();
    format!("from byte {same} (line {line}) on: {} bytes instead of {}", found.len(), expected.len())
}

/// A file that a run keeps small; a link in its place is not followed.
pub(super) fn small(path: &Path) -> Result<Vec<u8>, String> {
    let meta = fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(format!("it is not a file of at most {LARGEST} bytes"));
    }
    fs::read(path).map_err(|e| e.to_string())
}
