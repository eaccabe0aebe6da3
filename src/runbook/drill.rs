//! One scenario, from an empty site to its verdict.

mod state;

use crate::{
    base::{
        clock::Clock,
        error::{Blame, Error},
    },
    journal::{Journal, Logbook},
    model::{
        check::CheckId,
        event::{Event, RpoFrom},
        finding::{Expectation, Finding},
        verdict::{CheckOutcome, Facts, Judgement, Verdict, judge},
    },
    plan::Plan,
    runbook::{
        provision::Substrate,
        restore::{self},
        verify::VerifyResults,
    },
    scenario::{library::FixtureLibrary, seed::Seed},
};
use state::DrillState;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// What all scenarios of a run stand on.
pub struct RunContext {
    /// PostgreSQL and the object store.
    pub substrate: Substrate,
    /// The seeds of all plans, by name.
    pub seeds: BTreeMap<String, Seed>,
    /// Loose fixtures.
    pub library: FixtureLibrary,
    /// The folder with known-good PDFs of a seed, where there is one.
    pub golden: BTreeMap<String, PathBuf>,
    /// The journal.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Whether sites are left standing.
    pub keep: bool,
}

/// How a scenario ended.
#[derive(Debug)]
pub struct DrillOutcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Whose fault it is that something could not be found out.
    pub blame: Option<Blame>,
    /// How to reach a site that was left standing.
    pub standing: Option<String>,
    /// Whether no other scenario can go better: the engine does not start on an empty site.
    pub hopeless: bool,
}

/// What ends a scenario before its verify stage.
#[derive(Debug)]
pub enum ProcedureFailed {
    /// A step of backup or restore failed: what an operator would not go past.
    Failed(String),
}

/// Performs a plan. Everything that happens is in the journal; the outcome is for the exit code.
pub async fn drill(ground: &RunContext, plan: &Plan, number: usize) -> Result<DrillOutcome, Error> {
    let log = Logbook::new(&ground.journal, Some(plan.id.clone()));
    log.event(Event::ScenarioStarted(Box::new(plan.started.clone())))?;
    let began = Instant::now();
    if let Some(why) = ground.substrate.why_host_server(&plan.method) {
        log.event(Event::Noted { text: format!("{}: {why}", plan.id) })?;
    }
    let site = match ground.substrate.site(number, &plan.method, &plan.target.profile).await {
        Ok(site) => site,
        Err(error) => {
            let facts = DrillResults { errors: vec![error], ..DrillResults::default() };
            return facts.conclude((&plan.expect, &plan.possible), began, Measured::default(), &log);
        }
    };
    let mut scene = DrillState::new(ground, &site, plan, log.clone());
    let mut seen = DrillResults::default();
    if let Err(error) = scene.perform(plan, &mut seen).await {
        seen.errors.push(error);
    }
    let (rto, rpo) = (scene.rto(), scene.rpo());
    drop(scene);
    let said = site.engine.last_words(&site.redactor);
    let mut standing = None;
    if ground.keep {
        standing = Some(ground.substrate.leave(&site).await?);
    } else if let Err(error) = ground.substrate.dispose(&site).await {
        seen.errors.push(error.while_doing("can't take the scenario's site down"));
    }
    if ground.substrate.outlives() {
        restore::migrate(&site, &log).await?;
    }
    let hopeless = seen.hopeless;
    let outcome = seen.conclude((&plan.expect, &plan.possible), began, Measured { rto, rpo }, &log)?;
    if outcome.verdict != Verdict::Pass && !said.is_empty() {
        log.artefact(&format!("{}-engine.log", plan.id), said.as_bytes(), "the end of the engine's output")?;
    }
    Ok(DrillOutcome { standing, hopeless, ..outcome })
}

/// What the verdict will rest on.
#[derive(Default)]
pub(super) struct DrillResults {
    findings: Vec<Finding>,
    checks: Vec<(CheckId, CheckOutcome)>,
    without_effect: Vec<String>,
    pub(super) errors: Vec<Error>,
    hopeless: bool,
}

/// What was measured beside the verdict.
#[derive(Clone, Copy, Default)]
pub(super) struct Measured {
    /// Recovery time.
    pub(super) rto: Option<Duration>,
    /// Recovery point, and what it is measured from.
    pub(super) rpo: Option<(Duration, RpoFrom)>,
}

impl DrillResults {
    pub(super) fn take(&mut self, verified: VerifyResults) {
        self.findings.extend(verified.findings);
        self.checks.extend(verified.checks);
    }

    pub(super) fn conclude(
        self,
        (expected, possible): (&[Expectation], &[Expectation]),
        began: Instant,
        measured: Measured,
        log: &Logbook,
    ) -> Result<DrillOutcome, Error> {
        for error in &self.errors {
            let ours = error.blame == Blame::Harness;
            log.event(Event::Troubled { error: error.to_string(), ours })?;
        }
        let errors: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        let judgement: Judgement = judge(&Facts {
            findings: &self.findings,
            expected,
            possible,
            checks: &self.checks,
            without_effect: &self.without_effect,
            errors: &errors,
        });
        let verdict = judgement.verdict;
        let rto_ms = measured.rto.map(ms);
        let (rpo_ms, rpo_from) = measured.rpo.map(|(rpo, from)| (ms(rpo), from)).unzip();
        let ms = ms(began.elapsed());
        log.event(Event::ScenarioFinished { judgement, ms, rto_ms, rpo_ms, rpo_from })?;
        let blames = || self.errors.iter().map(|t| t.blame);
        let blame = blames().find(|b| *b == Blame::Harness).or_else(|| blames().next());
        Ok(DrillOutcome { verdict, blame, standing: None, hopeless: false })
    }
}

/// Whole milliseconds.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
