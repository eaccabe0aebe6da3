//! A drill in progress: its steps in order, its site, and what is recorded of it: what must be there,
//! what must come back, what was done.

mod actions;
mod cut_point;
mod existing_restore;
mod runs;
mod workload;
mod held_writes;

use crate::{
    base::{
        error::{Blame, Error},
        ids::WriteName,
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind},
        fit::{ProfileFit, objects_of},
        profile::{EngineStart, Profile},
        reference::{references, unknown_columns},
        state::State,
    },
    plan::{
        Plan, PlanJob, Planned,
        selection::{self, Selected},
    },
    procedure::{Backup, PendingFaults, restore_failed, schema},
    runbook::{
        backup::{self, Examination, commands::BackupSet},
        drill::{
            context::RunContext,
            cut_point::CutPoint,
            held_write::HeldWrite,
            results::{DrillResults, ProcedureFailed, ms},
            source::SourceRecord,
            workload::Workload,
        },
        fault::loss,
        restore::{self, StepResult},
        seed::{self, SeededSite},
        verify::{
            self, CheckResult, ProcedureLog, RestoreObservations, Verification, at_start,
            fail_closed::ProbeScope, read_back, render::releases, source, untouched,
        },
    },
    scenario::{
        Act,
        method::{BackupJob, BackupSchema, RestoreJob},
        seed::Seed,
    },
    site::{Site, Source},
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, path::PathBuf, sync::OnceLock, time::Instant};

/// A drill in progress. Each part belongs to the phase that writes it.
pub(super) struct DrillState<'a> {
    context: &'a RunContext,
    plan: &'a Plan,
    site: &'a Site<Source>,
    log: Logbook,
    /// What is recorded of the source.
    source: SourceRecord,
    /// What must come back.
    cut: CutPoint,
    /// The writes that are held before they are complete.
    in_flight: BTreeMap<WriteName, HeldWrite>,
    /// The workload, if there is or was one.
    workload: Option<Workload>,
    /// What the backup has left.
    backup: Backup,
    /// The faults that take effect in a later step.
    pending: PendingFaults,
    /// What was done and measured.
    procedure: ProcedureLog,
    /// What the restore observed.
    restored: RestoreObservations,
    /// Both stores after the engine's start, as long as no step follows it.
    after_start: Option<State>,
}

impl<'a> DrillState<'a> {
    pub(super) fn new(context: &'a RunContext, site: &'a Site<Source>, plan: &'a Plan, log: Logbook) -> Self {
        Self {
            context,
            plan,
            site,
            log,
            source: SourceRecord::default(),
            cut: CutPoint::default(),
            in_flight: BTreeMap::new(),
            workload: None,
            backup: Backup::default(),
            pending: PendingFaults::default(),
            procedure: ProcedureLog::default(),
            restored: RestoreObservations::default(),
            after_start: None,
        }
    }

    /// What was done and measured.
    pub(super) fn into_procedure(self) -> ProcedureLog {
        self.procedure
    }

