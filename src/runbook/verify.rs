//! The checks after a restore (runbook 3.6 and beyond). Each takes the restored site, or what was
//! read from it once, and the recorded cut point; each says how much it looked at. A check that
//! could not look is unknown or skipped, never passed.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind},
        profile::EngineStart,
        state::{Database, Known, State},
        verdict::CheckOutcome,
    },
    procedure::manifest::Manifest,
    scenario::method::{DurableStore, RestoreJob},
    site::{Handles, Restored, RowStore, Site},
};
use acknowledged::UnderLoad;
use fail_closed::ProbeScope;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

pub mod at_start;
pub mod acknowledged;
pub mod baseline;
pub mod catalog;
pub mod contents;
pub mod existing;
pub mod fail_closed;
pub mod jobs;
pub mod operations;
pub mod measured;
pub mod reconcile;
pub mod render;
pub mod runtime;
pub mod schedules;
pub mod untouched;

/// What must be there after the restore: the rows at the dump's instant, what the harness knows of
/// them, and the inventory of the API.
#[derive(Clone, Debug, Default)]
pub struct CutPoint {
    /// Rows, sequences, schema and objects.
    pub state: State,
    /// Assets and templates with their known-good PDFs.
    pub known: Known,
    /// The manifest that the drift check compares with.
    pub manifest: Option<Manifest>,
    /// What the API showed of tenants, labels, runs and dead letters.
    pub shown: Option<operations::ApiSnapshot>,
    /// What the restoring release makes of an empty database, where the backup is of another one: its
    /// schema is to be expected then, and the migrations that it records.
    pub reference: Option<Database>,
    /// Writes under load that the backup raced. What is new since and theirs is judged by the check of
    /// acknowledged writes alone; the rest must come back exactly, as without them.
    pub load: Option<UnderLoad>,
}

/// What people call the objects of a run: also those that came after the cut point.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<ObjectKey, AssetName>);

impl Names {
    /// Learns an asset's key.
    pub fn learn(&mut self, key: ObjectKey, name: AssetName) {
        self.0.insert(key, name);
    }

    /// The asset that an object belongs to, if it is known.
    pub fn asset(&self, key: &ObjectKey) -> Option<&AssetName> {
        self.0.get(key)
    }

    /// The asset by its name, else the object by its key.
    pub fn entity(&self, key: &ObjectKey) -> Entity {
        self.asset(key).map_or_else(|| Entity::Object(key.clone()), |name| Entity::Asset(name.clone()))
    }
}

/// How a check went.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// How much it looked at, or why not.
    pub outcome: CheckOutcome,
    /// What it found.
    pub findings: Vec<Finding>,
}

impl CheckResult {
    /// It looked at this many things.
    pub fn at(at: usize, findings: Vec<Finding>) -> Self {
        Self { outcome: CheckOutcome::Checked { items: at }, findings }
    }

    /// It was not to look.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { outcome: CheckOutcome::Skipped { why: why.into() }, findings: Vec::new() }
    }

    /// Both as one: what either could not find out stays unknown.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        use CheckOutcome as O;
        self.findings.extend(other.findings);
        self.outcome = match (self.outcome, other.outcome) {
            (O::Checked { items }, O::Checked { items: more }) => O::Checked { items: items + more },
            (unknown @ O::Unknown { .. }, _) | (_, unknown @ O::Unknown { .. }) => unknown,
            (checked @ O::Checked { .. }, O::Skipped { .. })
            | (O::Skipped { .. }, checked @ (O::Checked { .. } | O::Skipped { .. })) => checked,
        };
        self
    }

    /// It could not find out; what it had found by then still counts.
    pub fn unknown(why: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { outcome: CheckOutcome::Unknown { why: why.into() }, findings }
    }
}

/// All that the checks said.
#[derive(Clone, Debug, Default)]
pub struct VerifyResults {
    /// How each went.
    pub checks: Vec<(CheckId, CheckOutcome)>,
    /// What they found.
    pub findings: Vec<Finding>,
    /// When the first known-good PDF had been rendered.
    pub first_good: Option<Instant>,
    /// The recovery point by the writes under load, before the end of their backup.
    pub rpo: Option<Duration>,
}

impl VerifyResults {
    /// Takes in a check and keeps it in the journal.
    pub fn take(
        &mut self,
        check: CheckId,
        looked: CheckResult,
        took: Duration,
        log: &Logbook,
    ) -> Result<(), Error> {
        for finding in &looked.findings {
            log.event(Event::Found(Box::new(finding.clone())))?;
        }
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        log.event(Event::CheckFinished { check, outcome: looked.outcome.clone(), ms })?;
        self.checks.push((check, looked.outcome));
        self.findings.extend(looked.findings);
        Ok(())
    }

