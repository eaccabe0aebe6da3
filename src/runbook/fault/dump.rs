//! Faults in a backup's files.

use crate::{
    base::error::{Error, ErrorContext},
    runbook::fault::site::Injected,
};
use std::path::Path;

/// Truncates a file to its first half, as a full disk or an interrupted transfer does.
///
/// # Errors
/// The file cannot be changed.
pub fn truncate(path: Option<&Path>, what: &str) -> Result<Injected, Error> {
    let Some(path) = path else {
        return Ok(Injected::nothing(format!("the backup has no {what} yet")));
    };
    let context = || format!("can't truncate {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(path).or_environment(context)?;
    let before = file.metadata().or_environment(context)?.len();
    file.set_len(before / 2).or_environment(context)?;
    Ok(Injected { changed: before > 1, detail: format!("{before} bytes became {}", before / 2) })
}
