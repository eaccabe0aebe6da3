//! The sample run in `reports/sample`: as it was written, signed with the key that lies beside it, and
//! what the present code makes of its events. `make sample` runs it anew. Starts nothing.
//!
//! Runs differ in ids, times and ports, so no second run is compared with it: its reports are, with
//! what they are rendered to now, byte for byte.

use pulp_drill::{
    evidence::{
        key::VerifyingKey,
        verify::{Signed, Trust, folder},
    },
    journal::read,
    model::{event::FORMAT, record::RunRecord, verdict::Role},
    report::ReportFormat,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample")
}

fn record() -> RunRecord {
    let stored = read(&sample()).expect("reports/sample is no run: run `make sample`");
    assert_eq!(stored.flaw, None);
    RunRecord::fold(&stored.entries)
}

#[test]
fn it_is_what_the_present_code_writes() {
    let record = record();
    let started = record.started.as_ref().expect("a start");
    let present = (FORMAT, format!("pulp-drill {}", env!("CARGO_PKG_VERSION")));
    assert_eq!((started.format, started.harness.clone()), present, "out of date: run `make sample`");
    for format in ReportFormat::ALL {
        let name = format.file_name();
        let now = format.render(&sample(), &record).expect("rendered");
        let then = fs::read(sample().join(name)).expect("a report");
        assert!(now == then, "reports/sample/{name} is out of date: run `make sample`");
    }
}

#[test]
fn it_is_intact_and_signed_as_a_sample() {
    let line = fs::read_to_string(sample().join("signer.pub")).expect("a key");
    let key = VerifyingKey::from_openssh(&line).expect("a key");
    let found = folder(&sample(), &Trust { keys: vec![key], signed: true }).expect("verified");
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    // Otherwise another version wrote it, and its reports were not looked at.
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert!(matches!(found.signed, Signed::ByTrusted(_)));
}

#[test]
fn it_shows_damage_that_was_noticed_a_control_and_a_budget() {
    let record = record();
    assert!(record.scenarios.iter().any(|s| s.is_baseline()));
    let roles = || record.scenarios.iter().flat_map(|s| s.judged()).filter_map(|(_, role)| role);
    assert!(roles().any(|role| matches!(role, Role::Expected)));
    assert!(!record.budgets.is_empty(), "a sample shows its budgets");
}

#[test]
fn it_is_small_and_names_no_machine() {
    let mut waiting = vec![sample()];
    let mut bytes = 0;
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let meta = entry.metadata().expect("what it is");
            bytes += meta.len();
            if meta.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    assert!(bytes < 1_000_000, "{bytes} bytes");
    let record = record();
    let started = record.started.as_ref().expect("a start");
    assert_eq!(started.machine.get("host").map(String::as_str), Some("sample"));
    assert_eq!(started.started_by.get("USER").map(String::as_str), Some("sample"));
}
