//! What a drill found, and the verdict that follows.

use crate::{
    base::error::{Blame, Error},
    journal::Logbook,
    model::{
        event::Event,
        level::{LevelFacts, LevelResult},
        profile::TargetApi,
        verdict::{Facts, Verdict, judge},
    },
    plan::{Plan, PlanJob},
    runbook::verify::{ProcedureLog, VerifyResults},
};
use std::time::{Duration, Instant};

/// How a drill ended.
#[derive(Debug)]
pub struct DrillOutcome {
    /// The verdict; none for a drill that was skipped.
    pub verdict: Option<Verdict>,
    /// Whose fault it is that something could not be found out.
    pub blame: Option<Blame>,
    /// How to reach a site that was kept.
    pub kept: Option<String>,
    /// Whether every other drill would fail too: the engine does not start on an empty site.
    pub hopeless: bool,
}

/// What ends a procedure before the verify stage.
#[derive(Debug)]
pub enum ProcedureFailed {
    /// A step of backup or restore failed: an operator would stop here.
    Failed(String),
}

/// What the verdict rests on.
#[derive(Default)]
pub(super) struct DrillResults {
    pub(super) verified: VerifyResults,
    pub(super) without_effect: Vec<String>,
    pub(super) errors: Vec<Error>,
    pub(super) hopeless: bool,
    /// Why what the scenario selects does not exist on its site.
    pub(super) nothing_to_select: Option<String>,
}

impl DrillResults {
    /// Judges the drill. A check that has not answered is skipped where an error ended the drill, and
    /// otherwise a bug.
    pub(super) fn conclude(
        mut self,
        plan: &Plan,
        began: Instant,
        procedure: &ProcedureLog,
        log: &Logbook,
    ) -> Result<DrillOutcome, Error> {
        for error in &self.errors {
            let ours = error.blame == Blame::Harness;
            log.event(Event::ErrorOccurred { error: error.to_string(), ours })?;
        }
        if !self.errors.is_empty() {
            self.verified.skip_rest("an error ended the drill", log)?;
        }
        let errors: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        let facts = Facts {
            findings: &self.verified.findings,
            expected: &plan.expect,
            possible: &plan.possible,
            answers: &self.verified.answers,
            without_effect: &self.without_effect,
            errors: &errors,
        };
        let judgement = judge(&facts)?;
        let level = self.level(plan, procedure, &facts);
        let measured = &procedure.measured;
        let verdict = judgement.verdict;
        let rto_ms = measured.rto().map(ms);
        let (rpo_ms, rpo_from) = measured.rpo().map(|(rpo, from)| (ms(rpo), from)).unzip();
        let ms = ms(began.elapsed());
        log.event(Event::ScenarioFinished { judgement, level, ms, rto_ms, rpo_ms, rpo_from })?;
        let blames = || self.errors.iter().map(|t| t.blame);
        let blame = blames().find(|b| *b == Blame::Harness).or_else(|| blames().next());
        Ok(DrillOutcome { verdict: Some(verdict), blame, kept: None, hopeless: false })
    }

    /// How far the restore is proven; none for a drill in which damage is expected.
    fn level(&self, plan: &Plan, procedure: &ProcedureLog, facts: &Facts<'_>) -> Option<LevelResult> {
        let reads = |job: &PlanJob| {
            matches!(job, PlanJob::FetchDump | PlanJob::FetchCluster) || !job.restores().is_empty()
        };
        let mut reading = plan.steps.iter().filter(|step| reads(&step.job));
        let level = LevelFacts {
            facts,
            failed_step: procedure.failed.as_deref(),
            whole: reading.all(|step| procedure.done.contains(&step.job)),
            figures: self.verified.figures.as_ref(),
            renders: plan.target.profile.api == TargetApi::PulpEngine,
            schema_only: plan.method.dump.schema_only,
        };
        (plan.expect.is_empty() && plan.possible.is_empty()).then(|| level.level())
    }
}

/// Whole milliseconds.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
