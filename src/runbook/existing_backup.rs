//! A test of a backup that was there before the run: fetched from where it lies, restored into a
//! site that is gone afterwards, verified. Runbook 3.1 to 3.6, without a source. What the backup
//! lies at is read through [`Origin`], which can't write.

use crate::{
    base::{
        clock::{self, Clock},
        error::{Blame, Error},
        ids::ScenarioId,
    },
    journal::{Journal, Logbook},
    model::{
        check::CheckId,
        event::{Event, RpoFrom, ScenarioStarted, StepStage},
        finding::{Entity, Finding, FindingKind},
        state::State,
        verdict::{Verdict, limit::Limit},
    },
    procedure::foreign::Recognised,
    runbook::{
        DrillOutcome,
        drill::{DrillResults, Measured, ms},
        provision::Substrate,
        verify::{
            self, CheckResult, Started, VerifyResults,
            existing::{self, Recorded, age::Newest},
        },
    },
    scenario::method::{DumpFormat, DumpOptions, Method, RestoreJob, Topology},
    site::{Site, Source},
    system::objects::origin::Origin,
};
use chrono::{DateTime, Utc};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

mod steps;

/// The scenario's id, and the procedure that its record names.
pub const ID: &str = "restore-test";

/// What is to be tested.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where the dump lies.
    pub dump: Origin,
    /// What it is.
    pub recognised: Recognised,
    /// Where the binaries lie.
    pub assets: Origin,
    /// What was recorded with them.
    pub recorded: Recorded,
    /// How old its newest row may be.
    pub max_age: Option<Duration>,
    /// How long the recovery may take.
    pub max_rto: Option<Duration>,
    /// Whether the cluster's superuser restores, who may start programs.
    pub as_superuser: bool,
}

impl Asked {
    /// Where the throwaway site keeps its binaries: a bucket for what lies in one, else a folder.
    pub fn method(&self) -> Method {
        let format = match &self.recognised {
            Recognised::Dump { format, .. } => *format,
            Recognised::Not(_) => DumpFormat::Custom,
        };
        let tarball = !self.assets.is_folder();
        let topology = match self.assets.is_local() || tarball {
            true => Topology::PostgresFiles,
            false => Topology::PostgresS3,
        };
        let dump = DumpOptions { format, ..DumpOptions::default() };
        Method { topology, dump, ..Method::default() }
    }
}

/// A step, in the runbook's order: binaries before rows, the engine last (runbook 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Brings the dump here.
    Fetch,
    /// Brings the binaries to the site (3.2).
    Objects,
    /// Restores the rows (3.3).
    Database,
    /// Puts off what the engine would do by itself: schedules must not fire on a copy.
    Hold,
    /// 3.4.
    Migrate,
    /// 3.5.
    Start,
}

impl Step {
    const ALL: [Self; 6] =
        [Self::Fetch, Self::Objects, Self::Database, Self::Hold, Self::Migrate, Self::Start];

    fn stage(self) -> StepStage {
        match self {
            Self::Fetch | Self::Objects | Self::Database | Self::Migrate => StepStage::Restore,
            Self::Hold | Self::Start => StepStage::Engine,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Fetch => "fetch dump",
            Self::Objects => RestoreJob::RestoreObjects.describe(),
            Self::Database => RestoreJob::RestoreDatabase.describe(),
            Self::Hold => "put off schedules",
            Self::Migrate => RestoreJob::Migrate.describe(),
            Self::Start => RestoreJob::StartEngine.describe(),
        }
    }
}

/// A test under way.
struct Test<'a> {
    asked: &'a Asked,
    site: &'a Site<Source>,
    log: Logbook,
    /// When the run began, by the clock: ages are against it.
    now: DateTime<Utc>,
    clock: Clock,
    recorded: Recorded,
    dump: PathBuf,
    newest_object: Option<Newest>,
    newest_row: Option<Newest>,
    engine: Started,
    done: Vec<String>,
    ready: Option<Instant>,
    good: Option<Instant>,
}

