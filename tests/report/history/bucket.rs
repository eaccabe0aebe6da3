//! A ledger in a bucket, by the program: on the embedded server and, where it is there, on MinIO.

use super::{at, good};
use pulp_drill::{
    base::{ids::ObjectKey, process::Base, process::RunDir, redact::Redactor},
    history::LedgerEntry,
    model::state::Metadata,
    runbook::provision::processes::{ObjectKind, ObjectProgram, ObjectServer},
    system::objects::{Bucket, Got, ObjectStore, S3Access},
};
use std::{
    path::Path,
    process::{Command, Output},
};

const LEDGER: &str = "drills/2026/ledger.jsonl";
const SEAL: &str = "drills/2026/ledger.jsonl.sha256";

/// What several machines share, and one of them.
struct Shared {
    access: S3Access,
    bucket: Bucket,
}

impl Shared {
    async fn on(server: &ObjectServer) -> Self {
        let access = server.access();
        let (store, name) = (ObjectStore::s3(&access), "evidence".into());
        store.create_bucket(&name).await.unwrap();
        Self { access, bucket: store.bucket(&name) }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pulp-drill"));
        program.arg("history").args(args).args(["--ledger", "s3://evidence/drills/2026"]);
        program.env("LEDGER_AWS_ACCESS_KEY_ID", &self.access.access_key);
        program.env("LEDGER_AWS_SECRET_ACCESS_KEY", &self.access.secret_key);
        program.env("LEDGER_AWS_ENDPOINT_URL", &self.access.endpoint);
        program.env("AWS_REGION", &self.access.region);
        program
    }

    fn add(&self, run_dir: &Path) -> Command {
        self.program(&["add", "--now", "2026-12-01T00:00:00Z", run_dir.to_str().unwrap()])
    }

    async fn text(&self, key: &str) -> String {
        match self.bucket.get(&ObjectKey::from(key)).await.unwrap() {
            Got::Found { bytes, .. } => String::from_utf8(bytes).unwrap(),
            other => panic!("{key}: {other:?}"),
        }
    }

    async fn put(&self, key: &str, text: &str) {
        self.bucket.put(&key.into(), text.into(), &Metadata::default()).await.unwrap();
    }

    async fn lines(&self) -> Vec<LedgerEntry> {
        self.text(LEDGER).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Fails unless the program ends with the code and its output contains the text; returns the output.
fn ends(mut program: Command, code: i32, description: &str) -> String {
    let output = program.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(description), "{description:?} is not in: {said}");
    said
}

async fn kept_by_several(shared: &Shared) {
    const MACHINES: usize = 6;
    let place = tempfile::tempdir().unwrap();
    let run = |name: &str| good(place.path(), name, "2026-08-01");
    ends(shared.program(&["show"]), 2, "there is no ledger at s3://evidence/drills/2026/ledger.jsonl");

    // All at once: one behind the other.
    let dirs: Vec<_> = (0..MACHINES).map(|n| run(&format!("run-{n}"))).collect();
    let adding: Vec<_> = dirs.iter().map(|dir| shared.add(dir).spawn().unwrap()).collect();
    for mut one in adding {
        assert!(one.wait().unwrap().success());
    }
    let lines = shared.lines().await;
    assert_eq!(lines.len(), MACHINES);
    let shown = ends(shared.program(&["show", "--now", "2026-08-02T00:00:00Z", "--every", "90d"]), 0, "pass");
    assert!(!shown.contains(&shared.access.secret_key));
    assert!(lines.iter().all(|line| line.added == at("2026-12-01T00:00:00Z")));
    ends(shared.add(&dirs[2]), 2, "run run-2 is in the ledger already");

    // One was killed between the line and its digest: the next sees to it first.
    let (before, sealed) = (shared.text(LEDGER).await, shared.text(SEAL).await);
    assert_eq!(sealed.lines().count(), 1, "{sealed}");
    ends(shared.add(&run("killed")), 0, "line 7 of s3://evidence/drills/2026/ledger.jsonl");
    let announced = sealed.clone() + &shared.text(SEAL).await;
    // A whole line without an announced digest is a forgery.
    shared.put(SEAL, &sealed).await;
    ends(shared.program(&["show"]), 1, "`history add` did not write it");
    shared.put(SEAL, &announced).await;
    ends(shared.program(&["show"]), 0, "pass");
    ends(shared.add(&run("next")), 0, "line 8");
    let (whole, sealed) = (shared.text(LEDGER).await, shared.text(SEAL).await);
    assert!(sealed.contains("  ledger.jsonl\n"));
    ends(shared.program(&["show"]), 0, "pass");

    // Put back to an older state, or without its digest: nothing is shown, and nothing added.
    let late = run("late");
    for (text, digest) in [(before.as_str(), sealed.as_str()), (&whole, ""), ("", &sealed)] {
        shared.put(LEDGER, text).await;
        shared.put(SEAL, digest).await;
        ends(shared.program(&["show"]), 1, "does not match it");
        ends(shared.add(&late), 1, "nothing was added");
        assert_eq!(shared.text(LEDGER).await, text);
    }
}

async fn on(program: &ObjectProgram) {
    let temp = tempfile::tempdir().unwrap();
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "ledger", false).unwrap();
    let server = ObjectServer::start(&run_dir, program, &Redactor::new()).await.unwrap();
    kept_by_several(&Shared::on(&server).await).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_in_the_embedded_store_is_kept_by_several_machines() {
    on(&ObjectProgram::embedded(env!("CARGO_BIN_EXE_pulp-drill"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_in_minio_is_kept_by_several_machines() {
    match ObjectProgram::choose(Some(ObjectKind::Minio)).await {
        Ok(program) => on(&program).await,
        Err(error) => println!("skipped, because {error}"),
    }
}

#[test]
fn keys_that_are_not_there_and_stores_that_do_not_answer_are_told() {
    let show = |url: &str, key: Option<&str>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pulp-drill"));
        program.args(["history", "show", "--ledger", url]);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            program.env_remove(name);
            program.envs(key.map(|key| (format!("LEDGER_{name}"), key)));
        }
        program.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        program
    };
    ends(show("s3://evidence/", None), 2, "set LEDGER_AWS_ACCESS_KEY_ID and LEDGER_AWS_SECRET_ACCESS_KEY");
    ends(show("s3:///x", Some("key")), 2, "s3:///x names no bucket");
    ends(show("s3://evidence", Some("key")), 3, "see whether the object store runs");
}
