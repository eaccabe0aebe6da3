//! Runs drills: PostgreSQL major versions one after the other, scenarios of a run in parallel.

use crate::{
    base::{
        clock::{self, iso},
        error::{Blame, Error, ErrorContext as _},
    },
    journal::{Journal, Logbook},
    model::{
        budget::Budgets,
        detection::{Detection, Representatives},
        event::Event,
        exit_code::ExitCode,
        profile::TargetApi,
        record::Skipped,
        verdict::Verdict,
    },
    plan::Plan,
    report::{self, terminal::notice},
    run::{
        options::{Options, Stores},
        plans::{Prepared, hold, prepare, reach},
        session::{self, FinishedRun, Header, Session},
        signals, signing,
    },
    runbook::{
        DrillOutcome, RunContext, drill,
        provision::{ServerChoice, Substrate, attached::AttachedStores, external, leftovers},
    },
    system::{containers::daemon, engine::Launch, external_site::SiteLease},
};
use std::{path::Path, sync::Arc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs the drills: with several PostgreSQL major versions, one run for each. `finished` is called
/// after each run; the gravest of their exit codes is returned.
///
/// # Errors
/// Blames the user or the environment for what is refused before anything is started, and returns the
/// errors of `finished`. What fails later is in the record.
pub async fn run(
    options: Options,
    finished: &mut dyn FnMut(FinishedRun) -> Result<(), Error>,
) -> Result<ExitCode, Error> {
    let cancel = signals::cancelled_by_signal()?;
    let mut worst = ExitCode::AllHeld;
    for options in for_each_major(options) {
        let run = run_once(options, cancel.clone()).await?;
        worst = worst.max(run.exit);
        finished(run)?;
        if cancel.is_cancelled() {
            break;
        }
    }
    Ok(worst)
}

/// The options of each run.
fn for_each_major(options: Options) -> Vec<Options> {
    let Stores::Containers { images, majors } = &options.stores else { return vec![options] };
    if majors.is_empty() {
        return vec![options];
    }
    let one = |major: &u32| {
        let mut images = images.clone();
        images.major = Some(*major);
        Options { stores: Stores::Containers { images, majors: vec![*major] }, ..options.clone() }
    };
    majors.iter().map(one).collect()
}

async fn run_once(options: Options, cancel: CancellationToken) -> Result<FinishedRun, Error> {
    let prepared = prepare(&options)?;
    if let Stores::Containers { .. } = options.stores {
        daemon().await?;
    }
    let redactor = options.redactor.clone();
    let key = signing::key(options.sign_key.as_ref(), &redactor)?;
    let held = match options.stores {
        Stores::External => Some(Arc::new(hold(&options, &redactor).await?)),
        Stores::Local { .. } | Stores::Containers { .. } => None,
    };
    let elsewhere = match &prepared.engine.launch {
        Launch::Url(url) => Some(reach(url, &options, held.as_ref(), &redactor).await?),
        Launch::Command(_) | Launch::Image(_) | Launch::Nothing => None,
    };
    if let Some(site) = &held {
        site.must_be_ready().await?;
    }
    let header = header(&options, &prepared, held.as_deref())?;
    let session = Session::begin(header, &options.report_dir, (key, redactor), options.detail, cancel)?;
    if options.store_scenario_files {
        keep_files(&prepared.plans, &session.journal)?;
    }
    for Skipped { id, why, controls } in prepared.skipped.clone() {
        session.log().event(Event::ScenarioSkipped { id, why, controls })?;
    }
    let (budgets, fail_fast) = (prepared.budgets, options.fail_fast);
    let representatives = prepared.representatives.clone();
    let run = Run { options, session };
    let exit = run.session.perform(run.drills(prepared, ExistingStores { held, elsewhere })).await?;
    let exit = run.hold_against(&budgets, exit)?;
    if let Some(chosen) = &representatives {
        run.store_detection(chosen)?;
    }
    let finished = run.session.close(exit, fail_fast)?;
    Ok(FinishedRun { representatives, ..finished })
}

fn header(options: &Options, prepared: &Prepared, held: Option<&SiteLease>) -> Result<Header, Error> {
    let (stores, engine) = (options.stores.describe(), &prepared.engine.name);
    let mut config = session::config(engine, &options.profile, options.ready_within, stores)?;
    config.insert("jobs".to_owned(), options.parallel().to_string());
    if let Some(site) = held {
        config.insert("site".to_owned(), site.place().describe());
    }
    let scenarios = prepared.plans.iter().map(|plan| plan.id.clone()).collect();
    Ok(Header {
        seed: options.seed.unwrap_or_else(clock::seed),
        partition: prepared.part.clone(),
        ..Header::of_this_process(scenarios, config)
    })
}

/// Stores scenario files that exist nowhere else.
fn keep_files(plans: &[Plan], journal: &Journal) -> Result<(), Error> {
    for plan in plans {
        let Some((file, _)) = &plan.started.file else { continue };
        let text = std::fs::read(file).or_environment(|| format!("can't read {file}"))?;
        let log = Logbook::new(journal, Some(plan.id.clone()));
        log.artefact(&format!("{}.yaml", plan.id), &text, "the scenario")?;
    }
    Ok(())
}

/// Stores that the run does not start.
struct ExistingStores {
    held: Option<Arc<SiteLease>>,
    elsewhere: Option<AttachedStores>,
}

/// One run, from the moment that it has a journal.
struct Run {
    options: Options,
    session: Session,
}

/// How the scenarios ended, by id.
pub(super) type Outcomes = Vec<(String, Result<DrillOutcome, Error>)>;

impl Run {
    /// Starts the substrate and runs all plans on it.
    async fn drills(&self, prepared: Prepared, stores: ExistingStores) -> Result<ExitCode, Error> {
        let Prepared { plans, seeds, golden, profile, engine, library, .. } = prepared;
        let Session { id, journal, clock, redactor, teardown, cancel, .. } = &self.session;
        if let Some(text) = leftovers::sweep_everywhere(&leftovers::KeptSites::Stay).await?.message() {
            self.session.log().event(Event::Noted { text })?;
        }
        let (keep, name) = (self.options.keep, self.session.short_id());
        if let Some(held) = &stores.held {
            external::take(held, id.as_str(), iso(clock.now()), teardown).await?;
        }
        let up = async {
            match (stores.elsewhere, stores.held, &self.options.stores) {
                (Some(stores), ..) => {
                    Substrate::attached(name, stores, profile, engine, redactor, teardown).await
                }
                (None, Some(held), _) => {
                    Substrate::external(name, held, profile, engine, redactor, teardown).await
                }
                (None, None, Stores::Containers { images, .. }) => {
                    Substrate::in_containers(name, images, profile, engine, redactor, teardown).await
                }
                (None, None, Stores::Local { objects }) => {
                    let servers = ServerChoice { objects: *objects, ..ServerChoice::default() };
                    Substrate::start(name, keep, servers, profile, engine, redactor, teardown).await
                }
                (None, None, Stores::External) => Err(Error::harness("no site was taken")),
            }
        };
        let substrate = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(ExitCode::Unverified),
            up = up => up?,
        };
        let versions = substrate.versions().await?;
        let limits = substrate.limits(&versions);
        self.session.log().event(Event::SubstrateReady { versions, limits })?;
        let (journal, clock) = (journal.clone(), clock.clone());
        let examination = self.options.examination.clone();
        let context = RunContext { substrate, seeds, library, golden, journal, clock, keep, examination };
        let context = Arc::new(context);
        let outcomes = self.side_by_side(&context, plans).await;
        // Where no site is left running, dropping the substrate takes everything down.
        if outcomes.iter().any(|(_, o)| o.as_ref().is_ok_and(|o| o.kept.is_some())) {
            let context =
                Arc::try_unwrap(context).map_err(|_| Error::harness("a scenario still uses the run"))?;
            notice(&left_running(&context.substrate.leave_running()?, &outcomes));
        }
        conclude(&self.session, outcomes)
    }

    /// Runs plans, a limited number at a time, until all are done, cancelled, or one has failed fast.
    async fn side_by_side(&self, context: &Arc<RunContext>, plans: Vec<Plan>) -> Outcomes {
        let migrates_itself = plans.iter().any(|plan| plan.target.profile.api == TargetApi::None);
        let mut waiting = plans.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut outcomes = Vec::new();
        loop {
            // In their order: with one job, a run goes the same way every time.
            // The first target that migrates by a command of its own runs alone: it may create what all databases
            // of a server share, such as roles, and a second one at the same time would fail.
            let alone = outcomes.is_empty() && migrates_itself;
            let parallel = if alone { 1 } else { self.options.parallel() };
            for (number, plan) in waiting.by_ref().take(parallel - running.len()) {
                let context = Arc::clone(context);
                running.spawn(async move { (plan.id.to_string(), drill(&context, &plan, number).await) });
            }
            let ended = tokio::select! {
                biased;
                () = self.session.cancel.cancelled() => break,
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
                Ok(o) => o.hopeless || (self.options.fail_fast && o.verdict == Some(Verdict::Fail)),
                Err(_) => true,
            };
            if outcome.1.as_ref().is_ok_and(|o| o.hopeless) {
                let text =
                    "the engine does not start on an empty site: no other scenario was tried".to_owned();
                // Where the journal can't be written, the end of the run reports it.
                let _reported_at_the_end = self.session.log().event(Event::Noted { text });
            }
            outcomes.push(outcome);
            if over {
                break;
            }
        }
        running.shutdown().await;
        outcomes
    }

    /// Stores with the run what its drills show about the harness.
    fn store_detection(&self, chosen: &Representatives) -> Result<(), Error> {
        let detection = Detection::of(&self.session.journal.record(), chosen);
        let json = report::json(&detection)?;
        self.session.log().artefact("detection.json", json.as_bytes(), "faults against checks")?;
        Ok(())
    }

    /// Compares the measurements with the budgets, and returns the gravest exit code.
    fn hold_against(&self, budgets: &Budgets, exit: ExitCode) -> Result<ExitCode, Error> {
        let mut exit = exit;
        for checked in budgets.against(&self.session.journal.record()) {
            exit = exit.max(checked.verdict.into());
            self.session.log().event(Event::BudgetChecked(checked))?;
        }
        Ok(exit)
    }
}

