//! `pulp-drill run`: reads what is asked for, refuses what is wrong before anything is started, runs
//! the drills, and leaves the stored run behind.

use crate::{
    base::{
        clock::{Clock, iso},
        error::{Blame, Error, ErrorContext as _},
        ids::RunId,
        process::Teardown,
        redact::Redactor,
    },
    evidence::{SIGNED_BY, UNSIGNED, chain, key::SigningKey},
    journal::{Journal, Logbook},
    model::{
        budget::Budgets,
        event::{Event, FORMAT, RunStarted},
        exit_code::ExitCode,
        record::{RunRecord, Skipped},
        verdict::Verdict,
    },
    plan::Plan,
    report::terminal::{self, notice, style::count},
    runbook::{
        DrillOutcome, RunContext, drill,
        provision::{Substrate, attached::AttachedStores, external, leftovers},
    },
    scenario::profile,
    system::{containers::daemon, engine::Launch, external_site::SiteLease},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod args;
pub(in crate::cli) mod session;
pub(in crate::cli) mod prepare;
pub(in crate::cli) mod signals;
pub(in crate::cli) mod signing;

use args::SubstrateArg;
pub(in crate::cli) use args::{EngineArg, RunFormat};
pub use args::{GroundArgs, RunArgs};
use prepare::{Prepared, hold, prepare, reach};
pub use signing::VARIABLE as SIGN_KEY;

/// Runs the drills and gives the exit code: with several versions of PostgreSQL, a run for each, and
/// the gravest of their codes. `sign_key` is the text of the key to sign with, where the environment
/// had one.
pub async fn run(args: RunArgs, sign_key: Option<String>) -> Result<ExitCode, Error> {
    Ok(gravest(&runs(args, sign_key).await?))
}

/// A run that has come to its end.
pub(in crate::cli) struct Ran {
    pub(in crate::cli) exit: ExitCode,
    pub(in crate::cli) record: RunRecord,
    /// Where it is kept.
    pub(in crate::cli) dir: PathBuf,
}

/// Runs the drills, once for each version of PostgreSQL.
pub(in crate::cli) async fn runs(args: RunArgs, sign_key: Option<String>) -> Result<Vec<Ran>, Error> {
    let key = signing::given(args.ground.sign_key.as_deref(), sign_key.as_deref())?;
    let cancel = signals::cancelled_by_signal()?;
    if args.ground.postgres.len() < 2 {
        return Ok(vec![run_once(args, key, cancel).await?]);
    }
    let mut runs = Vec::new();
    for major in args.ground.postgres.clone() {
        let mut one = args.clone();
        one.ground.postgres = vec![major];
        runs.push(run_once(one, key.clone(), cancel.clone()).await?);
        if cancel.is_cancelled() {
            break;
        }
    }
    Ok(runs)
}

/// The gravest exit code.
pub(in crate::cli) fn gravest(runs: &[Ran]) -> ExitCode {
    runs.iter().map(|ran| ran.exit).max().unwrap_or(ExitCode::AllHeld)
}

async fn run_once(
    args: RunArgs,
    key: Option<signing::Given>,
    cancel: CancellationToken,
) -> Result<Ran, Error> {
    let prepared = prepare(&args)?;
    if prepared.images.is_some() {
        daemon().await?;
    }
    let redactor = Redactor::new();
    let key = signing::key(key.as_ref(), &redactor)?;
    let held = match args.ground.substrate {
        SubstrateArg::External => Some(Arc::new(hold(&args, &redactor).await?)),
        SubstrateArg::Auto | SubstrateArg::Local | SubstrateArg::Containers => None,
    };
    let elsewhere = match &prepared.engine.launch {
        Launch::Url(url) => Some(reach(url, &args, held.as_ref(), &redactor).await?),
        Launch::Command(_) | Launch::Image(_) | Launch::Nothing => None,
    };
    let clock = Clock::system();
    let id = RunId::new(uuid::Uuid::now_v7().simple().to_string());
    if let Some(site) = &held {
        site.must_be_ready().await?;
    }
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let previous = chain::not_yet_named(&chain::runs_in(&args.ground.report_dir)?);
    let journal = Journal::create(&args.ground.report_dir, &id, clock.clone(), redactor.clone())?;
    journal.observe(Box::new(terminal::Terminal::stderr()));
    let log = Logbook::new(&journal, None);
    let mut started = started(&args, &prepared, &id, seed)?;
    let signer = key.as_ref().map_or_else(|| UNSIGNED.to_owned(), |key| key.public().fingerprint());
    started.config.insert(SIGNED_BY.to_owned(), signer);
    started.previous = previous;
    if let Some(site) = &held {
        started.config.insert("site".to_owned(), site.place().describe());
    }
    log.event(Event::RunStarted(Box::new(started)))?;
    if key.is_none() {
        log.event(Event::Noted { text: signing::NO_KEY.to_owned() })?;
    }
    if args.keeps_files {
        keep_files(&prepared.plans, &journal)?;
    }
    for Skipped { id, why, controls } in prepared.skipped.clone() {
        log.event(Event::ScenarioSkipped { id, why, controls })?;
    }
    let budgets = prepared.budgets;
    let run = Run { args, id, journal, clock, redactor, teardown: Teardown::new(), cancel, key };
    let work = run.drills(prepared, Stores { held, elsewhere });
    let exit = session::to_its_end(&run.teardown, &run.cancel, &run.log(), work).await?;
    let exit = run.hold_against(&budgets, exit)?;
    let exit = run.finish(exit)?;
    Ok(Ran { exit, record: run.journal.record(), dir: run.journal.dir().to_owned() })
}

/// Keeps the files of scenarios that are nowhere else.
fn keep_files(plans: &[Plan], journal: &Journal) -> Result<(), Error> {
    for plan in plans {
        let Some((file, _)) = &plan.started.file else { continue };
        let text = std::fs::read(file).or_environment(|| format!("can't read {file}"))?;
        let log = Logbook::new(journal, Some(plan.id.clone()));
        log.artefact(&format!("{}.yaml", plan.id), &text, "the scenario")?;
    }
    Ok(())
}

/// Stores that we do not start.
struct Stores {
    held: Option<Arc<SiteLease>>,
    elsewhere: Option<AttachedStores>,
}

/// One run, from the moment that it has a journal.
struct Run {
    args: RunArgs,
    id: RunId,
    journal: Journal,
    clock: Clock,
    redactor: Redactor,
    teardown: Teardown,
    cancel: CancellationToken,
    key: Option<SigningKey>,
}

pub(in crate::cli) type Outcomes = Vec<(String, Result<DrillOutcome, Error>)>;

impl Run {
    fn log(&self) -> Logbook {
        Logbook::new(&self.journal, None)
    }

    /// Brings the substrate up and runs all plans on it. Gives the exit code.
    async fn drills(&self, prepared: Prepared, stores: Stores) -> Result<ExitCode, Error> {
        let Prepared {
            plans,
            part: _,
            budgets: _,
            seeds,
            golden,
            profile,
            engine,
            library,
            images,
            objects,
            skipped: _,
        } = prepared;
        let swept = leftovers::sweep_everywhere(false).await?;
        if let Some(text) = swept.message() {
            self.log().event(Event::Noted { text })?;
        }
        let (keep, name) = (self.args.ground.keep, self.short_id());
        let (redactor, teardown) = (&self.redactor, &self.teardown);
        if let Some(held) = &stores.held {
            external::take(held, self.id.as_str(), iso(self.clock.now()), teardown).await?;
        }
        let up = async {
            match (stores.elsewhere, stores.held) {
                (Some(stores), _) => {
                    Substrate::attached(&name, stores, profile, engine, redactor, teardown).await
                }
                (None, Some(held)) => {
                    Substrate::external(&name, held, profile, engine, redactor, teardown).await
                }
                (None, None) => match images {
                    Some(images) => {
                        Substrate::in_containers(&name, &images, profile, engine, redactor, teardown).await
                    }
                    None => Substrate::start(&name, keep, objects, profile, engine, redactor, teardown).await,
                },
            }
        };
        let substrate = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Ok(ExitCode::Unverified),
            up = up => up?,
        };
        let versions = substrate.versions().await?;
        let limits = substrate.limits(&versions);
        self.log().event(Event::SubstrateReady { versions, limits })?;
        let (journal, clock) = (self.journal.clone(), self.clock.clone());
        let ground = Arc::new(RunContext { substrate, seeds, library, golden, journal, clock, keep });
        let outcomes = self.side_by_side(&ground, plans).await;
        // Where no scenario came to its end there is nothing to look at: dropping it takes all down.
        if outcomes.iter().any(|(_, o)| o.as_ref().is_ok_and(|o| o.standing.is_some())) {
            let ground =
                Arc::try_unwrap(ground).map_err(|_| Error::harness("a scenario still holds the run"))?;
            notice(&left_standing(&ground.substrate.leave_standing()?, &outcomes));
        }
        exit_of(outcomes)
    }

    /// The end of the id, for the names of folders: ids that sort by time differ there.
    fn short_id(&self) -> String {
        let id = self.id.as_str();
        id[id.len().saturating_sub(8)..].to_owned()
    }

    /// Runs plans, so many at a time, until all are done, cancelled, or one has failed fast.
    async fn side_by_side(&self, ground: &Arc<RunContext>, plans: Vec<Plan>) -> Outcomes {
        let mut waiting = plans.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut outcomes = Vec::new();
        loop {
            // In their order: with one job, a run goes the same way every time.
            for (number, plan) in waiting.by_ref().take(jobs(&self.args) - running.len()) {
                let ground = Arc::clone(ground);
                running.spawn(async move { (plan.id.to_string(), drill(&ground, &plan, number).await) });
            }
            let ended = tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                ended = running.join_next() => ended,
            };
            let outcome = match ended {
                None => break,
                Some(Ok(outcome)) => outcome,
                Some(Err(error)) => {
                    (String::new(), Err(Error::harness("a scenario panicked").because(&error)))
                }
            };
            let over = match &outcome.1 {
                Ok(o) => o.hopeless || (self.args.fail_fast && o.verdict == Verdict::Fail),
                Err(_) => true,
            };
            if outcome.1.as_ref().is_ok_and(|o| o.hopeless) {
                let text =
                    "the engine does not start on an empty site: no other scenario was tried".to_owned();
                // Where the journal can't be written, the end of the run tells it.
                let _told_at_the_end = self.log().event(Event::Noted { text });
            }
            outcomes.push(outcome);
            if over {
                break;
            }
        }
        running.shutdown().await;
        outcomes
    }

    /// Holds what was measured against the budgets. Gives the exit code that this makes of the other.
    fn hold_against(&self, budgets: &Budgets, exit: ExitCode) -> Result<ExitCode, Error> {
        let mut exit = exit;
        for checked in budgets.against(&self.journal.record()) {
            exit = exit.max(checked.verdict.into());
            self.log().event(Event::BudgetChecked(checked))?;
        }
        Ok(exit)
    }

    /// Ends the journal, writes the reports and prints the result.
    fn finish(&self, exit: ExitCode) -> Result<ExitCode, Error> {
        let so_far = self.journal.record();
        let unfinished = so_far.scenarios.iter().filter(|s| s.judgement.is_none()).count();
        let cut_short = match (self.cancel.is_cancelled(), unfinished) {
            (true, _) => Some("a signal asked it to stop".to_owned()),
            (false, 0) => None,
            (false, n) if self.args.fail_fast && exit == ExitCode::IntegrityFailure => {
                Some(format!("--fail-fast: {} did not end", count(n, "scenario")))
            }
            (false, n) => Some(format!("{} did not end", count(n, "scenario"))),
        };
        let (dir, key) = (&self.args.ground.report_dir, self.key.as_ref());
        session::close(&self.journal, exit, cut_short, dir, key, self.args.format)
    }
}

