//! Everything that the record holds about one drill.

use crate::{
    base::clock::{human, iso},
    model::{
        event::{CommandRan, ScenarioStarted},
        finding::FindingKind,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Judgement},
    },
    report::{
        facts::{self, AssertionResult},
        html::{
            blast_radius,
            text::{artefact, count, line, linked, maybe_time, role, text},
            timeline,
            workload::under_load,
        },
    },
};
use maud::{Markup, html};

/// The most rows of a list; `record.json` has all.
const MOST: usize = 200;

/// The detail of a drill whose anchor in the page is `at`.
pub fn detail(record: &RunRecord, scenario: &ScenarioRecord, at: &str) -> Markup {
    html! {
        @if let Some(started) = &scenario.started { (about(started, scenario)) }
        (timeline::of_scenario(scenario, at))
        (steps(scenario))
        (faults(scenario))
        (checks(scenario))
        (findings(scenario))
        (blast_radius::section(scenario, at))
        (cut_point(scenario))
        @if let Some(measured) = &scenario.load { (under_load(measured)) }
        (tools(scenario))
        (commands(scenario))
        (artefacts(record, scenario))
        @if !scenario.errors.is_empty() {
            h3 { "Errors" }
            ul { @for error in &scenario.errors { li .pre { (text(error)) } } }
        }
    }
}

fn about(started: &ScenarioStarted, scenario: &ScenarioRecord) -> Markup {
    html! {
        p { (text(&started.shows)) }
        dl .plain {
            @if let Some((file, digest)) = &started.file {
                dt { "File" } dd { code { (line(file)) } ", SHA-256 " code .digest { (digest) } }
            }
            dt { "Seed, topology" } dd { (line(&started.seed)) ", " (line(&started.topology)) }
            @if !started.runbook.is_empty() {
                dt { "Runbook" } dd { (linked(&line(&format!("runbook {}", started.runbook.join(", "))))) }
            }
            @if !started.controls.is_empty() { dt { "Controls" } dd { (line(&started.controls.join(", "))) } }
            @if let Some((ms, from)) = scenario.rpo_ms.zip(scenario.rpo_from) {
                dt { "RPO" } dd { (human(ms)) ": " (from.describe()) }
            }
            @if let Some(began) = scenario.began { dt { "Started" } dd { (iso(began)) } }
            dt { "Expects" }
            dd {
                @if started.expect.is_empty() { "no finding" }
                @for (i, expected) in started.expect.iter().enumerate() {
                    @if i > 0 { "; " } bdi { (line(&expected.to_string())) }
                }
            }
            @if !started.possible.is_empty() {
                dt { "May report" }
                dd {
                    @for (i, possible) in started.possible.iter().enumerate() {
                        @if i > 0 { "; " } bdi { (line(&possible.to_string())) }
                    }
                }
            }
        }
    }
}

fn steps(scenario: &ScenarioRecord) -> Markup {
    let planned = scenario.started.as_ref().map_or(&[][..], |s| &s.steps[..]);
    html! {
        h3 { "Steps" }
        table {
            thead { tr { th .number scope="col" { "No." } th scope="col" { "Step" } th scope="col" { "Started" }
                th .number scope="col" { "Time" } th scope="col" { "Result" } } }
            tbody {
                @for step in &scenario.steps {
                    tr {
                        td .number { (step.step) } td { (line(&step.name)) } td { (iso(step.began)) }
                        td .number { (maybe_time(step.ms)) }
                        td .pre { @match (&step.failed, step.ms) {
                            (Some(why), _) => { (text(why)) }
                            (None, Some(_)) => { "done" }
                            (None, None) => { "did not end" }
                        } }
                    }
                }
                @for (i, name) in planned.iter().enumerate().skip(scenario.steps.len()) {
                    tr { td .number { (i + 1) } td { (line(name)) } td {} td {} td { "not reached" } }
                }
            }
        }
    }
}

