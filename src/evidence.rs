//! The evidence of a run: what is written beside its reports so that somebody else can tell later,
//! without us, whether anything was changed, and who says so.
//!
//! The journal is chained and sealed already. Here its bytes are signed ([`SIGNATURE`]), the verdict
//! is attested over the digests of all files ([`ATTESTATION`]), runs of one report folder are chained
//! to one another ([`chain`]), and all of it is verified again ([`verify`]) or packed ([`bundle`]).
//! It signs what is in the record; whether the record is true is not its to know.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    evidence::{dsse::Envelope, key::SigningKey, statement::Subjects},
    journal::{folder, read::EVENTS},
    model::record::RunRecord,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub mod bundle;
pub mod chain;
mod dsse;
mod inventory;
pub mod key;
mod statement;
pub mod verify;

pub use key::NAMESPACE;

/// The in-toto statement in its DSSE envelope; without signatures where the run is not signed.
pub const ATTESTATION: &str = "attestation.dsse.json";

/// The signature over [`EVENTS`], as `ssh-keygen -Y verify` reads it.
pub const SIGNATURE: &str = "events.jsonl.sig";

/// The public half of the key that signed. It vouches for nothing by itself: compare it with one
/// that came another way.
pub const SIGNER: &str = "signer.pub";

/// The name in a run's configuration under which it says which key signs it.
pub const SIGNED_BY: &str = "signing key";

/// What stands under [`SIGNED_BY`] where none does.
pub const UNSIGNED: &str = "none";

/// Writes the evidence of a run that has ended and whose reports are written. The same record, files
/// and key give the same bytes.
///
/// # Errors
/// Blames the environment where a file can't be read or written, the harness where the run has not
/// ended or its journal names another signer.
pub fn seal(
    dir: &Path,
    record: &RunRecord,
    reports: &[PathBuf],
    key: Option<&SigningKey>,
) -> Result<(), Error> {
    let signer = key.map_or_else(|| UNSIGNED.to_owned(), |key| key.public().fingerprint());
    if record.finished.is_none() || signer_of(record) != Some(signer.as_str()) {
        return Err(Error::harness("the run has not ended, or its journal names another signer"));
    }
    let reports = reports.iter().filter_map(|path| path.file_name()?.to_str()).map(str::to_owned);
    let subjects = statement::names(record, reports).into_iter().map(|name| {
        let path = dir.join(&name);
        let digest = Digest::of_file(&path).or_environment(|| format!("can't read {}", path.display()))?;
        Ok((name, digest))
    });
    let subjects: Subjects = subjects.collect::<Result<_, Error>>()?;
    let envelope = Envelope::new(statement::text(record, &subjects)?, key);
    folder::write_whole(&dir.join(ATTESTATION), envelope.text()?.as_bytes())?;
    let Some(key) = key else { return Ok(()) };
    let path = dir.join(EVENTS);
    let events = fs::read(&path).or_environment(|| format!("can't read {}", path.display()))?;
    folder::write_whole(&dir.join(SIGNATURE), key.sign_file(&events)?.as_bytes())?;
    folder::write_whole(&dir.join(SIGNER), key.public().line()?.as_bytes())
}

/// What the journal says about who signs the run: a fingerprint, [`UNSIGNED`], or nothing.
fn signer_of(record: &RunRecord) -> Option<&str> {
    record.started.as_ref()?.config.get(SIGNED_BY).map(String::as_str)
}
