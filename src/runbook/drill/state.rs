//! A scenario's site while the steps go by, and what is remembered of it: what must be there, what
//! must come back, what was done.

mod actions;
mod cut_point;
mod runs;
mod workload;
mod held_writes;

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TemplateKey, WriteName},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::{Event, RpoFrom},
        finding::{Entity, Finding, FindingKind},
        profile::EngineStart,
        state::State,
    },
    plan::{Plan, PlanJob, Planned},
    procedure::{Backup, PendingFaults, manifest::Manifest},
    runbook::{
        backup,
        drill::{DrillResults, ProcedureFailed, RunContext, ms},
        fault::loss,
        restore::{self, StepResult},
        seed::{self, SeededSite},
        verify::{
            self, CheckResult, CutPoint, Names, Started, VerifyResults, at_start, baseline,
            fail_closed::ProbeScope, operations, untouched,
        },
    },
    scenario::{
        method::{BackupJob, BackupSchema, RestoreJob},
        seed::Seed,
    },
    site::{Site, Source},
};
use chrono::{DateTime, Utc};
use held_writes::HeldWrite;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A site and all that is remembered of it while the steps go by.
pub(super) struct DrillState<'a> {
    ground: &'a RunContext,
    site: &'a Site<Source>,
    seed: &'a str,
    reach: ProbeScope,
    log: Logbook,
    put: SeededSite,
    names: Names,
    keys: BTreeMap<AssetName, ObjectKey>,
    /// The object that an asset had before its last write, and the one that this made.
    former: BTreeMap<AssetName, ObjectKey>,
    newest: BTreeMap<AssetName, ObjectKey>,
    /// The writes that are held half way.
    under_way: BTreeMap<WriteName, HeldWrite>,
    /// The inventory when the engine was last stopped or killed.
    listed: Option<Manifest>,
    /// What the API showed of tenants, runs and dead letters then.
    shown: Option<operations::ApiSnapshot>,
    /// What must be there now if no fault was done: what the next dump promises.
    live: State,
    /// What must come back.
    cut: CutPoint,
    /// Of when its templates are, and its assets.
    templates_at: cut_point::Instant,
    assets_at: cut_point::Instant,
    /// How often each template was saved again.
    saves: BTreeMap<TemplateKey, usize>,
    /// Whether writes belong to what must come back at once: before a dump, and after the restore.
    counts: bool,
    armed: PendingFaults,
    /// The next runs that were planned, by the names of their schedules.
    planned: BTreeMap<String, DateTime<Utc>>,
    backup: Backup,
    /// Writers under load, if there are or were any.
    loaded: Option<workload::Loaded>,
    done: Vec<String>,
    procedure: Vec<Finding>,
    engine: Started,
    lost: Option<Instant>,
    good: Option<Instant>,
    rpo: Option<Duration>,
}

impl<'a> DrillState<'a> {
    pub(super) fn new(ground: &'a RunContext, site: &'a Site<Source>, plan: &'a Plan, log: Logbook) -> Self {
        Self {
            ground,
            site,
            seed: &plan.seed,
            reach: if plan.started.baseline { ProbeScope::Everything } else { ProbeScope::OneTemplate },
            log,
            put: SeededSite::default(),
            names: Names::default(),
            keys: BTreeMap::new(),
            former: BTreeMap::new(),
            newest: BTreeMap::new(),
            under_way: BTreeMap::new(),
            listed: None,
            shown: None,
            live: State::default(),
            cut: CutPoint::default(),
            templates_at: cut_point::Instant::default(),
            assets_at: cut_point::Instant::default(),
            saves: BTreeMap::new(),
            counts: true,
            armed: PendingFaults::default(),
            planned: BTreeMap::new(),
            backup: Backup::default(),
            loaded: None,
            done: Vec::new(),
            procedure: Vec::new(),
            engine: Started::default(),
            lost: None,
            good: None,
            rpo: None,
        }
    }

    /// Measured recovery time: from the loss to the first known-good render.
    pub(super) fn rto(&self) -> Option<Duration> {
        Some(self.good?.duration_since(self.lost?))
    }

    /// Measured recovery point: by the writes under load.
    pub(super) fn rpo(&self) -> Option<(Duration, RpoFrom)> {
        self.rpo.map(|rpo| (rpo, RpoFrom::Writes))
    }

    pub(super) async fn perform(&mut self, plan: &Plan, seen: &mut DrillResults) -> Result<(), Error> {
        self.prepare(plan, seen).await?;
        for planned in &plan.steps {
            self.log.event(Event::StepStarted {
                step: planned.number,
                stage: planned.job.stage(),
                name: planned.description.clone(),
            })?;
            let began = Instant::now();
            let went = self.step(planned, seen).await;
            let failed = match &went {
                Ok(None) => None,
                Ok(Some(ProcedureFailed::Failed(why))) => Some(why.clone()),
                Err(error) => Some(error.to_string()),
            };
            let step = planned.number;
            self.log.event(Event::StepFinished { step, ms: ms(began.elapsed()), failed })?;
            match went {
                Ok(None) => self.done.push(planned.description.clone()),
                Ok(Some(ProcedureFailed::Failed(_))) => {
                    let description = format!("{} failed", planned.description);
                    return self.verify(seen, Some(&description)).await;
                }
                Err(error) => return Err(error.while_doing(format!("step {step} ({})", planned.description))),
            }
        }
        self.verify(seen, None).await
    }