    /// Performs the steps and verifies. A step that fails ends the procedure.
    /// Where there is nothing to select, nothing is done. `selected` gets the plan with names in place of
    /// selectors.
    pub(super) async fn perform(
        &mut self,
        selected: &'a OnceLock<Plan>,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        match &self.plan.existing {
            Some(existing) => self.prepare_existing(existing).await?,
            None => self.prepare(results).await?,
        }
        let known = &self.source.seeded.known;
        match selection::select(self.plan, &self.site.profile, &self.source.live, known) {
            Ok(Selected { plan, note }) => {
                self.plan = selected.get_or_init(|| plan);
                if !note.is_empty() {
                    self.log.event(Event::Noted { text: format!("selected: {note}") })?;
                }
            }
            Err(why) => {
                results.nothing_to_select = Some(why);
                return Ok(());
            }
        }
        for planned in &self.plan.steps {
            self.log.event(Event::StepStarted {
                step: planned.number,
                stage: planned.job.stage(),
                name: planned.description.clone(),
            })?;
            let began = Instant::now();
            self.after_start = None;
            let result = self.step(planned, results).await;
            let failed = match &result {
                Ok(None) => None,
                Ok(Some(ProcedureFailed::Failed(why))) => Some(why.clone()),
                Err(error) => Some(error.to_string()),
            };
            let step = planned.number;
            self.log.event(Event::StepFinished { step, ms: ms(began.elapsed()), failed })?;
            match result {
                Ok(None) => self.procedure.done.push(planned.job.clone()),
                Ok(Some(ProcedureFailed::Failed(_))) => {
                    self.procedure.failed = Some(planned.description.clone());
                    break;
                }
                Err(error) => return Err(error.at(format!("step {step} ({})", planned.description))),
            }
        }
        self.verify(results).await
    }

    /// What the site is filled with.
    fn seed(&self) -> Result<&'a Seed, Error> {
        self.context.seeds.get(&self.plan.seed).ok_or_else(|| Error::harness("a plan's seed was not read"))
    }

    /// Migrates, starts and fills the source, and checks that it is right.
    async fn prepare(&mut self, results: &mut DrillResults) -> Result<(), Error> {
        if self.site.method.topology.has_database()
            && let Some(failed) = restore::migrate(self.site, &self.log).await?
        {
            return Err(Error::environment("can't make the source's schema").cause(failed.actual));
        }
        // Another target of the run may still start.
        let of_run = self.plan.started.profile.is_none();
        self.site.engine.start(&self.site.redactor).await.inspect_err(|_| results.hopeless = of_run)?;
        let state = if self.site.has_api() {
            self.fill().await?;
            verify::observe_contents(self.site, None).await?
        } else {
            seed::fill_by_command(self.site, &self.log).await?;
            let filled = verify::observe(self.site, None).await?;
            profile_fits(&self.site.profile, &filled)?;
            read_back::fits(self.site, &filled).await?;
            self.source.seeded = SeededSite::observed(&self.site.profile, &filled);
            filled
        };
        self.source.learn();
        let began = Instant::now();
        let result = source::check(self.site, &mut self.source.seeded.known, &state, &self.log).await;
        results.verified.record(CheckId::Source, result, began.elapsed(), &self.log)?;
        if self.plan.started.baseline && self.site.has_api() {
            let (api, known) = (self.site.engine.api().await?, &self.source.seeded.known);
            self.cut.reference.releases = releases::record(&api, known).await?;
        }
        // Renders leave usage rows behind: what must come back is what is there now. Where nothing runs, nothing
        // has changed.
        self.source.live = match self.site.engine.exists() {
            true => verify::observe(self.site, None).await?,
            false => state,
        };
        if self.site.method.topology.has_database()
            && let Some(why) = schema::complete(&mut self.source.live.database.catalog, self.site).await?
        {
            let text = format!("the schema is compared without pg_dump, which cannot read it: {why}");
            self.log.event(Event::Noted { text })?;
        }
        self.cut.record(&self.source);
        Ok(())
    }

    /// Fills the source through the API.
    async fn fill(&mut self) -> Result<(), Error> {
        let seed = self.seed()?;
        // Those of the run's engine are not those of another one.
        let of_run = self.plan.started.profile.is_none() || !self.site.engine.starts_itself;
        let golden = self.context.golden.get(&self.plan.seed).filter(|_| of_run).map(PathBuf::as_path);
        let schedules = self.site.profile.keeps_schedules();
        if !schedules && !seed.schedules.is_empty() {
            let names: Vec<&str> = seed.schedule_names().collect();
            let text = format!("the target keeps no schedules here: {} left out", names.join(", "));
            self.log.event(Event::Noted { text })?;
        }
        self.source.seeded = seed::fill(&self.site.engine.api().await?, seed, golden, schedules).await?;
        if self.site.results.is_some() {
            seed::run_jobs(&self.site.engine.api().await?, seed, &mut self.source.seeded).await?;
        }
        seed::cleaned_up(self.site, self.source.seeded.left_behind()).await
    }

    async fn step(
        &mut self,
        planned: &Planned,
        results: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        self.site.guard.still_ours().await?;
        let result = match &planned.job {
            PlanJob::BackUp(job) => self.back_up(*job, results).await,
            PlanJob::Restore(job) => self.restore(*job).await,
            PlanJob::Destroy(what) => {
                self.procedure.measured.lost.get_or_insert_with(Instant::now);
                self.procedure.measured.good_render = None;
                self.examine(planned.number).await?;
                loss::destroy(self.site, *what).await?;
                Ok(None)
            }
            PlanJob::InspectBackup(..) => self.inspect_backup().await.map(|()| None),
            PlanJob::Act(act) => self.act(act, &planned.description, results).await,
            PlanJob::FetchDump => self.fetch_dump().await.map(|()| None),
            PlanJob::FetchCluster => self.fetch_cluster().await.map(|()| None),
            PlanJob::RecoverCluster => self.recover_cluster().await,
            PlanJob::FetchObjects => self.fetch_objects().await.map(|()| None),
            PlanJob::HoldSchedules => self.hold_schedules().await.map(|()| None),
        };
        match (result, &self.plan.existing) {
            // The backup is not what it should be: a drill of it exists to find that out.
            (Err(error), Some(_)) if error.blame == Blame::Usage => {
                Ok(self.failed(Some(restore_failed(&planned.description, error.to_string()))))
            }
            (result, Some(_) | None) => result,
        }
    }

    /// Lets other programs examine the backup.
    async fn examine(&self, step: usize) -> Result<(), Error> {
        let Examination { common_tools, commands } = &self.context.examination;
        if *common_tools {
            backup::tools::examine(self.site, &self.backup, &self.log).await?;
        }
        let later = |planned: &Planned| {
            planned.number > step
                && matches!(&planned.job, PlanJob::Act(Act::Fault(_) | Act::FaultInBackup(_)))
        };
        let is_sound = self.plan.expect.is_empty();
        let unfit =
            (!is_sound && self.plan.steps.iter().any(later)).then_some("the damage is made after the backup");
        self.backup_set(unfit).examine(commands, &self.log).await
    }

    fn backup_set<'b>(&'b self, unfit: Option<&'b str>) -> BackupSet<'b> {
        BackupSet { site: self.site, backup: &self.backup, source: self.cut.reference.state.as_ref(), unfit }
    }

    async fn back_up(
        &mut self,
        job: BackupJob,
        results: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        let running = self.site.engine.is_running().await;
        if job == BackupJob::StopEngine && self.site.has_api() && running {
            // Nobody answers while the engine is stopped, and nothing changes.
            self.source.inventory = Some(self.promised_inventory().await?);
            self.source.api = Some(self.api_snapshot().await?);
        }
        self.fix_cut_point(job).await?;
        // What an engine makes of writes that died with it belongs to the site.
        let starts = job == BackupJob::StartEngine && !self.is_under_load();
        let before = if starts { Some(verify::observe_contents(self.site, None).await?) } else { None };
        // A command of the operator's can do anything to the source.
        let compares = job == BackupJob::RunBackupCommand && !self.is_under_load();
        let untouched = if compares { Some(verify::observe(self.site, None).await?) } else { None };
        let began = self.load_clock();
        let clock = &self.context.clock;
        let failed =
            backup::perform(job, self.site, &mut self.backup, &mut self.pending, clock, &self.log).await?;
        if let (Some(untouched), None) = (untouched, &failed) {
            let harm = self.harmed(untouched).await;
            self.procedure.findings.extend(harm);
        }
        let stopped = !self.site.engine.is_running().await;
        if let Some(loaded) = &mut self.workload {
            loaded.backed_up(job, self.site.method.topology, began, stopped);
        }
        if let Some(refused) = self.pending.refused.take() {
            let text = format!("the object store refused {refused} requests of the copy with 503 SlowDown");
            if refused == 0 {
                results.without_effect.push(text.clone());
            }
            self.log.event(Event::Noted { text })?;
        }
        if let Some(before) = before {
            self.take_over(&before).await?;
        }
        if job == BackupJob::RecordManifest && !self.is_under_load() {
            self.cut.reference.manifest.clone_from(&self.backup.manifest);
        }
        Ok(self.failed(failed))
    }

    /// What a backup did to the source that it was to save.
    async fn harmed(&self, before: State) -> Option<Finding> {
        let harm = match verify::observe(self.site, Some(&before)).await {
            Ok(after) => untouched::by_backup(&before, &after, &self.site.profile, &self.source.names)?,
            Err(error) => format!("it can't be read any more: {error}"),
        };
        let step = Entity::Step(BackupJob::RunBackupCommand.describe().to_owned());
        let expected = "a source that is as it was before the backup";
        Some(Finding::new(CheckId::Procedure, FindingKind::SourceChanged, step, expected, harm))
    }

    async fn restore(&mut self, job: RestoreJob) -> Result<Option<ProcedureFailed>, Error> {
        let starts = job == RestoreJob::StartEngine && self.site.engine.exists();
        let began = self.context.clock.now();
        // What the engine makes of the stores at its start is not what the backup held.
        let before = if starts { Some(verify::observe(self.site, self.as_of()).await) } else { None };
        match restore::perform(job, self.site, &self.backup, &mut self.pending, &self.log).await? {
            StepResult::Done => {
                if job == RestoreJob::RestoreDatabase && self.plan.existing.is_some() {
                    self.database_loaded().await?;
                }
                if job == RestoreJob::StartEngine {
                    self.procedure.measured.ready = self.ready_ends_recovery();
                }
                if let Some(before) = before {
                    self.started(before, began, None).await;
                    self.continue_from_reference();
                }
                Ok(None)
            }
            StepResult::Failed(finding) if job == RestoreJob::Migrate && self.cut.reference.schema_only => {
                Err(Error::environment("the migrations cannot run on a schema without rows")
                    .cause(finding.actual)
                    .hint(
                        "tools that record in a table which migrations have run repeat all of them there: leave out \
                         --tier schema",
                    ))
            }
            StepResult::Failed(finding)
                if job == RestoreJob::Migrate
                    && self.plan.existing.is_some()
                    && restore::fails_without_backup(self.site, &finding, &self.log).await? =>
            {
                Err(Error::environment("the profile's `migrate` fails in an empty database in the same way")
                    .cause(finding.actual)
                    .hint("correct the command: its failure says nothing about the backup"))
            }
            StepResult::Failed(finding) => Ok(self.failed(Some(*finding))),
            StepResult::NotReady(why) => {
                match before {
                    Some(before) => self.started(before, began, Some(why)).await,
                    None => self.restored.not_ready = Some(why),
                }
                Ok(None)
            }
        }
    }

    /// The state by whose columns and keys the restored stores are read.
    fn as_of(&self) -> Option<&State> {
        self.cut.reference.state.as_ref().or(self.restored.loaded.as_ref())
    }

    /// After the restore: writes count again, and what must be there is what should have come back.
    fn continue_from_reference(&mut self) {
        let Some(state) = &self.cut.reference.state else { return };
        self.cut.fixed = false;
        self.source.live = state.clone();
        self.source.seeded.known = self.cut.reference.known.clone();
        let keys = self.source.seeded.known.assets.iter();
        self.source.keys.extend(keys.map(|(name, asset)| (name.clone(), asset.key.clone())));
    }

    /// Records whether the engine's start left the stores as they were, once it has done what the profile
    /// lets it do.
    async fn started(
        &mut self,
        before: Result<State, Error>,
        began: DateTime<Utc>,
        not_ready: Option<String>,
    ) {
        let mut start = EngineStart { began, until: began, env: self.site.engine.env() };
        let states = async {
            let before = before?;
            let after = match (&not_ready, self.as_of()) {
                (None, Some(as_of)) => {
                    let clock = &self.context.clock;
                    at_start::settled(self.site, as_of, &before, &mut start, clock).await?
                }
                (_, as_of) => verify::observe(self.site, as_of).await?,
            };
            Ok((before, after))
        };
        let states: Result<_, Error> = states.await;
        let untouched = match states {
            Ok((before, after)) => {
                let untouched =
                    untouched::by_start(&before, &after, &self.site.profile, &self.source.names, &start);
                self.after_start = not_ready.is_none().then_some(after);
                untouched
            }
            Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
        };
        self.restored.not_ready = not_ready;
        self.restored.untouched = Some(untouched);
        self.restored.start = Some(start);
    }

    fn failed(&mut self, finding: Option<Finding>) -> Option<ProcedureFailed> {
        let finding = finding?;
        let why = finding.actual.clone();
        self.procedure.findings.push(finding);
        Some(ProcedureFailed::Failed(why))
    }

    /// Checks what came back.
    async fn verify(&mut self, results: &mut DrillResults) -> Result<(), Error> {
        if self.workload.is_some() {
            self.end_load().await?;
            self.after_start = None;
        }
        let unfit = self.procedure.failed.as_ref().map(|_| "the restore failed");
        self.backup_set(unfit).examine_restored(&self.context.examination.commands, &self.log).await?;
        self.cut.reference.workload = self.workload.as_ref().map(Workload::in_flight);
        if self.procedure.failed.is_some() {
            // Rows that were not restored have no age, and objects do not stand for them.
            let age = self.procedure.measured.age.as_mut().filter(|age| age.row.is_none());
            age.into_iter().for_each(|age| age.object = None);
        } else {
            // One of the checks deletes a binary to see what happens.
            self.site.guard.still_ours().await?;
            if self.site.method.schema == BackupSchema::Previous {
                self.cut.reference.schema = Some(restore::reference(self.site, &self.log).await?);
            }
            self.add_schema_of_migrate().await?;
        }
        let verification = Verification {
            site: &self.site.restored(),
            reference: &mut self.cut.reference,
            names: &self.source.names,
            restore: &self.restored,
            after_start: self.after_start.take(),
            procedure: &mut self.procedure,
            scope: if self.plan.started.baseline { ProbeScope::Everything } else { ProbeScope::OneTemplate },
            log: &self.log,
        };
        verification.run(&mut results.verified).await?;
        self.note_existing()
    }
}

/// Whether a profile describes a site that its own command has filled: before anything is destroyed.
///
/// # Errors
/// Blames the user: tables or columns do not exist, no key leads to an object, or no size or checksum is right.
fn profile_fits(profile: &Profile, filled: &State) -> Result<(), Error> {
    let tables = &filled.database.tables;
    let unknown = unknown_columns(profile, |table| tables.get(table).map(|t| t.columns.as_slice()));
    let fit = ProfileFit::new(profile, references(profile, &filled.database), &objects_of(filled), unknown);
    let misfits = fit.misfits();
    match misfits.is_empty() {
        true => Ok(()),
        false => Err(misfits
            .into_iter()
            .fold(Error::usage("the profile does not match the application"), |error, why| error.cause(why))
            .hint(
                "correct the profile; nothing was destroyed. `pulp-drill init --check` shows what matches",
            )),
    }
}
