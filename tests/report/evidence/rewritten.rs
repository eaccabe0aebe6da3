//! Unsigned runs that somebody wrote anew who has the program: chain, seal, reports and attestation
//! fit the changed events. Only what no run writes tells. The script in Python says the same.

use super::made::{Run, one, verify};
use super::others::{python, second_opinion};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pulp_drill::{
    base::digest::Digest,
    evidence,
    journal::{
        read,
        read::{EVENTS, SEAL},
    },
    model::record::RunRecord,
    report,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

const ATTESTATION: &str = "attestation.dsse.json";

pub fn lines(run: &Path) -> Vec<String> {
    fs::read_to_string(run.join(EVENTS)).unwrap().lines().map(str::to_owned).collect()
}

/// Writes lines with a chain and a seal of their own; `spelled` may spell a line otherwise.
pub fn rechain(run: &Path, lines: Vec<String>, spelled: impl Fn(usize, String) -> String) -> RunRecord {
    let (mut prev, mut text) = (Digest::ZERO, String::new());
    for (number, line) in lines.into_iter().enumerate() {
        let rest = &line[line.find("\"at\":").unwrap()..];
        let line = spelled(number, format!("{{\"seq\":{number},\"prev\":\"{prev}\",{rest}"));
        prev = Digest::of(&line);
        text += &(line + "\n");
    }
    fs::write(run.join(EVENTS), &text).unwrap();
    fs::write(run.join(SEAL), format!("{}  {EVENTS}\n", Digest::of(&text))).unwrap();
    RunRecord::fold(&read(run).unwrap().entries)
}

/// As [`rechain`], with all reports and the attestation that follow from the lines.
fn write(run: &Path, lines: Vec<String>, spelled: impl Fn(usize, String) -> String) {
    let record = rechain(run, lines, spelled);
    if record.started.is_some() && record.finished.is_some() {
        let files = report::write_all(run, &record).unwrap();
        evidence::seal(run, &record, &files, None).unwrap();
    }
}

/// What we say of it, and that the script says no as well.
#[track_caller]
fn refused(run: &Path) -> String {
    let found = verify(run);
    if let Some(python) = python() {
        let (good, said) = second_opinion(python, run, None);
        assert!(!good, "the script takes it: {said}");
    }
    found.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn events_are_accepted_in_one_spelling_only() {
    type Spelled = fn(String) -> String;
    let spellings: [(&str, &str, Spelled); 6] = [
        ("a carriage return", "bytes instead of", |line| line + "\r"),
        ("a space", "bytes instead of", |line| line.replacen("\"seq\":", "\"seq\": ", 1)),
        ("an escape", "bytes instead of", |line| line.replacen("\"event\"", "\"\\u0065vent\"", 1)),
        ("a byte order mark", "is not an event", |line| format!("\u{feff}{line}")),
        ("a key twice", "duplicate field", |line| line.replacen("\"seq\":2,", "\"seq\":7,\"seq\":2,", 1)),
        ("a number with a point", "is not an event", |line| line.replacen("\"seq\":2,", "\"seq\":2.0,", 1)),
    ];
    for (what, wanted, spelled) in spellings {
        let (_reports, run) = one(None);
        let spelled = |number, line| if number == 2 { spelled(line) } else { line };
        write(&run, lines(&run), spelled);
        let said = refused(&run);
        assert!(said.contains(wanted) && said.contains("line 3"), "{what}: {said}");
    }
}

#[test]
fn a_run_begins_once_and_ends_once() {
    type Change = fn(&mut Vec<String>);
    let changes: [(&str, &str, Change); 4] = [
        ("the beginning is gone", "what was before it is missing", |lines| drop(lines.remove(0))),
        ("it begins in the middle", "what was before it is missing", |lines| drop(lines.drain(..3))),
        ("it begins twice", "the run began before", |lines| lines.insert(2, lines[0].clone())),
        ("it ends twice", "behind the end", |lines| lines.push(lines[lines.len() - 1].clone())),
    ];
    for (what, wanted, change) in changes {
        let (_reports, run) = one(None);
        let mut lines = lines(&run);
        change(&mut lines);
        write(&run, lines, |_, line| line);
        let said = refused(&run);
        assert!(said.contains(wanted) && said.contains("(bytes "), "{what}: {said}");
    }
}

/// Changes the statement of an unsigned run of an earlier version, whose text is not made again.
#[track_caller]
fn attests(change: impl FnOnce(&mut Value)) -> String {
    let reports = tempfile::tempdir().unwrap();
    let run = Run { harness: "pulp-drill 0.0.1", ..Run::default() }.write(reports.path(), None);
    assert_eq!(verify(&run).problems, []);
    let mut envelope: Value = serde_json::from_slice(&fs::read(run.join(ATTESTATION)).unwrap()).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    envelope["payload"] = json!(STANDARD.encode(statement.to_string()));
    fs::write(run.join(ATTESTATION), serde_json::to_string_pretty(&envelope).unwrap() + "\n").unwrap();
    refused(&run)
}

#[test]
fn the_statement_of_an_earlier_version_is_held_against_the_journal() {
    let other = "another result";
    for (wanted, said) in [
        (other, attests(|s| s["predicate"]["result"] = json!("WARNED"))),
        (other, attests(|s| s["predicate"]["passedTests"] = json!(["logo-goes", "more"]))),
        (other, attests(|s| s["predicate"]["failedTests"] = json!(["run"]))),
        (other, attests(|s| s["predicateType"] = json!("https://example.com"))),
        (other, attests(|s| s["predicate"] = json!([]))),
        (
            "events.jsonl is not attested",
            attests(|s| s["subject"].as_array_mut().unwrap().retain(|s| s["name"] != EVENTS)),
        ),
        (
            "-manifest.json is not attested",
            attests(|s| {
                let subjects = s["subject"].as_array_mut().unwrap();
                subjects.retain(|s| !s["name"].as_str().unwrap().starts_with("artefacts"));
            }),
        ),
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}