/// The exit code of all scenarios together, and the errors of those that ended without a verdict. Where all were
/// skipped, nothing is verified.
fn exit_of(outcomes: Outcomes) -> (ExitCode, Vec<Error>) {
    let is_skipped = |(_, outcome): &(String, Result<DrillOutcome, Error>)| {
        outcome.as_ref().is_ok_and(|outcome| outcome.verdict.is_none())
    };
    let mut exit = if outcomes.iter().all(is_skipped) { ExitCode::Unverified } else { ExitCode::AllHeld };
    let mut errors = Vec::new();
    for (id, outcome) in outcomes {
        match outcome {
            Ok(outcome) => {
                exit = exit.max(outcome.verdict.map_or(ExitCode::AllHeld, Into::into));
                if outcome.blame == Some(Blame::Harness) {
                    exit = exit.max(ExitCode::InternalError);
                }
            }
            Err(error) => {
                exit = exit.max(ExitCode::from(&error));
                errors.push(if id.is_empty() { error } else { error.at(id) });
            }
        }
    }
    (exit, errors)
}

/// The exit code of all scenarios together. An error that left a scenario without a verdict is written to the
/// run's log; it must not hide what the other scenarios found.
pub(super) fn conclude(session: &Session, outcomes: Outcomes) -> Result<ExitCode, Error> {
    let (exit, errors) = exit_of(outcomes);
    for error in errors {
        session.record_error(&error)?;
    }
    Ok(exit)
}

