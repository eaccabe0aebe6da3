//! Schedules of the consistency window on real stores: the result of a restore matches the model, and a
//! difference is reported.

use pulp_drill::model::record::RunRecord;
use pulp_drill::model::write::{StoreOrder, WriteKind, WritePath};
use pulp_drill::runbook::provision::processes::{Places, discover};
use pulp_drill::window::{
    AssetOutcome, Limits, Part, PartsOf, Question, Schedule, Script, Setting, WindowTable,
};
use pulp_drill::{
    cli::explore::describe,
    run::replay::{ReplayResult, compare},
};
use serde_json::Value;
use std::{fs, process::Command};

/// Whether schedules can be performed here; prints the reason if not.
async fn has_postgres() -> bool {
    let found = discover(&Places::of_machine(), None).await.found.is_some();
    if !found {
        println!("skipped: no PostgreSQL server binaries (initdb, postgres) found");
    }
    found
}

/// Replays on the stores; gives the comparison without what tells one run from another, and the code.
fn explore(args: &[&str]) -> (Value, Option<i32>) {
    let reports = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["explore", "--format", "json", "--report-dir"])
        .arg(reports.path())
        .args(args)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let mut json: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("no result: {error}\n{stderr}"));
    assert!(json["run"].take().as_str().unwrap().starts_with(reports.path().to_str().unwrap()));
    (json, ran.status.code())
}

/// Outcomes that are not the worst of their cell, one by one copies, several writes at a time.
const SCHEDULES: [&str; 10] = [
    "v1/dump-first/replace.r/r1,dump,b1,list,copy-o1",
    "v1/copy-first/replace.b/list,copy-o1,b1,dump",
    "v1/copy-first/delete.b/list,copy-o1,b1,r1,dump",
    "v1/dump-first/upload.r/dump,r1,b1,list,copy-n1",
    "v1/copy-first/replace-new-key.b/b1,list,copy-n1,copy-o1,dump",
    "v1/dump-first/replace-new-key.b/b1,dump,r1,list,copy-n1,c1,copy-o1",
    "v1/dump-first/upload.b+delete.r/b1,dump,r2,b2,r1,list,copy-n1",
    "v1/copy-first/copy.r+replace.b/r1,b2,list,b1,copy-o1,r2,copy-o2,dump",
    "v1/maintenance-killed/upload.r+batch.b/r1,b2,stop,dump,list,list-results,copy-n2,start",
    "v1/dump-first+no-results/batch.b/b1,dump,list",
];

#[tokio::test]
async fn schedules_end_on_real_stores_as_in_the_model() {
    if !has_postgres().await {
        return;
    }
    let args: Vec<&str> = SCHEDULES.iter().flat_map(|text| ["--replay", text]).collect();
    let (one, code) = explore(&args);
    for replay in one["replays"].as_array().unwrap() {
        assert_eq!(replay["went"], "same", "{replay:#}");
        assert_eq!(replay["expected"], replay["found"]);
    }
    assert_eq!((one["replays"].as_array().unwrap().len(), code), (SCHEDULES.len(), Some(0)));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_schedules_outcomes_and_digests() {
    if !has_postgres().await {
        return;
    }
    let sampled =
        ["--replay-cells", "--operations", "upload", "--writes", "3", "--bound", "4", "--seed", "7"];
    let (one, code) = explore(&sampled);
    assert_eq!(code, Some(0), "{one:#}");
    assert_eq!(explore(&sampled), (one.clone(), code));
    let replays = one["replays"].as_array().unwrap();
    assert_eq!(replays.len(), 10);
    assert!(replays.iter().all(|replay| replay["scenario_sha256"].as_str().unwrap().len() == 64));
}

/// Uploads that write the binary first, whatever their order.
fn swapped(write: WritePath, setting: &Setting) -> &'static [Part] {
    match write.kind {
        WriteKind::Upload => &[Part::Binary, Part::Row],
        _ => write.parts(setting),
    }
}

/// Deletes that leave their object behind.
fn forgetful(write: WritePath, setting: &Setting) -> &'static [Part] {
    match write.kind {
        WriteKind::Delete => &[Part::Row],
        _ => write.parts(setting),
    }
}

/// The cell of a write with a dump that comes first, in a model with such writes.
fn cell(kind: WriteKind, parts: PartsOf) -> (Schedule, Script) {
    let limits = Limits { bound: 1000, seed: 0 };
    let write = WritePath::new(kind, StoreOrder::RowFirst);
    let table = WindowTable::explore(&Question {
        paths: vec![write],
        writes: 1,
        grace: 0,
        results: true,
        limits,
        parts,
    });
    let cell = table.row(write).next().unwrap();
    (cell.shown(parts).unwrap(), Script::of_cell(cell, 0, parts).unwrap())
}

#[tokio::test]
async fn a_model_that_is_wrong_is_caught_by_the_stores() {
    if !has_postgres().await {
        return;
    }
    let wrong = [cell(WriteKind::Upload, swapped), cell(WriteKind::Delete, forgetful)];
    // A binary without its row, and one that nobody removes.
    assert_eq!(wrong.each_ref().map(|(_, script)| script.worst()), [Some(AssetOutcome::OrphanBinary); 2]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulp-drill"));
    command.args(["run", "--format", "json", "--report-dir"]).arg(folder.path().join("reports"));
    for (_, script) in &wrong {
        let file = folder.path().join(format!("{}.yaml", script.id));
        fs::write(&file, &script.text).unwrap();
        command.arg(file);
    }
    let ran = command.output().unwrap();
    let record: RunRecord = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|error| panic!("no record: {error}\n{}", String::from_utf8_lossy(&ran.stderr)));
    let compared = compare(&wrong, &record);
    assert!(compared.iter().all(|one| one.went == ReplayResult::Differs), "{}", describe(&compared));
    let text = describe(&compared);
    for needle in [
        "DIFFERS  upload-row-first-dump-first: orphan binary",
        "schedule  v1/dump-first/upload.r/b1,dump,",
        "expected  orphan binary: late-logo.png",
        "DIFFERS  delete-row-first-dump-first: orphan binary",
        "expected  orphan binary: draft-mark.png",
        "found     nothing wrong with any binary",
        "because   expected finding was not reported: orphan binary: draft-mark.png",
    ] {
        assert!(text.contains(needle), "no {needle:?} in\n{text}");
    }
}
