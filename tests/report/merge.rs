//! `pulp-drill report merge`: parts become one run with one verdict, and nothing that is missing,
//! foreign or changed becomes a pass.

use crate::records::{Tale, baseline, clock, failing, orphan_scenario, run_started, unsure, write};
use pulp_drill::{
    base::{
        digest::Digest,
        error::Error,
        ids::{RunId, ScenarioId},
        redact::Redactor,
    },
    cli::{
        Output,
        report::merge::{MergeArgs, run},
    },
    evidence::{
        ATTESTATION,
        key::{SigningKey, VerifyingKey},
        seal,
        verify::{Signed, Trust, folder},
    },
    journal::{
        Journal,
        read::{EVENTS, read},
    },
    model::{
        event::{Event, Partition, RunStarted},
        exit_code::ExitCode,
        record::RunRecord,
        verdict::Verdict,
    },
    report::write_all,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Tells one part of a run into a folder and names the run's folder.
fn part(place: &Path, which: (u32, u32), all: &[Tale], mine: &[Tale], change: Change) -> PathBuf {
    part_without(place, which, all, mine, change, None)
}

/// The same, with a scenario that its machine has to skip.
fn part_without(
    place: &Path,
    (index, of): (u32, u32),
    all: &[Tale],
    mine: &[Tale],
    change: Change,
    skipped: Option<&Tale>,
) -> PathBuf {
    let run_id = RunId::new(format!("run-of-part-{index}"));
    let folder = place.join(format!("part-{index}"));
    let journal = Journal::create(&folder, &run_id, clock(), Redactor::new()).expect("a journal");
    let ids: Vec<&str> = mine.iter().map(|t| t.id).collect();
    let Event::RunStarted(mut started) = run_started(&ids) else { panic!("another event") };
    started.run = run_id;
    let all: Vec<ScenarioId> = all.iter().map(|t| t.id.into()).collect();
    started.partition = Some(Partition { index, of, set: Digest::of("set"), all });
    change(&mut started);
    write(&journal, None, Event::RunStarted(started));
    let versions = [("postgres".to_owned(), format!("15.{index}"))].into();
    write(&journal, None, Event::SubstrateReady { versions, limits: Vec::new() });
    if let Some(tale) = skipped {
        let (id, why) = (tale.id.into(), "pgbackrest is not installed".to_owned());
        write(&journal, None, Event::ScenarioSkipped { id, why, controls: vec!["NIST CP-9(1)".to_owned()] });
    }
    for tale in mine {
        tale.begin(&journal);
        let id = tale.id.into();
        journal.store(Some(&id), "note.txt", tale.id.as_bytes(), "a note").expect("stored");
        tale.end(&journal);
    }
    let exit =
        ExitCode::of_integrity(journal.record().scenarios.iter().all(|s| s.verdict() != Verdict::Fail));
    write(&journal, None, Event::RunFinished { verdict: Verdict::Pass, exit, cut_short: None });
    journal.dir().to_owned()
}

/// How a part differs from the others.
type Change = fn(&mut RunStarted);

fn same(_: &mut RunStarted) {}

fn merged(place: &Path, run_dirs: &[PathBuf]) -> Result<Output, Error> {
    run(&MergeArgs { run_dirs: run_dirs.to_vec(), out: place.join("joined"), sign_key: None }, None)
}

fn record(place: &Path) -> RunRecord {
    let text = fs::read_to_string(place.join("joined/latest/record.json")).expect("a record");
    serde_json::from_str(&text).expect("a record")
}

/// Three parts, of which each has the baseline drill.
fn three(place: &Path) -> Vec<PathBuf> {
    let all = [baseline(), orphan_scenario(), failing(), unsure()];
    let of = |n: usize| part(place, (n as u32, 3), &all, &[baseline(), all[n].clone()], same);
    vec![of(3), of(1), of(2)]
}

#[test]
fn parts_become_one_run_with_the_worst_verdict() {
    let place = tempfile::tempdir().expect("a folder");
    let done = merged(place.path(), &three(place.path())).expect("merged");
    assert_eq!(done.exit, ExitCode::IntegrityFailure, "{}", done.stderr);
    let record = record(place.path());
    assert_eq!(record.verdict(), Verdict::Fail);
    let ids: Vec<&str> = record.scenarios.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, [baseline().id, orphan_scenario().id, failing().id, unsure().id]);
    assert_eq!(record.scenarios[0].checks.len(), 3, "the events of the baseline drill came more than once");
    assert_eq!(record.versions["postgres"], "15.1");
    assert_eq!(record.versions["postgres (part 2 of 3)"], "15.2");
    assert!(
        record.notes.iter().any(|n| n.starts_with("part 3 of 3: run run-of-part-3")),
        "{:?}",
        record.notes
    );
    assert_eq!(record.artefacts.len(), 4);
    let latest = place.path().join("joined/latest");
    for artefact in &record.artefacts {
        assert_eq!(Digest::of_file(&latest.join(&artefact.path)).expect("a file"), artefact.sha256);
    }
    let again = pulp_drill::journal::read(&latest).expect("a journal");
    assert_eq!(again.flaw, None);
    assert_eq!(RunRecord::fold(&again.entries), record);
}