fn started(args: &RunArgs, prepared: &Prepared, id: &RunId, seed: u64) -> Result<RunStarted, Error> {
    let text = |text: &str| text.to_owned();
    let profile = profile::digest_of(&args.ground.profile);
    let profile = profile.or_environment(|| format!("can't read the profile {}", args.ground.profile))?;
    Ok(RunStarted {
        format: FORMAT,
        run: id.clone(),
        harness: format!("pulp-drill {}", env!("CARGO_PKG_VERSION")),
        seed,
        // A command line need not be UTF-8.
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        config: BTreeMap::from([
            (text("engine"), prepared.engine.name.clone()),
            (text("jobs"), jobs(args).to_string()),
            (text("profile"), args.ground.profile.clone()),
            (text("profile sha256"), profile.to_string()),
            (text("ready within"), format!("{} s", args.ground.ready_within)),
            (text("substrate"), text(args.ground.substrate.describe())),
        ]),
        started_by: session::started_by(),
        machine: session::machine(),
        scenarios: prepared.plans.iter().map(|p| p.id.clone()).collect(),
        previous: Vec::new(),
        partition: prepared.part.clone(),
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn jobs(args: &RunArgs) -> usize {
    match args.ground.engine {
        // One site for all.
        Some(EngineArg::Url(_)) => 1,
        _ if args.ground.substrate == SubstrateArg::External => 1,
        None | Some(EngineArg::Standin | EngineArg::Command(_) | EngineArg::Image(_)) => {
            args.ground.jobs.map_or_else(cores, usize::from)
        }
    }
}

/// The exit code of all scenarios together.
pub(in crate::cli) fn exit_of(outcomes: Outcomes) -> Result<ExitCode, Error> {
    let mut exit = ExitCode::AllHeld;
    for (_, outcome) in outcomes {
        let outcome = outcome?;
        exit = exit.max(outcome.verdict.into());
        if outcome.blame == Some(Blame::Harness) {
            exit = exit.max(ExitCode::InternalError);
        }
    }
    Ok(exit)
}

/// How to reach what `--keep` has left, and how to be rid of it.
fn left_standing(folder: &Path, outcomes: &Outcomes) -> String {
    let mut text = format!("left standing in {}\n", folder.display());
    for (id, outcome) in outcomes {
        if let Ok(DrillOutcome { standing: Some(how), .. }) = outcome {
            text += &format!("{id}\n{how}\n");
        }
    }
    text + "hint: pulp-drill sweep --kept ends and removes all of it; no run does\n"
}

fn summary(record: &RunRecord, dir: &Path) -> String {
    let look = terminal::stdout_look();
    terminal::summary(record, dir, look.colour, look.width)
}
