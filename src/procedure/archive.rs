//! Folders by `tar`: runbook 2.2 and 3.2 for binaries on a file system, 6 for file mode, option for
//! option.

use crate::{
    base::{
        error::{Error, ErrorContext},
        folder,
        process::{self, Command, Exit, Ran},
    },
    journal::Logbook,
    model::{event::Event, finding::Finding},
    procedure::{backup_failed, restore_failed},
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
) -> Result<Option<Finding>, Error> {
    let (above, name) = parts(folder)?;
    let args = [OsStr::new("-czf"), to.as_os_str(), OsStr::new("-C"), above.as_os_str(), name];
    let ran = run_tar(site, &args, log).await?;
    if changed_meanwhile(ran.exit, &ran.stderr.tail(SAID)) {
        let text = format!(
            "{step}: files changed while tar read them, so it ended with exit code 1: the archive is whole, and of \
             several moments; a script with `set -e` ends here and keeps no backup"
        );
        log.event(Event::Noted { text })?;
        return Ok(None);
    }
    Ok((!ran.exit.is_success()).then(|| backup_failed(step, ran.describe_failure())))
}

/// Lines of a program's complaints that are looked at.
const SAID: usize = 1_000;

/// Whether GNU tar reported no more than that files changed, or went, while it read them: its exit code
/// is 1 then, and the archive is readable (GNU tar manual, "Return values": "some files were changed
/// while being archived"). Other tars give 1 for every error, so that what is said counts too.
fn changed_meanwhile(exit: Exit, said: &str) -> bool {
    let mild = |line: &str| {
        line.ends_with(": file changed as we read it") || line.ends_with(": File removed before we read it")
    };
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    exit == Exit::Code(1) && lines.peek().is_some() && lines.all(mild)
}

/// `rm -rf DIR`, `mkdir -p DIR`, `tar -xzf FROM -C "$(dirname DIR)"` (runbook 3.2, 6).
pub async fn restore(
    site: &Handles,
    step: &str,
    from: &Path,
    folder: &Path,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let (above, _) = parts(folder)?;
    folder::remove(folder)?;
    std::fs::create_dir_all(folder).or_environment(|| format!("can't make {}", folder.display()))?;
    let args = [OsStr::new("-xzf"), from.as_os_str(), OsStr::new("-C"), above.as_os_str()];
    let ran = run_tar(site, &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| restore_failed(step, ran.describe_failure())))
}

fn parts(folder: &Path) -> Result<(&Path, &OsStr), Error> {
    folder
        .parent()
        .zip(folder.file_name())
        .ok_or_else(|| Error::harness(format!("no folder to archive: {}", folder.display())))
}

async fn run_tar(site: &Handles, args: &[&OsStr], log: &Logbook) -> Result<Ran, Error> {
    // What it says is read, so it must not be in another language.
    let command =
        Command::new("tar").env("LC_ALL", "C").args(args).limit(LIMIT).recorded_in(&site.engine.children);
    let ran = process::run(command, &site.redactor).await?;
    log.ran(&ran)?;
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_changed_under_gnu_tar_make_an_exit_code_of_1_an_archive() {
        const CHANGED: &str = "tar: assets: file changed as we read it\n";
        const GONE: &str = "tar: assets/a.png: File removed before we read it\n";
        const DENIED: &str = "tar: assets/b.png: Cannot open: Permission denied\n";
        for (exit, said, mild) in [
            (Exit::Code(1), CHANGED.to_owned(), true),
            (Exit::Code(1), format!("{GONE}{CHANGED}"), true),
            (Exit::Code(1), format!("{CHANGED}{DENIED}"), false),
            (Exit::Code(1), String::new(), false),
            (Exit::Code(2), CHANGED.to_owned(), false),
            (Exit::Code(0), String::new(), false),
            (Exit::TimedOut, CHANGED.to_owned(), false),
        ] {
            assert_eq!(changed_meanwhile(exit, &said), mild, "{exit:?}: {said}");
        }
    }
}
