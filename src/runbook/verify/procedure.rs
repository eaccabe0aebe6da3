//! The procedure's own check: what the steps of backup and restore reported, whether the restore kept
//! the runbook's order (binaries before rows, the engine last, runbook 3), and the limits that the
//! user set for an existing backup.

use crate::{
    base::{clock, ids::TemplateKey},
    model::{
        check::CheckId,
        event::RpoFrom,
        finding::{Entity, Finding, FindingKind},
    },
    plan::{PlanJob, RecoveryLimits, existing_backup},
    runbook::verify::{CheckResult, age::BackupAge},
    scenario::method::{DurableStore, RestoreJob},
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// What a drill did and measured on the way.
#[derive(Debug, Default)]
pub struct ProcedureLog {
    /// The steps that succeeded, in order.
    pub done: Vec<PlanJob>,
    /// The step that ended the procedure, if one did.
    pub failed: Option<String>,
    /// What the steps reported.
    pub findings: Vec<Finding>,
    /// The limits to hold the measurements against.
    pub limits: RecoveryLimits,
    /// What was measured.
    pub measured: Measurements,
}

/// The instants and ages from which recovery time and recovery point follow.
#[derive(Debug, Default)]
pub struct Measurements {
    /// When the site was lost; for an existing backup, when its first byte was read.
    pub lost: Option<Instant>,
    /// When the engine became ready on the restored stores, or all was restored where there is no engine, if
    /// that ends the recovery: no render is known.
    pub ready: Option<Instant>,
    /// When the first good render was received.
    pub good_render: Option<Instant>,
    /// The templates whose render was good.
    pub good_templates: BTreeSet<TemplateKey>,
    /// The recovery point by the writes that were in flight.
    pub by_writes: Option<Duration>,
    /// The newest row and object of an existing backup.
    pub age: Option<BackupAge>,
}

impl Measurements {
    /// The recovery time: until the first good render, or where nothing is rendered until the engine was ready or,
    /// without one, all was restored (runbook 3.6).
    pub fn rto(&self) -> Option<Duration> {
        Some(self.good_render.or(self.ready)?.duration_since(self.lost?))
    }

    /// The recovery point, and what it is measured from.
    pub fn rpo(&self) -> Option<(Duration, RpoFrom)> {
        let by_age = || Some((self.age.as_ref()?.age()?, RpoFrom::Newest));
        self.by_writes.map(|rpo| (rpo, RpoFrom::Writes)).or_else(by_age)
    }
}

/// Checks the steps, their order, and the limits.
pub fn check(log: &ProcedureLog) -> CheckResult {
    let mut findings = log.findings.clone();
    out_of_order(&log.done, &mut findings);
    findings.extend(too_slow(log));
    findings.extend(too_old(log));
    if log.failed.is_none() && log.limits.age.is_some() && log.measured.rpo().is_none() {
        return CheckResult::unknown(
            "no row and no object has a time: the backup's age is unknown",
            findings,
        );
    }
    CheckResult::checked(log.done.len() + usize::from(log.failed.is_some()), findings)
}

fn out_of_order(done: &[PlanJob], findings: &mut Vec<Finding>) {
    let last = |is: &dyn Fn(&PlanJob) -> bool| {
        let at = done.iter().rposition(is)?;
        Some((at, done[at].describe()))
    };
    let restores = |wanted: &'static [DurableStore]| {
        move |job: &PlanJob| job.restores().iter().any(|store| wanted.contains(store))
    };
    let binaries = last(&restores(&[DurableStore::Bucket, DurableStore::Assets]));
    let rows = last(&restores(&[DurableStore::Database]));
    let templates = last(&restores(&[DurableStore::Templates]));
    let results = last(&restores(&[DurableStore::Results]));
    let start = last(&|job| *job == PlanJob::Restore(RestoreJob::StartEngine));
    for (earlier, later, why) in [
        (&binaries, &rows, "rows were there whose binaries were not"),
        (&binaries, &start, "the engine served what had no binaries"),
        (&rows, &start, "the engine served what was to be replaced"),
        (&templates, &start, "the engine served what was to be replaced"),
        (&results, &start, "the engine served jobs whose results were not there"),
    ] {
        let (Some((first, earlier)), Some((second, later))) = (earlier, later) else { continue };
        let entity = Entity::Step(later.clone());
        // One finding is enough: the engine can be early for both stores.
        if second >= first || findings.iter().any(|f| f.kind == FindingKind::WrongOrder && f.entity == entity)
        {
            continue;
        }
        let expected = format!("{earlier} before {later}");
        let actual = format!("{later} ran first: {why}");
        findings.push(Finding::new(CheckId::Procedure, FindingKind::WrongOrder, entity, expected, actual));
    }
}

fn too_slow(log: &ProcedureLog) -> Option<Finding> {
    let limit = log.limits.rto.filter(|_| log.failed.is_none())?;
    let actual = match log.measured.rto() {
        Some(rto) if rto <= limit => return None,
        Some(rto) => format!("it took {}", clock::span(rto)),
        None => "the recovery was not completed".to_owned(),
    };
    let expected = format!("a recovery within {}", clock::span(limit));
    Some(exceeded(FindingKind::RecoveryTooSlow, expected, actual))
}

fn too_old(log: &ProcedureLog) -> Option<Finding> {
    let (limit, measured) = (log.limits.age?, log.measured.age.as_ref()?);
    let (newest, age) = (measured.newest()?, measured.age()?);
    (age > limit).then(|| {
        let expected = format!("a row or object from the last {} before the run", clock::span(limit));
        let (at, span) = (clock::iso(newest.at), clock::span(age));
        let actual = format!("the newest is {at} in {}, {span} old", newest.place);
        exceeded(FindingKind::BackupTooOld, expected, actual)
    })
}

fn exceeded(kind: FindingKind, expected: String, actual: String) -> Finding {
    Finding::new(CheckId::Procedure, kind, Entity::Step(existing_backup::ID.to_owned()), expected, actual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::CheckOutcome;

    #[test]
    fn the_engine_before_its_stores_is_out_of_order_once() {
        let restore = |jobs: &[RestoreJob]| {
            let done = jobs.iter().copied().map(PlanJob::Restore).collect();
            let result = check(&ProcedureLog { done, ..ProcedureLog::default() });
            result.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        use RestoreJob as R;
        assert_eq!(restore(&[R::RestoreObjects, R::RestoreDatabase, R::StartEngine]), [""; 0]);
        let early = restore(&[R::StartEngine, R::RestoreObjects, R::RestoreDatabase]);
        assert_eq!(early, ["wrong order: start engine"]);
        // What counts is the last time of each.
        assert_eq!(
            restore(&[R::StartEngine, R::RestoreObjects, R::RestoreDatabase, R::StartEngine]),
            [""; 0]
        );
    }

    #[test]
    fn a_limit_on_an_unknown_age_is_unknown() {
        let limits = RecoveryLimits { age: Some(Duration::from_secs(1)), ..RecoveryLimits::default() };
        let log = ProcedureLog { done: vec![PlanJob::FetchDump], limits, ..ProcedureLog::default() };
        assert!(matches!(check(&log).outcome, CheckOutcome::Unknown { .. }));
        let log = ProcedureLog { failed: Some("fetch dump".to_owned()), ..log };
        assert!(matches!(check(&log).outcome, CheckOutcome::Checked { items: 2 }));
    }
}