#[test]
fn parts_that_hold_hold_together() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline(), orphan_scenario()];
    let one = part(place.path(), (1, 2), &all, &[baseline(), orphan_scenario()], same);
    let two = part(place.path(), (2, 2), &all, &[baseline()], same);
    assert_eq!(merged(place.path(), &[one, two]).expect("merged").exit, ExitCode::AllHeld);
    assert_eq!(record(place.path()).verdict(), Verdict::Pass);
}

#[test]
fn what_one_machine_skips_makes_no_part_foreign_and_is_told_once() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline(), orphan_scenario(), failing()];
    let one = part_without(place.path(), (1, 2), &all, &all[..2], same, Some(&failing()));
    // A part of an older version told what others skip, and what another part ran.
    let two = part_without(place.path(), (2, 2), &all, &all[..1], same, Some(&failing()));
    let both = [one, two];
    assert_eq!(merged(place.path(), &both).expect("merged").exit, ExitCode::AllHeld);
    let joined = record(place.path());
    assert_eq!(joined.verdict(), Verdict::Pass);
    assert_eq!(joined.scenarios.len(), 2, "what was skipped is not among what ran");
    let skipped: Vec<&str> = joined.skipped.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(skipped, [failing().id]);
    let place = tempfile::tempdir().expect("a folder");
    let ran = [baseline(), orphan_scenario()];
    let one = part(place.path(), (1, 2), &ran, &ran, same);
    let two = part_without(place.path(), (2, 2), &ran, &ran[..1], same, Some(&orphan_scenario()));
    assert_eq!(merged(place.path(), &[one, two]).expect("merged").exit, ExitCode::AllHeld);
    assert!(record(place.path()).skipped.is_empty(), "another part ran it");
}

#[test]
fn a_joined_run_is_signed_attested_and_chained_to_the_run_before_it() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline(), orphan_scenario()];
    let key = SigningKey::from_seed(&[7; 32], "joined").expect("a key");
    let text = key.to_openssh().expect("text");
    let out = place.path().join("joined");
    let before = part(&out, (1, 1), &all, &all, |s| s.partition = None);
    fs::rename(&before, out.join("before")).expect("moved up");
    let dirs = [1, 2].map(|index| signed_part(place.path(), index, &all));
    let args = MergeArgs { run_dirs: dirs.to_vec(), out: out.clone(), sign_key: None };
    let done = run(&args, Some(text.as_ref())).expect("merged");
    assert_eq!((done.exit, done.stderr.as_str()), (ExitCode::AllHeld, ""));
    let public = VerifyingKey::from_openssh(&key.public().line().expect("a line")).expect("a key");
    let trust = Trust { keys: vec![public], signed: true };
    let latest = out.join("latest");
    let verified = folder(&latest, &trust).expect("verified");
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    assert!(matches!(verified.signed, Signed::ByTrusted(_)));
    let joined = record(place.path());
    let previous = &joined.started.as_ref().expect("a start").previous;
    assert_eq!(previous.len(), 1, "the run that was there before is not named");
    assert!(
        joined.notes.iter().any(|n| n.ends_with(&format!("signed by {}", other().public().fingerprint()))),
        "{:?}",
        joined.notes
    );
    let page = latest.join("report.html");
    let text = fs::read_to_string(&page).expect("text");
    fs::write(&page, text.replacen("Passed", "PASSED", 1)).expect("changed");
    assert!(
        !folder(&latest, &trust).expect("verified").problems.is_empty(),
        "a changed page was not noticed"
    );
}

