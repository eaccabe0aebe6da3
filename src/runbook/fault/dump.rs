//! Faults in a backup's files.

use crate::{
    base::error::{Error, ErrorContext},
    runbook::fault::site::Injected,
};
use std::{path::Path, time::SystemTime};

/// Truncates a file to its first half, as a full disk or an interrupted transfer does.
///
/// # Errors
/// The file cannot be changed.
pub fn truncate(path: Option<&Path>, what: &str) -> Result<Injected, Error> {
    resize(path, what, |size| size / 2)
}

/// Truncates a file to another size.
///
/// # Errors
/// The file cannot be changed.
pub fn resize(path: Option<&Path>, what: &str, size: impl FnOnce(u64) -> u64) -> Result<Injected, Error> {
    let Some(path) = path else { return Ok(none(what)) };
    let context = || format!("can't truncate {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(path).or_environment(context)?;
    let before = file.metadata().or_environment(context)?.len();
    let after = size(before);
    file.set_len(after).or_environment(context)?;
    Ok(Injected { changed: before != after, detail: format!("{before} bytes became {after}") })
}

/// Changes a byte near the end of a file, where a dump has its rows, as a failing disk does.
///
/// # Errors
/// The file cannot be changed.
pub fn change_byte(path: Option<&Path>, what: &str) -> Result<Injected, Error> {
    let Some(path) = path else { return Ok(none(what)) };
    let context = || format!("can't change {}", path.display());
    let mut bytes = std::fs::read(path).or_environment(context)?;
    let place = bytes.len() - bytes.len() / 16;
    let Some(byte) = bytes.get_mut(place) else { return Ok(Injected::nothing("the file is empty")) };
    *byte ^= 0xff;
    let detail = format!("byte {place} of {} changed", bytes.len());
    std::fs::write(path, bytes).or_environment(context)?;
    Ok(Injected::changed(detail))
}

/// Gives a file the time of another day.
///
/// # Errors
/// The file cannot be changed.
pub fn touch(path: Option<&Path>, what: &str) -> Result<Injected, Error> {
    let Some(path) = path else { return Ok(none(what)) };
    let context = || format!("can't change the time of {}", path.display());
    let file = std::fs::OpenOptions::new().append(true).open(path).or_environment(context)?;
    file.set_modified(SystemTime::UNIX_EPOCH).or_environment(context)?;
    Ok(Injected::changed("the file's time is 1970-01-01"))
}

fn none(what: &str) -> Injected {
    Injected::nothing(format!("the backup has no {what} yet"))
}