fn faults(scenario: &ScenarioRecord) -> Markup {
    html! {
        @if !scenario.faults.is_empty() {
            h3 { "Faults" }
            table {
                thead { tr { th scope="col" { "Fault" } th scope="col" { "In the scenario" }
                    th scope="col" { "Changed anything" } th scope="col" { "Before and after" } } }
                tbody { @for fault in &scenario.faults { tr {
                    td { (line(&fault.fault)) } td { (line(&fault.description)) }
                    td { @if fault.changed { "yes" } @else { strong { "no: it shows nothing" } } }
                    td .pre { (text(&fault.detail)) }
                } } }
            }
        }
    }
}

fn checks(scenario: &ScenarioRecord) -> Markup {
    html! {
        h3 { "Checks" }
        @if scenario.checks.is_empty() { p { "None was reached." } }
        @else { table {
            thead { tr { th scope="col" { "Check" } th scope="col" { "What it checks" } th scope="col" { "Result" }
                th .number scope="col" { "Findings" } th .number scope="col" { "Time" } } }
            tbody { @for (check, went, ms) in &scenario.checks { tr {
                th scope="row" { (check.id()) }
                td { (check.title()) " (" (linked(check.rule())) ")" }
                td .pre { @match went {
                    CheckOutcome::Checked { items: 0 } => { strong { "nothing to check" } }
                    CheckOutcome::Checked { items } => { "checked " (items) }
                    CheckOutcome::Unknown { why } => { strong { "no result: " } (text(why)) }
                    CheckOutcome::Skipped { why } => { "skipped: " (text(why)) }
                } }
                td .number { (scenario.findings.iter().filter(|f| f.check == *check).count()) }
                td .number { (human(*ms)) }
            } } }
        } }
        (assertions(scenario))
    }
}

fn assertions(scenario: &ScenarioRecord) -> Markup {
    html! {
        @if !scenario.assertions.is_empty() {
            h3 { "Assertions of the profile" }
            table {
                thead { tr { th scope="col" { "Assertion" } th scope="col" { "Result" } th .number scope="col" { "Time" } } }
                tbody { @for ((name, result), (_, _, ms)) in facts::assertions(scenario).zip(&scenario.assertions) { tr {
                    th scope="row" { bdi { (line(name)) } }
                    td .pre { @match result {
                        AssertionResult::Fails(_) | AssertionResult::Unknown { .. } => { strong { (text(&result.to_string())) } }
                        AssertionResult::Holds | AssertionResult::Skipped { .. } => { (text(&result.to_string())) }
                    } }
                    td .number { (human(*ms)) }
                } } }
            }
        }
    }
}

fn findings(scenario: &ScenarioRecord) -> Markup {
    let missing: Vec<_> = scenario.judgement.iter().flat_map(Judgement::missing).collect();
    html! {
        h3 { "Findings" }
        @if scenario.findings.is_empty() && missing.is_empty() { p { "None." } }
        @else { table .sides {
            thead { tr { th scope="col" { "Role" } th scope="col" { "Finding" } th scope="col" { "Expected" }
                th scope="col" { "Found" } th scope="col" { "Check" } } }
            tbody {
                @for expected in &missing { tr {
                    td { strong { "not reported" } } th scope="row" { bdi { (line(&expected.to_string())) } }
                    td { "this finding" } td { "nothing" } td {}
                } }
                @for (finding, means) in scenario.judged().take(MOST) { tr {
                    td { (role(means)) }
                    th scope="row" { bdi { (line(&finding.to_string())) } }
                    td .pre { (text(&finding.expected)) }
                    td .pre { (text(&finding.actual)) @for path in &finding.artefacts { br; "see " (artefact(path)) } }
                    td { (finding.check.id()) }
                } }
            }
        }
        @if scenario.findings.len() > MOST { p { (scenario.findings.len() - MOST) " more in record.json." } } }
    }
}

