//! What every stored run has in common: its header, its journal, that everything is taken down
//! whatever happens, and that its reports are written and sealed.

use crate::{
    base::{
        clock::Clock,
        error::{Blame, Error},
        ids::{RunId, ScenarioId},
        process::Teardown,
        redact::Redactor,
    },
    evidence::{self, SIGNED_BY, UNSIGNED, chain, key::SigningKey},
    journal::{Journal, Logbook, update_latest},
    model::{
        detection::Representatives,
        event::{Event, FORMAT, Partition, RunStarted},
        exit_code::ExitCode,
        record::RunRecord,
    },
    report::{
        self, pages,
        terminal::{self, Detail, style::count},
    },
    run::{options::cores, signing::NO_KEY},
    scenario::profile,
};
use futures::FutureExt as _;
use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// A stored run.
pub struct FinishedRun {
    /// The exit code.
    pub exit: ExitCode,
    /// The record.
    pub record: RunRecord,
    /// The folder that it is stored in.
    pub dir: PathBuf,
    /// Whether it is signed.
    pub signed: bool,
    /// The scenario of each fault; for a run with one for each.
    pub representatives: Option<Representatives>,
}

/// What distinguishes the header of one run from that of another.
pub(super) struct Header {
    pub(super) seed: u64,
    pub(super) command: Vec<String>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) scenarios: Vec<ScenarioId>,
    pub(super) partition: Option<Partition>,
    pub(super) origin: RunOrigin,
}

/// Who or what made a run, and where.
pub(super) struct RunOrigin {
    /// The program and its version.
    pub(super) harness: String,
    /// User and CI job.
    pub(super) started_by: BTreeMap<String, String>,
    /// Operating system, architecture, cores, host.
    pub(super) machine: BTreeMap<String, String>,
}

impl Header {
    /// The header of a run of this process.
    pub(super) fn of_this_process(scenarios: Vec<ScenarioId>, config: BTreeMap<String, String>) -> Self {
        Self {
            seed: 0,
            // A command line need not be UTF-8.
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            config,
            scenarios,
            partition: None,
            origin: RunOrigin::here(),
        }
    }

    /// The first event of a run. To be made before the run has a folder: it names those before it.
    pub(super) fn started(
        self,
        run: &RunId,
        report_dir: &Path,
        key: Option<&SigningKey>,
    ) -> Result<RunStarted, Error> {
        let Self { seed, command, mut config, scenarios, partition, origin } = self;
        let signer = key.map_or_else(|| UNSIGNED.to_owned(), |key| key.public().fingerprint());
        config.insert(SIGNED_BY.to_owned(), signer);
        Ok(RunStarted {
            format: FORMAT,
            run: run.clone(),
            harness: origin.harness,
            seed,
            command,
            config,
            started_by: origin.started_by,
            machine: origin.machine,
            scenarios,
            previous: chain::not_yet_named(&chain::runs_in(report_dir)?),
            partition,
        })
    }
}

