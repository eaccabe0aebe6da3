//! Writes held in flight, on the real binary, PostgreSQL and an S3 API: at every hold point, in every
//! order, and the error for a write whose order differs from its profile.

use pulp_drill::{
    model::{
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    runbook::provision::processes::{Places, discover},
};
use std::{fs, path::Path, process::Command};

/// Whether drills can be run here; prints the reason if not.
async fn has_postgres() -> bool {
    let found = discover(&Places::of_machine(), None).await.found.is_some();
    if !found {
        println!("skipped: no PostgreSQL server binaries (initdb, postgres) found");
    }
    found
}

/// Writes scenarios, each with its own keys, steps and expectations, and runs them.
fn run(folder: &Path, scenarios: &[(&str, &str, &str, &str)]) -> RunRecord {
    for (id, keys, steps, expect) in scenarios {
        let text = format!(
            "id: {id}\ntitle: T\nshows: S\nseed: invoices\n{keys}steps:\n{steps}  - destroy: everything\n  - \
             restore: runbook\nexpect:\n{expect}"
        );
        fs::write(folder.join(format!("{id}.yaml")), text).unwrap();
    }
    let ran = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["run", "--format", "json", "--seed", "1", "--report-dir"])
        .arg(folder.join("reports"))
        .args(scenarios.iter().map(|(id, ..)| folder.join(format!("{id}.yaml"))))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("no record: {e}\n{stderr}"))
}

fn scenario<'a>(record: &'a RunRecord, id: &str) -> &'a ScenarioRecord {
    record.scenarios.iter().find(|s| s.id.as_str() == id).unwrap()
}

fn reasons(scenario: &ScenarioRecord) -> String {
    let reasons = scenario.judgement.iter().flat_map(|j| &j.reasons).map(ToString::to_string);
    reasons.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_write_is_held_at_every_point_of_its_way() {
    if !has_postgres().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scenarios = [
        (
            "new-key",
            "writes: {replace-keys: new-key}\n",
            "  - begin: {replace: {asset: paid-stamp.png, with: stamp-replacement.png}, hold: before binary}
  - go on: {write: paid-stamp.png, hold: after binary}
  - go on: {write: paid-stamp.png, hold: before row}
  - go on: {write: paid-stamp.png, hold: before cleanup}
  - back up: runbook
  - replace: {asset: logo.png, with: logo-replacement.png}
  - release: paid-stamp.png
",
            "  - orphan binary: paid-stamp.png@1\n",
        ),
        (
            "row-first",
            "writes: {upload: row-first, replace: row-first, delete: binary-first}\n",
            "  - begin: {upload: late-logo.png, hold: before row}
  - go on: {write: late-logo.png, hold: after row}
  - begin: {copy: {asset: logo.png, as: second-logo.png}, hold: before binary}
  - go on: {write: second-logo.png, hold: after binary}
  - begin: {delete: draft-mark.png, hold: after binary}
  - begin: {replace: {asset: paid-stamp.png, with: stamp-replacement.png}, hold: after row}
  - back up: runbook
  - release: late-logo.png
  - release: second-logo.png
  - release: paid-stamp.png
  - release: draft-mark.png
",
            "  - missing binary: late-logo.png\n  - missing binary: draft-mark.png\n  - wrong content: \
             paid-stamp.png\n",
        ),
        (
            "killed",
            "procedure: maintenance window\n",
            "  - begin: {replace: {asset: paid-stamp.png, with: stamp-replacement.png}, hold: after binary}
  - begin: {upload: late-logo.png, hold: before row}
  - back up: [kill engine, dump database, copy objects, start engine, record manifest]
",
            "  - orphan binary: late-logo.png\n  - wrong content: paid-stamp.png\n  - orphan binary: \
             paid-stamp.png@1\n",
        ),
        (
            "in-parts",
            "",
            "  - copy: {asset: logo.png, as: second-logo.png}
  - move label: {template: invoice, label: production, to: 2}
  - back up:
      - record manifest
      - dump database
      - list objects
      - copy object: logo.png
      - copy new object: second-logo.png
      - delete: draft-mark.png
      - copy object: draft-mark.png
      - copy listed objects
",
            "  - missing binary: draft-mark.png\n",
        ),
        (
            // What `upload-held-at-row` takes a second backup for: the first has its object alone.
            "row-waits",
            "",
            "  - begin: {upload: late-logo.png, hold: before row}\n  - back up: runbook\n  - release: late-logo.png\n",
            "  - orphan binary: late-logo.png\n",
        ),
    ];
    let record = run(folder.path(), &scenarios);
    for (id, ..) in scenarios {
        let scenario = scenario(&record, id);
        assert_eq!(scenario.verdict(), Verdict::Pass, "{id}: {}", reasons(scenario));
    }
}

#[tokio::test]
async fn a_write_in_another_order_than_declared_is_recognised() {
    if !has_postgres().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let profile = fs::read_to_string("profiles/pulp-engine.yaml").unwrap();
    let wrong = profile.replace("upload: binary-first", "upload: row-first");
    assert_ne!(wrong, profile);
    fs::write(folder.path().join("other.yml"), wrong).unwrap();
    let keys = "profile: ./other.yml\n";
    let begin = |hold: &str| {
        format!(
            "  - begin: {{upload: late-logo.png, hold: {hold}}}\n  - back up: runbook\n  - release: late-logo.png\n"
        )
    };
    let (before_row, after_row) = (begin("before row"), begin("after row"));
    let expect = "  - orphan binary: late-logo.png\n";
    let scenarios =
        [("before-row", keys, before_row.as_str(), expect), ("after-row", keys, after_row.as_str(), expect)];
    let record = run(folder.path(), &scenarios);
    for (id, description) in [
        ("before-row", "the binary was written before the row"),
        ("after-row", "neither was written by then"),
    ] {
        let scenario = scenario(&record, id);
        assert_eq!(scenario.verdict(), Verdict::Unknown, "{id}");
        assert!(reasons(scenario).contains(description), "{id}: {}", reasons(scenario));
        assert!(reasons(scenario).contains("`write-order` says otherwise"), "{id}: {}", reasons(scenario));
    }
}
