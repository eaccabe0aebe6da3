//! Folders from somebody who means harm: envelopes, keys and files that are not what they seem.

use super::made::{Run, blamed, files, key, one, other_key, trusting, verify};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pulp_drill::{
    base::digest::Digest,
    cli::{
        evidence::{self as cli, EvidenceArgs, EvidenceCommand, VerifyArgs},
        trust::TrustArgs,
    },
    evidence::{
        bundle, chain,
        key::{VerifyingKey, allowed_signers},
        verify::{self as verifier, Trust},
    },
    journal::read::{EVENTS, SEAL},
    model::exit_code::ExitCode,
};
use serde_json::{Value, json};
use std::{fs, fs::File, os::unix::fs::symlink, path::Path};

const ATTESTATION: &str = "attestation.dsse.json";

/// Changes the envelope of a signed run and gives what is said about it.
#[track_caller]
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let (_reports, run) = one(Some(&key()));
    let mut envelope: Value = serde_json::from_slice(&fs::read(run.join(ATTESTATION)).unwrap()).unwrap();
    change(&mut envelope);
    // The spelling of our own, so that it is not the spelling that is refused.
    fs::write(run.join(ATTESTATION), serde_json::to_string_pretty(&envelope).unwrap() + "\n").unwrap();
    let found = verify(&run);
    assert_eq!(blamed(&found), [ATTESTATION], "{:?}", found.problems);
    found.problems.iter().map(|p| p.what.clone()).collect::<Vec<_>>().join("; ")
}

