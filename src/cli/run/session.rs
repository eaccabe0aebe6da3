//! What every stored run has in common, whatever it drills: who started it and on what machine, that
//! everything is taken down, how its journal ends and its reports are written.

use super::{RunFormat, signing, summary};
use crate::{
    base::{
        error::{Blame, Error},
        process::Teardown,
    },
    cli::output::print,
    evidence::{self, key::SigningKey},
    journal::{Journal, Logbook, update_latest},
    model::{event::Event, exit_code::ExitCode},
    report::{
        self,
        terminal::{self, notice},
    },
};
use futures::FutureExt as _;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, path::Path};
use tokio_util::sync::CancellationToken;

/// Who or what started the run.
pub(in crate::cli) fn started_by() -> BTreeMap<String, String> {
    let names = [
        "USER",
        "LOGNAME",
        "CI",
        "GITHUB_REPOSITORY",
        "GITHUB_RUN_ID",
        "GITHUB_ACTOR",
        "GITHUB_SHA",
        "CI_JOB_URL",
        "BUILD_URL",
    ];
    names.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// Operating system, architecture, cores, host.
pub(in crate::cli) fn machine() -> BTreeMap<String, String> {
    let host = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default();
    [
        ("os", std::env::consts::OS.to_owned()),
        ("arch", std::env::consts::ARCH.to_owned()),
        ("cores", super::cores().to_string()),
        ("host", host),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Does a run's work and takes everything down, whatever happens. Gives the exit code.
pub(in crate::cli) async fn to_its_end(
    teardown: &Teardown,
    cancel: &CancellationToken,
    log: &Logbook,
    work: impl Future<Output = Result<ExitCode, Error>>,
) -> Result<ExitCode, Error> {
    let never = CancellationToken::new();
    let done = AssertUnwindSafe(teardown.around(&never, work)).catch_unwind().await;
    let (done, left) = match done {
        Ok((done, left)) => (done.unwrap_or(Ok(ExitCode::Unverified)), left),
        Err(_told_by_the_panic_hook) => (Err(Error::harness("the run panicked")), Vec::new()),
    };
    for error in &left {
        log.event(Event::Troubled { error: error.to_string(), ours: false })?;
    }
    let exit = match done {
        Ok(exit) => exit,
        Err(error) => {
            let ours = error.blame == Blame::Harness;
            // Where the journal is the trouble, it can't be written there: the caller prints it.
            log.event(Event::Troubled { error: error.to_string(), ours }).map_err(|_| error.clone())?;
            ExitCode::from(&error)
        }
    };
    let unsure = !left.is_empty() || cancel.is_cancelled();
    Ok(if unsure { exit.max(ExitCode::Unverified) } else { exit })
}

/// Ends the journal, writes the reports, seals them and prints the result.
pub(in crate::cli) fn close(
    journal: &Journal,
    exit: ExitCode,
    cut_short: Option<String>,
    report_dir: &Path,
    key: Option<&SigningKey>,
    format: RunFormat,
) -> Result<ExitCode, Error> {
    Logbook::new(journal, None).event(Event::RunFinished { verdict: exit.verdict(), exit, cut_short })?;
    let record = journal.record();
    let dir = journal.dir();
    let reports = report::write_all(dir, &record)?;
    evidence::seal(dir, &record, &reports, key)?;
    update_latest(report_dir, dir)?;
    let text = match format {
        RunFormat::Human => summary(&record, dir),
        RunFormat::Json => report::json(&record)?,
        RunFormat::Nothing => String::new(),
    };
    let printed = print(&text);
    if key.is_none() {
        notice(&terminal::stderr_look().wrap("", signing::NO_KEY));
    }
    match printed {
        Err(error) if exit == ExitCode::AllHeld => Err(error),
        // What was found out weighs more than that it could not be printed.
        Ok(_) | Err(_) => Ok(exit),
    }
}
