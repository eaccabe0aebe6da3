//! The attestation's words: an in-toto Statement v1 with the predicate test-result v0.1. A pure
//! function of the record and the digests of the files.
//!
//! The predicate has no word for "could not be found out". Such a scenario is among the failed
//! tests and its run is FAILED, because somebody may let WARNED pass; which of them could not be
//! verified stands at the subject `record.json`, and in the record.

use crate::{
    base::{
        clock::iso,
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    journal::read::EVENTS,
    model::{
        exit_code::ExitCode,
        record::{RunRecord, ScenarioRecord},
        verdict::{Role, Verdict},
    },
    report::ReportFormat,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The files that are attested, by their path below the run's folder.
pub(super) type Subjects = BTreeMap<String, Digest>;

/// The subject that carries the annotations.
const RECORD: &str = ReportFormat::Record.file_name();

/// Stands for the run itself among the tests, as in `junit.xml`.
const RUN: &str = "run";

/// What the statement is, and what its predicate is.
const TYPES: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/attestation/test-result/v0.1"];

#[derive(Serialize)]
struct Statement<'a> {
    #[serde(rename = "_type")]
    type_: &'static str,
    subject: Vec<Resource<'a>>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

/// A resource descriptor: what a file is called and its digest.
#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    digest: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    result: &'static str,
    configuration: Vec<Resource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    passed_tests: Vec<&'a str>,
    warned_tests: Vec<&'a str>,
    failed_tests: Vec<&'a str>,
}

/// The result and how many scenarios passed, passed with warnings, and did not pass.
pub(super) fn result(record: &RunRecord) -> (&'static str, [usize; 3]) {
    let of = predicate(record);
    (of.result, [of.passed_tests.len(), of.warned_tests.len(), of.failed_tests.len()])
}

/// The files that a run's attestation is about: its events, its reports, what it kept.
pub(super) fn names(record: &RunRecord, reports: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let kept = record.artefacts.iter().map(|a| a.path.clone());
    kept.chain(reports).chain([EVENTS.to_owned()]).collect()
}

/// The statement as JSON.
///
/// # Errors
/// Blames the harness.
pub(super) fn text(record: &RunRecord, subjects: &Subjects) -> Result<String, Error> {
    let subject = subjects.iter().map(|(name, digest)| Resource {
        annotations: if name == RECORD { annotations(record) } else { BTreeMap::new() },
        ..resource(name, digest)
    });
    let statement = Statement {
        type_: TYPES[0],
        subject: subject.collect(),
        predicate_type: TYPES[1],
        predicate: predicate(record),
    };
    serde_json::to_string(&statement).or_harness(|| "can't write the statement".to_owned())
}

/// Whether a statement, of whatever version, attests the result that the record gives.
pub(super) fn agrees(record: &RunRecord, payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Attested {
        #[serde(rename = "_type")]
        type_: String,
        #[serde(rename = "predicateType")]
        predicate_type: String,
        predicate: Tests,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tests {
        result: String,
        passed_tests: Vec<String>,
        warned_tests: Vec<String>,
        failed_tests: Vec<String>,
    }
    let of = predicate(record);
    serde_json::from_slice(payload).is_ok_and(|Attested { type_, predicate_type, predicate }| {
        [type_, predicate_type] == TYPES
            && predicate.result == of.result
            && predicate.passed_tests == of.passed_tests
            && predicate.warned_tests == of.warned_tests
            && predicate.failed_tests == of.failed_tests
    })
}

fn resource<'a>(name: &'a str, digest: &Digest) -> Resource<'a> {
    let digest = BTreeMap::from([("sha256", digest.to_string())]);
    Resource { name, digest, annotations: BTreeMap::new() }
}

fn predicate(record: &RunRecord) -> Predicate<'_> {
    let (mut passed, mut warned, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for scenario in &record.scenarios {
        let tests = match (scenario.verdict(), warns(scenario)) {
            (Verdict::Pass, false) => &mut passed,
            (Verdict::Pass, true) => &mut warned,
            (Verdict::Unknown | Verdict::Fail, _) => &mut failed,
        };
        tests.push(scenario.id.as_str());
    }
    let held = record.verdict() == Verdict::Pass
        && record.finished.as_ref().is_some_and(|f| f.exit == ExitCode::AllHeld);
    if !held && failed.is_empty() {
        failed.push(RUN);
    }
    let result = match (failed.is_empty(), warned.is_empty()) {
        (false, _) => "FAILED",
        (true, false) => "WARNED",
        (true, true) => "PASSED",
    };
    Predicate {
        result,
        configuration: configuration(record),
        url: url(record),
        passed_tests: passed,
        warned_tests: warned,
        failed_tests: failed,
    }
}

fn warns(scenario: &ScenarioRecord) -> bool {
    scenario.judged().any(|(_, role)| matches!(role, Some(Role::Warning)))
}

/// The scenario files and the target's profile.
fn configuration(record: &RunRecord) -> Vec<Resource<'_>> {
    let config = |name: &str| record.started.as_ref()?.config.get(name);
    let mut files: BTreeMap<&str, Digest> = BTreeMap::new();
    if let (Some(name), Some(digest)) = (config("profile"), config("profile sha256"))
        && let Ok(digest) = digest.parse()
    {
        files.insert(name, digest);
    }
    let started = record.scenarios.iter().filter_map(|s| s.started.as_ref()?.file.as_ref());
    files.extend(started.map(|(file, digest)| (file.as_str(), *digest)));
    files.iter().map(|(name, digest)| resource(name, digest)).collect()
}

/// The job that started the run, where CI says so.
fn url(record: &RunRecord) -> Option<String> {
    let by = &record.started.as_ref()?.started_by;
    let github = || {
        let (repository, run) = (by.get("GITHUB_REPOSITORY")?, by.get("GITHUB_RUN_ID")?);
        Some(format!("https://github.com/{repository}/actions/runs/{run}"))
    };
    by.get("CI_JOB_URL").or_else(|| by.get("BUILD_URL")).cloned().or_else(github)
}

/// What the predicate has no field for.
fn annotations(record: &RunRecord) -> BTreeMap<&'static str, String> {
    let unknown = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Unknown);
    let unknown: Vec<&str> = unknown.map(|s| s.id.as_str()).collect();
    let skipped: Vec<&str> = record.skipped.iter().map(|s| s.id.as_str()).collect();
    let mut notes = BTreeMap::from([
        ("run", record.id().0),
        ("verdict", record.verdict().to_string()),
        ("couldNotVerify", unknown.join(" ")),
        ("notRun", skipped.join(" ")),
    ]);
    notes.extend(record.began.map(|at| ("began", iso(at))));
    notes.extend(record.ended.map(|at| ("ended", iso(at))));
    if let Some(finished) = &record.finished {
        notes.insert("exit", finished.exit.to_string());
        notes.extend(finished.cut_short.iter().map(|why| ("cutShort", why.clone())));
    }
    notes.retain(|_, value| !value.is_empty());
    notes
}