#[test]
fn an_envelope_that_lies_is_refused_and_says_why() {
    let other = |envelope: &mut Value| {
        let (_reports, run) = one(Some(&other_key()));
        let others: Value = serde_json::from_slice(&fs::read(run.join(ATTESTATION)).unwrap()).unwrap();
        envelope["signatures"] = others["signatures"].clone();
    };
    let says: &[(&str, String)] = &[
        ("payload type", changed(|e| e["payloadType"] = json!("text/plain"))),
        ("names the key", changed(other)),
        (
            "2 signatures",
            changed(|e| e["signatures"].as_array_mut().unwrap().push(json!({"keyid": "x", "sig": "AA=="}))),
        ),
        ("0 signatures", changed(|e| e["signatures"] = json!([]))),
        ("does not fit", changed(|e| e["signatures"][0]["sig"] = json!(STANDARD.encode([0; 64])))),
        ("does not fit", changed(|e| e["signatures"][0]["sig"] = json!("AA=="))),
        ("not base64", changed(|e| e["payload"] = json!("%%%"))),
        ("no envelope", changed(|e| e["more"] = json!(1))),
        ("no envelope", changed(|e| *e = json!([]))),
        (
            "its statement",
            changed(|e| {
                let payload = STANDARD.decode(e["payload"].as_str().unwrap()).unwrap();
                let lie = String::from_utf8(payload).unwrap().replace("PASSED", "WARNED");
                e["payload"] = json!(STANDARD.encode(lie));
            }),
        ),
    ];
    for (wanted, said) in says {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn a_truncated_envelope_is_refused_at_every_length() {
    let (_reports, run) = one(Some(&key()));
    let text = fs::read(run.join(ATTESTATION)).unwrap();
    for length in (0..text.len()).step_by(37) {
        fs::write(run.join(ATTESTATION), &text[..length]).unwrap();
        assert_eq!(blamed(&verify(&run)), [ATTESTATION]);
    }
}

#[test]
fn a_run_that_was_signed_anew_by_somebody_else_is_told_by_its_key() {
    let (_reports, run) = one(Some(&other_key()));
    // It is consistent in itself: only somebody who knows the key can tell.
    assert_eq!(verify(&run).problems, []);
    let found = verifier::folder(&run, &trusting()).unwrap();
    assert_eq!(blamed(&found), ["signer.pub"]);

    // Only files were exchanged: the journal names the signer.
    let (_reports, ours) = one(Some(&key()));
    for name in [ATTESTATION, "events.jsonl.sig", "signer.pub"] {
        fs::copy(run.join(name), ours.join(name)).unwrap();
    }
    assert!(blamed(&verify(&ours)).contains(&"signer.pub"));
}

#[test]
fn a_signature_of_another_run_or_purpose_is_refused() {
    let reports = tempfile::tempdir().unwrap();
    let first = Run::default().write(reports.path(), Some(&key()));
    let second = Run { id: "another-run-0002", ..Run::default() }.write(reports.path(), Some(&key()));
    fs::copy(first.join("events.jsonl.sig"), second.join("events.jsonl.sig")).unwrap();
    let found = verify(&second);
    assert_eq!(blamed(&found), ["events.jsonl.sig"]);
    assert!(found.problems[0].what.contains("does not fit"), "{:?}", found.problems);
    let swapped = fs::read(first.join(ATTESTATION)).unwrap();
    fs::write(second.join(ATTESTATION), swapped).unwrap();
    assert!(blamed(&verify(&second)).contains(&ATTESTATION));
}

#[test]
fn a_key_of_another_kind_is_no_signer() {
    let (_reports, run) = one(Some(&key()));
    let p256 = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=\n";
    for text in [p256, "", "ssh-ed25519 AAAA\n", "ssh-ed25519\n"] {
        fs::write(run.join("signer.pub"), text).unwrap();
        assert_eq!(blamed(&verify(&run)), ["signer.pub"], "{text}");
        assert!(VerifyingKey::from_openssh(text).is_none());
    }
}

#[test]
fn links_and_devices_are_told_and_not_followed() {
    let (reports, run) = one(Some(&key()));
    let outside = reports.path().join("outside");
    for name in ["junit.xml", "signer.pub", ATTESTATION, "events.jsonl.sig"] {
        let path = run.join(name);
        fs::rename(&path, &outside).unwrap();
        symlink(&outside, &path).unwrap();
        assert!(blamed(&verify(&run)).contains(&name), "{name}: {:?}", verify(&run).problems);
        fs::rename(&outside, &path).unwrap();
    }
    assert_eq!(verify(&run).problems, []);
    symlink("/", run.join("artefacts/root")).unwrap();
    nix::unistd::mkfifo(&run.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(blamed(&verify(&run)), ["artefacts/root", "pipe"]);
    fs::remove_file(run.join(EVENTS)).unwrap();
    nix::unistd::mkfifo(&run.join(EVENTS), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(verifier::folder(&run, &Trust::default()).is_err());
}

#[test]
fn a_huge_file_is_refused_without_being_read_into_memory() {
    let (_reports, run) = one(Some(&key()));
    let grow =
        |name: &str| File::options().write(true).open(run.join(name)).unwrap().set_len(65 << 20).unwrap();
    grow(ATTESTATION);
    grow("events.jsonl.sig");
    let found = verify(&run);
    assert_eq!(blamed(&found), [ATTESTATION, "events.jsonl.sig"], "{:?}", found.problems);
    assert!(found.problems.iter().all(|p| p.what.contains("at most")), "{:?}", found.problems);
}

#[test]
fn a_pipe_or_an_endless_file_for_a_seal_keeps_nobody_waiting() {
    let (_reports, run) = one(None);
    let seal = run.join(SEAL);
    fs::remove_file(&seal).unwrap();
    nix::unistd::mkfifo(&seal, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(blamed(&verify(&run)), [EVENTS, SEAL]);
    assert_eq!(chain::link(&run).unwrap().itself.sealed, None);
    assert!(!bundle::is_one(&seal));
    fs::remove_file(&seal).unwrap();
    File::create(&seal).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(chain::link(&run).unwrap().itself.sealed, None);
}

#[test]
fn a_name_from_elsewhere_can_not_write_on_the_terminal() {
    let (_reports, run) = one(None);
    fs::write(run.join("\u{1b}[2J.txt"), "x").unwrap();
    let text = verify(&run).problems[0].to_string();
    assert!(!text.contains('\u{1b}') && text.contains("[2J.txt"), "{text}");
}

#[test]
fn what_a_reader_quotes_can_not_write_on_the_terminal() {
    let (reports, run) = one(None);
    let evil = "\\u001b[2J\\n  verdict    as it was written";
    let harm: [(&str, &str, String); 2] = [
        (EVENTS, "\"type\":\"artefact-stored\"", format!("\"type\":\"{evil}\"")),
        (ATTESTATION, "\"payload\"", format!("\"{evil}\"")),
    ];
    for (name, from, to) in harm {
        let path = run.join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen(from, &to, 1)).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), text);
        let found = verify(&run);
        let said = found.problems.iter().find(|p| p.what.contains("[2J")).unwrap().to_string();
        assert!(!said.contains('\u{1b}') && !said.contains("\n  verdict"), "{said}");
        if name == EVENTS {
            let flaw = pulp_drill::journal::read(&run).unwrap().flaw.unwrap().to_string();
            assert!(!flaw.contains(['\u{1b}', '\n']), "{flaw}");
        }
        fs::write(&path, text).unwrap();
    }
    let moved = reports.path().join("\u{1b}[2J");
    fs::rename(&run, &moved).unwrap();
    let args = VerifyArgs { runs: vec![moved], all: false, trust: TrustArgs::default() };
    let said = cli::run(&EvidenceArgs { command: EvidenceCommand::Verify(args) }).unwrap();
    assert!(said.exit == ExitCode::AllHeld && !said.stdout.contains('\u{1b}'), "{}", said.stdout);
}

#[test]
fn a_pipe_is_no_attachment() {
    let (_reports, run) = one(None);
    let name = files(&run).into_iter().find(|n| n.starts_with("artefacts/")).unwrap();
    fs::remove_file(run.join(&name)).unwrap();
    nix::unistd::mkfifo(&run.join(&name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(Digest::of_file(&run.join(&name)).is_err());
    assert!(blamed(&verify(&run)).contains(&name.as_str()));
}

#[test]
fn what_is_no_run_is_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), Path::new("/nowhere")] {
        let error = verifier::folder(path, &Trust::default()).unwrap_err();
        assert_eq!(error.blame, pulp_drill::base::error::Blame::Usage, "{error}");
    }
}

#[test]
fn allowed_signers_are_read_as_openssh_means_them_or_refused() {
    let line = key().public().line().unwrap();
    let (ours, rsa) = (line.trim(), "old ssh-rsa AAAAB3NzaC1yc2E=");
    let good = format!("# who\n\n{rsa}\nops {ours} comment\nci namespaces=\"pulp-drill\" {ours}\n");
    assert_eq!(allowed_signers(&good, "x").unwrap(), [key().public(), key().public()]);
    for bad in [
        format!("ops namespaces=\"git\" {ours}"),
        format!("ops valid-before=\"20200101\" {ours}"),
        format!("ops cert-authority {ours}"),
        ours.to_owned(),
        "ops".to_owned(),
        rsa.to_owned(),
        String::new(),
        "ops ssh-ed25519 AAAA".to_owned(),
    ] {
        assert!(allowed_signers(&bad, "x").is_err(), "{bad}");
    }
}
