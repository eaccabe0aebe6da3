//! Faults in a backup's files.

use crate::{
    base::trouble::{OrTrouble, Trouble},
    model::fault::{Archive, Fault},
    runbook::fault::{Injected, Target},
};
use std::path::Path;

/// Injects a fault in a backup's file; none where it is not one of these.
pub fn inject(fault: &Fault, target: &Target<'_>) -> Result<Option<Injected>, Trouble> {
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
pub(super) fn truncate(path: Option<&Path>, what: &str) -> Result<Injected, Trouble> {
    let Some(path) = path else {
        return Ok(Injected::nothing(format!("there is no {what} yet")));
    };
    let words = || format!("can't cut {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(path).or_environment(words)?;
    let before = file.metadata().or_environment(words)?.len();
    file.set_len(before / 2).or_environment(words)?;
    Ok(Injected { changed: before > 1, detail: format!("{before} bytes became {}", before / 2) })
}
