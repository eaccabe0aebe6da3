//! Faults in the WAL archive.

use crate::{
    base::error::{Error, ErrorContext},
    runbook::fault::site::{FaultSite, Injected},
};
use std::path::PathBuf;

/// Deletes a segment, as an expiry by age or an unnoticed failed upload does.
pub fn delete(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let Some(path) = last_but_one(target)? else {
        return Ok(Injected::nothing("the archive has no such segment"));
    };
    std::fs::remove_file(&path).or_environment(|| format!("can't delete {}", path.display()))?;
    Ok(Injected::changed(format!("{} deleted", path.display())))
}

/// Changes a byte in the middle of the used part of a segment; the rest of it is zeros.
pub fn corrupt(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let Some(path) = last_but_one(target)? else {
        return Ok(Injected::nothing("the archive has no such segment"));
    };
    let what = || format!("can't change {}", path.display());
    let mut bytes = std::fs::read(&path).or_environment(what)?;
    let Some(end) = bytes.iter().rposition(|byte| *byte != 0) else {
        return Ok(Injected::nothing(format!("{} is empty", path.display())));
    };
    let at = end / 2;
    bytes[at] ^= 0xff;
    std::fs::write(&path, bytes).or_environment(what)?;
    Ok(Injected::changed(format!("{}: byte {at} of {end} changed", path.display())))
}

/// Adds a temporary file, as an `archive_command` leaves it that was killed while it copied.
pub fn add_stray_file(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let Some(server) = &target.site.server else { return Ok(Injected::nothing("the site has no archive")) };
    let path = server.archive().join("000000010000000000000000.tmp");
    std::fs::write(&path, b"incomplete").or_environment(|| format!("can't write {}", path.display()))?;
    Ok(Injected::changed(format!("{} added", path.display())))
}

/// The last segment but one in the archive: the last contains the recovery target, this one the
/// writes between the base backup and the target.
fn last_but_one(target: &FaultSite<'_>) -> Result<Option<PathBuf>, Error> {
    let Some(server) = &target.site.server else { return Ok(None) };
    let archive = server.archive();
    let context = || format!("can't list {}", archive.display());
    let mut segments = Vec::new();
    for entry in archive.read_dir().or_environment(context)? {
        let path = entry.or_environment(context)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Beside them are backup history files, `<segment>.<offset>.backup`.
        if name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            segments.push(path.clone());
        }
    }
    segments.sort();
    segments.pop();
    Ok(segments.pop())
}
