//! Faults in the archive of WAL.

use crate::{
    base::error::{Error, ErrorContext},
    model::fault::Fault,
    runbook::fault::{FaultSite, Injected},
};
use std::path::PathBuf;

/// Injects a fault in the archive; none where it is not one of these.
pub fn inject(fault: &Fault, target: &FaultSite<'_>) -> Result<Option<Injected>, Error> {
    match fault {
        Fault::LoseSegment => lose(target).map(Some),
        Fault::CorruptSegment => corrupt(target).map(Some),
        _ => Ok(None),
    }
}

/// Removes a segment: what an expiry by age or a failed upload that nobody saw leaves.
fn lose(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let Some(path) = last_but_one(target)? else { return Ok(Injected::nothing("no such segment")) };
    std::fs::remove_file(&path).or_environment(|| format!("can't remove {}", path.display()))?;
    Ok(Injected::changed(format!("{} removed", path.display())))
}

/// Changes a byte in the middle of what is written in a segment; the rest of it is zeros.
fn corrupt(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let Some(path) = last_but_one(target)? else { return Ok(Injected::nothing("no such segment")) };
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

/// The last segment but one in the archive: the last holds the recovery target, this one what was
/// written between the base backup and it.
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
