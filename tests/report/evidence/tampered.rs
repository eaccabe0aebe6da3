//! One flipped byte, anywhere, is noticed. So is a file that was added, taken away or exchanged.

use super::made::{Run, blamed, files, key, one, trusting, verify};
use pulp_drill::{
    evidence::verify::{self as verifier, Signed, Trust},
    journal::read::EVENTS,
};
use std::{fs, path::Path};

/// Files up to this size have every byte flipped, larger ones so many, spread over all of it.
const EXHAUSTIVE: usize = 400;
const PLACES: usize = 150;

/// Files in which one byte changed and nobody noticed.
fn unnoticed(run: &Path) -> (usize, Vec<String>) {
    let (mut tried, mut missed) = (0, Vec::new());
    for name in files(run) {
        let path = run.join(&name);
        let before = fs::read(&path).unwrap();
        let step = if before.len() <= EXHAUSTIVE { 1 } else { (before.len() / PLACES).max(1) };
        for at in (0..before.len()).step_by(step).chain([before.len() - 1]) {
            let mut bytes = before.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            tried += 1;
            let noticed = match verifier::folder(run, &Trust::default()) {
                Ok(verified) => verified.problems.iter().any(|p| p.file == name || name.starts_with(EVENTS)),
                Err(_) => false,
            };
            if !noticed {
                missed.push(format!("{name} byte {at}"));
            }
        }
        fs::write(&path, &before).unwrap();
    }
    (tried, missed)
}

#[test]
fn every_flipped_byte_of_a_signed_run_is_noticed_in_its_file() {
    let (_reports, run) = one(Some(&key()));
    let (tried, missed) = unnoticed(&run);
    assert!(tried > 900, "only {tried} places were tried");
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(verify(&run).problems, [], "the run was not put back as it was");
}

#[test]
fn every_flipped_byte_of_an_unsigned_run_is_noticed_in_its_file() {
    let (_reports, run) = one(None);
    let (tried, missed) = unnoticed(&run);
    assert!(tried > 500, "only {tried} places were tried");
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn a_run_as_it_was_written_holds_and_says_who_signed_it() {
    let (_reports, run) = one(Some(&key()));
    let found = verify(&run);
    assert_eq!(found.problems, []);
    assert_eq!(found.files, files(&run).len());
    assert_eq!(found.signed, Signed::BySomebody(key().public().fingerprint()));
    let trusted = verifier::folder(&run, &trusting()).unwrap();
    assert_eq!(trusted.signed, Signed::ByTrusted(key().public().fingerprint()));
    assert_eq!(trusted.problems, []);
}

#[test]
fn a_file_too_many_and_a_file_too_few_are_named() {
    let (_reports, run) = one(Some(&key()));
    for name in files(&run).iter().filter(|name| *name != EVENTS) {
        let before = fs::read(run.join(name)).unwrap();
        fs::remove_file(run.join(name)).unwrap();
        let found = verify(&run);
        let named = if name.starts_with(EVENTS) && name.ends_with("256") { EVENTS } else { name.as_str() };
        assert!(blamed(&found).contains(&named), "{name}: {:?}", found.problems);
        fs::write(run.join(name), before).unwrap();
    }
    fs::write(run.join("artefacts/added.txt"), "hello").unwrap();
    fs::write(run.join("index.html"), "hello").unwrap();
    fs::create_dir(run.join("empty")).unwrap();
    assert_eq!(blamed(&verify(&run)), ["artefacts/added.txt", "empty", "index.html"]);
}

#[test]
fn a_problem_names_place_and_both_digests() {
    let (_reports, run) = one(None);
    let junit = fs::read_to_string(run.join("junit.xml")).unwrap();
    fs::write(run.join("junit.xml"), junit.replacen("verdict", "Verdict", 1)).unwrap();
    let found = verify(&run);
    let text = found.problems[0].to_string();
    let at = junit.find("verdict").unwrap();
    assert!(
        text.contains(&format!("junit.xml: it is not what the record renders, from byte {at} (line ")),
        "{text}"
    );
    let digest = pulp_drill::base::digest::Digest::of(&junit);
    assert!(text.contains(&format!("expected {digest}\n  found    ")), "{text}");

    let events = fs::read_to_string(run.join(EVENTS)).unwrap();
    fs::write(run.join(EVENTS), events.replacen("The logo", "The Logo", 1)).unwrap();
    let found = verify(&run);
    let text = found.problems[0].to_string();
    assert!(text.contains("broken at line 2 (bytes ") && text.contains("expected "), "{text}");
}

#[test]
fn a_run_that_was_killed_or_cut_off_is_not_as_it_was_written() {
    let reports = tempfile::tempdir().unwrap();
    let run = Run { ends: false, ..Run::default() }.write(reports.path(), None);
    let found = verify(&run);
    assert_eq!(blamed(&found), [EVENTS]);
    assert!(found.problems[0].what.contains("no end"), "{:?}", found.problems);
}

#[test]
fn the_signatures_of_a_signed_run_can_not_be_taken_off() {
    let (_reports, run) = one(Some(&key()));
    let (_others, unsigned) = one(None);
    for name in ["events.jsonl.sig", "signer.pub"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    fs::copy(unsigned.join("attestation.dsse.json"), run.join("attestation.dsse.json")).unwrap();
    let found = verify(&run);
    assert!(blamed(&found).contains(&"signer.pub"), "{:?}", found.problems);
    assert!(blamed(&found).contains(&"attestation.dsse.json"), "{:?}", found.problems);
}

#[test]
fn an_unsigned_run_is_refused_where_a_signature_is_asked_for() {
    let (_reports, run) = one(None);
    assert_eq!(verify(&run).problems, []);
    assert_eq!(verify(&run).signed, Signed::No);
    for trust in [trusting(), Trust { keys: Vec::new(), signed: true }, Trust { signed: false, ..trusting() }]
    {
        let found = verifier::folder(&run, &trust).unwrap();
        assert_eq!(blamed(&found), ["attestation.dsse.json"]);
    }
}

#[test]
fn a_run_of_another_version_is_held_against_its_attestation() {
    let reports = tempfile::tempdir().unwrap();
    let run = Run { harness: "pulp-drill 0.0.1", ..Run::default() }.write(reports.path(), Some(&key()));
    let found = verify(&run);
    assert_eq!(found.problems, []);
    assert!(found.notes[0].contains("pulp-drill 0.0.1"), "{:?}", found.notes);
    fs::write(run.join("junit.xml"), "<testsuites/>").unwrap();
    assert_eq!(blamed(&verify(&run)), ["junit.xml"]);
}

#[test]
fn the_same_run_gives_the_same_evidence() {
    let (_reports, run) = one(Some(&key()));
    let stored = pulp_drill::journal::read(&run).unwrap();
    let record = pulp_drill::model::record::RunRecord::fold(&stored.entries);
    let read = || files(&run).iter().map(|name| fs::read(run.join(name)).unwrap()).collect::<Vec<_>>();
    let before = read();
    let reports = pulp_drill::report::write_all(&run, &record).unwrap();
    pulp_drill::evidence::seal(&run, &record, &reports, Some(&key())).unwrap();
    assert_eq!(before, read());
}
