//! What a run shows about the harness itself: which check detected which fault, what was missed, which alarms
//! were false, and which checks are necessary. A pure function of the run's record.

use crate::{
    base::ids::ScenarioId,
    model::{
        check::CheckId,
        exit_code::ExitCode,
        fault::{Fault, FaultEntry},
        finding::Severity,
        record::{RunRecord, ScenarioRecord},
        verdict::{Answers, CheckOutcome, Facts, Judgement, Role, Verdict, judge},
    },
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The scenario that represents each fault, by the fault's id.
pub type Representatives = BTreeMap<&'static str, ScenarioId>;

/// What a scenario must have for that: its id, its faults, and whether it expects a finding.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The scenario.
    pub id: ScenarioId,
    /// The ids of its faults.
    pub faults: BTreeSet<&'static str>,
    /// Whether it expects a finding.
    pub expects: bool,
}

/// Chooses a scenario for each fault: one without another fault that expects a finding; for a fault that does no
/// harm, one with only such faults that expects none. Of several, the one that is named like the fault, else the first.
pub fn representatives(candidates: &[Candidate]) -> Representatives {
    let harmless = Fault::ALL.iter().filter(|fault| fault.caught_by.is_none()).map(|fault| fault.id);
    let harmless: BTreeSet<&'static str> = harmless.collect();
    let of = |fault: &FaultEntry| {
        let fits = |c: &&Candidate| match fault.caught_by {
            Some(_) => c.expects && c.faults.iter().eq([&fault.id]),
            None => !c.expects && c.faults.contains(fault.id) && c.faults.is_subset(&harmless),
        };
        let fitting = candidates.iter().filter(fits);
        fitting.min_by_key(|c| (c.id.as_str() != fault.id, &c.id)).map(|c| (fault.id, c.id.clone()))
    };
    Fault::ALL.iter().filter_map(of).collect()
}

/// What a run shows about the harness.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// Every fault of the catalogue, in its order.
    pub faults: Vec<FaultResult>,
    /// The drills without a fault.
    pub baselines: Vec<BaselineResult>,
    /// Every check, in the order in which they run.
    pub checks: Vec<CheckNeed>,
    /// Detected faults of those that do harm and were injected, in per cent; none if there were none.
    pub recall: Option<f64>,
    /// Drills with a false alarm of those without harm, in per cent; none if there were none.
    pub false_alarms: Option<f64>,
}

/// What was detected of a fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultResult {
    /// Its id.
    pub fault: &'static str,
    /// The scenario that injected it.
    pub scenario: Option<ScenarioId>,
    /// The check that must detect it; none if it does no harm.
    pub caught_by: Option<CheckId>,
    /// Whether it was detected.
    #[serde(flatten)]
    pub outcome: DetectionOutcome,
    /// What each check contributed.
    pub cells: BTreeMap<CheckId, CheckCell>,
    /// The checks without which the scenario fails, because a finding that it expects is missing or one
    /// that follows from it is unexplained.
    pub depends_on: BTreeSet<CheckId>,
    /// The check without which nothing at all would be reported.
    pub only_by: Option<CheckId>,
}

/// Whether a fault was detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum DetectionOutcome {
    /// By the expected finding of the check that must detect it.
    Detected,
    /// Something was reported, but not by that check or not as the scenario expects it.
    DetectedOtherwise {
        /// What was reported, or not.
        why: String,
    },
    /// Nothing was reported.
    Missed,
    /// It does no harm, and nothing was reported but what the scenario expects.
    Silent,
    /// It does no harm, and something was reported.
    FalseAlarm {
        /// What.
        why: String,
    },
    /// The drill has no result.
    Unknown {
        /// Why.
        why: String,
    },
    /// It was not injected.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// What a check contributed to a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum CheckCell {
    /// A finding that the scenario expects.
    Found,
    /// A finding that follows from another.
    Follows,
    /// It checked, and reported nothing.
    Silent,
    /// It had nothing to check, or nothing was left to check.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// A drill without a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselineResult {
    /// Its id.
    pub scenario: ScenarioId,
    /// The first thing that it reported, or why it has no result; none if it was silent.
    pub alarm: Option<String>,
}

/// Whether a check is necessary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckNeed {
    /// Which.
    pub check: CheckId,
    /// The faults whose scenarios fail if its findings are ignored.
    pub faults: Vec<&'static str>,
    /// Those of them that nothing else reports.
    pub only: Vec<&'static str>,
}

impl CheckNeed {
    /// Whether nothing needs it.
    pub fn is_superfluous(&self) -> bool {
        self.only.is_empty()
    }
}

