//! From findings, expectations and what could not be looked at to a verdict: pass < unknown < fail.
//! A check that errored or looked at nothing is unknown, never a pass.

use crate::model::{
    check::CheckId,
    finding::{Expectation, Finding, Severity},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The verdict of a scenario or a run; a run's is the greatest of its scenarios'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All held.
    Pass,
    /// Could not be found out.
    Unknown,
    /// A promise does not hold, or an expected finding stayed away.
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

/// How a check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "went")]
pub enum CheckOutcome {
    /// It looked at this many things; its findings say what was wrong with them.
    Looked {
        /// How many; nothing is no look.
        at: usize,
    },
    /// It could not find out.
    Unknown {
        /// Why.
        why: String,
    },
    /// It was not to be done here, or an earlier finding made it pointless.
    Skipped {
        /// Why.
        why: String,
    },
}

/// What a finding means in its scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "role")]
pub enum Role {
    /// The scenario expects it.
    Expected,
    /// The scenario says that chance decides whether it is found.
    Possible,
    /// It follows from another finding.
    Consequence {
        /// The other one, as `kind: entity`.
        of: String,
    },
    /// Nobody expected it, and it is harmless.
    Warning,
    /// Nobody expected it.
    Unexpected,
}

/// All that the verdict on a scenario rests on.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// What was found.
    pub findings: &'a [Finding],
    /// What was to be found.
    pub expected: &'a [Expectation],
    /// What may be found or not.
    pub possible: &'a [Expectation],
    /// How each check went.
    pub checks: &'a [(CheckId, CheckOutcome)],
    /// Faults that changed nothing.
    pub without_effect: &'a [String],
    /// What could not be done or found out.
    pub errors: &'a [String],
}

/// The verdict on a scenario with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is no plain pass, worst first; empty for a pass.
    pub reasons: Vec<String>,
    /// What each finding means, in the order of the findings.
    pub roles: Vec<Role>,
    /// Expected findings that stayed away.
    pub stayed_away: Vec<Expectation>,
}

/// Judges a scenario. Findings are asserted in both directions: an expected one that stayed away
/// fails like an unexpected one that appeared.
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let roles: Vec<Role> = facts.findings.iter().map(|f| role(f, facts)).collect();
    let stayed_away: Vec<Expectation> =
        facts.expected.iter().filter(|e| !facts.findings.iter().any(|f| e.met_by(f))).cloned().collect();
    let mut failures: Vec<String> = facts
        .findings
        .iter()
        .zip(&roles)
        .filter(|(_, role)| **role == Role::Unexpected)
        .map(|(f, _)| format!("{f} (expected {}; found {})", f.expected, f.actual))
        .collect();
    let mut unknowns = unknowns(facts);
    let absent = stayed_away.iter().map(|e| format!("expected finding stayed away: {e}"));
    // Where not everything could be looked at, nothing can be said to have stayed away.
    if unknowns.is_empty() {
        failures.extend(absent)
    } else {
        unknowns.extend(absent)
    }
    let verdict = match (failures.is_empty(), unknowns.is_empty()) {
        (false, _) => Verdict::Fail,
        (true, false) => Verdict::Unknown,
        (true, true) => Verdict::Pass,
    };
    failures.extend(unknowns);
    Judgement { verdict, reasons: failures, roles, stayed_away }
}

fn unknowns(facts: &Facts<'_>) -> Vec<String> {
    let mut unknowns: Vec<String> = facts.errors.to_vec();
    unknowns.extend(facts.without_effect.iter().map(|f| format!("fault changed nothing: {f}")));
    for (check, outcome) in facts.checks {
        match outcome {
            CheckOutcome::Looked { at: 0 } => unknowns.push(format!("check {check} looked at nothing")),
            CheckOutcome::Unknown { why } => {
                unknowns.push(format!("check {check} could not find out: {why}"))
            }
            CheckOutcome::Looked { .. } | CheckOutcome::Skipped { .. } => {}
        }
    }
    let looked = |c: &(CheckId, CheckOutcome)| matches!(c.1, CheckOutcome::Looked { at } if at > 0);
    if !facts.checks.iter().any(looked) && facts.findings.is_empty() {
        unknowns.push("nothing was looked at".to_owned());
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
    if let Some(cause) = facts.findings.iter().find(|cause| finding.follows_from(cause)) {
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

    fn finding(kind: FindingKind, entity: Entity) -> Finding {
        Finding::new(CheckId::Reconcile, kind, entity, "x", "y")
    }

    const LOOKED: &[(CheckId, CheckOutcome)] = &[(CheckId::Reconcile, CheckOutcome::Looked { at: 3 })];

    #[test]
    fn an_unexpected_failure_fails_and_an_unexpected_warning_does_not() {
        let asset = || Entity::Asset("logo.png".into());
        let missing = [finding(FindingKind::MissingBinary, asset())];
        let orphan = [finding(FindingKind::OrphanBinary, asset())];
        let judged = |findings| judge(&Facts { findings, checks: LOOKED, ..Facts::default() });
        assert_eq!(judged(&missing).verdict, Verdict::Fail);
        assert_eq!(judged(&orphan).verdict, Verdict::Pass);
        assert_eq!(judged(&orphan).roles, [Role::Warning]);
    }

    #[test]
    fn an_expected_finding_that_stays_away_fails() {
        let expected = [Expectation { kind: FindingKind::OrphanBinary, entity: "late.png".into() }];
        let judged = judge(&Facts { expected: &expected, checks: LOOKED, ..Facts::default() });
        assert_eq!(judged.verdict, Verdict::Fail);
        assert_eq!(judged.stayed_away, expected);
    }

    #[test]
    fn a_possible_finding_may_come_or_stay_away() {
        let possible = [Expectation { kind: FindingKind::TornWrite, entity: "deletes".into() }];
        let half = [finding(FindingKind::TornWrite, Entity::Writes("deletes".into()))];
        let lost = [finding(FindingKind::LostAcknowledgedWrite, Entity::Writes("deletes".into()))];
        let judged =
            |findings| judge(&Facts { findings, possible: &possible, checks: LOOKED, ..Facts::default() });
        assert_eq!((judged(&half).verdict, judged(&half).roles), (Verdict::Pass, vec![Role::Possible]));
        assert_eq!((judged(&[]).verdict, judged(&[]).stayed_away.len()), (Verdict::Pass, 0));
        assert_eq!(judged(&lost).verdict, Verdict::Fail);
    }

    #[test]
    fn looking_at_nothing_is_unknown() {
        assert_eq!(judge(&Facts::default()).verdict, Verdict::Unknown);
        let checks = [(CheckId::Render, CheckOutcome::Looked { at: 0 })];
        assert_eq!(judge(&Facts { checks: &checks, ..Facts::default() }).verdict, Verdict::Unknown);
        let no_effect = ["delete binary".to_owned()];
        let facts = Facts { checks: LOOKED, without_effect: &no_effect, ..Facts::default() };
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
        let judged =
            judge(&Facts { findings: &findings, expected: &expected, checks: LOOKED, ..Facts::default() });
        let consequence = Role::Consequence { of: "wrong content: logo.png".into() };
        assert_eq!(judged.roles, [Role::Expected, consequence, Role::Unexpected, Role::Unexpected]);
        assert_eq!(judged.verdict, Verdict::Fail);
    }
}
