//! What is told of a scenario when it has ended: a line, and below it why it is no pass.

use super::{
    style::{Style, Tone, brief, time},
    workload::under_load,
};
use crate::{
    base::sanitize::{legible, one_line},
    model::{
        finding::Finding,
        record::ScenarioRecord,
        verdict::{Role, Verdict},
    },
};

/// Where the text below a verdict begins.
const INDENT: &str = "         ";

/// The line of a scenario and, where it is no pass, its reasons.
pub fn story(scenario: &ScenarioRecord, look: Style) -> String {
    let took = look.paint(Tone::Quiet, &format!("({})", time(scenario.ms)));
    let id = one_line(scenario.id.as_str());
    let mut text = format!("{}  {id}  {took}\n", look.verdict(scenario.verdict()));
    if scenario.verdict() != Verdict::Pass {
        text.push_str(&reasons(scenario, look));
    }
    if let Some(measured) = &scenario.load {
        text.push_str(&under_load(measured, INDENT, look));
    }
    text
}

/// Why a scenario is no pass: what was found and not expected, then all other reasons.
pub fn reasons(scenario: &ScenarioRecord, look: Style) -> String {
    let unexpected: Vec<&Finding> = scenario
        .judged()
        .filter(|(_, role)| matches!(role, Some(Role::Unexpected)))
        .map(|(f, _)| f)
        .collect();
    let mut text: String = unexpected.iter().map(|f| finding(f, look)).collect();
    // The judgement's reasons repeat those findings in one line each.
    let told = |reason: &str| unexpected.iter().any(|f| reason.starts_with(&format!("{f} (expected ")));
    let others: Vec<&str> = match &scenario.judgement {
        Some(judgement) => judgement.reasons.iter().map(String::as_str).filter(|r| !told(r)).collect(),
        None => std::iter::once("the scenario did not end")
            .chain(scenario.errors.iter().map(String::as_str))
            .collect(),
    };
    others.iter().for_each(|reason| text.push_str(&look.wrap(INDENT, reason)));
    text
}

fn finding(finding: &Finding, look: Style) -> String {
    let mut text = String::new();
    for line in look.wrap(INDENT, &finding.to_string()).lines() {
        text.push_str(&format!("{INDENT}{}\n", look.paint(Tone::Bad, line.trim_start())));
    }
    let mut row = |label: &str, value: &str| {
        let label = look.paint(Tone::Quiet, &format!("{label:<10}"));
        text.push_str(&look.wrap(&format!("{INDENT}  {label}  "), &legible(value)));
    };
    row("expected", &brief(&finding.expected));
    row("found", &brief(&finding.actual));
    row("what to do", finding.kind.what_to_do());
    finding.artefacts.iter().for_each(|artefact| row("see", artefact));
    text
}
