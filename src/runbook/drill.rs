//! One drill, from an empty site to its verdict: a scenario, its baseline, or an existing backup.

use crate::{
    base::error::Error,
    journal::Logbook,
    model::{event::Event, verdict::Verdict},
    plan::Plan,
    runbook::{restore, verify::ProcedureLog},
    site::{Site, Source},
};
use results::DrillResults;
use state::DrillState;
use std::{sync::OnceLock, time::Instant};

mod context;
mod cut_point;
mod held_write;
mod results;
mod source;
mod state;
mod workload;

pub use context::RunContext;
pub use results::{DrillOutcome, ProcedureFailed};

/// Performs a plan. Everything that happens is in the journal; the outcome is for the exit code.
pub async fn drill(context: &RunContext, plan: &Plan, number: usize) -> Result<DrillOutcome, Error> {
    let log = Logbook::new(&context.journal, Some(plan.id.clone()));
    log.event(Event::ScenarioStarted(Box::new(plan.started.clone())))?;
    let began = Instant::now();
    if let Some(why) = context.substrate.why_host_server(&plan.method) {
        log.event(Event::Noted { text: format!("{}: {why}", plan.id) })?;
    }
    let site = match context.substrate.site(number, &plan.method, &plan.target.profile).await {
        Ok(site) => site,
        Err(error) => {
            let results = DrillResults { errors: vec![error], ..DrillResults::default() };
            return results.conclude(plan, began, &ProcedureLog::default(), &log);
        }
    };
    let selected = OnceLock::new();
    let mut state = DrillState::new(context, &site, plan, log.clone());
    let mut results = DrillResults::default();
    if let Err(error) = state.perform(&selected, &mut results).await {
        results.errors.push(error);
    }
    let procedure = state.into_procedure();
    let plan = selected.get().unwrap_or(plan);
    let output = site.engine.last_words(&site.redactor);
    // What fails from here on must not discard what the drill found.
    let kept = match left_behind(context, &site, &log).await {
        Ok(kept) => kept,
        Err(error) => {
            results.errors.push(error);
            None
        }
    };
    if let (Some(why), true) = (&results.nothing_to_select, results.errors.is_empty()) {
        let (id, why) = (plan.id.clone(), why.clone());
        let run = Logbook::new(&context.journal, None);
        run.event(Event::ScenarioSkipped { id, why, controls: plan.started.controls.clone() })?;
        return Ok(DrillOutcome { verdict: None, blame: None, kept, hopeless: false });
    }
    let hopeless = results.hopeless;
    let outcome = results.conclude(plan, began, &procedure, &log)?;
    if outcome.verdict != Some(Verdict::Pass) && !output.is_empty() {
        log.artefact(
            &format!("{}-engine.log", plan.id),
            output.as_bytes(),
            "the end of the engine's output",
        )?;
    }
    Ok(DrillOutcome { kept, hopeless, ..outcome })
}

/// Leaves the drill's site running, or removes it; stores that outlive the run are left empty and migrated.
/// How to reach a site that runs on.
async fn left_behind(
    context: &RunContext,
    site: &Site<Source>,
    log: &Logbook,
) -> Result<Option<String>, Error> {
    let substrate = &context.substrate;
    let kept = if context.keep {
        Some(substrate.leave(site).await.map_err(|e| e.while_doing("can't keep the drill's site"))?)
    } else {
        substrate.dispose(site).await.map_err(|e| e.while_doing("can't remove the drill's site"))?;
        None
    };
    if substrate.outlives()
        && let Some(failed) = restore::migrate(site, log).await?
    {
        return Err(Error::environment("can't migrate the engine's database, which is left empty")
            .cause(failed.actual));
    }
    Ok(kept)
}