impl RunOrigin {
    fn here() -> Self {
        let variables = [
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
        let set = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
        let host = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default();
        let machine = [
            ("os", std::env::consts::OS.to_owned()),
            ("arch", std::env::consts::ARCH.to_owned()),
            ("cores", cores().to_string()),
            ("host", host),
        ];
        Self {
            harness: format!("pulp-drill {}", env!("CARGO_PKG_VERSION")),
            started_by: variables.into_iter().filter_map(set).collect(),
            machine: machine.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}

/// The configuration that every run records.
pub(super) fn config(
    engine: &str,
    profile: &str,
    ready_within: u16,
    stores: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let digest = profile::digest_of(profile)?;
    let config = [
        ("engine", engine.to_owned()),
        ("profile", profile.to_owned()),
        ("profile sha256", digest.to_string()),
        ("ready within", format!("{ready_within} s")),
        ("substrate", stores.to_owned()),
    ];
    Ok(config.map(|(name, value)| (name.to_owned(), value)).into())
}

/// A run, from the moment that it has a journal.
pub(super) struct Session {
    pub(super) id: RunId,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) redactor: Redactor,
    pub(super) teardown: Teardown,
    pub(super) cancel: CancellationToken,
    key: Option<SigningKey>,
    report_dir: PathBuf,
}

impl Session {
    /// Creates the journal and writes the header.
    pub(super) fn begin(
        header: Header,
        report_dir: &Path,
        (key, redactor): (Option<SigningKey>, Redactor),
        detail: Detail,
        cancel: CancellationToken,
    ) -> Result<Self, Error> {
        let (clock, id) = (Clock::system(), RunId::new(uuid::Uuid::now_v7().simple().to_string()));
        let started = header.started(&id, report_dir, key.as_ref())?;
        let journal = Journal::create(report_dir, &id, clock.clone(), redactor.clone())?;
        journal.observe(Box::new(terminal::Terminal::stderr(detail)));
        let (teardown, report_dir) = (Teardown::new(), report_dir.to_owned());
        let session = Self { id, journal, clock, redactor, teardown, cancel, key, report_dir };
        session.log().event(Event::RunStarted(Box::new(started)))?;
        if session.key.is_none() {
            session.log().event(Event::Noted { text: NO_KEY.to_owned() })?;
        }
        Ok(session)
    }

    /// The log of the run itself.
    pub(super) fn log(&self) -> Logbook {
        Logbook::new(&self.journal, None)
    }

    /// The end of the id, for the names of folders: ids that sort by time differ there.
    pub(super) fn short_id(&self) -> &str {
        let id = self.id.as_str();
        &id[id.len().saturating_sub(8)..]
    }

    /// Writes an error of the run to its journal. Where the journal itself failed, the error is returned, so that
    /// the caller prints it.
    pub(super) fn record_error(&self, error: &Error) -> Result<(), Error> {
        let event = Event::ErrorOccurred { error: error.to_string(), ours: error.blame == Blame::Harness };
        self.log().event(event).map_err(|_| error.clone())
    }

    /// Does a run's work and takes everything down, whatever happens.
    pub(super) async fn perform(
        &self,
        work: impl Future<Output = Result<ExitCode, Error>>,
    ) -> Result<ExitCode, Error> {
        let never = CancellationToken::new();
        let done = AssertUnwindSafe(self.teardown.around(&never, work)).catch_unwind().await;
        let (done, left) = match done {
            Ok((done, left)) => (done.unwrap_or(Ok(ExitCode::Unverified)), left),
            Err(_reported_by_the_panic_hook) => (Err(Error::harness("the run panicked")), Vec::new()),
        };
        for error in &left {
            self.log().event(Event::ErrorOccurred { error: error.to_string(), ours: false })?;
        }
        let exit = match done {
            Ok(exit) => exit,
            Err(error) => {
                self.record_error(&error)?;
                ExitCode::from(&error)
            }
        };
        let unsure = !left.is_empty() || self.cancel.is_cancelled();
        Ok(if unsure { exit.max(ExitCode::Unverified) } else { exit })
    }

    /// Ends the journal, writes the reports and seals them.
    pub(super) fn close(self, exit: ExitCode, fail_fast: bool) -> Result<FinishedRun, Error> {
        let unfinished = self.journal.record().scenarios.iter().filter(|s| s.judgement.is_none()).count();
        let cut_short = match (self.cancel.is_cancelled(), unfinished) {
            (true, _) => Some("a signal asked it to stop".to_owned()),
            (false, 0) => None,
            (false, n) if fail_fast && exit == ExitCode::IntegrityFailure => {
                Some(format!("--fail-fast: {} did not end", count(n, "scenario")))
            }
            (false, n) => Some(format!("{} did not end", count(n, "scenario"))),
        };
        pages::compare(&self.journal)?;
        self.log().event(Event::RunFinished { verdict: exit.verdict(), exit, cut_short })?;
        seal(&self.journal, exit, &self.report_dir, self.key.as_ref())
    }
}

/// Writes the reports of a run that has ended, and seals them.
pub(super) fn seal(
    journal: &Journal,
    exit: ExitCode,
    report_dir: &Path,
    key: Option<&SigningKey>,
) -> Result<FinishedRun, Error> {
    let (record, dir) = (journal.record(), journal.dir());
    let reports = report::write_all(dir, &record)?;
    evidence::seal(dir, &record, &reports, key)?;
    update_latest(report_dir, dir)?;
    Ok(FinishedRun { exit, record, dir: dir.to_owned(), signed: key.is_some(), representatives: None })
}