/// Restores and verifies. Everything that happens is in the journal; the outcome is for the exit code.
pub async fn restore_test(
    substrate: &Substrate,
    asked: &Asked,
    journal: &Journal,
    clock: &Clock,
) -> Result<DrillOutcome, Error> {
    let log = Logbook::new(journal, Some(ScenarioId::from(ID)));
    log.event(Event::ScenarioStarted(Box::new(started(asked))))?;
    let (began, now) = (Instant::now(), clock.now());
    let mut seen = DrillResults::default();
    let site = match substrate.site(0, &asked.method(), substrate.profile()).await {
        Ok(site) => site,
        Err(error) => {
            seen.errors.push(error);
            return seen.conclude((&[], &[]), began, Measured::default(), &log);
        }
    };
    let mut test = Test::new(asked, &site, log.clone(), now, clock);
    let mut measured = Measured::default();
    match test.run(substrate, &mut seen).await {
        Ok(found) => measured = found,
        Err(error) => seen.errors.push(error),
    }
    drop(test);
    let said = site.engine.last_words(&site.redactor);
    if let Err(error) = substrate.dispose(&site).await {
        seen.errors.push(error.while_doing("can't take the test's site down"));
    }
    let outcome = seen.conclude((&[], &[]), began, measured, &log)?;
    if outcome.verdict != Verdict::Pass && !said.is_empty() {
        log.artefact(&format!("{ID}-engine.log"), said.as_bytes(), "the end of the engine's output")?;
    }
    Ok(outcome)
}