    /// Takes in every check as skipped.
    pub fn skip(
        &mut self,
        checks: impl IntoIterator<Item = CheckId>,
        why: &str,
        log: &Logbook,
    ) -> Result<(), Error> {
        for check in checks {
            self.take(check, CheckResult::skipped(why), Duration::ZERO, log)?;
        }
        Ok(())
    }
}

/// Reads both stores of a site as they are now.
pub async fn observe(site: &Handles, as_of: Option<&State>) -> Result<State, Error> {
    let database = site.capture(as_of.map(|s| &s.database)).await?;
    let results = match &site.results {
        Some((bucket, _)) => bucket.inventory("").await?,
        None => BTreeMap::new(),
    };
    Ok(State { database, objects: site.objects.inventory("").await?, results })
}

/// What the restore's start of the engine has shown.
#[derive(Debug, Default)]
pub struct Started {
    /// What kept it from becoming ready, if anything.
    pub not_ready: Option<String>,
    /// What it did to the stores; nothing where the restore started no engine.
    pub untouched: Option<CheckResult>,
    /// When it was, and with what the engine was started.
    pub start: Option<EngineStart>,
}

/// Runs all checks of a restored site.
pub async fn verify(
    site: &Site<Restored>,
    cut: &CutPoint,
    names: &Names,
    engine: Started,
    reach: ProbeScope,
    log: &Logbook,
) -> Result<VerifyResults, Error> {
    let mut all = VerifyResults::default();
    let started = Instant::now();
    let all_there =
        observe(site, Some(&cut.state)).await.map_err(|t| t.while_doing("can't read the restored site"))?;
    let observed = cut.without_load(&all_there, &site.profile);
    let reading = started.elapsed();

    let acknowledged = Instant::now();
    let looked = match &cut.load {
        Some(load) => {
            let judged = acknowledged::judged(load, &all_there, &site.profile);
            if let Some(measured) = measured::measured(load, &judged, site.write_order()) {
                all.rpo = measured.recovery_point.map(|point| Duration::from_millis(point.before_end_ms));
                log.event(Event::LoadMeasured(Box::new(measured)))?;
            }
            acknowledged::check(load, &judged, &site.profile)
        }
        None => CheckResult::skipped("nobody wrote while the backup ran"),
    };
    all.take(CheckId::Acknowledged, looked, acknowledged.elapsed(), log)?;
    let ready = Timed::of(runtime::ready(site, engine.not_ready)).await;
    let is_ready = site.engine.exists() && ready.looked.findings.is_empty();
    let unasked = match (site.has_api(), is_ready) {
        (false, _) => Some("the target has no API"),
        (true, false) => Some("the engine is not ready"),
        (true, true) => None,
    };
    ready.into(CheckId::Ready, &mut all, log)?;
    if let Some(why) = unasked {
        all.skip([CheckId::Render], why, log)?;
    } else {
        let render = Timed::of(render::check(site, cut, &observed, log)).await;
        all.first_good = render.looked.1;
        Timed { looked: render.looked.0, took: render.took }.into(CheckId::Render, &mut all, log)?;
    }
    let (schema, sequences) = match &site.rows {
        RowStore::Postgres(_) => (catalog::check(cut, &observed), catalog::sequences(cut, &observed)),
        RowStore::Files(_) => {
            let none = || CheckResult::skipped("rows are in files: there is no schema and no sequence");
            (none(), none())
        }
    };
    all.take(CheckId::Catalog, schema, reading, log)?;
    let start = engine.start.as_ref();
    all.take(CheckId::Contents, contents::check(cut, &observed, &site.profile, start), reading, log)?;
    all.take(CheckId::Sequences, sequences, reading, log)?;
    all.take(CheckId::Reconcile, reconcile::check(cut, &observed, &site.profile, names), reading, log)?;
    all.take(CheckId::Schedules, schedules::check(cut, &observed, &site.profile, start), reading, log)?;
    if let Some(why) = unasked {
        all.skip([CheckId::Jobs, CheckId::Operations, CheckId::Manifest, CheckId::FailClosed], why, log)?;
    } else {
        Timed::of(jobs::check(site, cut, start)).await.into(CheckId::Jobs, &mut all, log)?;
        let shown = async {
            operations::check(site, cut).await.and(operations::handed_out(site, cut, &all_there).await)
        };
        Timed::of(shown).await.into(CheckId::Operations, &mut all, log)?;
        Timed::of(runtime::manifest(site, cut, names)).await.into(CheckId::Manifest, &mut all, log)?;
        Timed::of(fail_closed::check(site, cut, &observed, reach, log)).await.into(
            CheckId::FailClosed,
            &mut all,
            log,
        )?;
    }
    let untouched = async {
        let looked = untouched(site, &all_there, engine.untouched, is_ready, names).await;
        let writes = unasked.is_none() && as_written(&all.findings);
        if writes { looked.and(takes_a_write(site, cut).await) } else { looked }
    };
    let untouched = Timed::of(untouched).await;
    untouched.into(CheckId::Untouched, &mut all, log)?;
    Ok(all)
}