/// Another key than the joined run's.
fn other() -> SigningKey {
    SigningKey::from_seed(&[8; 32], "part").expect("a key")
}

/// A part of two, sealed and signed.
fn signed_part(place: &Path, index: u32, all: &[Tale]) -> PathBuf {
    let says: Change = |s| drop(s.config.insert("signing key".to_owned(), other().public().fingerprint()));
    let dir = part(place, (index, 2), all, all, says);
    let record = RunRecord::fold(&read(&dir).expect("a journal").entries);
    let reports = write_all(&dir, &record).expect("reports");
    seal(&dir, &record, &reports, Some(&other())).expect("sealed");
    dir
}

#[test]
fn what_was_sealed_must_be_as_it_was() {
    let all = [baseline(), orphan_scenario()];
    type Harm = fn(&Path);
    let changes: [(&str, Harm); 3] = [
        ("junit.xml", |dir| fs::write(dir.join("junit.xml"), "<testsuites/>").expect("changed")),
        ("is not there", |dir| fs::remove_file(dir.join(ATTESTATION)).expect("removed")),
        ("attestation", |dir| {
            let path = dir.join(ATTESTATION);
            let text = fs::read_to_string(&path).expect("text");
            let changed = text.replacen("\"sig\": \"", "\"sig\": \"AAAA", 1);
            assert_ne!(changed, text);
            fs::write(path, changed).expect("changed");
        }),
    ];
    for (what, change) in changes {
        let place = tempfile::tempdir().expect("a folder");
        let dirs = [part(place.path(), (1, 2), &all, &all, same), signed_part(place.path(), 2, &all)];
        change(&dirs[1]);
        let done = merged(place.path(), &dirs).expect("told");
        assert_eq!(done.exit, ExitCode::IntegrityFailure, "{what}");
        assert!(done.stderr.contains(what) && done.stderr.contains("nothing was merged"), "{}", done.stderr);
    }
}

#[test]
fn a_joined_run_without_a_key_says_so() {
    let place = tempfile::tempdir().expect("a folder");
    let done = merged(place.path(), &three(place.path())).expect("merged");
    assert!(done.stderr.contains("UNSIGNED"), "{}", done.stderr);
    let latest = place.path().join("joined/latest");
    let verified = folder(&latest, &Trust::default()).expect("verified");
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    assert_eq!(verified.result.0, "FAILED");
}

#[test]
fn a_missing_part_is_unknown() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline(), orphan_scenario()];
    let one = part(place.path(), (1, 2), &all, &all, same);
    assert_eq!(merged(place.path(), &[one]).expect("merged").exit, ExitCode::Unverified);
    let record = record(place.path());
    assert_eq!(record.verdict(), Verdict::Unknown);
    let why = record.finished.expect("an end").cut_short;
    assert_eq!(why.as_deref(), Some("part 2 of 2 is missing"));
}

#[test]
fn the_worse_of_two_baseline_drills_counts() {
    let place = tempfile::tempdir().expect("a folder");
    let bad = Tale { checks: unsure().checks, ..baseline() };
    let all = [baseline()];
    let dirs = [(1, baseline()), (2, bad)].map(|(n, tale)| part(place.path(), (n, 2), &all, &[tale], same));
    assert_eq!(merged(place.path(), &dirs).expect("merged").exit, ExitCode::Unverified);
    assert_eq!(record(place.path()).scenarios[0].verdict(), Verdict::Unknown);
}

