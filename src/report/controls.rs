//! How a run's record answers the controls of the catalogue. A control is answered by the scenarios
//! that name it and by their clean controls; it holds only if all of them ran and passed, in a run that
//! ended as planned, and if each check that the evidence rests on looked at something. Everything else is a
//! "does not hold" or an "unknown" with its reasons, never a pass.

use crate::model::{
    control::Control,
    record::{RunRecord, ScenarioRecord, Skipped},
    verdict::{CheckOutcome, Verdict},
};

/// What a run says about one control.
#[derive(Clone, Debug)]
pub struct ControlAssessment<'a> {
    /// Which.
    pub control: Control,
    /// Pass: all that was looked at held. Fail: something did not. Unknown: it can't be told.
    pub verdict: Verdict,
    /// Why it is no pass; empty for a pass.
    pub reasons: Vec<String>,
    /// The scenarios that name it, in the record's order.
    pub scenarios: Vec<&'a ScenarioRecord>,
    /// Those that name it and were not run.
    pub skipped: Vec<&'a Skipped>,
    /// The clean controls of those scenarios' topologies and seeds.
    pub clean: Vec<&'a ScenarioRecord>,
}

/// The answers to the controls that scenarios of the run name, in the catalogue's order. A control
/// that no scenario names has no answer: nothing was looked at for it.
pub fn answers(record: &RunRecord) -> Vec<ControlAssessment<'_>> {
    Control::ALL.iter().filter_map(|control| answer(record, *control)).collect()
}

fn answer(record: &RunRecord, control: Control) -> Option<ControlAssessment<'_>> {
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
    let clean: Vec<&ScenarioRecord> = record
        .scenarios
        .iter()
        .filter(|s| s.is_control() && scenarios.iter().any(|named| ground(named) == ground(s)))
        .collect();
    let mut verdict = Verdict::Pass;
    let mut reasons = Vec::new();
    for scenario in scenarios.iter().chain(&clean) {
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
    Some(ControlAssessment { control, verdict, reasons, scenarios, skipped, clean })
}

/// What keeps a run whose scenarios passed from proving a control.
fn gaps(record: &RunRecord, control: Control, scenarios: &[&ScenarioRecord]) -> Vec<String> {
    let mut gaps = Vec::new();
    match &record.finished {
        None => gaps.push("the run did not end".to_owned()),
        Some(finished) => {
            gaps.extend(finished.cut_short.iter().map(|w| format!("the run was cut short: {w}")))
        }
    }
    gaps.extend(record.errors.iter().map(|t| format!("trouble of the run: {}", first_line(t))));
    if let Some(part) = record.part() {
        gaps.push(format!("this is {part} of a run only: merge the parts"));
    }
    // Which controls it would have named is not known.
    for unstarted in record.scenarios.iter().filter(|s| s.started.is_none()) {
        gaps.push(format!("{} did not start", unstarted.id));
    }
    for check in control.rests_on() {
        let looked = scenarios
            .iter()
            .flat_map(|s| &s.checks)
            .any(|(id, outcome, _)| id == check && matches!(outcome, CheckOutcome::Looked { at } if *at > 0));
        if !looked {
            gaps.push(format!("check {check} looked at nothing in any of these scenarios"));
        }
    }
    gaps
}

/// What this run as a whole does not show, whatever its verdict.
pub fn limits(record: &RunRecord) -> Vec<String> {
    let mut limits = Vec::new();
    for Skipped { id, why, .. } in &record.skipped {
        limits.push(format!("{id} was skipped, which is no pass: {}.", first_line(why)));
    }
    let version = |part: &str| record.versions.get(part).map_or("", String::as_str);
    if version("engine").starts_with("stand-in") {
        let text = "The engine was the stand-in that comes with pulp-drill: nothing is shown about the \
                    engine of production.";
        limits.push(text.to_owned());
    }
    if version("objects").starts_with("embedded") {
        let text = "The object store was the one that comes with pulp-drill: nothing is shown about the \
                    object store of production.";
        limits.push(text.to_owned());
    }
    if version("postgres fsync") == "off" {
        limits.push("PostgreSQL ran with fsync off: nothing is shown about loss of power.".to_owned());
    }
    limits
}

/// The first line of a text.
pub fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}
