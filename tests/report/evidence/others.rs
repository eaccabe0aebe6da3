//! Verifiers that are not ours: a script in Python, OpenSSH, OpenSSL, and the commands of
//! docs/evidence.md as they stand there. They and we agree on what is good and what is not.

use super::made::{files, key, one, other_key, trusting, verify};
use crate::support::harness::{ROOT, call, installed};
use pulp_drill::evidence::verify as verifier;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// A Python with the package that the script needs.
pub fn python() -> Option<&'static str> {
    static FOUND: LazyLock<Option<&str>> = LazyLock::new(|| {
        let has = |python: &&str| {
            let mut command = Command::new(python);
            command.args(["-c", "import cryptography"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/target/conformance-evidence-venv/bin/python");
        ["python3", venv].into_iter().find(has)
    });
    if FOUND.is_none() {
        println!("skipped: no python3 with the package `cryptography`; make conformance makes one");
    }
    *FOUND
}

/// Whether the script takes a run, and what it says.
pub fn second_opinion(python: &str, run: &Path, key: Option<&Path>) -> (bool, String) {
    let mut command = Command::new(python);
    command.arg(format!("{ROOT}/tests/report/evidence/verify.py")).arg(run).args(key);
    let done = call(command.env("PYTHONDONTWRITEBYTECODE", "1"));
    assert!(!done.err.contains("Traceback"), "{}", done.all());
    (done.code == Some(0), done.all())
}

#[test]
fn a_script_in_another_language_agrees_on_good_and_tampered_runs() {
    let Some(python) = python() else { return };
    for signed in [true, false] {
        let (_reports, run) = one(signed.then(key).as_ref());
        let (good, said) = second_opinion(python, &run, None);
        assert!(good, "{said}");
        for name in files(&run) {
            let before = fs::read(run.join(&name)).unwrap();
            for at in [0, before.len() / 3, before.len() - 1] {
                let mut bytes = before.clone();
                bytes[at] ^= 1;
                fs::write(run.join(&name), bytes).unwrap();
                let (good, said) = second_opinion(python, &run, None);
                assert!(!good, "{name} byte {at}: {said}");
                assert!(!verify(&run).problems.is_empty(), "{name} byte {at}: {said}");
            }
            fs::remove_file(run.join(&name)).unwrap();
            assert!(!second_opinion(python, &run, None).0, "{name} is missing");
            fs::write(run.join(&name), before).unwrap();
        }
        fs::write(run.join("added.txt"), "x").unwrap();
        assert!(!second_opinion(python, &run, None).0);
    }
}

#[test]
fn the_script_agrees_on_who_signed() {
    let Some(python) = python() else { return };
    for (signer, trusted) in [(Some(key()), true), (Some(other_key()), false), (None, false)] {
        let (reports, run) = one(signer.as_ref());
        let public = reports.path().join("sign.pub");
        fs::write(&public, format!("{} a comment\n", key().public().line().unwrap().trim())).unwrap();
        let (good, said) = second_opinion(python, &run, Some(&public));
        assert_eq!(good, trusted, "{said}");
        assert_eq!(verifier::folder(&run, &trusting()).unwrap().problems.is_empty(), trusted);
    }
}

/// The shell commands of the page, in their order.
fn by_hand() -> String {
    let page = fs::read_to_string(format!("{ROOT}/docs/evidence.md")).unwrap();
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|b| b.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4, "the page has {} blocks of commands", blocks.len());
    format!("set -eu\n{}", blocks.join("\n"))
}

fn run_by_hand(run: &Path, public: &str) -> crate::support::harness::Done {
    fs::write(run.with_file_name("sign.pub"), public).unwrap();
    call(Command::new("bash").arg("-c").arg(by_hand()).current_dir(run))
}

#[test]
fn an_auditor_can_verify_a_run_by_the_commands_of_the_page() {
    if !["ssh-keygen", "openssl", "sha256sum"].into_iter().all(installed) {
        return;
    }
    let (_reports, run) = one(Some(&key()));
    let public = key().public().line().unwrap();
    let good = run_by_hand(&run, &public);
    good.is(0, &[]);
    assert!(good.out.contains("Good \"pulp-drill\" signature"), "{}", good.all());
    assert!(good.out.contains("Signature Verified Successfully"), "{}", good.all());
    assert!(good.out.contains("record.json: OK") && good.out.contains("chain holds"), "{}", good.all());
    assert_eq!(verify(&run).problems, [], "the commands left something in the folder");

    let other = run_by_hand(&run, &other_key().public().line().unwrap());
    assert_ne!(other.code, Some(0), "{}", other.all());
    for name in
        ["events.jsonl", "events.jsonl.sig", "attestation.dsse.json", "record.json", "events.jsonl.sha256"]
    {
        let before = fs::read(run.join(name)).unwrap();
        let mut bytes = before.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(run.join(name), bytes).unwrap();
        let bad = run_by_hand(&run, &public);
        assert_ne!(bad.code, Some(0), "{name}: {}", bad.all());
        fs::write(run.join(name), before).unwrap();
    }
}

#[test]
fn the_page_names_every_file_of_a_run() {
    let page = fs::read_to_string(PathBuf::from(ROOT).join("docs/evidence.md")).unwrap();
    let (_reports, run) = one(Some(&key()));
    for name in files(&run) {
        let name = if name.starts_with("artefacts/") { "artefacts/" } else { &name };
        assert!(page.contains(&format!("`{name}`")), "docs/evidence.md does not name {name}");
    }
}
