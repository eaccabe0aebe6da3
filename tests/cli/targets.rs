//! Applications that are not Pulp Engine: what a profile without an API says is what is done, and its
//! scenarios prove what they say.

use crate::scenario;
use crate::support::harness::{ROOT, Sandbox, call, installed, postgres};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// Answers `/up` with 204 and `/files/KEY` with the object. With the file `placeholder` it answers with that, and with
/// `placeholder-DATABASE` if the object is missing. Records what it was started with and how it was stopped.
const APPLICATION: &str = r#"
import http.server, json, os, signal, subprocess, sys
from urllib.parse import unquote

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

def fetch(key):
    if os.path.exists("placeholder"):
        return b"placeholder"
    env = os.environ
    user = "user = \"%s:%s\"" % (env["S3_ACCESS_KEY_ID"], env["S3_SECRET_ACCESS_KEY"])
    url = "%s/%s/%s" % (env["S3_ENDPOINT"], env["S3_BUCKET"], key)
    signature = ["--aws-sigv4", "aws:amz:%s:s3" % env["S3_REGION"], "--header", "x-amz-content-sha256: " + EMPTY]
    command = ["curl", "--config", "-", "--silent", "--fail", *signature, url]
    done = subprocess.run(command, input=user.encode(), stdout=subprocess.PIPE)
    if done.returncode == 0:
        return done.stdout
    database = env["DATABASE_URL"].rsplit("/", 1)[1]
    return b"placeholder" if os.path.exists("placeholder-" + database) else None

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body, status = b"", 204 if self.path == "/up" else 404
        if self.path.startswith("/files/"):
            found = fetch(unquote(self.path.removeprefix("/files/")))
            body, status = (b"", 404) if found is None else (found, 200)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

def end(number, frame):
    with open("ended", "a") as out:
        out.write(f"{signal.Signals(number).name}\n")
    os._exit(0)

for name in ("SIGINT", "SIGTERM"):
    signal.signal(getattr(signal, name), end)
names = ("ROWS", "FILES", "ADDRESS", "PORT", "DATABASE_URL", "S3_BUCKET")
with open("started.json", "w") as out:
    json.dump({"arguments": sys.argv[1:], **{name: os.environ.get(name) for name in names}}, out)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

/// Fills one row with its object, by the variables of the profile.
const FILL: &str = r#"#!/bin/sh
set -eu
printf '%s' "${ADDRESS:-}" > filled
curl --config - --silent --show-error --fail --request PUT --data-binary 'a note' \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" \
    --header "x-amz-content-sha256: $(printf 'a note' | sha256sum | cut -d ' ' -f 1)" "$AWS_ENDPOINT_URL/$FILES/notes/1" <<END
user = "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
END
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<END
INSERT INTO notes (name, key) VALUES ('first', 'notes/1') $MORE;
END
"#;

const PROFILE: &str = r#"
name: Notes
api: none
entities:
  note: { table: notes, label: [name], binary: { key: key, read-back: "/files/${key}" } }
write-order: { upload: binary-first, replace: binary-first, delete: row-first }
migrate: [psql, --no-psqlrc, --quiet, --command, "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, name text, key text)"]
start: [python3, ./application.py, "${PORT}"]
ready: { path: /up, status: 204 }
stop: { signal: INT, within: 10s }
seed: [./fill.sh]
needs: [curl, python3]
env: { ROWS: "${DATABASE_URL}", FILES: "${S3_BUCKET}", ADDRESS: "127.0.0.1:${PORT}", MORE: "" }
"#;

