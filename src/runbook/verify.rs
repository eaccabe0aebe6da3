//! The checks after a restore (runbook 3.6 and beyond). Each takes the restored site, or what was
//! read from it once, and what was recorded to compare with; each reports how much it checked. A check
//! that cannot be done is unknown or skipped, never passed. To add one: its row in `model::check`, its
//! file here, and its arm in [`Verification::answer`].

use crate::{
    base::{digest::Digest, error::Error},
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        figures::RestoredFigures,
        finding::Finding,
        profile::EngineStart,
        state::State,
        verdict::{Answers, CheckOutcome},
    },
    procedure::schema,
    site::{Handles, Restored, RowStore, Site},
};
use fail_closed::ProbeScope;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

pub mod acknowledged;
pub mod age;
pub mod api_snapshot;
pub mod assertions;
pub mod blast_radius;
pub mod at_start;
pub mod source;
pub mod catalog;
pub mod contents;
pub mod fail_closed;
pub mod indexes;
pub mod jobs;
pub mod measured;
mod observe;
pub mod operations;
pub mod pictures;
pub mod procedure;
pub mod read_back;
pub mod reconcile;
mod reference;
pub mod render;
mod result;
pub mod runtime;
pub mod schedules;
pub mod untouched;
pub mod writes;

pub use observe::{observe, observe_contents};
pub use procedure::ProcedureLog;
pub use reference::{Names, Reference, UnderLoad};
pub use result::CheckResult;

/// What all checks answered and found.
#[derive(Clone, Debug, Default)]
pub struct VerifyResults {
    /// The answer of each check.
    pub answers: Answers,
    /// What they found.
    pub findings: Vec<Finding>,
    /// What came back, in figures; none where it was not read.
    pub figures: Option<RestoredFigures>,
}

impl VerifyResults {
    /// Records the answer of a check, in the journal too.
    pub fn record(
        &mut self,
        check: CheckId,
        result: CheckResult,
        took: Duration,
        log: &Logbook,
    ) -> Result<(), Error> {
        for finding in &result.findings {
            log.event(Event::Found(Box::new(finding.clone())))?;
        }
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        log.event(Event::CheckFinished { check, outcome: result.outcome.clone(), ms })?;
        self.answers.add(check, result.outcome);
        self.findings.extend(result.findings);
        Ok(())
    }

    /// Records every check that has not answered as skipped.
    pub fn skip_rest(&mut self, why: &str, log: &Logbook) -> Result<(), Error> {
        let rest: Vec<CheckId> = self.answers.missing().collect();
        rest.into_iter()
            .try_for_each(|check| self.record(check, CheckResult::skipped(why), Duration::ZERO, log))
    }
}

/// What the restore observed, before the checks.
#[derive(Debug, Default)]
pub struct RestoreObservations {
    /// The files of an existing backup's tarball, until the restored rows show where they belong.
    pub unpacked: Vec<PathBuf>,
    /// Both stores as the backup returned them, before migration and engine start, where no state of
    /// the source is recorded.
    pub loaded: Option<State>,
    /// Whether the tables, indexes and pages of an existing physical backup are intact, as they were recovered.
    pub intact: Option<CheckResult>,
    /// SHA-256 of an existing dump as it was fetched, where it is one file.
    pub dump: Option<Digest>,
    /// When the engine was started, and with what.
    pub start: Option<EngineStart>,
    /// What kept it from becoming ready, if anything.
    pub not_ready: Option<String>,
    /// Whether the start left the stores as they were; none where no engine was started.
    pub untouched: Option<CheckResult>,
}

/// One pass of all checks over a restored site.
pub struct Verification<'a> {
    /// The restored site.
    pub site: &'a Site<Restored>,
    /// What it is compared with. Renders that were asked for become known here.
    pub reference: &'a mut Reference,
    /// What people call its objects.
    pub names: &'a Names,
    /// What the restore observed.
    pub restore: &'a RestoreObservations,
    /// Both stores after the engine's start, where no step followed it.
    pub after_start: Option<State>,
    /// What the drill did; the checks add what they measure.
    pub procedure: &'a mut ProcedureLog,
    /// How far the fail-closed probe goes.
    pub scope: ProbeScope,
    /// The journal.
    pub log: &'a Logbook,
}

