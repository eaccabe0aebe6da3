//! JUnit XML: a suite per scenario, a case per check and one for the verdict, as Jenkins' junit-10
//! schema has them.
//!
//! A failure is an unexpected finding or an expected one that was not reported; an error is a check or
//! run without a result; skipped is a check that does not apply. The crate writes neither `<properties>`
//! nor `skipped` counts: one pass over its output adds them.

use crate::{
    base::error::{Error, ErrorContext as _},
    model::{
        check::CheckId,
        event::{BudgetChecked, BudgetId},
        finding::{Entity, Finding},
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{CheckOutcome, Role, Verdict},
    },
    report::facts::{reasons, run_problems},
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
    suite.testcases =
        scenario.checks.iter().map(|(check, went, ms)| check_case(scenario, *check, went, *ms)).collect();
    suite.testcases.extend(scenario.assertions.iter().map(|assertion| assertion_case(scenario, assertion)));
    let checks: u64 = scenario.checks.iter().fold(0, |sum, (_, _, ms)| sum.saturating_add(*ms));
    // The verdict's case takes the time of the steps, so that the suite's is the scenario's.
    let mut verdict = verdict_case(scenario);
    verdict.time = duration(scenario.ms.saturating_sub(checks));
    suite.testcases.push(verdict);
    for case in &mut suite.testcases {
        case.set_classname(&line(scenario.id.as_str()));
    }
    suite
}

/// The scenarios that were not run; none where all were.
fn skipped_suite(record: &RunRecord) -> Option<TestSuite> {
    let mut suite = new_suite(record, "skipped", record.began);
    for Skipped { id, why, .. } in &record.skipped {
        let mut case = TestCase::success(&line(id.as_str()), Duration::ZERO);
        case.result =
            TestResult::SkippedWithCause { type_: "skipped".to_owned(), message: line(why), cause: None };
        case.set_classname("skipped");
        suite.testcases.push(case);
    }
    (!record.skipped.is_empty()).then_some(suite)
}

/// The problems of the run as a whole and its budgets; `None` if it has neither.
fn run_suite(record: &RunRecord) -> Option<TestSuite> {
    let whys = texts(&run_problems(record));
    let mut suite = new_suite(record, "run", record.began);
    if let Some(result) = error("could-not-verify", &whys) {
        let mut case = TestCase::success("ended as planned", Duration::ZERO);
        case.result = result;
        suite.testcases.push(case);
    }
    suite.testcases.extend(record.budgets.iter().map(budget_case));
    for case in &mut suite.testcases {
        case.set_classname("run");
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
        Verdict::Unknown => error("could-not-verify", &why),
        Verdict::Fail => failure("over-budget", &why),
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

fn check_case(scenario: &ScenarioRecord, check: CheckId, went: &CheckOutcome, ms: u64) -> TestCase {
    case_of(scenario, check.id(), duration(ms), went, |finding| finding.check == check)
}

fn case_of(
    scenario: &ScenarioRecord,
    name: &str,
    time: Duration,
    went: &CheckOutcome,
    concerns: impl Fn(&Finding) -> bool,
) -> TestCase {
    let mut case = TestCase::success(name, time);
    let mut failures = Vec::new();
    let mut notes = Vec::new();
    for (finding, role) in scenario.judged().filter(|(f, _)| concerns(f)) {
        match role {
            Some(Role::Unexpected) => failures.push(message_of(finding)),
            Some(Role::Possible) => {
                notes.push(format!("possible, depends on timing: {}", message_of(finding)))
            }
            Some(Role::Expected) => notes.push(format!("as expected: {}", message_of(finding))),
            Some(Role::Consequence { of }) => {
                notes.push(format!("follows from {of}: {}", message_of(finding)))
            }
            Some(Role::Warning) => notes.push(format!("warning: {}", message_of(finding))),
            None => notes.push(format!("not judged: {}", message_of(finding))),
        }
    }
    case.result = match went {
        _ if !failures.is_empty() => failure("unexpected-finding", &failures).unwrap_or(TestResult::Success),
        CheckOutcome::Checked { items: 0 } => {
            error("could-not-verify", &["nothing to check".to_owned()]).unwrap_or(TestResult::Success)
        }
        CheckOutcome::Checked { items } => {
            notes.insert(0, format!("checked {items}"));
            TestResult::Success
        }
        CheckOutcome::Unknown { why } => {
            error("could-not-verify", std::slice::from_ref(why)).unwrap_or(TestResult::Success)
        }
        CheckOutcome::Skipped { why } => {
            TestResult::SkippedWithCause { type_: "skipped".to_owned(), message: line(why), cause: None }
        }
    };
    if !notes.is_empty() {
        case.set_system_out(&body(&notes.join("\n")));
    }
    case
}

/// The time of an assertion is in that of the check of all assertions.
fn assertion_case(scenario: &ScenarioRecord, (name, outcome, _): &(String, CheckOutcome, u64)) -> TestCase {
    let entity = Entity::Assertion(name.clone());
    let title = line(&format!("assertion: {name}"));
    case_of(scenario, &title, Duration::ZERO, outcome, |finding| finding.entity == entity)
}

fn verdict_case(scenario: &ScenarioRecord) -> TestCase {
    let mut case = TestCase::success("verdict", Duration::ZERO);
    let reasons = texts(&reasons(scenario));
    case.result = match (&scenario.judgement, scenario.verdict()) {
        (None, _) => error("did-not-end", &reasons),
        (Some(_), Verdict::Pass) => None,
        (Some(_), Verdict::Unknown) => error("could-not-verify", &reasons),
        (Some(_), Verdict::Fail) => failure("fail", &reasons),
    }
    .unwrap_or(TestResult::Success);
    let faults = scenario.faults.iter().map(|f| format!("fault {}: {}", f.description, f.detail));
    let met = scenario.judged().filter(|(_, role)| matches!(role, Some(Role::Expected)));
    let notes: Vec<String> = faults.chain(met.map(|(f, _)| format!("as expected: {f}"))).collect();
    if !notes.is_empty() {
        case.set_system_out(&body(&notes.join("\n")));
    }
    case
}

fn texts(reasons: &[impl ToString]) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

fn failure(type_: &str, whys: &[String]) -> Option<TestResult> {
    let (message, cause) = message(whys)?;
    Some(TestResult::Failure { type_: type_.to_owned(), message, cause })
}

fn error(type_: &str, whys: &[String]) -> Option<TestResult> {
    let (message, cause) = message(whys)?;
    Some(TestResult::Error { type_: type_.to_owned(), message, cause })
}

/// A line for the attribute and the whole text for the element; none where there is nothing to say.
fn message(whys: &[String]) -> Option<(String, Option<String>)> {
    let more = whys.len().checked_sub(1)?;
    let first = line(whys.first()?);
    let message = if more == 0 { first } else { format!("{first} (and {more} more)") };
    Some((message, Some(body(&whys.join("\n")))))
}

fn message_of(finding: &Finding) -> String {
    let mut text = format!(
        "{finding}\n  expected: {}\n  found: {}\n  what to do: {}",
        finding.expected,
        finding.actual,
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
