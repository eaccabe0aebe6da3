//! JUnit XML, valid against the `junit-10` schema of Jenkins: a suite with its properties and one case for each
//! drill, so that the counts of a CI system are those of the run.
//!
//! A failed drill is a failure, a drill without a result an error, a scenario that was not run is skipped. The
//! result of each check is in `system-out`. The crate writes neither `<properties>` nor `skipped` counts: one
//! pass over its output adds them.

use crate::{
    base::{
        clock::human,
        error::{Error, ErrorContext as _},
    },
    model::{
        event::{BudgetChecked, BudgetId},
        finding::Finding,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{CheckOutcome, Role, Verdict},
    },
    report::facts::{self, AssertionResult, other_reasons, reasons, run_problems},
};
use chrono::{DateTime, Datelike as _, Utc};
use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestResult, TestSuite};

mod clean;
mod complete;
mod properties;

use clean::{body, line};

/// Renders a run.
///
/// # Errors
/// Blames the harness where the XML can't be made.
pub fn render(record: &RunRecord) -> Result<String, Error> {
    let mut suites: Vec<TestSuite> = record.scenarios.iter().map(|s| suite(record, s)).collect();
    let mut properties: Vec<_> = record.scenarios.iter().map(|s| properties::of(record, s)).collect();
    if let Some(skipped) = skipped_suite(record) {
        suites.push(skipped);
        properties.push(properties::of_run(record));
    }
    if let Some(run) = run_suite(record) {
        // The suite of a run that does not verify comes first.
        let at = if record.integrity.is_intact() { suites.len() } else { 0 };
        suites.insert(at, run);
        properties.insert(at, properties::of_run(record));
    }
    let extras: Vec<_> = suites
        .iter()
        .zip(properties)
        .map(|(suite, properties): (_, Vec<(String, String)>)| complete::Extra {
            skipped: suite.skipped(),
            properties: properties.iter().map(|(name, value)| (line(name), line(value))).collect(),
        })
        .collect();
    let sum = |count: fn(&TestSuite) -> usize| suites.iter().map(count).sum::<usize>();
    let totals = [
        ("tests", sum(TestSuite::tests)),
        ("failures", sum(TestSuite::failures)),
        ("errors", sum(TestSuite::errors)),
    ];
    let mut report = ReportBuilder::new();
    for suite in suites {
        report.add_testsuite(suite);
    }
    let mut xml = Vec::new();
    report.build().write_xml(&mut xml).or_harness(|| "can't write JUnit XML".to_owned())?;
    complete::complete(&xml, &totals, &extras)
}

fn suite(record: &RunRecord, scenario: &ScenarioRecord) -> TestSuite {
    let mut suite = new_suite(record, scenario.id.as_str(), scenario.began.or(record.began));
    suite.testcases.push(drill(scenario));
    suite.testcases.extend(facts::assertions(scenario).map(|assertion| assertion_case(scenario, assertion)));
    suite
}

/// The scenarios that were not run; none where all were.
fn skipped_suite(record: &RunRecord) -> Option<TestSuite> {
    let mut suite = new_suite(record, "skipped", record.began);
    for Skipped { id, why, .. } in &record.skipped {
        let mut case = TestCase::success(&line(id.as_str()), Duration::ZERO);
        case.result =
            TestResult::SkippedWithCause { type_: "skipped".to_owned(), message: line(why), cause: None };
        case.set_classname("pulp-drill.scenario");
        suite.testcases.push(case);
    }
    (!record.skipped.is_empty()).then_some(suite)
}

/// The problems of the run as a whole and its budgets; `None` if it has neither.
fn run_suite(record: &RunRecord) -> Option<TestSuite> {
    let whys = texts(&run_problems(record));
    let mut suite = new_suite(record, "run", record.began);
    if let Some(result) = error("could-not-verify", &whys, &whys) {
        let mut case = TestCase::success("ended as planned", Duration::ZERO);
        case.result = result;
        suite.testcases.push(case);
    }
    suite.testcases.extend(record.budgets.iter().map(budget_case));
    for case in &mut suite.testcases {
        case.set_classname("pulp-drill.run");
    }
    (!suite.testcases.is_empty()).then_some(suite)
}

fn budget_case(checked: &BudgetChecked) -> TestCase {
    let name = match checked.budget {
        BudgetId::Rto => "budget rto",
        BudgetId::Rpo => "budget rpo",
    };
    let mut case = TestCase::success(name, Duration::ZERO);
    let why = [checked.to_string()];
    case.result = match checked.verdict {
        Verdict::Pass => None,
        Verdict::Unknown => error("could-not-verify", &why, &why),
        Verdict::Fail => failure("over-budget", &why, &why),
    }
    .unwrap_or(TestResult::Success);
    case
}

fn new_suite(record: &RunRecord, name: &str, at: Option<DateTime<Utc>>) -> TestSuite {
    let host = record.started.as_ref().and_then(|s| s.started_by.get("host"));
    let mut suite = TestSuite::new(&line(name));
    suite.package = "pulp-drill".to_owned();
    suite.hostname = line(host.map_or("localhost", String::as_str));
    suite.timestamp = timestamp(at);
    suite
}