impl Detection {
    /// What a run shows of the faults that its scenarios represent.
    pub fn of(record: &RunRecord, representatives: &Representatives) -> Self {
        let faults: Vec<FaultResult> =
            Fault::ALL.iter().map(|fault| FaultResult::of(fault, record, representatives)).collect();
        let baselines: Vec<BaselineResult> =
            record.scenarios.iter().filter(|s| s.is_baseline()).map(BaselineResult::of).collect();
        let checks = CheckId::ALL.iter().map(|check| CheckNeed::of(*check, &faults)).collect();
        let (mut harmful, mut detected, mut harmless, mut alarms) = (0, 0, baselines.len(), 0);
        alarms += baselines.iter().filter(|b| b.alarm.is_some()).count();
        for fault in &faults {
            match fault.outcome {
                DetectionOutcome::Detected => (harmful, detected) = (harmful + 1, detected + 1),
                DetectionOutcome::DetectedOtherwise { .. } | DetectionOutcome::Missed => harmful += 1,
                DetectionOutcome::Silent => harmless += 1,
                DetectionOutcome::FalseAlarm { .. } => (harmless, alarms) = (harmless + 1, alarms + 1),
                DetectionOutcome::Unknown { .. } | DetectionOutcome::NotApplicable { .. } => {}
            }
        }
        let (recall, false_alarms) = (per_cent(detected, harmful), per_cent(alarms, harmless));
        Self { faults, baselines, checks, recall, false_alarms }
    }

    /// Whether the harness is as expected: nothing was missed, no alarm was false, and every check is needed.
    /// What could not be run leaves the need of a check open.
    pub fn exit(&self) -> ExitCode {
        let of_fault = |fault: &FaultResult| match fault.outcome {
            DetectionOutcome::Detected
            | DetectionOutcome::Silent
            | DetectionOutcome::NotApplicable { .. } => ExitCode::AllHeld,
            DetectionOutcome::Unknown { .. } => ExitCode::Unverified,
            DetectionOutcome::DetectedOtherwise { .. }
            | DetectionOutcome::Missed
            | DetectionOutcome::FalseAlarm { .. } => ExitCode::IntegrityFailure,
        };
        let alarm = self.baselines.iter().any(|baseline| baseline.alarm.is_some());
        let ran = |fault: &FaultResult| !matches!(fault.outcome, DetectionOutcome::NotApplicable { .. });
        let superfluous = match self.checks.iter().any(CheckNeed::is_superfluous) {
            false => ExitCode::AllHeld,
            true if self.faults.iter().all(ran) => ExitCode::IntegrityFailure,
            true => ExitCode::Unverified,
        };
        let worst = self.faults.iter().map(of_fault).max().unwrap_or(ExitCode::Unverified);
        worst.max(superfluous).max(ExitCode::of_integrity(!alarm))
    }
}

fn per_cent(part: usize, whole: usize) -> Option<f64> {
    // Numbers of drills are exact as f64.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 drills")]
    (whole > 0).then(|| (part * 1000 / whole) as f64 / 10.0)
}

impl FaultResult {
    fn of(entry: &'static FaultEntry, record: &RunRecord, representatives: &Representatives) -> Self {
        let id = representatives.get(entry.id);
        let ran = id.and_then(|id| record.scenarios.iter().find(|s| s.id == *id));
        let nothing = |why: &str| Self {
            fault: entry.id,
            scenario: id.cloned(),
            caught_by: entry.caught_by,
            outcome: DetectionOutcome::NotApplicable { why: why.to_owned() },
            cells: BTreeMap::new(),
            depends_on: BTreeSet::new(),
            only_by: None,
        };
        let Some(scenario) = ran else {
            let skipped = record.skipped.iter().find(|skipped| Some(&skipped.id) == id);
            return nothing(skipped.map_or("no scenario of the run injects it", |skipped| &skipped.why));
        };
        Self {
            outcome: DetectionOutcome::of(entry, scenario),
            cells: scenario
                .checks
                .iter()
                .map(|(check, ..)| (*check, CheckCell::of(*check, scenario)))
                .collect(),
            depends_on: depends_on(scenario),
            only_by: entry.caught_by.and_then(|_| only_by(scenario)),
            ..nothing("")
        }
    }
}

