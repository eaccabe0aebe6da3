//! Faults in a backup's files.

use crate::{
    base::error::{Error, ErrorContext},
    model::fault::{Archive, Fault},
    runbook::fault::{FaultSite, Injected},
};
use std::path::Path;

/// Injects a fault in a backup's file; none where it is not one of these.
pub fn inject(fault: &Fault, target: &FaultSite<'_>) -> Result<Option<Injected>, Error> {
    match fault {
        Fault::TruncateDump => truncate(target.backup.dump.as_deref(), "dump").map(Some),
        Fault::TruncateArchive(Archive::Templates) => {
            truncate(target.backup.templates.as_deref(), "archive of the templates folder").map(Some)
        }
        Fault::TruncateArchive(Archive::Assets) => {
            truncate(target.backup.assets.as_deref(), "archive of the assets folder").map(Some)
        }
        _ => Ok(None),
    }
}

/// Cuts a file in half: what a full disk or a broken transfer leaves.
pub(super) fn truncate(path: Option<&Path>, what: &str) -> Result<Injected, Error> {
    let Some(path) = path else {
        return Ok(Injected::nothing(format!("there is no {what} yet")));
    };
    let context = || format!("can't cut {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(path).or_environment(context)?;
    let before = file.metadata().or_environment(context)?.len();
    file.set_len(before / 2).or_environment(context)?;
    Ok(Injected { changed: before > 1, detail: format!("{before} bytes became {}", before / 2) })
}