/// The case of a drill. Its result is the verdict.
fn drill(scenario: &ScenarioRecord) -> TestCase {
    let mut case = TestCase::success(&line(scenario.id.as_str()), duration(scenario.ms));
    case.set_classname(if scenario.is_baseline() { "pulp-drill.baseline" } else { "pulp-drill.scenario" });
    let whys = texts(&reasons(scenario));
    let unexpected = scenario.judged().filter(|(_, role)| matches!(role, Some(Role::Unexpected)));
    let mut text = texts(&other_reasons(scenario));
    text.extend(unexpected.map(|(finding, _)| detail(finding)));
    case.result = match (&scenario.judgement, scenario.verdict()) {
        (None, _) => error("did-not-end", &whys, &text),
        (Some(_), Verdict::Pass) => None,
        (Some(_), Verdict::Unknown) => error("could-not-verify", &whys, &text),
        (Some(_), Verdict::Fail) => failure("failed", &whys, &text),
    }
    .unwrap_or(TestResult::Success);
    let notes = notes(scenario);
    if !notes.is_empty() {
        case.set_system_out(&body(&notes.join("\n")));
    }
    case
}

/// The case of an assertion of the profile. Its time is in that of the drill.
fn assertion_case(scenario: &ScenarioRecord, (name, result): (&str, AssertionResult<'_>)) -> TestCase {
    let mut case = TestCase::success(&line(&format!("{}: assertion: {name}", scenario.id)), Duration::ZERO);
    case.set_classname("pulp-drill.assertion");
    case.result = match result {
        AssertionResult::Holds => None,
        AssertionResult::Fails(finding) => {
            failure("assertion-failed", &[finding.to_string()], &[detail(finding)])
        }
        AssertionResult::Unknown { why } => error("could-not-verify", &[why.to_owned()], &[why.to_owned()]),
        AssertionResult::Skipped { why } => Some(TestResult::SkippedWithCause {
            type_: "skipped".to_owned(),
            message: line(why),
            cause: None,
        }),
    }
    .unwrap_or(TestResult::Success);
    case
}

/// Faults, findings that do not fail the drill, and the result of each check.
fn notes(scenario: &ScenarioRecord) -> Vec<String> {
    let faults = scenario.faults.iter().map(|f| format!("fault {}: {}", f.description, f.detail));
    let findings = scenario.judged().filter_map(|(finding, role)| match role {
        Some(Role::Unexpected) => None,
        Some(Role::Possible) => Some(format!("possible, depends on timing: {finding}")),
        Some(Role::Expected) => Some(format!("as expected: {finding}")),
        Some(Role::Consequence { of }) => Some(format!("follows from {of}: {finding}")),
        Some(Role::Warning) => Some(format!("warning: {finding}")),
        None => Some(format!("not judged: {finding}")),
    });
    let checks = scenario.checks.iter().map(|(check, outcome, ms)| {
        let time = human(*ms);
        match outcome {
            CheckOutcome::Checked { items: 0 } => format!("check {check}: nothing to check"),
            CheckOutcome::Checked { items } => format!("check {check}: checked {items} in {time}"),
            CheckOutcome::Unknown { why } => format!("check {check}: no result: {why}"),
            CheckOutcome::Skipped { why } => format!("check {check}: skipped: {why}"),
        }
    });
    faults.chain(findings).chain(checks).collect()
}

fn texts(reasons: &[impl ToString]) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

fn failure(type_: &str, whys: &[String], text: &[String]) -> Option<TestResult> {
    let (message, cause) = message(whys, text)?;
    Some(TestResult::Failure { type_: type_.to_owned(), message, cause })
}

fn error(type_: &str, whys: &[String], text: &[String]) -> Option<TestResult> {
    let (message, cause) = message(whys, text)?;
    Some(TestResult::Error { type_: type_.to_owned(), message, cause })
}

/// A line for the attribute and the whole text for the element; `None` if there is no reason.
fn message(whys: &[String], text: &[String]) -> Option<(String, Option<String>)> {
    let more = whys.len().checked_sub(1)?;
    let first = line(whys.first()?);
    let message = if more == 0 { first } else { format!("{first} (and {more} more)") };
    Some((message, Some(body(&text.join("\n")))))
}

fn detail(finding: &Finding) -> String {
    let Finding { expected, actual, .. } = finding;
    let mut text = format!(
        "{finding}\n  check: {}\n  expected: {expected}\n  found: {actual}\n  what to do: {}",
        finding.check,
        finding.kind.what_to_do()
    );
    for artefact in &finding.artefacts {
        text.push_str("\n  see: ");
        text.push_str(artefact);
    }
    text
}

/// At most thirty years, so that no sum of a suite's times overflows.
fn duration(ms: u64) -> Duration {
    Duration::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX).min(1_000_000_000_000))
}

/// RFC 3339 has four digits for the year; a time outside of them, or none, is the epoch.
fn timestamp(at: Option<DateTime<Utc>>) -> OffsetDateTime {
    let at = at.filter(|t| (0..=9999).contains(&t.year()));
    at.and_then(|t| {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(t.timestamp_millis()) * 1_000_000).ok()
    })
    .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
