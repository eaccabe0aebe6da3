//! Writers under load on the real binary, real PostgreSQL and a real S3 API: what is measured, and that
//! the check of acknowledged writes catches an engine that lies to them.

use pulp_drill::{
    model::{
        check::CheckId,
        event::RpoFrom,
        finding::FindingKind,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Role, Verdict},
        workload::{BackupMethod, Written},
        write::WriteKind,
    },
    runbook::provision::processes::{Places, discover},
};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Whether drills can be run here; prints the reason if not.
async fn has_postgres() -> bool {
    let found = discover(&Places::of_machine(), None).await.found.is_some();
    if !found {
        println!("skipped: no PostgreSQL server binaries (initdb, postgres) found");
    }
    found
}

/// Runs scenarios whose id has this in it. Gives the exit code and the record.
fn run(filter: &str, more: &[&str], reports: &Path) -> (Option<i32>, RunRecord) {
    let ran = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["run", "--format", "json", "--seed", "1", "--jobs", "2", "--filter", filter, "--report-dir"])
        .arg(reports)
        .args(more)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let record = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("no record: {e}\n{stderr}"));
    (ran.status.code(), record)
}

/// The recorded writes of a scenario.
fn writes(record: &RunRecord, scenario: &ScenarioRecord, reports: &Path) -> Vec<Written> {
    let kept = |a: &&pulp_drill::model::record::Artefact| {
        a.scenario.as_ref() == Some(&scenario.id) && a.path.ends_with("-writes.jsonl")
    };
    let path = &record.artefacts.iter().find(kept).unwrap().path;
    let of_run = fs::read_dir(reports).unwrap().map(|entry| entry.unwrap().path().join(path));
    let text = of_run.filter_map(|path| fs::read_to_string(path).ok()).next().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn found(scenario: &ScenarioRecord, kind: FindingKind) -> Vec<(String, &Role)> {
    let judged = scenario.judged().filter(|(finding, _)| finding.kind == kind);
    judged.map(|(finding, role)| (finding.entity.to_string(), role.unwrap())).collect()
}

#[tokio::test]
async fn every_acknowledged_write_is_judged_and_advice_is_given() {
    if !has_postgres().await {
        return;
    }
    let reports = tempfile::tempdir().unwrap();
    let budgets = reports.path().with_extension("budgets");
    fs::write(&budgets, "rpo: 1h\n").unwrap();
    let (code, record) = run("under-load", &["--budgets", budgets.to_str().unwrap()], reports.path());
    fs::remove_file(&budgets).unwrap();
    let reasons: Vec<_> = record.scenarios.iter().filter_map(|s| s.judgement.as_ref()).collect();
    assert_eq!((code, record.verdict()), (Some(0), Verdict::Pass), "{reasons:#?}");
    let mut ways = BTreeMap::new();
    for scenario in record.scenarios.iter().filter(|s| !s.is_baseline()) {
        let id = scenario.id.as_str();
        let measured = scenario.load.as_deref().unwrap_or_else(|| panic!("{id} has measured nothing"));
        ways.insert(id, measured.method);
        let writes = writes(&record, scenario, reports.path());
        let acknowledged = writes.iter().filter(|w| w.is_acknowledged()).count();
        let answered = measured.acknowledged + measured.refused + measured.unanswered;
        assert_eq!((answered, measured.acknowledged), (writes.len() as u64, acknowledged as u64), "{id}");
        let looked = scenario.checks.iter().find(|(check, ..)| *check == CheckId::Acknowledged);
        assert_eq!(looked.unwrap().1, CheckOutcome::Checked { items: acknowledged }, "{id}");
        // It raced something: there were writes before the last backup and after it.
        let last = measured.backups.last().unwrap().times;
        let whole = || writes.iter().filter(|w| w.is_acknowledged());
        assert!(whole().any(|w| w.answered <= last.rows.from), "{id}: nothing was due");
        assert!(whole().any(|w| w.begun > last.window().to), "{id}: nothing came after");
        assert_eq!(measured.backups.len(), usize::from(measured.load.backups), "{id}");
        assert!(measured.all.writes > 0 && measured.backups_hit.is_some(), "{id}");
        let point = measured.recovery_point.map(|point| point.before_end_ms);
        assert_eq!((scenario.rpo_ms, scenario.rpo_from), (point, Some(RpoFrom::Writes)), "{id}");
        assert!(measured.advice.len() >= 3 && measured.advice.iter().all(|a| !a.from.is_empty()), "{id}");
    }
    // The budget and the recovery points of the load are of one mind.
    let longest = record.scenarios.iter().filter_map(|s| s.rpo_ms).max();
    let [checked] = &record.budgets[..] else { panic!("{:?}", record.budgets) };
    assert_eq!((checked.verdict, checked.measured_ms), (Verdict::Pass, longest));
    let of = |id: &str| record.scenarios.iter().find(|s| s.id.as_str() == id).unwrap();
    assert_eq!(
        ways,
        BTreeMap::from([
            ("all-writes-under-load", BackupMethod::DumpFirst),
            ("deletes-under-load", BackupMethod::DumpFirst),
            ("files-under-load", BackupMethod::DumpFirst),
            ("maintenance-window-under-load", BackupMethod::Maintenance),
            ("new-keys-under-load", BackupMethod::PointInTime),
            ("point-in-time-under-load", BackupMethod::PointInTime),
            ("replaces-under-load", BackupMethod::DumpFirst),
            ("uploads-under-load-copied-first", BackupMethod::CopyFirst),
            ("writes-under-load", BackupMethod::DumpFirst),
        ])
    );
    // Whatever chance does, these hold.
    for id in [
        "all-writes-under-load",
        "maintenance-window-under-load",
        "new-keys-under-load",
        "point-in-time-under-load",
        "writes-under-load",
    ] {
        let all = of(id).load.as_ref().unwrap().all;
        assert_eq!((all.half, all.wrong, all.lost), (0, 0, 0), "{id}");
    }
    let every = &of("all-writes-under-load").load.as_ref().unwrap().operations;
    for operation in [WriteKind::Copy, WriteKind::Label, WriteKind::Batch] {
        assert!(every[&operation].kept > 0, "{operation:?}: {every:?}");
    }
    let copied_first = of("uploads-under-load-copied-first").load.as_ref().unwrap();
    assert!(copied_first.operations[&WriteKind::Upload].half >= 20, "{copied_first:?}");
    assert!(copied_first.recovery_point.unwrap().before_dump_ms > 0);
    assert!(copied_first.advice.iter().any(|a| a.text.starts_with("Take the dump first")));
}

#[tokio::test]
async fn an_engine_that_swallows_uploads_is_caught_by_what_it_acknowledged() {
    if !has_postgres().await {
        return;
    }
    let reports = tempfile::tempdir().unwrap();
    let (code, record) =
        run("maintenance-window-under-load", &["--defect", "swallows-upload"], reports.path());
    assert_eq!(code, Some(1));
    let scenario = record.scenarios.iter().find(|s| !s.is_baseline()).unwrap();
    let lost = found(scenario, FindingKind::LostAcknowledgedWrite);
    // What replaced them was swallowed too.
    assert!(lost.contains(&("uploads".to_owned(), &Role::Unexpected)), "{lost:?}");
    assert!(lost.iter().all(|(of, role)| of != "deletes" && **role == Role::Unexpected), "{lost:?}");
}
