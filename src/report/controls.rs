//! What a run's record shows about the controls of the catalogue. A control is assessed by the scenarios
//! that name it and by their baseline drills. It is supported only if all of them ran and passed in a run
//! that ended as planned, and if each check that the evidence depends on checked something. Everything
//! else is a fail or an unknown with its reasons, never a pass.

use crate::{
    model::{
        control::Control,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{CheckOutcome, Verdict, limit::Limit},
    },
    report::facts::{self, RunProblem, run_problems},
};

/// What a run shows about one control.
#[derive(Clone, Debug)]
pub struct ControlAssessment<'a> {
    /// Which.
    pub control: Control,
    /// Pass: everything passed. Fail: something did not. Unknown: it cannot be determined.
    pub verdict: Verdict,
    /// Why it is not a pass; empty for a pass.
    pub reasons: Vec<String>,
    /// The scenarios that name it, in the record's order.
    pub scenarios: Vec<&'a ScenarioRecord>,
    /// Those that name it and were not run.
    pub skipped: Vec<&'a Skipped>,
    /// The baseline drills of those scenarios' topologies and seeds.
    pub baselines: Vec<&'a ScenarioRecord>,
}

/// The assessments of the controls that scenarios of the run name, in the catalogue's order. A control
/// that no scenario names has none: nothing was checked for it.
pub fn assessments(record: &RunRecord) -> Vec<ControlAssessment<'_>> {
    Control::ALL.iter().filter_map(|control| assess(record, *control)).collect()
}

fn assess(record: &RunRecord, control: Control) -> Option<ControlAssessment<'_>> {
    let names = |s: &&ScenarioRecord| {
        s.started.as_ref().is_some_and(|started| started.controls.iter().any(|c| c == control.id()))
    };
    let scenarios: Vec<&ScenarioRecord> = record.scenarios.iter().filter(names).collect();
    let skipped: Vec<&Skipped> =
        record.skipped.iter().filter(|s| s.controls.iter().any(|c| c == control.id())).collect();
    if scenarios.is_empty() && skipped.is_empty() {
        return None;
    }
    let ground = |s: &ScenarioRecord| s.started.as_ref().map(|t| (t.topology.clone(), t.seed.clone()));
    let baselines: Vec<&ScenarioRecord> = record
        .scenarios
        .iter()
        .filter(|s| s.is_baseline() && scenarios.iter().any(|named| ground(named) == ground(s)))
        .collect();
    let mut verdict = Verdict::Pass;
    let mut reasons = Vec::new();
    for scenario in scenarios.iter().chain(&baselines) {
        verdict = verdict.max(scenario.verdict());
        if scenario.verdict() != Verdict::Pass {
            reasons.push(format!("{}: {}", scenario.id, scenario.verdict()));
        }
    }
    let mut gaps = gaps(record, control, &scenarios);
    gaps.extend(skipped.iter().map(|s| format!("{} was skipped: {}", s.id, first_line(&s.why))));
    if !gaps.is_empty() {
        verdict = verdict.max(Verdict::Unknown);
    }
    reasons.extend(gaps);
    Some(ControlAssessment { control, verdict, reasons, scenarios, skipped, baselines })
}

/// Why a run whose scenarios passed does not support a control.
fn gaps(record: &RunRecord, control: Control, scenarios: &[&ScenarioRecord]) -> Vec<String> {
    let problem = |problem: &RunProblem| first_line(&problem.to_string()).to_owned();
    let mut gaps: Vec<String> = run_problems(record).iter().map(problem).collect();
    if let Some(part) = record.part() {
        gaps.push(format!("this is only {part} of a run: merge the parts"));
    }
    // The controls of a scenario that did not start are not known.
    for unstarted in record.scenarios.iter().filter(|s| s.started.is_none()) {
        gaps.push(format!("{} did not start", unstarted.id));
    }
    for check in control.rests_on() {
        let checked = scenarios.iter().flat_map(|s| &s.checks).any(|(id, outcome, _)| {
            id == check && matches!(outcome, CheckOutcome::Checked { items } if *items > 0)
        });
        if !checked {
            gaps.push(format!("check {check} had nothing to check in any of these scenarios"));
        }
    }
    gaps
}

/// What the run does not show about any control, whatever its verdict.
pub fn limits(record: &RunRecord) -> Vec<Limit> {
    facts::limits(record).into_iter().filter(Limit::concerns_controls).collect()
}

/// The first line of a text.
pub fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}