/// Adds to what the engine's start did what the checks' renders made it do.
async fn untouched(
    site: &Site<Restored>,
    observed: &State,
    by_start: Option<CheckResult>,
    is_ready: bool,
    names: &Names,
) -> CheckResult {
    let mut parts: Vec<CheckResult> = by_start.into_iter().collect();
    if is_ready {
        parts.push(match observe(site, Some(observed)).await {
            Ok(now) => untouched::by_renders(observed, &now, &site.profile, names),
            Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
        });
        parts.push(CheckResult::at(1, untouched::still_ready(site).await.into_iter().collect()));
    }
    parts
        .into_iter()
        .reduce(CheckResult::and)
        .unwrap_or_else(|| CheckResult::skipped("no engine was started"))
}

/// Whether rows and schema came back as they were: what was lost explains a write that is refused.
fn as_written(findings: &[Finding]) -> bool {
    !findings.iter().any(|f| matches!(f.check, CheckId::Catalog | CheckId::Contents | CheckId::Sequences))
}

async fn takes_a_write(site: &Site<Restored>, cut: &CutPoint) -> CheckResult {
    match untouched::takes_a_write(site, cut).await {
        Ok(found) => CheckResult::at(1, found.into_iter().collect()),
        Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
    }
}

/// A check with the time it took.
struct Timed<T> {
    looked: T,
    took: Duration,
}

impl<T> Timed<T> {
    async fn of(check: impl Future<Output = T>) -> Self {
        let started = Instant::now();
        Self { looked: check.await, took: started.elapsed() }
    }
}

impl Timed<CheckResult> {
    fn into(self, check: CheckId, all: &mut VerifyResults, log: &Logbook) -> Result<(), Error> {
        all.take(check, self.looked, self.took, log)
    }
}

/// The procedure's own check: what its steps reported, and whether its last restore kept the runbook's
/// order: binaries before rows, and the engine last (runbook 3).
pub fn procedure(steps_done: &[String], mut findings: Vec<Finding>) -> CheckResult {
    let last = |is: &dyn Fn(RestoreJob) -> bool| {
        let is = |description: &String| RestoreJob::named(description).is_some_and(is);
        steps_done.iter().rposition(is).map(|at| (at, &steps_done[at]))
    };
    let binaries = |job: RestoreJob| {
        job.brings_back().iter().any(|p| matches!(p, DurableStore::Bucket | DurableStore::Assets))
    };
    let rows = |job: RestoreJob| job.brings_back().contains(&DurableStore::Database);
    let templates = |job: RestoreJob| job.brings_back().contains(&DurableStore::Templates);
    let results = |job: RestoreJob| job.brings_back().contains(&DurableStore::Results);
    let starts = |job: RestoreJob| job == RestoreJob::StartEngine;
    for (earlier, later, why) in [
        (last(&binaries), last(&rows), "rows were there whose binaries were not"),
        (last(&binaries), last(&starts), "the engine served what had no binaries"),
        (last(&rows), last(&starts), "the engine served what was to be replaced"),
        (last(&templates), last(&starts), "the engine served what was to be replaced"),
        (last(&results), last(&starts), "the engine served jobs whose results were not there"),
    ] {
        let (Some((first, earlier)), Some((second, later))) = (earlier, later) else { continue };
        let entity = Entity::Step(later.clone());
        // Once is enough: the engine can be early for both stores.
        if second >= first || findings.iter().any(|f| f.kind == FindingKind::WrongOrder && f.entity == entity)
        {
            continue;
        }
        let expected = format!("{earlier} before {later}");
        let actual = format!("{later} ran first: {why}");
        findings.push(Finding::new(CheckId::Procedure, FindingKind::WrongOrder, entity, expected, actual));
    }
    CheckResult::at(steps_done.len(), findings)
}