fn cut_point(scenario: &ScenarioRecord) -> Markup {
    let rows: usize = scenario.cut_point.values().map(|facts| facts.rows).sum();
    let of = |kind: FindingKind| scenario.findings.iter().filter(|f| f.kind == kind).count();
    let binaries = [
        FindingKind::MissingBinary,
        FindingKind::OrphanBinary,
        FindingKind::WrongSize,
        FindingKind::WrongContent,
        FindingKind::WrongMetadata,
    ];
    html! {
        @if let Some(objects) = scenario.cut_objects {
            h3 { "Cut point and restored state" }
            p {
                "At the cut point: " (count(rows, "row")) " in " (count(scenario.cut_point.len(), "table")) ", "
                (count(objects, "object")) ". After the restore: "
                @for kind in binaries { (kind.describe()) " " (of(kind)) ", " }
                (scenario.renders.known_good) " renders known-good, " (scenario.renders.refused) " refused, "
                (scenario.renders.other) " other."
            }
            details {
                summary { "Cut point by table" }
                table {
                    thead { tr { th scope="col" { "Table" } th .number scope="col" { "Rows" }
                        th scope="col" { "SHA-256 of its content" } } }
                    tbody { @for (table, facts) in &scenario.cut_point { tr {
                        th scope="row" { bdi { (line(table)) } } td .number { (facts.rows) }
                        td { code .digest { (facts.digest) } }
                    } } }
                }
            }
        }
    }
}

/// What other programs reported about the backup.
fn tools(scenario: &ScenarioRecord) -> Markup {
    html! {
        @if !scenario.tools.is_empty() {
            h3 { "What other programs reported about this backup" }
            table {
                thead { tr { th scope="col" { "Program" } th scope="col" { "Result" } th scope="col" { "Report" } } }
                tbody { @for report in &scenario.tools { tr {
                    th scope="row" { (line(&report.tool)) }
                    td { (line(report.exit.as_deref().unwrap_or("not run"))) }
                    td .pre { (text(&report.said)) }
                } } }
            }
        }
    }
}

fn commands(scenario: &ScenarioRecord) -> Markup {
    html! {
        @if !scenario.commands.is_empty() {
            h3 { "Commands" }
            @for command in scenario.commands.iter().take(MOST) { (ran(command)) }
        }
    }
}

fn ran(command: &CommandRan) -> Markup {
    let description = std::iter::once(&command.program).chain(&command.args);
    let name = command.program.rsplit('/').next().unwrap_or_default();
    html! {
        details {
            summary { code { (line(name)) } ": " (line(&command.exit)) ", " (human(command.ms)) }
            pre tabindex="0" { code { (text(&shell_words::join(description))) } }
            @for (what, out) in [("Standard output", &command.stdout), ("Standard error", &command.stderr)] {
                @if !out.is_empty() { p { (what) ":" } pre tabindex="0" { (text(out)) } }
            }
            @if command.stdout.is_empty() && command.stderr.is_empty() { p { "No output." } }
        }
    }
}

fn artefacts(record: &RunRecord, scenario: &ScenarioRecord) -> Markup {
    let mut own: Vec<_> =
        record.artefacts.iter().filter(|a| a.scenario.as_ref() == Some(&scenario.id)).collect();
    own.dedup_by_key(|artefact| &artefact.path);
    html! {
        @if !own.is_empty() {
            h3 { "Stored files" }
            table {
                thead { tr { th scope="col" { "File" } th scope="col" { "What it is" }
                    th .number scope="col" { "Bytes" } th scope="col" { "SHA-256" } } }
                tbody { @for kept in own.iter().take(MOST) { tr {
                    td { (artefact(&kept.path)) } td { (line(&kept.what)) } td .number { (kept.bytes) }
                    td { code .digest { (kept.sha256) } }
                } } }
            }
        }
    }
}