#[test]
fn foreign_and_doubled_parts_are_refused() {
    let all = [baseline(), orphan_scenario()];
    let changes: [(&str, Change); 6] = [
        ("the set of scenarios", |s| s.partition.as_mut().expect("a part").set = Digest::of("another")),
        ("the number of parts", |s| s.partition.as_mut().expect("a part").of = 4),
        ("the version", |s| s.harness = "pulp-drill 9".to_owned()),
        ("the commit", |s| drop(s.started_by.insert("GITHUB_SHA".to_owned(), "abc".to_owned()))),
        ("the CI run", |s| drop(s.started_by.insert("GITHUB_RUN_ID".to_owned(), "7".to_owned()))),
        ("the configuration", |s| drop(s.config.insert("engine".to_owned(), "another".to_owned()))),
    ];
    for (what, change) in changes {
        let place = tempfile::tempdir().expect("a folder");
        let one = part(place.path(), (1, 2), &all, &all, same);
        let two = part(place.path(), (2, 2), &all, &all, change);
        let error = merged(place.path(), &[one, two]).expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
        assert!(!place.path().join("joined").exists(), "something was written");
    }
    let place = tempfile::tempdir().expect("a folder");
    let one = part(place.path(), (1, 2), &all, &all, same);
    let error = merged(place.path(), &[one.clone(), one]).expect_err("twice").to_string();
    assert!(error.contains("part 1 of 2 is there twice"), "{error}");
    let whole = part(place.path(), (2, 2), &all, &all, |s| s.partition = None);
    let error = merged(place.path(), &[whole]).expect_err("no part").to_string();
    assert!(error.contains("is no part of a run"), "{error}");
}

#[test]
fn a_part_without_a_signature_goes_with_no_signed_one() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline(), orphan_scenario()];
    let dirs = [part(place.path(), (1, 2), &all, &all, same), signed_part(place.path(), 2, &all)];
    let error = merged(place.path(), &dirs).expect_err("two signers").to_string();
    assert!(error.contains("the signing key differs"), "{error}");
    assert!(!place.path().join("joined").exists(), "something was written");
}

#[test]
fn a_part_that_no_run_has_is_refused() {
    let all = [baseline(), orphan_scenario()];
    for which in [(0, 2), (3, 2), (1, u32::MAX)] {
        let place = tempfile::tempdir().expect("a folder");
        let dir = part(place.path(), which, &all, &all, same);
        let error = merged(place.path(), &[dir]).expect_err("no part").to_string();
        let says = format!("part {} of {}", which.0, which.1);
        assert!(error.contains("is no part of a run") && error.contains(&says), "{error}");
    }
}

#[test]
fn what_a_part_keeps_goes_over_nothing_of_the_joined_run() {
    let place = tempfile::tempdir().expect("a folder");
    let all = [baseline()];
    let dir = part(place.path(), (1, 1), &all, &all, same);
    let journal = Journal::create(&place.path().join("b"), &"b".into(), clock(), Redactor::new()).expect("b");
    for entry in read(&dir).expect("a journal").entries {
        let stored = |path: &str| Event::ArtefactStored {
            path: path.to_owned(),
            sha256: Digest::of("x"),
            bytes: 1,
            what: "x".to_owned(),
        };
        match entry.event {
            Event::ArtefactStored { .. } => write(&journal, None, stored("latest")),
            event => write(&journal, entry.scenario.as_ref().map(ScenarioId::as_str), event),
        }
    }
    fs::write(journal.dir().join("latest"), "x").expect("written");
    let done = merged(place.path(), &[journal.dir().to_owned()]).expect("told");
    assert_eq!(done.exit, ExitCode::IntegrityFailure);
    assert!(done.stderr.contains("latest is missing or was changed"), "{}", done.stderr);
}

#[test]
fn a_changed_part_is_told_and_nothing_is_merged() {
    for name in [EVENTS, "artefacts"] {
        let place = tempfile::tempdir().expect("a folder");
        let dirs = three(place.path());
        let mut path = dirs[0].join(name);
        if path.is_dir() {
            path = fs::read_dir(path).expect("a folder").next().expect("a file").expect("a file").path();
        }
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replacen('e', "E", 1)).expect("changed");
        let done = merged(place.path(), &dirs).expect("told");
        assert_eq!(done.exit, ExitCode::IntegrityFailure);
        assert!(done.stderr.contains("nothing was merged"), "{}", done.stderr);
        assert!(!place.path().join("joined").exists());
    }
}
