//! A scenario's site while the steps go by, and what is remembered of it: what must be there, what
//! must come back, what was done.

mod acts;
mod cut_point;
mod runs;
mod under_load;
mod under_way;

use crate::{
    base::{
        ids::{AssetName, ObjectKey, TemplateKey, WriteName},
        trouble::Trouble,
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::{Event, RpoFrom},
        finding::{Entity, Finding, FindingKind},
        profile::Start,
        state::State,
    },
    plan::{Job, Plan, Planned},
    procedure::{Armed, Backup, manifest::Manifest},
    runbook::{
        backup,
        drill::{Ground, Seen, Stop, ms},
        fault::loss,
        restore::{self, Went},
        seed::{self, Put},
        verify::{
            self, CutPoint, Looked, Names, Started, Verified, at_start, baseline, fail_closed::Reach,
            operations, untouched,
        },
    },
    scenario::{
        method::{BackupJob, BackupSchema, RestoreJob},
        seed::Seed,
    },
    site::{Site, Source},
};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use under_way::UnderWay;

/// A site and all that is remembered of it while the steps go by.
pub(super) struct Scene<'a> {
    ground: &'a Ground,
    site: &'a Site<Source>,
    seed: &'a str,
    reach: Reach,
    log: Logbook,
    put: Put,
    names: Names,
    keys: BTreeMap<AssetName, ObjectKey>,
    /// The object that an asset had before its last write, and the one that this made.
    former: BTreeMap<AssetName, ObjectKey>,
    newest: BTreeMap<AssetName, ObjectKey>,
    /// The writes that are held half way.
    under_way: BTreeMap<WriteName, UnderWay>,
    /// The inventory when the engine was last stopped or killed.
    listed: Option<Manifest>,
    /// What the API showed of tenants, runs and dead letters then.
    shown: Option<operations::Shown>,
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
    armed: Armed,
    /// The next runs that were planned, by the names of their schedules.
    planned: BTreeMap<String, DateTime<Utc>>,
    backup: Backup,
    /// Writers under load, if there are or were any.
    loaded: Option<under_load::Loaded>,
    done: Vec<String>,
    procedure: Vec<Finding>,
    engine: Started,
    lost: Option<Instant>,
    good: Option<Instant>,
    rpo: Option<Duration>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(ground: &'a Ground, site: &'a Site<Source>, plan: &'a Plan, log: Logbook) -> Self {
        Self {
            ground,
            site,
            seed: &plan.seed,
            reach: if plan.started.control { Reach::Everything } else { Reach::OneTemplate },
            log,
            put: Put::default(),
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
            armed: Armed::default(),
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

    pub(super) async fn perform(&mut self, plan: &Plan, seen: &mut Seen) -> Result<(), Trouble> {
        self.prepare(plan, seen).await?;
        for planned in &plan.steps {
            self.log.event(Event::StepStarted { step: planned.number, name: planned.words.clone() })?;
            let began = Instant::now();
            let went = self.step(planned, seen).await;
            let failed = match &went {
                Ok(None) => None,
                Ok(Some(Stop::Failed(why))) => Some(why.clone()),
                Err(trouble) => Some(trouble.to_string()),
            };
            let step = planned.number;
            self.log.event(Event::StepFinished { step, ms: ms(began.elapsed()), failed })?;
            match went {
                Ok(None) => self.done.push(planned.words.clone()),
                Ok(Some(Stop::Failed(_))) => {
                    let words = format!("{} failed", planned.words);
                    return self.verify(seen, Some(&words)).await;
                }
                Err(trouble) => return Err(trouble.while_doing(format!("step {step} ({})", planned.words))),
            }
        }
        self.verify(seen, None).await
    }

    /// What the site is filled with.
    fn seed(&self) -> Result<&'a Seed, Trouble> {
        self.ground.seeds.get(self.seed).ok_or_else(|| Trouble::harness("a plan's seed was not read"))
    }

    /// Migrates, starts and fills the source, and looks whether it is right.
    async fn prepare(&mut self, plan: &Plan, seen: &mut Seen) -> Result<(), Trouble> {
        if self.site.method.topology.has_database()
            && let Some(failed) = restore::migrate(self.site, &self.log).await?
        {
            return Err(Trouble::environment("can't make the source's schema").cause(failed.actual));
        }
        // Another target of the run may still start.
        let of_run = plan.started.profile.is_none();
        self.site.engine.start(&self.site.redactor).await.inspect_err(|_| seen.hopeless = of_run)?;
        if self.site.has_api() {
            self.fill(plan).await?;
        } else {
            seed::fill_by_command(self.site, &self.log).await?;
            self.put = Put::observed(&self.site.profile, &verify::observe(self.site, None).await?)?;
        }
        self.learn();
        let state = verify::observe(self.site, None).await?;
        let began = Instant::now();
        let looked = baseline::check(self.site, &mut self.put.known, &state, &self.log).await;
        let mut verified = Verified::default();
        verified.take(CheckId::Baseline, looked, began.elapsed(), &self.log)?;
        seen.take(verified);
        // Renders leave usage rows behind: what must come back is what is there now.
        self.live = verify::observe(self.site, None).await?;
        self.take_as_cut_point();
        Ok(())
    }

    /// Fills the source through the API.
    async fn fill(&mut self, plan: &Plan) -> Result<(), Trouble> {
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

    async fn step(&mut self, planned: &Planned, seen: &mut Seen) -> Result<Option<Stop>, Trouble> {
        self.site.guard.still_ours().await?;
        match &planned.job {
            Job::BackUp(job) => self.back_up(*job, seen).await,
            Job::Restore(job) => self.restore(*job).await,
            Job::Destroy(what) => {
                self.lost.get_or_insert_with(Instant::now);
                self.good = None;
                loss::destroy(self.site, *what).await?;
                Ok(None)
            }
            Job::LookIntoBackup(..) => self.look_into_backup().await.map(|()| None),
            Job::Act(act) => self.act(act, &planned.words, seen).await,
        }
    }

    async fn back_up(&mut self, job: BackupJob, seen: &mut Seen) -> Result<Option<Stop>, Trouble> {
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
            Err(trouble) => format!("it can't be read any more: {trouble}"),
        };
        let step = Entity::Step(BackupJob::RunBackupCommand.words().to_owned());
        let expected = "a source that is as it was before the backup";
        Some(Finding::new(CheckId::Procedure, FindingKind::SourceChanged, step, expected, harm))
    }

    async fn restore(&mut self, job: RestoreJob) -> Result<Option<Stop>, Trouble> {
        let starts = job == RestoreJob::StartEngine && self.site.engine.exists();
        let began = self.ground.clock.now();
        // What the engine makes of the stores at its start is not what the backup held.
        let before =
            if starts { Some(verify::observe(self.site, Some(&self.cut.state)).await) } else { None };
        match restore::perform(job, self.site, &self.backup, &mut self.armed, &self.log).await? {
            Went::Well => {
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
            Went::Failed(finding) => Ok(self.failed(Some(*finding))),
            Went::NotReady(why) => {
                self.engine.not_ready = Some(why);
                Ok(None)
            }
        }
    }

    /// Whether the engine's start left the stores as they were, when it had done what it does there.
    async fn started(&self, before: Result<State, Trouble>, began: DateTime<Utc>) -> Started {
        let mut start = Start { began, until: began, env: self.site.engine.env() };
        let both = async {
            let before = before?;
            let clock = &self.ground.clock;
            let after = at_start::settled(self.site, &self.cut.state, &before, &mut start, clock).await?;
            Ok((before, after))
        };
        let both: Result<_, Trouble> = both.await;
        let looked = match both {
            Ok((before, after)) => {
                untouched::by_start(&before, &after, &self.site.profile, &self.names, &start)
            }
            Err(trouble) => Looked::unknown(trouble.to_string(), Vec::new()),
        };
        Started { not_ready: None, untouched: Some(looked), start: Some(start) }
    }

    fn failed(&mut self, finding: Option<Finding>) -> Option<Stop> {
        let finding = finding?;
        let why = finding.actual.clone();
        self.procedure.push(finding);
        Some(Stop::Failed(why))
    }

    /// Looks at what came back. `ended` says which step ended the procedure, if one did.
    async fn verify(&mut self, seen: &mut Seen, ended: Option<&str>) -> Result<(), Trouble> {
        let mut verified = Verified::default();
        let looked = verify::procedure(&self.done, std::mem::take(&mut self.procedure));
        let looked = if ended.is_some() { Looked::at(1 + self.done.len(), looked.findings) } else { looked };
        verified.take(CheckId::Procedure, looked, Duration::ZERO, &self.log)?;
        seen.take(verified);
        self.end_load().await?;
        self.cut.load = self.under_load();
        if let Some(ended) = ended {
            let rest =
                CheckId::ALL.iter().copied().filter(|c| !matches!(c, CheckId::Baseline | CheckId::Procedure));
            let mut verified = Verified::default();
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
