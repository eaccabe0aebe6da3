//! Real runs: signed by a key from a file or from the environment, rendered again, stopped, unsigned.

use crate::support::harness::{Sandbox, call, finish, postgres, start, wait};
use nix::sys::signal::Signal;
use std::{fs, path::Path, time::Duration};

fn key(sandbox: &Sandbox) -> String {
    call(sandbox.command().args(["keys", "new"]).arg(sandbox.path("sign"))).is(0, &[]);
    fs::read_to_string(sandbox.path("sign")).unwrap()
}

fn verify(sandbox: &Sandbox, args: &[&str]) -> crate::support::harness::Done {
    call(sandbox.command().args(["evidence", "verify"]).arg(sandbox.path("reports/latest")).args(args))
}

/// Every byte below a folder.
fn all_bytes(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        // `latest` leads to a folder that is read anyway.
        if entry.path().is_symlink() {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            text += &all_bytes(&entry.path());
        } else {
            text += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap());
        }
    }
    text
}

#[test]
fn a_signed_run_verifies_is_rendered_again_as_signed_and_never_shows_its_key() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let private = key(&sandbox);
    let public = sandbox.path("sign.pub").display().to_string();
    let mut run = sandbox.small_run(&["--jobs", "1"]);
    let done = call(run.arg(sandbox.missing()).env("PULP_DRILL_SIGN_KEY", private.trim()));
    done.is(0, &[]);
    assert!(!done.err.contains("UNSIGNED"), "{}", done.all());
    let told = verify(&sandbox, &["--key", &public]);
    told.is(0, &[]);
    assert!(told.out.contains("which was asked for"), "{}", told.out);
    let stored = all_bytes(&sandbox.path("reports"));
    for line in private.lines().filter(|line| line.len() > 16 && !line.starts_with('-')) {
        assert!(!stored.contains(line) && !done.all().contains(line), "the key shows");
    }

    call(sandbox.command().arg("report").arg(sandbox.path("reports/latest"))).is(0, &[]);
    verify(&sandbox, &["--key", &public]).is(0, &[]);

    // The second run has no key, says so, and names the first.
    let done = call(sandbox.small_run(&["--jobs", "1"]).arg(sandbox.faultless()));
    done.is(0, &["UNSIGNED"]);
    let told = verify(&sandbox, &[]);
    told.is(0, &[]);
    assert!(told.out.contains("NOT SIGNED"), "{}", told.out);
    let unsigned = verify(&sandbox, &["--require-signature"]);
    unsigned.is(1, &[]);
    let verdict = "as it was written, but NOT signed as required";
    assert!(unsigned.out.contains(verdict) && !unsigned.out.contains("NOT as"), "{}", unsigned.out);
    assert!(sandbox.record()["notes"].to_string().contains("UNSIGNED"), "the files do not say it");
    let all = |sandbox: &Sandbox| {
        call(sandbox.command().args(["evidence", "verify", "--all"]).arg(sandbox.path("reports")))
    };
    all(&sandbox).is(0, &[]);
    let mut first = fs::read_dir(sandbox.path("reports")).unwrap().map(|e| e.unwrap().path());
    let first = first.find(|p| !p.is_symlink() && p.join("signer.pub").exists()).unwrap();

    let tar = sandbox.path("run.tar");
    call(sandbox.command().args(["evidence", "bundle"]).arg(&first).arg("--out").arg(&tar)).is(0, &[]);
    call(sandbox.command().args(["evidence", "verify", "--key", &public]).arg(&tar)).is(0, &[]);
    fs::remove_dir_all(first).unwrap();
    let gap = all(&sandbox);
    gap.is(1, &[]);
    assert!(gap.out.contains("1 gap") && gap.out.contains("is not here"), "{}", gap.out);
    fs::write(sandbox.path("reports/latest/junit.xml"), "<x/>").unwrap();
    let bad = verify(&sandbox, &[]);
    bad.is(1, &[]);
    assert!(bad.out.contains("PROBLEM    junit.xml") && bad.out.contains("NOT as it was"), "{}", bad.out);
    call(sandbox.command().args(["evidence", "bundle"]).arg(sandbox.path("reports/latest"))).is(1, &[]);
    call(sandbox.command().args(["evidence", "verify", "/nowhere"])).is(2, &["/nowhere"]);
    sandbox.assert_empty();
}

#[test]
fn a_run_that_was_stopped_is_signed_as_well_and_is_no_pass() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    key(&sandbox);
    let mut run = sandbox.small_run(&["--jobs", "1"]);
    let running = start(run.arg(sandbox.missing()).arg("--sign-key").arg(sandbox.path("sign")));
    let began = wait(Duration::from_secs(60), || running.err().contains("profile:").then_some(()));
    assert!(began.is_some(), "{}", running.err());
    running.signal(Signal::SIGTERM);
    finish(running).is(3, &["stopping"]);
    let told = verify(&sandbox, &["--key", &sandbox.path("sign.pub").display().to_string()]);
    told.is(0, &[]);
    assert!(told.out.contains("FAILED: "), "{}", told.out);
    sandbox.assert_empty();
}
