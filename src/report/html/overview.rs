//! Tables across all drills: which check detected which fault, the baseline drills, and the controls of
//! standards that scenarios name.

use crate::{
    model::{
        check::CheckId,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Role, Verdict},
    },
    report::html::text::{badge, count, is_unexpected, is_warning, line, link, not_run, with_role},
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The tables.
pub fn overview(record: &RunRecord) -> Markup {
    html! {
        // The test of a backup damages nothing.
        @if !record.is_of_existing_backups() { (faults(record)) (baseline_drills(record)) }
        (controls(record))
    }
}

fn faults(record: &RunRecord) -> Markup {
    let damaged: Vec<&ScenarioRecord> = record.scenarios.iter().filter(|s| !s.faults.is_empty()).collect();
    let silent = |check: &&CheckId| damaged.iter().all(|s| cell(s, **check).is_empty());
    let silent: Vec<&str> = CheckId::ALL.iter().filter(silent).map(|c| c.id()).collect();
    html! {
        section aria-labelledby="faults" {
            h2 id="faults" { "Which check detected which fault" }
            @if damaged.is_empty() { p { "No fault was injected in this run." } }
            @if !damaged.is_empty() || !record.skipped.is_empty() {
                div .scroll role="group" tabindex="0" aria-labelledby="faults" { table {
                    caption {
                        "found = expected and found; follows = follows from another finding; unexpected = found but "
                        "not expected; harmless = a warning; no result and skipped as in the drill. "
                        @if !silent.is_empty() { "No findings in any of them: " (silent.join(", ")) "." }
                    }
                    thead { tr {
                        th scope="col" { "Drill" } th scope="col" { "Fault" } th scope="col" { "Checks" }
                    } }
                    tbody { @for scenario in &damaged { tr {
                        th scope="row" { (link(record, scenario)) " " (badge(scenario.verdict())) }
                        td { @for fault in &scenario.faults {
                            (line(&fault.fault)) @if !fault.changed { " (changed nothing)" } br;
                        } }
                        td { (reported(scenario)) }
                    } } @for skipped in &record.skipped { tr {
                        th scope="row" { bdi { (line(skipped.id.as_str())) } " " (not_run()) }
                        td colspan="2" { "not run: " (line(&skipped.why)) }
                    } } }
                } }
            }
        }
    }
}

/// The checks that reported anything about the damage of a drill.
fn reported(scenario: &ScenarioRecord) -> Markup {
    html! {
        @for check in CheckId::ALL {
            @let words = cell(scenario, *check);
            @if !words.is_empty() { span .whole { (check.id()) ": " (words.join(", ")) } " " }
        }
    }
}

/// What a check reported about the damage of a drill.
fn cell(scenario: &ScenarioRecord, check: CheckId) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, role) in scenario.judged().filter(|(finding, _)| finding.check == check) {
        let word = match role {
            Some(Role::Expected) => "found",
            Some(Role::Possible) => "possible",
            Some(Role::Consequence { .. }) => "follows",
            Some(Role::Unexpected) => "unexpected",
            Some(Role::Warning) => "harmless",
            None => "not judged",
        };
        *counts.entry(word).or_default() += 1;
    }
    let mut description: Vec<String> = counts.iter().map(|(word, n)| format!("{word} {n}")).collect();
    for (_, went, _) in scenario.checks.iter().filter(|(c, _, _)| *c == check) {
        match went {
            CheckOutcome::Checked { items: 0 } | CheckOutcome::Unknown { .. } => {
                description.push("no result".to_owned())
            }
            CheckOutcome::Skipped { .. } => description.push("skipped".to_owned()),
            CheckOutcome::Checked { .. } => {}
        }
    }
    description
}

fn baseline_drills(record: &RunRecord) -> Markup {
    let baselines: Vec<&ScenarioRecord> = record.scenarios.iter().filter(|s| s.is_baseline()).collect();
    html! {
        section aria-labelledby="clean" {
            h2 id="clean" { "Baseline drills" }
            p { "The same backup, loss and restore without a fault: no check may report a finding." }
            @if baselines.is_empty() { p { strong { "None was run." } } }
            @else { div .scroll role="group" tabindex="0" aria-labelledby="clean" { table {
                thead { tr { th scope="col" { "Baseline drill" } th scope="col" { "Verdict" }
                    th .number scope="col" { "Unexpected" } th .number scope="col" { "Harmless" } } }
                tbody { @for drill in baselines { tr {
                    th scope="row" { (link(record, drill)) } td { (badge(drill.verdict())) }
                    td .number { (with_role(drill, is_unexpected).len()) }
                    td .number { (with_role(drill, is_warning).len()) }
                } } }
            } } }
        }
    }
}

fn controls(record: &RunRecord) -> Markup {
    let mut named: BTreeMap<&str, Vec<&ScenarioRecord>> = BTreeMap::new();
    for scenario in &record.scenarios {
        for control in scenario.started.iter().flat_map(|s| &s.controls) {
            named.entry(control).or_default().push(scenario);
        }
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for control in record.skipped.iter().flat_map(|s| &s.controls) {
        named.entry(control).or_default();
        *skipped.entry(control).or_default() += 1;
    }
    html! {
        section aria-labelledby="controls" {
            h2 id="controls" { "Controls that the scenarios name" }
            @if named.is_empty() { p { "None." } }
            @else {
                p {
                    "A scenario supports a control for the part that it exercises. Only an auditor can decide whether "
                    "the control is met."
                }
                div .scroll role="group" tabindex="0" aria-labelledby="controls" { table {
                    thead { tr { th scope="col" { "Control" } th scope="col" { "Support" }
                        th scope="col" { "Scenarios" } } }
                    tbody { @for (control, scenarios) in &named { tr {
                        th scope="row" { (line(control)) }
                        td { (support(scenarios))
                            @if let Some(n) = skipped.get(control) { ", " (n) " skipped" } }
                        td { details {
                            summary { (count(scenarios.len(), "scenario")) }
                            ul { @for scenario in scenarios {
                                li { (link(record, scenario)) " " (badge(scenario.verdict())) }
                            } }
                        } }
                    } } }
                } }
            }
        }
    }
}

fn support(scenarios: &[&ScenarioRecord]) -> String {
    let with = |verdict| scenarios.iter().filter(|s| s.verdict() == verdict).count();
    let (passed, failed, unknown) = (with(Verdict::Pass), with(Verdict::Fail), with(Verdict::Unknown));
    match (failed, unknown) {
        _ if scenarios.is_empty() => "not exercised".to_owned(),
        (0, 0) => format!("{passed} of {} passed", scenarios.len()),
        _ => format!("{passed} passed, {failed} failed, {unknown} unknown"),
    }
}