fn started(asked: &Asked) -> ScenarioStarted {
    let text = |description: &[&str]| description.iter().map(|w| (*w).to_owned()).collect();
    ScenarioStarted {
        title: "A backup that was there before the run restores".to_owned(),
        shows: format!(
            "The dump {} and the binaries {} are restored into a site of their own and verified as far as \
             something was recorded to compare with.",
            asked.dump.shown(),
            asked.assets.shown()
        ),
        file: None,
        runbook: text(&["3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]),
        controls: text(&["NIST CP-4(4)", "NIST CP-9(1)", "NIST CP-10", "ISO A.8.13", "DORA 12(2)"]),
        topology: asked.method().topology.describe().to_owned(),
        procedure: "restore test".to_owned(),
        profile: None,
        seed: String::new(),
        baseline: false,
        expect: Vec::new(),
        possible: Vec::new(),
        steps: Step::ALL.iter().map(|step| step.describe().to_owned()).collect(),
    }
}

impl<'a> Test<'a> {
    fn new(
        asked: &'a Asked,
        site: &'a Site<Source>,
        log: Logbook,
        now: DateTime<Utc>,
        clock: &Clock,
    ) -> Self {
        Self {
            asked,
            site,
            log,
            now,
            clock: clock.clone(),
            recorded: asked.recorded.clone(),
            dump: site.folder.join("dump"),
            newest_object: None,
            newest_row: None,
            engine: Started::default(),
            done: Vec::new(),
            ready: None,
            good: None,
        }
    }

    async fn run(&mut self, substrate: &Substrate, seen: &mut DrillResults) -> Result<Measured, Error> {
        if !self.asked.as_superuser {
            substrate.restrict_role(self.site).await?;
        }
        let first = Instant::now();
        let failed = self.steps().await?;
        let mut measured = Measured::default();
        let mut findings: Vec<Finding> = failed.iter().cloned().collect();
        match &failed {
            Some(failed) => {
                let all = CheckId::ALL.iter().copied().filter(|check| *check != CheckId::Procedure);
                let mut verified = VerifyResults::default();
                verified.skip(all, &format!("{} failed", failed.entity), &self.log)?;
                seen.take(verified);
            }
            None => {
                let (site, engine) = (self.site.restored(), std::mem::take(&mut self.engine));
                let is_ready = engine.not_ready.is_none();
                let verified = existing::verify(&site, &self.recorded, engine, &self.log).await?;
                self.good = verified.first_good;
                seen.take(verified);
                // Where a render was asked for, nothing less proves a recovery (runbook 3.6).
                let end = match self.recorded.renders.is_empty() {
                    true => self.ready.filter(|_| is_ready),
                    false => self.good,
                };
                measured.rto = end.map(|end| end.duration_since(first));
                findings.extend(self.too_slow(measured.rto));
            }
        }
        if failed.is_some() {
            // Rows that never came say nothing of the backup's age, and objects don't speak for them.
            self.newest_object = self.newest_row.is_some().then(|| self.newest_object.take()).flatten();
        }
        let age = self.newest_row.as_ref().or(self.newest_object.as_ref()).map(|n| n.age(self.now));
        measured.rpo = age.map(|age| (age, RpoFrom::Newest));
        let too_old = self.too_old(age);
        let measurable = self.asked.max_age.is_none() || age.is_some() || failed.is_some();
        findings.extend(too_old);
        let looked = verify::procedure(&self.done, findings);
        let looked = match (failed.is_some(), measurable) {
            (true, _) => CheckResult::at(1 + self.done.len(), looked.findings),
            (false, true) => looked,
            (false, false) => {
                CheckResult::unknown("no row and no object tells how old the backup is", looked.findings)
            }
        };
        let mut verified = VerifyResults::default();
        verified.take(CheckId::Procedure, looked, Duration::ZERO, &self.log)?;
        seen.take(verified);
        self.tell(measured)?;
        Ok(measured)
    }

    /// Performs the steps. Gives the finding that ended them, if one did.
    async fn steps(&mut self) -> Result<Option<Finding>, Error> {
        for (number, step) in (1..).zip(Step::ALL) {
            let (stage, name) = (step.stage(), step.describe().to_owned());
            self.log.event(Event::StepStarted { step: number, stage, name })?;
            let began = Instant::now();
            let went = match self.step(step).await {
                // The backup is not what it should be: that is what the test is for.
                Err(error) if error.blame == Blame::Usage => {
                    Ok(Some(crate::procedure::restore_failed(step.describe(), error.to_string())))
                }
                went => went,
            };
            let failed = match &went {
                Ok(None) => None,
                Ok(Some(finding)) => Some(finding.actual.clone()),
                Err(error) => Some(error.to_string()),
            };
            self.log.event(Event::StepFinished { step: number, ms: ms(began.elapsed()), failed })?;
            let went = went.map_err(|t| t.while_doing(format!("step {number} ({})", step.describe())))?;
            if went.is_some() {
                return Ok(went);
            }
            self.done.push(step.describe().to_owned());
        }
        Ok(None)
    }

    fn too_slow(&self, rto: Option<Duration>) -> Option<Finding> {
        let limit = self.asked.max_rto?;
        if rto.is_some_and(|rto| rto <= limit) {
            return None;
        }
        let actual = match rto {
            Some(rto) => format!("it took {}", clock::span(rto)),
            None => "the recovery did not come to its end".to_owned(),
        };
        let entity = Entity::Step(ID.to_owned());
        let expected = format!("a recovery within {}", clock::span(limit));
        Some(Finding::new(CheckId::Procedure, FindingKind::RecoveryTooSlow, entity, expected, actual))
    }

    fn too_old(&self, rpo: Option<Duration>) -> Option<Finding> {
        let (limit, age) = (self.asked.max_age?, rpo?);
        let newest = self.newest_row.as_ref().or(self.newest_object.as_ref())?;
        (age > limit).then(|| {
            let entity = Entity::Step(ID.to_owned());
            let expected = format!("a moment within {} of the run's begin", clock::span(limit));
            let actual = format!(
                "the newest is {} in {}, {} old",
                clock::iso(newest.at),
                newest.place,
                clock::span(age)
            );
            Finding::new(CheckId::Procedure, FindingKind::BackupTooOld, entity, expected, actual)
        })
    }

    /// Says what was measured, and what a pass does not show.
    fn tell(&self, measured: Measured) -> Result<(), Error> {
        let note = |text: String| self.log.event(Event::Noted { text });
        let wanted = &self.recorded.renders;
        let goldens = wanted.values().filter(|w| w.golden.is_some()).count();
        if let Some(rto) = measured.rto {
            let until = match (wanted.is_empty(), goldens) {
                (true, _) => "the engine being ready (no render was asked for)",
                (false, 0) => "the first whole PDF",
                (false, _) => "the first good render",
            };
            note(format!("RTO {}: from the first read of the backup to {until}", clock::span(rto)))?;
        }
        let newest = |what: &str, newest: &Option<Newest>| match newest {
            Some(n) => format!(
                "newest {what} {} ({}), {} old",
                clock::iso(n.at),
                n.place,
                clock::span(n.age(self.now))
            ),
            None => format!("no {what} tells a time"),
        };
        let (row, object) = (newest("row", &self.newest_row), newest("object", &self.newest_object));
        let rpo = measured.rpo.map_or_else(|| "unknown".to_owned(), |(age, _)| clock::span(age));
        note(format!("RPO {rpo}: {row}; {object} (when its copy was written, where copying kept no times)"))?;
        self.limits(goldens).into_iter().try_for_each(|limit| self.log.event(Event::NotProven { limit }))
    }

    /// What a pass does not show.
    fn limits(&self, goldens: usize) -> Vec<Limit> {
        let wanted = &self.recorded.renders;
        let mut limits = Vec::new();
        if wanted.is_empty() {
            limits.push(Limit::NoRender);
        } else if goldens == 0 {
            limits.push(Limit::NoKnownGood);
        } else if goldens < wanted.len() {
            limits.push(Limit::SomeWithoutKnownGood);
        }
        match &self.recorded.manifest {
            None => limits.push(Limit::NoManifest),
            Some(manifest) if manifest.tables.is_empty() => limits.push(Limit::NoTableDigests),
            Some(_) => {}
        }
        limits.push(Limit::SchemaNotRecorded);
        limits
    }
}

/// Both stores as they are now.
async fn observe(site: &Site<Source>, as_of: Option<&State>) -> Result<State, Error> {
    verify::observe(site, as_of).await
}
