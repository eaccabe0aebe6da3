//! The lines of a scenario that has ended: its verdict, and why it is not a pass.

use super::{
    style::{Style, Tone, brief},
    workload::under_load,
};
use crate::{
    base::{
        clock::human,
        sanitize::{legible, one_line},
    },
    model::{
        blast_radius::BlastRadius,
        finding::Finding,
        record::ScenarioRecord,
        verdict::{Role, Verdict},
    },
    report::facts::other_reasons,
};

/// Damaged objects whose dependents are counted, at most.
const AFFECTED: usize = 5;

/// The indentation below a verdict.
const INDENT: &str = "         ";

/// The line of a scenario and, unless it passed, its reasons; `in_full` also its workload. `notes` are its
/// own.
pub fn story(scenario: &ScenarioRecord, notes: &[String], in_full: bool, look: Style) -> String {
    let took = look.paint(Tone::Quiet, &format!("({})", human(scenario.ms)));
    let id = one_line(scenario.id.as_str());
    let mut text = format!("{}  {id}  {took}\n", look.verdict(scenario.verdict()));
    if scenario.verdict() != Verdict::Pass {
        text.push_str(&reasons(scenario, look));
    }
    for note in notes {
        text.push_str(&look.wrap(&format!("{INDENT}note: "), note));
    }
    if let Some(measured) = scenario.load.as_ref().filter(|_| in_full) {
        text.push_str(&under_load(measured, INDENT, look));
    }
    text
}

/// Why a scenario is not a pass: unexpected findings, then all other reasons.
pub fn reasons(scenario: &ScenarioRecord, look: Style) -> String {
    let unexpected: Vec<&Finding> = scenario
        .judged()
        .filter(|(_, role)| matches!(role, Some(Role::Unexpected)))
        .map(|(f, _)| f)
        .collect();
    let mut text: String = unexpected.iter().map(|f| finding(f, look)).collect();
    for impact in scenario.blast_radius.iter().flat_map(|radius| radius.impacts.iter().take(AFFECTED)) {
        text.push_str(&look.wrap(INDENT, &legible(&BlastRadius::line(impact))));
    }
    for reason in other_reasons(scenario) {
        text.push_str(&look.wrap(INDENT, &reason.to_string()));
    }
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