    /// What the site is filled with.
    fn seed(&self) -> Result<&'a Seed, Error> {
        self.ground.seeds.get(self.seed).ok_or_else(|| Error::harness("a plan's seed was not read"))
    }

    /// Migrates, starts and fills the source, and looks whether it is right.
    async fn prepare(&mut self, plan: &Plan, seen: &mut DrillResults) -> Result<(), Error> {
        if self.site.method.topology.has_database()
            && let Some(failed) = restore::migrate(self.site, &self.log).await?
        {
            return Err(Error::environment("can't make the source's schema").cause(failed.actual));
        }
        // Another target of the run may still start.
        let of_run = plan.started.profile.is_none();
        self.site.engine.start(&self.site.redactor).await.inspect_err(|_| seen.hopeless = of_run)?;
        if self.site.has_api() {
            self.fill(plan).await?;
        } else {
            seed::fill_by_command(self.site, &self.log).await?;
            self.put = SeededSite::observed(&self.site.profile, &verify::observe(self.site, None).await?)?;
        }
        self.learn();
        let state = verify::observe(self.site, None).await?;
        let began = Instant::now();
        let looked = baseline::check(self.site, &mut self.put.known, &state, &self.log).await;
        let mut verified = VerifyResults::default();
        verified.take(CheckId::Source, looked, began.elapsed(), &self.log)?;
        seen.take(verified);
        // Renders leave usage rows behind: what must come back is what is there now.
        self.live = verify::observe(self.site, None).await?;
        self.take_as_cut_point();
        Ok(())
    }

    /// Fills the source through the API.
    async fn fill(&mut self, plan: &Plan) -> Result<(), Error> {
        let seed = self.seed()?;
        // Those of the run's engine are not those of another one.
        let of_run = plan.started.profile.is_none() || !self.site.engine.starts_itself;
        let golden = self.ground.golden.get(&plan.seed).filter(|_| of_run).map(PathBuf::as_path);
        let schedules = self.site.profile.keeps_schedules();
        if !schedules && !seed.schedules.is_empty() {
            let names: Vec<&str> = seed.schedule_names().collect();
            let text = format!("the target keeps no schedules here: {} left out", names.join(", "));
            self.log.event(Event::Noted { text })?;
        }
        self.put = seed::fill(&self.site.engine.api().await?, seed, golden, schedules).await?;
        if self.site.results.is_some() {
            seed::run_jobs(&self.site.engine.api().await?, seed, &mut self.put).await?;
        }
        seed::cleaned_up(self.site, self.put.left_behind()).await
    }

    async fn step(
        &mut self,
        planned: &Planned,
        seen: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        self.site.guard.still_ours().await?;
        match &planned.job {
            PlanJob::BackUp(job) => self.back_up(*job, seen).await,
            PlanJob::Restore(job) => self.restore(*job).await,
            PlanJob::Destroy(what) => {
                self.lost.get_or_insert_with(Instant::now);
                self.good = None;
                loss::destroy(self.site, *what).await?;
                Ok(None)
            }
            PlanJob::LookIntoBackup(..) => self.look_into_backup().await.map(|()| None),
            PlanJob::Act(act) => self.act(act, &planned.description, seen).await,
        }
    }

    async fn back_up(
        &mut self,
        job: BackupJob,
        seen: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        let running = self.site.engine.is_running().await;
        if job == BackupJob::StopEngine && self.site.has_api() && running {
            // Nobody answers while the engine is stopped, and nothing changes.
            self.listed = Some(self.promised_inventory().await?);
            self.shown = Some(self.operations().await?);
        }
        self.fix_cut_point(job).await?;
        // What an engine makes of writes that died with it belongs to the site.
        let starts = job == BackupJob::StartEngine && !self.is_under_load();
        let before = if starts { Some(verify::observe(self.site, None).await?) } else { None };
        // A command of the operator's can do anything to the source.
        let looks = job == BackupJob::RunBackupCommand && !self.is_under_load();
        let untouched = if looks { Some(verify::observe(self.site, None).await?) } else { None };
        let began = self.load_clock();
        let clock = &self.ground.clock;
        let failed =
            backup::perform(job, self.site, &mut self.backup, &mut self.armed, clock, &self.log).await?;
        if let (Some(untouched), None) = (untouched, &failed) {
            self.procedure.extend(self.harmed(untouched).await);
        }
        let stopped = !self.site.engine.is_running().await;
        if let Some(loaded) = &mut self.loaded {
            loaded.backed_up(job, self.site.method.topology, began, stopped);
        }
        if let Some(refused) = self.armed.refused.take() {
            let text = format!("the object store refused {refused} requests of the copy with 503 SlowDown");
            if refused == 0 {
                seen.without_effect.push(text.clone());
            }
            self.log.event(Event::Noted { text })?;
        }
        if let Some(before) = before {
            self.take_over(&before).await?;
        }
        if job == BackupJob::RecordManifest && !self.is_under_load() {
            self.cut.manifest.clone_from(&self.backup.manifest);
        }
        Ok(self.failed(failed))
    }

    /// What a backup did to the source that it was to save.
    async fn harmed(&self, before: State) -> Option<Finding> {
        let harm = match verify::observe(self.site, Some(&before)).await {
            Ok(after) => untouched::by_backup(&before, &after, &self.site.profile, &self.names)?,
            Err(error) => format!("it can't be read any more: {error}"),
        };
        let step = Entity::Step(BackupJob::RunBackupCommand.describe().to_owned());
        let expected = "a source that is as it was before the backup";
        Some(Finding::new(CheckId::Procedure, FindingKind::SourceChanged, step, expected, harm))
    }

    async fn restore(&mut self, job: RestoreJob) -> Result<Option<ProcedureFailed>, Error> {
        let starts = job == RestoreJob::StartEngine && self.site.engine.exists();
        let began = self.ground.clock.now();
        // What the engine makes of the stores at its start is not what the backup held.
        let before =
            if starts { Some(verify::observe(self.site, Some(&self.cut.state)).await) } else { None };
        match restore::perform(job, self.site, &self.backup, &mut self.armed, &self.log).await? {
            StepResult::Well => {
                if let Some(before) = before {
                    self.engine = self.started(before, began).await;
                    self.counts = true;
                    self.live = self.cut.state.clone();
                    self.put.known = self.cut.known.clone();
                    let keys = self.put.known.assets.iter();
                    self.keys.extend(keys.map(|(name, asset)| (name.clone(), asset.key.clone())));
                }
                Ok(None)
            }
            StepResult::Failed(finding) => Ok(self.failed(Some(*finding))),
            StepResult::NotReady(why) => {
                self.engine.not_ready = Some(why);
                Ok(None)
            }
        }
    }

    /// Whether the engine's start left the stores as they were, when it had done what it does there.
    async fn started(&self, before: Result<State, Error>, began: DateTime<Utc>) -> Started {
        let mut start = EngineStart { began, until: began, env: self.site.engine.env() };
        let both = async {
            let before = before?;
            let clock = &self.ground.clock;
            let after = at_start::settled(self.site, &self.cut.state, &before, &mut start, clock).await?;
            Ok((before, after))
        };
        let both: Result<_, Error> = both.await;
        let looked = match both {
            Ok((before, after)) => {
                untouched::by_start(&before, &after, &self.site.profile, &self.names, &start)
            }
            Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
        };
        Started { not_ready: None, untouched: Some(looked), start: Some(start) }
    }

    fn failed(&mut self, finding: Option<Finding>) -> Option<ProcedureFailed> {
        let finding = finding?;
        let why = finding.actual.clone();
        self.procedure.push(finding);
        Some(ProcedureFailed::Failed(why))
    }

    /// Looks at what came back. `ended` says which step ended the procedure, if one did.
    async fn verify(&mut self, seen: &mut DrillResults, ended: Option<&str>) -> Result<(), Error> {
        let mut verified = VerifyResults::default();
        let looked = verify::procedure(&self.done, std::mem::take(&mut self.procedure));
        let looked =
            if ended.is_some() { CheckResult::at(1 + self.done.len(), looked.findings) } else { looked };
        verified.take(CheckId::Procedure, looked, Duration::ZERO, &self.log)?;
        seen.take(verified);
        self.end_load().await?;
        self.cut.load = self.under_load();
        if let Some(ended) = ended {
            let rest =
                CheckId::ALL.iter().copied().filter(|c| !matches!(c, CheckId::Source | CheckId::Procedure));
            let mut verified = VerifyResults::default();
            verified.skip(rest, ended, &self.log)?;
            seen.take(verified);
            return Ok(());
        }
        // The last check deletes a binary to see what happens.
        self.site.guard.still_ours().await?;
        if self.site.method.schema == BackupSchema::Previous {
            self.cut.reference = Some(restore::reference(self.site, &self.log).await?);
        }
        let site = self.site.restored();
        let engine = std::mem::take(&mut self.engine);
        let verified = verify::verify(&site, &self.cut, &self.names, engine, self.reach, &self.log).await?;
        (self.good, self.rpo) = (verified.first_good, verified.rpo);
        seen.take(verified);
        Ok(())
    }
}
