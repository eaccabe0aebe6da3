//! From findings, expectations and what could not be checked to a verdict: pass < unknown < fail.
//! Every check must have answered. One that failed or found nothing to check is unknown, never a pass.

use crate::{
    base::error::Error,
    model::{
        check::CheckId,
        finding::{Expectation, Finding, FindingKind, Severity},
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

pub mod limit;

/// The verdict of a scenario or a run; a run's is the greatest of its scenarios'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check passed.
    Pass,
    /// Could not be determined.
    Unknown,
    /// An unexpected finding, or an expected finding that was not reported.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        })
    }
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "result")]
pub enum CheckOutcome {
    /// It checked something; its findings describe what is wrong.
    Checked {
        /// How many items; with none the check has no result.
        items: usize,
    },
    /// It has no result.
    Unknown {
        /// Why.
        why: String,
    },
    /// It does not apply, or an earlier finding left nothing to check.
    Skipped {
        /// Why.
        why: String,
    },
}

impl CheckOutcome {
    /// Both as one answer: what either could not find out stays unknown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Checked { items }, Self::Checked { items: more }) => Self::Checked { items: items + more },
            (unknown @ Self::Unknown { .. }, _) | (_, unknown @ Self::Unknown { .. }) => unknown,
            (checked @ Self::Checked { .. }, Self::Skipped { .. })
            | (Self::Skipped { .. }, checked @ (Self::Checked { .. } | Self::Skipped { .. })) => checked,
        }
    }
}

/// What each check answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<CheckId, CheckOutcome>);

impl Answers {
    /// Adds an answer; one that the check gave before still counts.
    pub fn add(&mut self, check: CheckId, outcome: CheckOutcome) {
        let all = match self.0.remove(&check) {
            Some(earlier) => earlier.and(outcome),
            None => outcome,
        };
        self.0.insert(check, all);
    }

    /// The answer of a check.
    pub fn of(&self, check: CheckId) -> Option<&CheckOutcome> {
        self.0.get(&check)
    }

    /// The checks that have not answered, in their order.
    pub fn missing(&self) -> impl Iterator<Item = CheckId> {
        CheckId::ALL.iter().copied().filter(|check| !self.0.contains_key(check))
    }
}

/// What a finding means in its scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "role")]
pub enum Role {
    /// The scenario expects it.
    Expected,
    /// The scenario allows it: it depends on timing.
    Possible,
    /// It follows from another finding.
    Consequence {
        /// The other one, as `kind: entity`.
        of: String,
    },
    /// Not expected, and harmless.
    Warning,
    /// Not expected.
    Unexpected,
}

/// Everything that the verdict on a scenario depends on.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What was found.
    pub findings: &'a [Finding],
    /// The findings that must be reported.
    pub expected: &'a [Expectation],
    /// The findings that may be reported.
    pub possible: &'a [Expectation],
    /// What each check answered.
    pub answers: &'a Answers,
    /// Faults that changed nothing.
    pub without_effect: &'a [String],
    /// What could not be done or determined.
    pub errors: &'a [String],
}

/// The verdict on a scenario with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not a pass, worst first; empty for a pass.
    pub reasons: Vec<Reason>,
    /// What each finding means, in the order of the findings.
    pub roles: Vec<Role>,
}

impl Judgement {
    /// The expected findings that were not reported.
    pub fn missing(&self) -> impl Iterator<Item = &Expectation> {
        self.reasons.iter().filter_map(|reason| match reason {
            Reason::MissingFinding { expected } => Some(expected),
            Reason::UnexpectedFinding { .. }
            | Reason::FaultWithoutEffect { .. }
            | Reason::CheckedNothing { .. }
            | Reason::CheckUnknown { .. }
            | Reason::NothingChecked
            | Reason::Error { .. }
            | Reason::NotStarted
            | Reason::NotEnded
            | Reason::NotRecorded => None,
        })
    }
}

/// Why a scenario is not a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// A finding that the scenario does not expect.
    UnexpectedFinding {
        /// Kind and entity.
        finding: String,
        /// What should be there.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// A finding that the scenario expects and no check reported.
    MissingFinding {
        /// Which.
        expected: Expectation,
    },
    /// A fault changed nothing, so nothing is known of its damage.
    FaultWithoutEffect {
        /// As in the scenario.
        fault: String,
    },
    /// A check had nothing to check.
    CheckedNothing {
        /// Which.
        check: CheckId,
    },
    /// A check has no result.
    CheckUnknown {
        /// Which.
        check: CheckId,
        /// Why.
        why: String,
    },
    /// No check checked anything.
    NothingChecked,
    /// Something could not be done or determined.
    Error {
        /// With cause and hint.
        error: String,
    },
    /// The scenario was planned and did not start.
    NotStarted,
    /// The scenario started and did not end.
    NotEnded,
    /// The record holds no reason.
    NotRecorded,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedFinding { finding, expected, actual } => {
                write!(f, "{finding} (expected {expected}; found {actual})")
            }
            Self::MissingFinding { expected } => write!(f, "expected finding was not reported: {expected}"),
            Self::FaultWithoutEffect { fault } => write!(f, "fault changed nothing: {fault}"),
            Self::CheckedNothing { check } => write!(f, "check {check} had nothing to check"),
            Self::CheckUnknown { check, why } => write!(f, "check {check} has no result: {why}"),
            Self::NothingChecked => f.write_str("nothing was checked"),
            Self::Error { error } => f.write_str(error),
            Self::NotStarted => f.write_str("the scenario did not start"),
            Self::NotEnded => f.write_str("the scenario did not end"),
            Self::NotRecorded => f.write_str("no reason was recorded"),
        }
    }
}