/// How to reach what `--keep` has left running, and how to remove it.
fn left_running(folder: &Path, outcomes: &Outcomes) -> String {
    let mut text = format!("left running in {}\n", folder.display());
    for (id, outcome) in outcomes {
        if let Ok(DrillOutcome { kept: Some(how), .. }) = outcome {
            text += &format!("{id}\n{how}\n");
        }
    }
    text + "hint: pulp-drill sweep --kept ends and removes all of it\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(verdict: Option<Verdict>) -> Result<DrillOutcome, Error> {
        Ok(DrillOutcome { verdict, blame: None, kept: None, hopeless: false })
    }

    fn together(outcomes: Vec<Result<DrillOutcome, Error>>) -> (ExitCode, Vec<String>) {
        let (exit, errors) = exit_of(outcomes.into_iter().map(|one| ("a".to_owned(), one)).collect());
        (exit, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_error_of_one_scenario_hides_no_failure_of_another() {
        for blame in [Error::environment("no space left"), Error::harness("no space left")] {
            for order in [[0, 1], [1, 0]] {
                let of = |n| if n == 0 { Err(blame.clone()) } else { ended(Some(Verdict::Fail)) };
                let (exit, errors) = together(order.map(of).into());
                assert_eq!(exit, ExitCode::IntegrityFailure);
                assert!(errors.len() == 1 && errors[0].contains("no space left"), "{errors:?}");
            }
        }
        let (exit, errors) =
            together(vec![ended(Some(Verdict::Pass)), Err(Error::environment("no space left"))]);
        assert_eq!((exit, errors.len()), (ExitCode::Unverified, 1));
    }

    #[test]
    fn skipped_scenarios_verify_nothing() {
        assert_eq!(together(vec![ended(None)]).0, ExitCode::Unverified);
        assert_eq!(together(vec![]).0, ExitCode::Unverified);
        assert_eq!(together(vec![ended(None), ended(Some(Verdict::Pass))]).0, ExitCode::AllHeld);
    }
}