/// Both stores, read once before the first check.
struct Observed {
    /// Everything.
    all: State,
    /// Without what writes in flight added since the cut point.
    ordinary: State,
    /// Why the schema could not be dumped, where that was tried.
    not_dumped: Option<String>,
}

impl Verification<'_> {
    /// Runs every check that has not answered yet. After a failed step only the procedure is judged.
    pub async fn run(mut self, results: &mut VerifyResults) -> Result<(), Error> {
        if let Some(step) = &self.procedure.failed {
            let procedure = procedure::check(self.procedure);
            results.record(CheckId::Procedure, procedure, Duration::ZERO, self.log)?;
            if let Some(intact) = &self.restore.intact {
                results.record(CheckId::Indexes, intact.clone(), Duration::ZERO, self.log)?;
            }
            return results.skip_rest(&format!("{step} failed"), self.log);
        }
        let mut all = match self.after_start.take() {
            Some(after_start) => after_start,
            None => {
                let as_of = self.reference.state.as_ref().or(self.restore.loaded.as_ref());
                let all = observe(self.site, as_of).await;
                all.map_err(|error| error.while_doing("can't read the restored site"))?
            }
        };
        let not_dumped = match self.reference.has_definitions() {
            true => schema::complete(&mut all.database.catalog, self.site).await?,
            false => None,
        };
        let ordinary = self.reference.without_workload(&all, &self.site.profile);
        let observed = Observed { ordinary, all, not_dumped };
        if self.reference.schema_only {
            return self.schema_only(&observed, results);
        }
        let mut rest: Vec<CheckId> = results.answers.missing().collect();
        // It writes to the site: what the others look at must be there before.
        rest.sort_by_key(|check| *check == CheckId::Untouched);
        let mut figures = self.figures(&observed.ordinary);
        for check in rest {
            let began = Instant::now();
            let result = self.answer(check, &observed, &results.findings, &mut figures).await?;
            results.record(check, result, began.elapsed(), self.log)?;
        }
        self.log.event(Event::RestoreMeasured(Box::new(figures.clone())))?;
        if let Some(radius) = blast_radius::of(
            (&results.findings, &results.answers),
            self.reference,
            &self.procedure.measured.good_templates,
            &observed.ordinary,
            &self.site.profile,
        ) {
            self.log.event(Event::BlastRadiusFound(Box::new(radius)))?;
        }
        results.figures = Some(figures);
        Ok(())
    }

    /// The checks of a restored schema. Without one to compare it with, nothing is known.
    fn schema_only(&mut self, observed: &Observed, results: &mut VerifyResults) -> Result<(), Error> {
        let began = Instant::now();
        let catalog = self.catalog(observed)?;
        let catalog = match catalog.outcome {
            CheckOutcome::Skipped { why } => CheckResult::unknown(
                format!("{why}: give --schema-of-migrate, --manifest, --ledger or --source-env"),
                catalog.findings,
            ),
            CheckOutcome::Checked { .. } | CheckOutcome::Unknown { .. } => catalog,
        };
        results.record(CheckId::Catalog, catalog, began.elapsed(), self.log)?;
        results.record(CheckId::Procedure, procedure::check(self.procedure), Duration::ZERO, self.log)?;
        results.skip_rest("only the schema was restored", self.log)
    }

    /// What came back; the checks add what they matched.
    fn figures(&self, observed: &State) -> RestoredFigures {
        let loaded = self.restore.loaded.as_ref().unwrap_or(observed);
        let tables = loaded.database.tables.iter();
        RestoredFigures {
            tables: tables.map(|(name, table)| (name.clone(), table.rows.len() as u64)).collect(),
            objects: (loaded.objects.len() + self.reference.listed.len()) as u64,
            bytes: loaded
                .objects
                .values()
                .map(|object| object.size)
                .chain(self.reference.listed.values())
                .sum(),
            listed: self.reference.listed.len() as u64,
            matched: 0,
            unlogged: loaded.database.unlogged_without_rows(),
            schema: match (&self.site.rows, &self.restore.loaded) {
                (RowStore::Postgres(_), Some(loaded)) => {
                    Some(schema::figures(&loaded.database, Some(self.site.programs.version.major)))
                }
                (RowStore::Postgres(_), None) | (RowStore::Files(_), _) => None,
            },
            not_compared: contents::not_compared(self.reference, loaded, observed, &self.site.profile),
        }
    }

    /// The answer of one check. `found` is what the checks before it found.
    async fn answer(
        &mut self,
        check: CheckId,
        observed: &Observed,
        found: &[Finding],
        figures: &mut RestoredFigures,
    ) -> Result<CheckResult, Error> {
        let (site, ordinary, start) = (self.site, &observed.ordinary, self.restore.start.as_ref());
        let (reference, profile) = (&*self.reference, &site.profile);
        let no_api = self.no_api(found);
        Ok(match check {
            CheckId::Source => {
                CheckResult::skipped("the backup existed before this run: its source was not checked")
            }
            CheckId::Acknowledged => self.acknowledged(observed)?,
            CheckId::Ready => runtime::ready(site, self.restore.not_ready.as_deref()).await,
            CheckId::Manifest if no_api.is_some() => {
                runtime::dump_of_manifest(reference, self.restore.dump, no_api.unwrap_or_default())
            }
            CheckId::Render | CheckId::Jobs | CheckId::Operations | CheckId::FailClosed
                if no_api.is_some() =>
            {
                CheckResult::skipped(no_api.unwrap_or_default())
            }
            CheckId::Render => {
                let (result, good) = render::check(site, self.reference, ordinary, self.log).await;
                self.procedure.measured.good_render = good.first;
                self.procedure.measured.good_templates = good.templates;
                result
            }
            CheckId::Catalog => self.catalog(observed)?,
            CheckId::Contents => {
                let loaded = self.restore.loaded.as_ref();
                let contents = contents::check(reference, ordinary, loaded, profile, start);
                contents.and(contents::against_figures(reference, figures))
            }
            CheckId::Sequences => {
                let loaded = self.restore.loaded.as_ref().unwrap_or(ordinary);
                in_database(site, || catalog::sequences(reference, ordinary, &loaded.database))
            }
            CheckId::Indexes => match &self.restore.intact {
                Some(intact) => intact.clone(),
                None => indexes::check(site).await,
            },
            CheckId::Reconcile => {
                let (result, matched) = reconcile::check(reference, ordinary, profile, self.names);
                figures.matched = matched;
                result
            }
            CheckId::Schedules => schedules::check(reference, ordinary, profile, start),
            CheckId::Jobs => jobs::check(site, reference, start).await,
            CheckId::Operations => operations::check(site, reference, &observed.all).await,
            CheckId::Manifest => runtime::manifest(site, reference, self.names, self.restore.dump).await,
            CheckId::ReadBack if !site.engine.exists() => {
                CheckResult::skipped("the profile has no `start`: nothing hands out binaries")
            }
            CheckId::ReadBack if !self.is_ready(found) => {
                CheckResult::skipped("the application is not ready")
            }
            CheckId::ReadBack => {
                let (result, first) =
                    read_back::check(site, CheckId::ReadBack, &observed.all, self.names).await?;
                self.procedure.measured.good_render = self.procedure.measured.good_render.or(first);
                match site.has_api() {
                    true => read_back::by_api(site, reference, &observed.all).await.and(result),
                    false => result,
                }
            }
            CheckId::FailClosed => fail_closed::check(site, reference, ordinary, self.scope, self.log).await,
            CheckId::Untouched => self.untouched(&observed.all, found).await,
            CheckId::Assertions => assertions::check(site, self.log).await?,
            CheckId::Procedure => procedure::check(self.procedure),
        })
    }

    /// The schema; what could not be compared is noted.
    fn catalog(&self, observed: &Observed) -> Result<CheckResult, Error> {
        let mut note = None;
        let kept = self.site.method.keeps_privileges();
        let result = in_database(self.site, || {
            let loaded = self.restore.loaded.as_ref();
            let ours = Some(self.site.programs.version.major);
            let (result, not_compared) =
                catalog::check(self.reference, &observed.ordinary, loaded, kept, ours);
            note = not_compared;
            result
        });
        note.into_iter().try_for_each(|text| self.log.event(Event::Noted { text }))?;
        let unknown = observed.not_dumped.as_ref().map(|why| {
            CheckResult::unknown(format!("pg_dump cannot read the restored schema: {why}"), Vec::new())
        });
        Ok(unknown.into_iter().fold(result, CheckResult::and))
    }

    /// Why the API cannot be asked, if so.
    fn no_api(&self, found: &[Finding]) -> Option<&'static str> {
        if !self.site.has_api() {
            return Some("the target has no API");
        }
        (!self.is_ready(found)).then_some("the engine is not ready")
    }

    /// By the check of readiness, which runs before those that need the API.
    fn is_ready(&self, found: &[Finding]) -> bool {
        self.site.engine.exists() && !found.iter().any(|finding| finding.check == CheckId::Ready)
    }

    /// Writes that were in flight; the recovery point follows from them.
    fn acknowledged(&mut self, observed: &Observed) -> Result<CheckResult, Error> {
        let Some(load) = &self.reference.workload else {
            return Ok(CheckResult::skipped("no write was recorded while the backup ran"));
        };
        let judged = acknowledged::judged(load, &observed.all, &self.site.profile);
        if let Some(measured) = measured::measured(load, &judged, self.site.write_order()) {
            let point = measured.recovery_point.as_ref();
            let rpo = point.map(|point| Duration::from_millis(point.before_end_ms));
            self.procedure.measured.by_writes = rpo;
            self.log.event(Event::LoadMeasured(Box::new(measured)))?;
        }
        Ok(acknowledged::check(load, &judged, &self.site.profile))
    }

    /// What the engine's start did to the stores, and what the checks' renders made it do; and whether
    /// it accepts a write, unless lost rows or schema explain a refusal.
    async fn untouched(&self, before: &State, found: &[Finding]) -> CheckResult {
        let mut parts: Vec<CheckResult> = self.restore.untouched.iter().cloned().collect();
        if self.is_ready(found) {
            // By the keys that `before` was read by: the restored tables may have lost theirs.
            let as_of = self.reference.state.as_ref().or(self.restore.loaded.as_ref()).unwrap_or(before);
            parts.push(match observe_contents(self.site, Some(as_of)).await {
                Ok(now) => untouched::by_renders(before, &now, &self.site.profile, self.names),
                Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
            });
            let still_ready = untouched::still_ready(self.site).await;
            parts.push(CheckResult::checked(1, still_ready.into_iter().collect()));
            let lost =
                |f: &Finding| matches!(f.check, CheckId::Catalog | CheckId::Contents | CheckId::Sequences);
            if self.site.has_api() && !found.iter().any(lost) {
                let write = writes::check(self.site, self.reference).await;
                parts.push(write.unwrap_or_else(|error| CheckResult::unknown(error.to_string(), Vec::new())));
            }
        }
        let all = parts.into_iter().reduce(CheckResult::and);
        all.unwrap_or_else(|| CheckResult::skipped("no engine was started"))
    }
}

/// A check of what only a database has.
fn in_database(site: &Handles, check: impl FnOnce() -> CheckResult) -> CheckResult {
    match &site.rows {
        RowStore::Postgres(_) => check(),
        RowStore::Files(_) => CheckResult::skipped("rows are in files: there is no schema and no sequence"),
    }
}