/// Judges a scenario. Findings are asserted in both directions: an expected finding that was not reported
/// fails like an unexpected one.
///
/// # Errors
/// A bug of the harness: a check has not answered.
pub fn judge(facts: &Facts<'_>) -> Result<Judgement, Error> {
    let missing: Vec<&str> = facts.answers.missing().map(CheckId::id).collect();
    if !missing.is_empty() {
        return Err(Error::harness(format!("no verdict: no answer from {}", missing.join(", "))));
    }
    let roles: Vec<Role> = facts.findings.iter().map(|f| role(f, facts)).collect();
    let mut failures: Vec<Reason> = facts
        .findings
        .iter()
        .zip(&roles)
        .filter(|(_, role)| **role == Role::Unexpected)
        .map(|(f, _)| Reason::UnexpectedFinding {
            finding: f.to_string(),
            expected: f.expected.clone(),
            actual: f.actual.clone(),
        })
        .collect();
    let mut unknowns = unknowns(facts);
    let missing = facts.expected.iter().filter(|e| !facts.findings.iter().any(|f| e.met_by(f)));
    let missing = missing.map(|e| Reason::MissingFinding { expected: e.clone() });
    // An incomplete verification cannot show that a finding is missing.
    if unknowns.is_empty() {
        failures.extend(missing)
    } else {
        unknowns.extend(missing)
    }
    let verdict = match (failures.is_empty(), unknowns.is_empty()) {
        (false, _) => Verdict::Fail,
        (true, false) => Verdict::Unknown,
        (true, true) => Verdict::Pass,
    };
    failures.extend(unknowns);
    Ok(Judgement { verdict, reasons: failures, roles })
}

fn unknowns(facts: &Facts<'_>) -> Vec<Reason> {
    let error = |error: &String| Reason::Error { error: error.clone() };
    let mut unknowns: Vec<Reason> = facts.errors.iter().map(error).collect();
    let idle = |fault: &String| Reason::FaultWithoutEffect { fault: fault.clone() };
    unknowns.extend(facts.without_effect.iter().map(idle));
    for (check, outcome) in &facts.answers.0 {
        match outcome {
            CheckOutcome::Checked { items: 0 } => unknowns.push(Reason::CheckedNothing { check: *check }),
            CheckOutcome::Unknown { why } => {
                unknowns.push(Reason::CheckUnknown { check: *check, why: why.clone() })
            }
            CheckOutcome::Checked { .. } | CheckOutcome::Skipped { .. } => {}
        }
    }
    let checked = |outcome: &CheckOutcome| matches!(outcome, CheckOutcome::Checked { items } if *items > 0);
    if !facts.answers.0.values().any(checked) && facts.findings.is_empty() {
        unknowns.push(Reason::NothingChecked);
    }
    unknowns
}

