//! The scenarios for any application on one that is not Pulp Engine: they pass, what can't be run is skipped
//! with a reason, and a run without paths takes them.

use crate::support::harness::{Sandbox, call, installed, postgres};

#[test]
fn a_profile_without_an_api_is_drilled_with_what_exists() {
    if !postgres() || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    let done = call(sandbox.run(&["--profile", "photo-archive", "--filter", "row"]));
    done.is(0, &["using generic/ of this folder"]);
    let record = sandbox.record();
    let scenarios = record["scenarios"].as_array().unwrap();
    let lost = scenarios.iter().find(|scenario| scenario["id"] == "any-row-lost").unwrap();
    assert_eq!(lost["judgement"]["verdict"], "pass");
    assert_eq!(lost["findings"][0]["kind"], "row lost");
    let note = record["notes"].to_string();
    assert!(note.contains("selected: any entity: "), "{note}");
    let done = call(sandbox.run(&["--profile", "photo-archive", "--filter", "maintenance"]));
    done.is(3, &["any-maintenance-window can't be run: the profile has no `start`"]);
    sandbox.assert_empty();
}

/// With one file there is nothing to exchange it with.
#[test]
fn what_has_nothing_to_select_is_skipped_and_never_passed() {
    if !postgres() || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    let profile = "
name: One table
api: none
entities:
  file: { table: files, label: [name], binary: { key: key } }
write-order: { upload: binary-first, replace: binary-first, delete: row-first }
migrate: [psql, --no-psqlrc, --quiet, --command, \"CREATE TABLE IF NOT EXISTS files (name text PRIMARY KEY, key text)\"]
seed: [sh, ./seed.sh]
";
    let seed = "
set -eu
curl --config - --silent --show-error --fail --request PUT --data-binary 'a file' \\
    --aws-sigv4 \"aws:amz:$AWS_REGION:s3\" \\
    --header \"x-amz-content-sha256: $(printf 'a file' | sha256sum | cut -d ' ' -f 1)\" \\
    \"$AWS_ENDPOINT_URL/$S3_BUCKET/files/1\" <<END
user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"
END
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --command \"INSERT INTO files VALUES ('first', 'files/1')\"
";
    let file = sandbox.write("app/profile.yaml", profile);
    sandbox.write("app/seed.sh", seed);
    let done = call(sandbox.run(&["--profile", file.to_str().unwrap(), "--filter", "copy-swapped"]));
    done.is(0, &["skipped: any-copy-swapped, because"]);
    let record = sandbox.record();
    assert_eq!(record["skipped"][0]["id"], "any-copy-swapped");
    assert!(
        record["scenarios"].as_array().unwrap().iter().all(|scenario| scenario["id"] != "any-copy-swapped")
    );
    sandbox.assert_empty();
}