impl DetectionOutcome {
    fn of(entry: &FaultEntry, scenario: &ScenarioRecord) -> Self {
        let verdict = scenario.verdict();
        let why = || {
            let reasons = scenario.judgement.iter().flat_map(|judgement| &judgement.reasons);
            reasons.map(ToString::to_string).next().unwrap_or_else(|| "the drill did not end".to_owned())
        };
        let reported = scenario.findings.iter().any(|f| f.severity == Severity::Failure);
        match entry.caught_by {
            _ if verdict == Verdict::Unknown => Self::Unknown { why: why() },
            None if verdict == Verdict::Pass && !reported => Self::Silent,
            None => Self::FalseAlarm { why: why() },
            Some(check) if verdict == Verdict::Pass => match CheckCell::of(check, scenario) {
                CheckCell::Found => Self::Detected,
                CheckCell::Follows | CheckCell::Silent | CheckCell::NotApplicable { .. } => {
                    Self::DetectedOtherwise { why: format!("not by {check}") }
                }
            },
            Some(_) if reported => Self::DetectedOtherwise { why: why() },
            Some(_) => Self::Missed,
        }
    }
}

impl CheckCell {
    fn of(check: CheckId, scenario: &ScenarioRecord) -> Self {
        let roles = || scenario.judged().filter(|(f, _)| f.check == check).filter_map(|(_, role)| role);
        if roles().any(|role| *role == Role::Expected) {
            return Self::Found;
        }
        if roles().next().is_some() {
            return Self::Follows;
        }
        let outcome = scenario.checks.iter().find(|(id, ..)| *id == check).map(|(_, outcome, _)| outcome);
        match outcome {
            Some(CheckOutcome::Checked { .. }) => Self::Silent,
            Some(CheckOutcome::Skipped { why } | CheckOutcome::Unknown { why }) => {
                Self::NotApplicable { why: why.clone() }
            }
            None => Self::NotApplicable { why: "the drill did not end".to_owned() },
        }
    }
}

impl BaselineResult {
    fn of(scenario: &ScenarioRecord) -> Self {
        let finding = scenario.findings.first().map(ToString::to_string);
        let reason = scenario.judgement.iter().flat_map(|j| &j.reasons).map(ToString::to_string).next();
        let unended = scenario.judgement.is_none().then(|| "the drill did not end".to_owned());
        Self { scenario: scenario.id.clone(), alarm: finding.or(reason).or(unended) }
    }
}

impl CheckNeed {
    fn of(check: CheckId, faults: &[FaultResult]) -> Self {
        let with = |wanted: &dyn Fn(&FaultResult) -> bool| -> Vec<&'static str> {
            faults.iter().filter(|fault| wanted(fault)).map(|fault| fault.fault).collect()
        };
        let only = with(&|fault| fault.only_by == Some(check));
        Self { check, faults: with(&|fault| fault.depends_on.contains(&check)), only }
    }
}

/// The judgement on a drill if one check had reported nothing.
fn without(check: CheckId, scenario: &ScenarioRecord) -> Option<Judgement> {
    let started = scenario.started.as_ref()?;
    let findings: Vec<_> = scenario.findings.iter().filter(|f| f.check != check).cloned().collect();
    let mut answers = Answers::default();
    for (check, outcome, _) in &scenario.checks {
        answers.add(*check, outcome.clone());
    }
    let unchanged = scenario.faults.iter().filter(|fault| !fault.changed);
    let without_effect: Vec<String> = unchanged.map(|fault| fault.description.clone()).collect();
    let facts = Facts {
        findings: &findings,
        expected: &started.expect,
        possible: &started.possible,
        answers: &answers,
        without_effect: &without_effect,
        errors: &scenario.errors,
    };
    judge(&facts).ok()
}

/// The checks without which a drill that passed would not pass.
fn depends_on(scenario: &ScenarioRecord) -> BTreeSet<CheckId> {
    let passes_without =
        |check: CheckId| without(check, scenario).is_some_and(|judgement| judgement.verdict == Verdict::Pass);
    let checks = CheckId::ALL.iter().copied().filter(|_| scenario.verdict() == Verdict::Pass);
    checks.filter(|check| !passes_without(*check)).collect()
}