const DRILL: &str = "\
id: notes
title: Notes come back
shows: Rows and objects.
runbook: [\"3\"]
profile: app/notes.yaml
steps:
  - back up: runbook
  - destroy: everything
  - restore: runbook
";

fn application(sandbox: &Sandbox) {
    sandbox.write("app/application.py", APPLICATION);
    sandbox.write("app/notes.yaml", PROFILE);
    let fill = sandbox.write("app/fill.sh", FILL);
    std::fs::set_permissions(fill, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// How a check of the run's first scenario went.
fn went<'a>(record: &'a Value, check: &str) -> &'a Value {
    let checks = record["scenarios"][0]["checks"].as_array().unwrap();
    let found = checks.iter().find(|went| went[0] == check);
    &found.unwrap_or_else(|| panic!("no check {check}"))[1]
}

#[test]
fn an_application_is_filled_started_and_stopped_as_its_profile_says() {
    if !postgres() || !installed("python3") || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    application(&sandbox);
    let drill = sandbox.write("notes.yaml", DRILL);
    call(sandbox.run(&[drill.to_str().unwrap()])).is(0, &[]);
    let read = |name: &str| std::fs::read_to_string(sandbox.path(name)).unwrap();
    // It was started in the profile's folder, with its own names for what every target gets.
    let started: Value = serde_json::from_str(&read("app/started.json")).unwrap();
    assert_eq!(started["arguments"][0], started["PORT"]);
    assert_eq!(started["ADDRESS"], format!("127.0.0.1:{}", started["PORT"].as_str().unwrap()));
    assert_eq!((&started["ROWS"], &started["FILES"]), (&started["DATABASE_URL"], &started["S3_BUCKET"]));
    assert!(started["ROWS"].as_str().unwrap().starts_with("postgresql://"));
    assert!(
        read("app/filled").starts_with("127.0.0.1:"),
        "the seed knows where it is: {:?}",
        read("app/filled")
    );
    let record = sandbox.record();
    let checked =
        ["source", "ready", "catalog", "contents", "sequences", "reconcile", "read-back", "untouched"];
    for looked in checked {
        assert!(
            went(&record, looked)["items"].as_u64().unwrap_or(0) > 0,
            "{looked}: {}",
            went(&record, looked)
        );
    }
    for skipped in ["render", "manifest", "fail-closed", "jobs", "operations"] {
        assert_eq!(went(&record, skipped)["why"], "the target has no API", "{skipped}");
    }
    assert_eq!(record["scenarios"].as_array().unwrap().len(), 1, "it is its own baseline drill");
    sandbox.assert_empty();

    // A maintenance window stops it, by the signal that it wants.
    let window =
        DRILL.replace("id: notes", "id: window").replace("steps:", "procedure: maintenance window\nsteps:");
    let window = sandbox.write("window.yaml", &window);
    call(sandbox.run(&[window.to_str().unwrap()])).is(0, &[]);
    assert_eq!(read("app/ended"), "SIGINT\n");
}

/// What the application returns is compared with the store, also before the backup.
#[test]
fn binaries_are_read_through_the_application() {
    if !postgres() || !installed("python3") || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    application(&sandbox);
    let drill = sandbox.write("notes.yaml", DRILL);
    let run = || call(sandbox.run(&[drill.to_str().unwrap()]));
    let placeholder = sandbox.write("app/placeholder", "");
    run().is(3, &["the profile does not match the application", "`read-back` gives none of 1 binaries"]);
    std::fs::remove_file(&placeholder).unwrap();
    // An application that returns something else for a missing file hides the loss.
    let from = PROFILE.find("migrate: ").unwrap();
    let end = from + PROFILE[from..].find('\n').unwrap();
    let profile = format!("{}migrate: [./migrate.sh]{}", &PROFILE[..from], &PROFILE[end..]);
    // The second migration of a database is that of the restored one.
    let script = "#!/bin/sh\nset -eu\nsql() { psql --no-psqlrc --quiet --tuples-only --no-align --command \"$1\"; }\n\
        if [ \"$(sql \"SELECT to_regclass('notes')\")\" ]; then touch \"placeholder-$PGDATABASE\"; fi\n\
        sql 'CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, name text, key text)'\n";
    let file = sandbox.write("app/migrate.sh", script);
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.write("app/notes.yaml", &profile);
    let lost = DRILL.replace("  - destroy", "  - fault in backup: {delete binary: first}\n  - destroy");
    sandbox.write("notes.yaml", &format!("{lost}expect:\n  - missing binary: first\n"));
    run().is(1, &["download differs: first"]);
    let record = sandbox.record();
    let drills = record["scenarios"].as_array().unwrap();
    let drill = drills.iter().find(|scenario| scenario["id"] == "notes").unwrap();
    let found =
        drill["findings"].as_array().unwrap().iter().find(|f| f["kind"] == "download differs").unwrap();
    assert_eq!(found["expected"], "an error status, because notes/1 does not exist");
    sandbox.assert_empty();
}

#[test]
fn what_the_seed_does_wrong_is_told() {
    if !postgres() || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    application(&sandbox);
    let without_start: Vec<&str> = PROFILE
        .lines()
        .filter(|line| !["start", "ready", "stop"].iter().any(|key| line.starts_with(key)))
        .collect();
    let profile = without_start.join("\n").replace("needs: [curl, python3]", "needs: [curl]");
    let drill = sandbox.write("notes.yaml", DRILL);
    let run = |env: &str| {
        sandbox.write("app/notes.yaml", &profile.replace("MORE: \"\"", &format!("MORE: \"{env}\"")));
        call(sandbox.run(&[drill.to_str().unwrap()]))
    };
    run("").is(0, &[]);
    assert_eq!(
        went(&sandbox.record(), "ready")["why"],
        "the profile has no `start`: nothing of the target runs"
    );
    // A row whose object was never there is not blamed on the restore.
    run(", ('second', 'notes/2')").is(1, &["unstored write"]);
    // Rows with one label are named by their keys.
    run(", ('first', 'notes/1')").is(0, &[]);
    run("nonsense").is(3, &["the profile's `seed` does not fill the site"]);
    // Faults name what is there.
    let text = DRILL.replace("  - destroy", "  - fault in backup: {delete binary: frist}\n  - destroy");
    sandbox.write("notes.yaml", &text);
    run("").is(3, &["asset frist does not"]);
}

#[test]
fn one_run_drills_two_applications_and_refuses_what_does_not_fit() {
    if !postgres() || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    let (faultless, photos) = (sandbox.faultless(), scenario("photo-archive-photo-missing"));
    let done = call(sandbox.small_run(&[faultless.to_str().unwrap(), &photos]));
    done.is(0, &[]);
    let record = sandbox.record();
    let mut ids: Vec<&str> =
        record["scenarios"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        ["baseline-photo-archive", "baseline-small", "nothing-happens", "photo-archive-photo-missing"]
    );
    sandbox.assert_empty();
    call(sandbox.run(&["--profile", "photo-archive", "--engine", "standin", &photos]))
        .is(2, &["--engine is for targets with an API"]);
    let mut command = sandbox.run(&[&photos]);
    command.env("PATH", sandbox.path("bin"));
    std::fs::create_dir_all(sandbox.path("bin")).unwrap();
    call(command).is(3, &["photo-archive-photo-missing can't be run: curl is not installed"]);
    let checked =
        call(sandbox.command().args(["check", "scenarios", "--fixtures"]).arg(format!("{ROOT}/fixtures")));
    checked.is(0, &[]);
}
