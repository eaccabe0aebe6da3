//! All shipped scenarios on the real binary, real PostgreSQL and a real S3 API: they pass, the baseline
//! drills report nothing, and the check that the catalogue names detects its fault. And the other
//! way round: a scenario whose fault or expectation is taken away fails.

use crate::support::document_part;
use pulp_drill::{
    model::{
        check::CheckId,
        detection::Detection,
        exit_code::ExitCode,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Verdict},
    },
    plan::representatives,
    report,
    runbook::provision::processes::{Places, discover},
    scenario::{library::FixtureLibrary, parse::read_all},
};
use std::{fs, path::Path, process::Command};

/// Whether drills can be run here; says so where they can't.
async fn has_postgres() -> bool {
    let found = discover(&Places::of_machine(), None).await.found.is_some();
    if !found {
        println!("skipped: no PostgreSQL server binaries (initdb, postgres) found");
    }
    found
}

/// Runs scenarios. Gives the exit code and the record.
fn run(scenarios: &Path) -> (Option<i32>, RunRecord) {
    let reports = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["run", "--format", "json", "--seed", "1", "--report-dir"])
        .arg(reports.path())
        .arg(scenarios)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let record = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("no record: {e}\n{said}"));
    (ran.status.code(), record)
}

fn reasons(scenario: &ScenarioRecord) -> Vec<String> {
    scenario.judgement.iter().flat_map(|j| &j.reasons).map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_scenario_passes_and_every_fault_is_detected_by_its_check() {
    if !has_postgres().await {
        return;
    }
    let (exit, record) = run(Path::new("scenarios"));
    for scenario in &record.scenarios {
        assert_eq!(scenario.verdict(), Verdict::Pass, "{}: {:#?}", scenario.id, reasons(scenario));
    }
    assert_eq!(exit, Some(0));
    let is_file = |e: &fs::DirEntry| e.path().is_file();
    let count = |folder: &str| fs::read_dir(folder).unwrap().map(Result::unwrap).filter(is_file).count();
    let files = count("scenarios") + count("scenarios/window");
    let (baselines, scenarios): (Vec<_>, Vec<_>) = record.scenarios.iter().partition(|s| s.is_baseline());
    for skipped in &record.skipped {
        eprintln!("skipped: {}, because {}", skipped.id, skipped.why);
    }
    assert_eq!(scenarios.len() + record.skipped.len(), files, "not every scenario was run");
    let ids: Vec<&str> = baselines.iter().map(|baseline| baseline.id.as_str()).collect();
    // One a seed, and one of what the window's scenarios do to the small seed.
    let wanted = [
        "baseline-brochure",
        "baseline-brochure-maintenance-window",
        "baseline-brochure-point-in-time",
        "baseline-invoices",
        "baseline-operations",
        "baseline-operations-results-bucket",
        "baseline-photo-archive-visits",
    ];
    assert_eq!(ids, wanted);
    for baseline in baselines {
        assert!(baseline.findings.is_empty(), "{}: {:#?}", baseline.id, baseline.findings);
        for check in CheckId::ALL {
            let went = baseline.checks.iter().find(|(id, ..)| id == check).map(|(_, outcome, _)| outcome);
            // A seed without schedules has none to lose, a site without a place for the results of batch
            // jobs has none either, a baseline drill has no writes under load, and the stand-in's profile has
            // no assertions. The photo archive is a database and a bucket, of which nothing runs.
            let runs = baseline.id.as_str() != "baseline-photo-archive-visits";
            let nothing_there = match check {
                CheckId::Acknowledged => true,
                CheckId::Assertions => runs,
                CheckId::Schedules => !runs || baseline.id.as_str().starts_with("baseline-brochure"),
                CheckId::Jobs => !baseline.id.as_str().ends_with("results-bucket"),
                CheckId::Ready
                | CheckId::Render
                | CheckId::Operations
                | CheckId::Manifest
                | CheckId::ReadBack
                | CheckId::FailClosed
                | CheckId::Untouched => !runs,
                CheckId::Source
                | CheckId::Catalog
                | CheckId::Contents
                | CheckId::Indexes
                | CheckId::Sequences
                | CheckId::Reconcile
                | CheckId::Procedure => false,
            };
            let looked = matches!(went, Some(CheckOutcome::Checked { items }) if *items > 0);
            assert!(looked || nothing_there, "{}: {check} did not look: {went:?}", baseline.id);
        }
    }
    for scenario in &scenarios {
        for fault in &scenario.faults {
            assert!(fault.changed, "{}: {} changed nothing", scenario.id, fault.description);
        }
    }
    let library = FixtureLibrary::new("fixtures");
    let shipped = read_all(&["scenarios".into()], &library).unwrap_or_else(|_| panic!("they were just run"));
    let mut detection = Detection::of(&record, &representatives::of(&shipped));
    assert_eq!(detection.exit(), ExitCode::AllHeld, "{}", report::detection::text(&detection, 100));
    // A self-test has other baseline drills, because it leaves out the scenarios that serve as such.
    detection.baselines.clear();
    document_part::hold("docs/detection.md", "faults", &report::detection::markdown(&detection));
}

#[tokio::test]
async fn a_scenario_without_its_fault_or_its_expectation_fails() {
    if !has_postgres().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string("scenarios/binary-missing.yaml").unwrap();
    let put = |id: &str, leave_out: &str| {
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains(leave_out)).collect();
        assert_eq!(kept.len() + 1, text.lines().count(), "{leave_out} is not in the scenario");
        let changed = kept.join("\n").replace("id: binary-missing", &format!("id: {id}"));
        // Without its only entry the list is gone too.
        let changed = changed.strip_suffix("expect:").map(str::to_owned).unwrap_or(changed);
        fs::write(folder.path().join(format!("{id}.yaml")), changed).unwrap();
    };
    put("without-fault", "fault in backup:");
    put("without-expectation", "- missing binary:");
    let (exit, record) = run(folder.path());
    assert_eq!(exit, Some(1));
    let reasons_of = |id: &str| {
        let scenario = record.scenarios.iter().find(|s| s.id.as_str() == id).unwrap();
        assert_eq!(scenario.verdict(), Verdict::Fail, "{id}");
        reasons(scenario).join("\n")
    };
    assert_eq!(reasons_of("without-fault"), "expected finding was not reported: missing binary: logo.png");
    let unexpected = reasons_of("without-expectation");
    assert!(unexpected.starts_with("missing binary: logo.png (expected "), "{unexpected}");
    let baseline = record.scenarios.iter().find(|s| s.is_baseline()).unwrap();
    assert_eq!(baseline.verdict(), Verdict::Pass, "{:#?}", reasons(baseline));
}
