//! One scenario, from an empty site to its verdict.

use crate::{
    base::{
        clock::{self, Clock},
        ids::{AssetName, ObjectKey, TemplateKey},
        trouble::{Blame, Trouble},
    },
    journal::{Journal, Logbook},
    model::{
        check::CheckId,
        event::{Event, TableFacts},
        fault::Fault,
        finding::Finding,
        state::State,
        verdict::{CheckOutcome, Facts, Judgement, Verdict, judge},
    },
    plan::{BackupJob, Job, Plan, Planned, RestoreJob},
    procedure::{Armed, Backup, manifest},
    runbook::{
        backup,
        fault::{self, Target, loss},
        provision::Substrate,
        restore::{self, Went},
        seed::{self, Put},
        verify::{self, CutPoint, Looked, Names, Started, Verified, baseline, fail_closed::Reach, untouched},
    },
    scenario::{Act, library::Library, seed::Seed},
    site::{Site, Source},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// What all scenarios of a run stand on.
pub struct Ground {
    /// PostgreSQL and the object store.
    pub substrate: Substrate,
    /// The seeds of all plans, by name.
    pub seeds: BTreeMap<String, Seed>,
    /// Loose fixtures.
    pub library: Library,
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
pub struct Outcome {
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
pub enum Stop {
    /// A step of backup or restore failed: what an operator would not go past.
    Failed(String),
}

/// Performs a plan. Everything that happens is in the journal; the outcome is for the exit code.
pub async fn drill(ground: &Ground, plan: &Plan, number: usize) -> Result<Outcome, Trouble> {
    let log = Logbook::new(&ground.journal, Some(plan.id.clone()));
    log.event(Event::ScenarioStarted(Box::new(plan.started.clone())))?;
    let began = Instant::now();
    let site = match ground.substrate.site(number).await {
        Ok(site) => site,
        Err(trouble) => {
            let facts = Seen { troubles: vec![trouble], ..Seen::default() };
            return facts.conclude(plan, began, None, &log);
        }
    };
    let mut scene = Scene::new(ground, &site, plan, log.clone());
    let mut seen = Seen::default();
    if let Err(trouble) = scene.perform(plan, &mut seen).await {
        seen.troubles.push(trouble);
    }
    let rto = scene.rto();
    drop(scene);
    let said = site.engine.last_words(&site.redactor);
    let mut standing = None;
    if ground.keep {
        standing = Some(ground.substrate.leave(&site).await?);
    } else if let Err(trouble) = ground.substrate.dispose(&site).await {
        seen.troubles.push(trouble.while_doing("can't take the scenario's site down"));
    }
    if ground.substrate.outlives() {
        restore::migrate(&site, &log).await?;
    }
    let hopeless = seen.hopeless;
    let outcome = seen.conclude(plan, began, rto, &log)?;
    if outcome.verdict != Verdict::Pass && !said.is_empty() {
        log.artefact(&format!("{}-engine.log", plan.id), said.as_bytes(), "the end of the engine's output")?;
    }
    Ok(Outcome { standing, hopeless, ..outcome })
}

/// What the verdict will rest on.
#[derive(Default)]
struct Seen {
    findings: Vec<Finding>,
    checks: Vec<(CheckId, CheckOutcome)>,
    without_effect: Vec<String>,
    troubles: Vec<Trouble>,
    hopeless: bool,
}

impl Seen {
    fn take(&mut self, verified: Verified) {
        self.findings.extend(verified.findings);
        self.checks.extend(verified.checks);
    }

    fn conclude(
        self,
        plan: &Plan,
        began: Instant,
        rto: Option<Duration>,
        log: &Logbook,
    ) -> Result<Outcome, Trouble> {
        for trouble in &self.troubles {
            let ours = trouble.blame == Blame::Harness;
            log.event(Event::Troubled { trouble: trouble.to_string(), ours })?;
        }
        let troubles: Vec<String> = self.troubles.iter().map(ToString::to_string).collect();
        let judgement: Judgement = judge(&Facts {
            findings: &self.findings,
            expected: &plan.expect,
            checks: &self.checks,
            without_effect: &self.without_effect,
            troubles: &troubles,
        });
        let verdict = judgement.verdict;
        log.event(Event::ScenarioFinished { judgement, ms: ms(began.elapsed()), rto_ms: rto.map(ms) })?;
        let blames = || self.troubles.iter().map(|t| t.blame);
        let blame = blames().find(|b| *b == Blame::Harness).or_else(|| blames().next());
        Ok(Outcome { verdict, blame, standing: None, hopeless: false })
    }
}

/// A site and all that is remembered of it while the steps go by.
struct Scene<'a> {
    ground: &'a Ground,
    site: &'a Site<Source>,
    seed: &'a str,
    reach: Reach,
    log: Logbook,
    put: Put,
    names: Names,
    keys: BTreeMap<AssetName, ObjectKey>,
    /// What must be there now if no fault was done: what the next dump promises.
    live: State,
    /// What must come back.
    cut: CutPoint,
    /// Whether writes belong to what must come back at once: before a dump, and after the restore.
    counts: bool,
    armed: Armed,
    backup: Backup,
    done: Vec<String>,
    procedure: Vec<Finding>,
    engine: Started,
    lost: Option<Instant>,
    good: Option<Instant>,
}

impl<'a> Scene<'a> {
    fn new(ground: &'a Ground, site: &'a Site<Source>, plan: &'a Plan, log: Logbook) -> Self {
        Self {
            ground,
            site,
            seed: &plan.seed,
            reach: if plan.started.control { Reach::Everything } else { Reach::OneTemplate },
            log,
            put: Put::default(),
            names: Names::default(),
            keys: BTreeMap::new(),
            live: State::default(),
            cut: CutPoint::default(),
            counts: true,
            armed: Armed::default(),
            backup: Backup::default(),
            done: Vec::new(),
            procedure: Vec::new(),
            engine: Started::default(),
            lost: None,
            good: None,
        }
    }

    /// Measured recovery time: from the loss to the first known-good render.
    fn rto(&self) -> Option<Duration> {
        Some(self.good?.duration_since(self.lost?))
    }

    async fn perform(&mut self, plan: &Plan, seen: &mut Seen) -> Result<(), Trouble> {
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

    /// Migrates, starts and fills the source, and looks whether it is right.
    async fn prepare(&mut self, plan: &Plan, seen: &mut Seen) -> Result<(), Trouble> {
        if let Some(failed) = restore::migrate(self.site, &self.log).await? {
            return Err(Trouble::environment("can't make the source's schema").cause(failed.actual));
        }
        self.site.engine.start(&self.site.redactor).await.inspect_err(|_| seen.hopeless = true)?;
        let seed = self
            .ground
            .seeds
            .get(&plan.seed)
            .ok_or_else(|| Trouble::harness("a plan's seed was not read"))?;
        let golden = self.ground.golden.get(&plan.seed).map(PathBuf::as_path);
        self.put = seed::fill(&self.site.engine.api().await?, seed, golden).await?;
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

    async fn step(&mut self, planned: &Planned, seen: &mut Seen) -> Result<Option<Stop>, Trouble> {
        match &planned.job {
            Job::BackUp(job) => self.back_up(*job).await,
            Job::Restore(job) => self.restore(*job).await,
            Job::Destroy(what) => {
                self.lost.get_or_insert_with(Instant::now);
                self.good = None;
                loss::destroy(self.site, *what).await?;
                Ok(None)
            }
            Job::Act(Act::Fault(fault)) => self.fault(fault, false, &planned.words, seen).await,
            Job::Act(Act::FaultInBackup(fault)) => self.fault(fault, true, &planned.words, seen).await,
            Job::Act(act @ (Act::Upload(_) | Act::Replace(_) | Act::Delete(_) | Act::SaveTemplate(_))) => {
                self.write(act, seen).await.map(|()| None)
            }
        }
    }

    async fn back_up(&mut self, job: BackupJob) -> Result<Option<Stop>, Trouble> {
        if job == BackupJob::DumpDatabase {
            self.fix_cut_point().await?;
        }
        let clock = &self.ground.clock;
        let failed =
            backup::perform(job, self.site, &mut self.backup, &mut self.armed, clock, &self.log).await?;
        if job == BackupJob::RecordManifest {
            self.cut.manifest.clone_from(&self.backup.manifest);
        }
        Ok(self.failed(failed))
    }

    /// What must come back is what was there at the dump's instant.
    async fn fix_cut_point(&mut self) -> Result<(), Trouble> {
        self.counts = false;
        self.take_as_cut_point();
        let now = self.ground.clock.now();
        self.cut.manifest = Some(manifest::record(&self.site.engine.api().await?, clock::iso(now)).await?);
        let tables = self.cut.state.database.tables.iter();
        let tables = tables
            .map(|(name, t)| (name.to_string(), TableFacts { rows: t.rows.len(), digest: t.digest() }))
            .collect();
        self.log.event(Event::CutPoint { tables, objects: self.cut.state.objects.len() })
    }

    fn take_as_cut_point(&mut self) {
        self.cut.state = self.live.clone();
        self.cut.known = self.put.known.clone();
    }

    async fn restore(&mut self, job: RestoreJob) -> Result<Option<Stop>, Trouble> {
        let starts = job == RestoreJob::StartEngine;
        // What the engine makes of the stores at its start is not what the backup held.
        let before =
            if starts { Some(verify::observe(self.site, Some(&self.cut.state)).await) } else { None };
        match restore::perform(job, self.site, &self.backup, &mut self.armed, &self.log).await? {
            Went::Well => {
                if let Some(before) = before {
                    self.engine = Started { not_ready: None, untouched: Some(self.untouched(before).await) };
                    self.counts = true;
                    self.live = self.cut.state.clone();
                    self.put.known = self.cut.known.clone();
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

    /// Whether the engine's start left the stores as they were.
    async fn untouched(&self, before: Result<State, Trouble>) -> Looked {
        let both = async { Ok((before?, verify::observe(self.site, Some(&self.cut.state)).await?)) };
        match both.await {
            Ok((before, after)) => untouched::by_start(&before, &after, &self.site.profile, &self.names),
            Err(trouble) => {
                let trouble: Trouble = trouble;
                Looked::unknown(trouble.to_string(), Vec::new())
            }
        }
    }

    fn failed(&mut self, finding: Option<Finding>) -> Option<Stop> {
        let finding = finding?;
        let why = finding.actual.clone();
        self.procedure.push(finding);
        Some(Stop::Failed(why))
    }

    async fn fault(
        &mut self,
        fault: &Fault,
        in_backup: bool,
        words: &str,
        seen: &mut Seen,
    ) -> Result<Option<Stop>, Trouble> {
        let fixture = fault.assets().first().and_then(|name| self.fixture(name).ok());
        let fixture = fixture.and_then(|path| std::fs::read(path).ok());
        let target = Target {
            site: self.site,
            keys: self.keys.clone(),
            sent: &self.put.sent,
            backup: &self.backup,
            in_backup,
            fixture,
        };
        let injected = fault::inject(fault, &target, &mut self.armed).await?;
        if let Fault::OrphanBinary(name) = fault {
            self.names.learn(ObjectKey::new(name.as_str()), name.clone());
        }
        if !injected.changed {
            seen.without_effect.push(format!("{words} ({})", injected.detail));
        }
        self.log.event(Event::FaultInjected {
            fault: fault.id().to_owned(),
            words: words.to_owned(),
            changed: injected.changed,
            detail: injected.detail,
        })?;
        Ok(None)
    }

    /// A write through the API. What it changed in the stores is taken over into what must be there,
    /// and the renders that it touches become known-good anew.
    async fn write(&mut self, act: &Act, seen: &mut Seen) -> Result<(), Trouble> {
        let before = verify::observe(self.site, None).await?;
        let written = self.send(act).await?;
        self.learn();
        let after = verify::observe(self.site, None).await?;
        self.learn_earlier(written.as_ref(), &before, &after);
        let mut sent = self.put.known.clone();
        sent.assets.retain(|name, _| Some(name) == written.as_ref());
        let mut wrong = baseline::stored(self.site, &sent, &after);
        let touched: Vec<TemplateKey> =
            written.iter().flat_map(|name| self.put.known.broken_by(name)).cloned().collect();
        let known = &mut self.put.known;
        for (key, name) in touched.iter().zip(written.iter().cycle()) {
            wrong.extend(baseline::renders_anew(self.site, known, key, name, &self.log).await?);
        }
        if let Act::SaveTemplate(key) = act {
            // The fixture's PDF has the old title.
            if let Some(template) = known.templates.get_mut(key) {
                template.golden = None;
            }
            wrong.extend(baseline::renders(self.site, known, key, &self.log).await?);
        }
        if !wrong.is_empty() {
            let mut verified = Verified::default();
            verified.take(CheckId::Baseline, Looked::at(1, wrong), Duration::ZERO, &self.log)?;
            seen.take(verified);
        }
        let after = verify::observe(self.site, None).await?;
        self.live.take_over(&before, &after);
        if self.counts {
            self.take_as_cut_point();
        }
        Ok(())
    }

    /// Sends a write. Gives the asset whose binary it wrote.
    async fn send(&mut self, act: &Act) -> Result<Option<AssetName>, Trouble> {
        let api = self.site.engine.api().await?;
        match act {
            Act::Upload(name) => {
                let upload = seed::loose(&self.fixture(name)?, name)?;
                self.put.upload(&api, upload).await?;
                Ok(Some(name.clone()))
            }
            Act::Replace(replace) => {
                let path = self.fixture(&replace.with)?;
                let bytes = seed::loose(&path, &replace.with)?.bytes;
                self.put.replace(&api, &replace.asset, bytes, seed::media_type(&path)).await?;
                Ok(Some(replace.asset.clone()))
            }
            Act::Delete(name) => self.put.delete(&api, name).await.map(|()| None),
            Act::SaveTemplate(key) => self.put.save_template(&api, key).await.map(|()| None),
            Act::Fault(_) | Act::FaultInBackup(_) => Err(Trouble::harness("a fault is no write")),
        }
    }

    /// The file with a fixture's bytes.
    fn fixture(&self, name: &AssetName) -> Result<PathBuf, Trouble> {
        let seed =
            self.ground.seeds.get(self.seed).ok_or_else(|| Trouble::harness("a plan's seed was not read"))?;
        let found = seed.asset_file(&self.ground.library, name);
        found.map_err(|_| Trouble::usage(format!("no fixture is called {name}")))
    }

    fn learn(&mut self) {
        for (name, asset) in &self.put.known.assets {
            self.names.learn(asset.key.clone(), name.clone());
            self.keys.insert(name.clone(), asset.key.clone());
        }
    }

    /// An object that appears beside the one that was replaced is the asset's earlier binary:
    /// `logo.png@1`.
    fn learn_earlier(&mut self, written: Option<&AssetName>, before: &State, after: &State) {
        let Some(name) = written else { return };
        let replaced = self.put.sent.get(name).map_or(0, Vec::len).saturating_sub(1);
        for key in after.objects.keys().filter(|key| !before.objects.contains_key(*key)) {
            if self.names.asset(key).is_none() {
                self.names.learn(key.clone(), format!("{name}@{replaced}").into());
            }
        }
    }

    /// Looks at what came back. `ended` says which step ended the procedure, if one did.
    async fn verify(&mut self, seen: &mut Seen, ended: Option<&str>) -> Result<(), Trouble> {
        let mut verified = Verified::default();
        let looked = verify::procedure(&self.done, std::mem::take(&mut self.procedure));
        let looked = if ended.is_some() { Looked::at(1 + self.done.len(), looked.findings) } else { looked };
        verified.take(CheckId::Procedure, looked, Duration::ZERO, &self.log)?;
        seen.take(verified);
        if let Some(ended) = ended {
            let rest =
                CheckId::ALL.iter().copied().filter(|c| !matches!(c, CheckId::Baseline | CheckId::Procedure));
            let mut verified = Verified::default();
            verified.skip(rest, ended, &self.log)?;
            seen.take(verified);
            return Ok(());
        }
        let site = self.site.restored();
        let engine = std::mem::take(&mut self.engine);
        let verified = verify::verify(&site, &self.cut, &self.names, engine, self.reach, &self.log).await?;
        self.good = verified.first_good;
        seen.take(verified);
        Ok(())
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