/// The one check that reported something.
fn only_by(scenario: &ScenarioRecord) -> Option<CheckId> {
    let reporting: BTreeSet<CheckId> = scenario.findings.iter().map(|finding| finding.check).collect();
    let mut reporting = reporting.into_iter();
    reporting.next().filter(|_| reporting.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        finding::{Entity, Expectation, Finding, FindingKind},
        record::FaultRecord,
    };

    const LOST: &str = "row-lost";

    fn candidate(id: &str, faults: &[&'static str], expects: bool) -> Candidate {
        Candidate { id: id.into(), faults: faults.iter().copied().collect(), expects }
    }

    #[test]
    fn a_fault_is_represented_by_a_scenario_of_its_own_and_a_harmless_one_by_one_without_harm() {
        let chosen = representatives(&[
            candidate("a", &["row-lost", "binary-missing"], true),
            candidate("b", &["row-lost"], true),
            candidate("row-lost", &["row-lost"], true),
            candidate("c", &["binary-missing"], false),
            candidate("d", &["rows-rewritten", "binary-missing"], false),
            candidate("e", &["rows-rewritten", "table-vacuumed"], false),
        ]);
        let wanted = [("row-lost", "row-lost"), ("rows-rewritten", "e"), ("table-vacuumed", "e")];
        assert_eq!(chosen, wanted.map(|(fault, id)| (fault, ScenarioId::from(id))).into());
    }

    /// A drill of `row-lost` whose checks reported these findings.
    fn drill(findings: Vec<Finding>) -> RunRecord {
        let expect = vec![Expectation { kind: FindingKind::RowLost, entity: "assets/a".to_owned() }];
        let started: crate::model::event::ScenarioStarted = serde_json::from_value(serde_json::json!({
            "title": "", "shows": "", "file": null, "runbook": [], "controls": [], "topology": "", "procedure": "",
            "seed": "", "baseline": false, "expect": expect, "possible": [], "steps": []
        }))
        .unwrap();
        let checked = |check: &CheckId| (*check, CheckOutcome::Checked { items: 1 }, 0);
        let fault = FaultRecord {
            fault: LOST.to_owned(),
            description: String::new(),
            changed: true,
            detail: String::new(),
        };
        let mut scenario = ScenarioRecord {
            id: LOST.into(),
            started: Some(started),
            checks: CheckId::ALL.iter().map(checked).collect(),
            faults: vec![fault],
            findings,
            ..ScenarioRecord::default()
        };
        // Of no check at all: the judgement on everything that was found.
        let mut answers = Answers::default();
        scenario.checks.iter().for_each(|(check, outcome, _)| answers.add(*check, outcome.clone()));
        let expected = scenario.started.as_ref().unwrap().expect.clone();
        let facts = Facts {
            findings: &scenario.findings,
            expected: &expected,
            possible: &[],
            answers: &answers,
            without_effect: &[],
            errors: &[],
        };
        scenario.judgement = Some(judge(&facts).unwrap());
        RunRecord { scenarios: vec![scenario], ..RunRecord::default() }
    }

    fn lost(check: CheckId) -> Finding {
        let row = Entity::Row { table: "assets".into(), row: "a".to_owned() };
        Finding::new(check, FindingKind::RowLost, row, "", "")
    }

    fn detected(findings: Vec<Finding>) -> (Detection, FaultResult) {
        let detection = Detection::of(&drill(findings), &[(LOST, LOST.into())].into());
        let fault = detection.faults.iter().find(|fault| fault.fault == LOST).unwrap().clone();
        (detection, fault)
    }

    #[test]
    fn a_fault_is_detected_by_its_check_otherwise_or_not_at_all() {
        let (all, fault) = detected(vec![lost(CheckId::Contents)]);
        assert_eq!((fault.outcome, fault.only_by), (DetectionOutcome::Detected, Some(CheckId::Contents)));
        assert_eq!((all.recall, fault.depends_on), (Some(100.0), [CheckId::Contents].into()));
        let (all, fault) = detected(vec![lost(CheckId::Catalog)]);
        assert!(matches!(fault.outcome, DetectionOutcome::DetectedOtherwise { .. }));
        assert_eq!((all.recall, all.exit()), (Some(0.0), ExitCode::IntegrityFailure));
        let (_, fault) = detected(vec![]);
        assert_eq!(fault.outcome, DetectionOutcome::Missed);
    }

    #[test]
    fn a_check_that_no_fault_needs_is_superfluous() {
        let (all, _) = detected(vec![lost(CheckId::Contents)]);
        let superfluous =
            |check| all.checks.iter().find(|need| need.check == check).unwrap().is_superfluous();
        assert!(!superfluous(CheckId::Contents) && superfluous(CheckId::Render));
        // Two checks that report the same: neither is needed for it.
        let (all, fault) = detected(vec![lost(CheckId::Contents), lost(CheckId::Reconcile)]);
        assert!(fault.only_by.is_none() && fault.depends_on.is_empty());
        assert!(all.checks.iter().all(|need| need.only.is_empty()));
    }
}
