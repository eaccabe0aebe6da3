//! Folders by `tar`: runbook 2.2 and 3.2 for binaries on a file system, 6 for file mode, option for
//! option.

use crate::{
    base::{
        process::{self, Command, Ran},
        trouble::{OrTrouble, Trouble},
    },
    journal::Logbook,
    model::finding::Finding,
    procedure::{backup_failed, restore_failed, said},
    site::Handles,
};
use std::{ffi::OsStr, path::Path, time::Duration};

/// No folder of a drill's size takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// `tar -czf TO -C "$(dirname DIR)" "$(basename DIR)"` (runbook 2.2, 6).
pub async fn back_up(
    site: &Handles,
    step: &str,
    folder: &Path,
    to: &Path,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let (above, name) = parts(folder)?;
    let args = [OsStr::new("-czf"), to.as_os_str(), OsStr::new("-C"), above.as_os_str(), name];
    let ran = run_tar(site, &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| backup_failed(step, said(&ran))))
}

/// `rm -rf DIR`, `mkdir -p DIR`, `tar -xzf FROM -C "$(dirname DIR)"` (runbook 3.2, 6).
pub async fn restore(
    site: &Handles,
    step: &str,
    from: &Path,
    folder: &Path,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let (above, _) = parts(folder)?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).or_environment(|| format!("can't remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).or_environment(|| format!("can't make {}", folder.display()))?;
    let args = [OsStr::new("-xzf"), from.as_os_str(), OsStr::new("-C"), above.as_os_str()];
    let ran = run_tar(site, &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| restore_failed(step, said(&ran))))
}

fn parts(folder: &Path) -> Result<(&Path, &OsStr), Trouble> {
    folder
        .parent()
        .zip(folder.file_name())
        .ok_or_else(|| Trouble::harness(format!("no folder to archive: {}", folder.display())))
}

async fn run_tar(site: &Handles, args: &[&OsStr], log: &Logbook) -> Result<Ran, Trouble> {
    let command = Command::new("tar").args(args).limit(LIMIT).recorded_in(&site.engine.children);
    let ran = process::run(command, &site.redactor).await?;
    log.ran(&ran)?;
    Ok(ran)
}