fn role(finding: &Finding, facts: &Facts<'_>) -> Role {
    if facts.expected.iter().any(|e| e.met_by(finding)) {
        return Role::Expected;
    }
    if facts.possible.iter().any(|e| e.met_by(finding)) {
        return Role::Possible;
    }
    let is_expected = |cause: &&Finding| facts.expected.iter().any(|e| e.met_by(cause));
    // Damage that a scenario causes may break any assertion, and damage to the schema any answer of the
    // application; damage that nobody expects excuses neither.
    let excuses = |cause: &&Finding| {
        let broken = finding.kind == FindingKind::AssertionFailed
            || (finding.kind == FindingKind::DownloadDiffers && cause.kind.breaks_queries());
        broken && is_expected(cause)
    };
    if let Some(cause) = facts.findings.iter().find(|cause| finding.follows_from(cause) || excuses(cause)) {
        return Role::Consequence { of: cause.to_string() };
    }
    match finding.severity {
        Severity::Warning => Role::Warning,
        Severity::Failure => Role::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Entity, FindingKind};
    use std::sync::LazyLock;

    fn finding(kind: FindingKind, entity: Entity) -> Finding {
        Finding::new(CheckId::Reconcile, kind, entity, "x", "y")
    }

    /// All checks skipped but one.
    fn answers(check: CheckId, outcome: CheckOutcome) -> Answers {
        let skipped = |check: &CheckId| (*check, CheckOutcome::Skipped { why: String::new() });
        let mut answers = Answers(CheckId::ALL.iter().map(skipped).collect());
        answers.add(check, outcome);
        answers
    }

    static CHECKED: LazyLock<Answers> =
        LazyLock::new(|| answers(CheckId::Reconcile, CheckOutcome::Checked { items: 3 }));

    /// Nothing found or expected, and one check that did its work.
    fn quiet() -> Facts<'static> {
        let (findings, answers) = (&[], &*CHECKED);
        Facts { findings, expected: &[], possible: &[], answers, without_effect: &[], errors: &[] }
    }

    fn judge(facts: &Facts<'_>) -> Judgement {
        super::judge(facts).unwrap()
    }

    #[test]
    fn an_unexpected_failure_fails_and_an_unexpected_warning_does_not() {
        let asset = || Entity::Asset("logo.png".into());
        let missing = [finding(FindingKind::MissingBinary, asset())];
        let orphan = [finding(FindingKind::OrphanBinary, asset())];
        let judged = |findings| judge(&Facts { findings, ..quiet() });
        assert_eq!(judged(&missing).verdict, Verdict::Fail);
        assert_eq!(judged(&orphan).verdict, Verdict::Pass);
        assert_eq!(judged(&orphan).roles, [Role::Warning]);
    }

    #[test]
    fn an_expected_finding_that_is_not_reported_fails() {
        let expected = [Expectation { kind: FindingKind::OrphanBinary, entity: "late.png".into() }];
        let judged = judge(&Facts { expected: &expected, ..quiet() });
        assert_eq!(judged.verdict, Verdict::Fail);
        assert!(judged.missing().eq(&expected));
    }

    #[test]
    fn a_possible_finding_may_be_reported_or_not() {
        let possible = [Expectation { kind: FindingKind::TornWrite, entity: "deletes".into() }];
        let half = [finding(FindingKind::TornWrite, Entity::Writes("deletes".into()))];
        let lost = [finding(FindingKind::LostAcknowledgedWrite, Entity::Writes("deletes".into()))];
        let judged = |findings| judge(&Facts { findings, possible: &possible, ..quiet() });
        assert_eq!((judged(&half).verdict, judged(&half).roles), (Verdict::Pass, vec![Role::Possible]));
        assert_eq!((judged(&[]).verdict, judged(&[]).missing().count()), (Verdict::Pass, 0));
        assert_eq!(judged(&lost).verdict, Verdict::Fail);
    }

    #[test]
    fn without_an_answer_of_every_check_there_is_no_verdict() {
        let mut answers = CHECKED.clone();
        answers.0.remove(&CheckId::Jobs);
        let refused = super::judge(&Facts { answers: &answers, ..quiet() }).unwrap_err();
        assert_eq!(refused.blame, crate::base::error::Blame::Harness);
        assert_eq!(refused.to_string(), "no verdict: no answer from jobs");
    }

    #[test]
    fn a_later_answer_does_not_hide_an_earlier_one() {
        let mut answers = CHECKED.clone();
        answers.add(CheckId::Reconcile, CheckOutcome::Unknown { why: "denied".into() });
        answers.add(CheckId::Reconcile, CheckOutcome::Checked { items: 1 });
        assert_eq!(judge(&Facts { answers: &answers, ..quiet() }).verdict, Verdict::Unknown);
    }

    #[test]
    fn checking_nothing_is_unknown() {
        for outcome in [CheckOutcome::Checked { items: 0 }, CheckOutcome::Skipped { why: String::new() }] {
            let answers = answers(CheckId::Render, outcome);
            assert_eq!(judge(&Facts { answers: &answers, ..quiet() }).verdict, Verdict::Unknown);
        }
        let no_effect = ["delete binary".to_owned()];
        let facts = Facts { without_effect: &no_effect, ..quiet() };
        assert_eq!(judge(&facts).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_consequence_needs_its_cause_on_the_same_thing_and_a_lie_is_never_one() {
        let root = finding(FindingKind::WrongContent, Entity::Asset("logo.png".into()));
        let differs = finding(FindingKind::PdfDiffers, Entity::Template("invoice".into()))
            .touching([Entity::Asset("logo.png".into())]);
        let other = finding(FindingKind::PdfDiffers, Entity::Template("letter".into()));
        let lie = finding(FindingKind::FailOpen, Entity::Template("invoice".into()))
            .touching([Entity::Asset("logo.png".into())]);
        let expected = [Expectation { kind: FindingKind::WrongContent, entity: "logo.png".into() }];
        let findings = [root, differs, other, lie];
        let judged = judge(&Facts { findings: &findings, expected: &expected, ..quiet() });
        let consequence = Role::Consequence { of: "wrong content: logo.png".into() };
        assert_eq!(judged.roles, [Role::Expected, consequence, Role::Unexpected, Role::Unexpected]);
        assert_eq!(judged.verdict, Verdict::Fail);
    }
}
