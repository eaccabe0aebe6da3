//! Faults in a backup's files.

use crate::{
    base::trouble::{OrTrouble, Trouble},
    model::fault::Fault,
    runbook::fault::{Injected, Target},
};

/// Injects a fault in a backup's file; none where it is not one of these.
pub fn inject(fault: &Fault, target: &Target<'_>) -> Result<Option<Injected>, Trouble> {
    match fault {
        Fault::TruncateDump => truncate_dump(target).map(Some),
        _ => Ok(None),
    }
}

/// Cuts the dump file in half: what a full disk or a broken transfer leaves.
fn truncate_dump(target: &Target<'_>) -> Result<Injected, Trouble> {
    let Some(path) = &target.backup.dump else {
        return Ok(Injected::nothing("there is no dump yet"));
    };
    let what = || format!("can't cut {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(path).or_environment(what)?;
    let before = file.metadata().or_environment(what)?.len();
    file.set_len(before / 2).or_environment(what)?;
    Ok(Injected { changed: before > 1, detail: format!("{before} bytes became {}", before / 2) })
}
