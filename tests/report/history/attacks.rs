//! A ledger and its digest that were written anew, beside the folders of the runs: those say otherwise.

use super::{added, good, run, shown};
use crate::records::{baseline, failing};
use pulp_drill::{
    base::digest::Digest,
    cli::history::HistoryFormat,
    history::{
        LEDGER, LedgerEntry,
        file::{file_of, read},
    },
    model::exit_code::ExitCode,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Runs in one report folder, with the ledger beside them: one that passed and one that failed.
fn beside() -> (tempfile::TempDir, Vec<PathBuf>) {
    let place = tempfile::tempdir().unwrap();
    let made = [
        good(place.path(), "run-one", "2026-08-01"),
        run(place.path(), "run-two", "2026-09-01", &[failing(), baseline()], None),
    ];
    let folders = made.map(|made| {
        let folder = place.path().join(made.file_name().unwrap());
        fs::rename(made, &folder).unwrap();
        folder
    });
    for folder in &folders {
        assert_eq!(added(place.path(), folder.clone()).unwrap().exit, ExitCode::AllHeld);
    }
    (place, folders.into())
}

/// Writes the lines with a chain and a digest of their own, as somebody does who may write both files.
fn rewrite(place: &Path, change: impl FnOnce(&mut Vec<LedgerEntry>)) {
    let file = file_of(place);
    let mut lines = read(&file).unwrap().unwrap();
    change(&mut lines);
    let (mut prev, mut text) = (Digest::ZERO, String::new());
    for (seq, line) in lines.into_iter().enumerate() {
        let line = serde_json::to_string(&LedgerEntry { seq: seq as u64, prev, ..line }).unwrap();
        prev = Digest::of(&line);
        text += &(line + "\n");
    }
    fs::write(&file, &text).unwrap();
    fs::write(place.join("ledger.jsonl.sha256"), format!("{}  {LEDGER}\n", Digest::of(&text))).unwrap();
    assert!(read(&file).unwrap().is_ok(), "chain and digest hold");
}

fn complaint(place: &Path) -> String {
    let shown = shown(place, None, "2026-10-02T00:00:00Z", HistoryFormat::Human).unwrap();
    if shown.exit == ExitCode::AllHeld { String::new() } else { shown.stderr }
}

#[test]
fn lines_that_are_not_what_their_runs_show_are_named() {
    let green = |lines: &mut Vec<LedgerEntry>| {
        let (verdict, level, groups) = (lines[0].verdict, lines[0].level, lines[0].groups.clone());
        (lines[1].verdict, lines[1].level, lines[1].groups) = (verdict, level, groups);
    };
    let swapped = |lines: &mut Vec<LedgerEntry>| {
        let (one, two) = (lines[0].folder.clone(), lines[1].folder.clone());
        (lines[0].folder, lines[1].folder) = (two, one);
    };
    let later = |lines: &mut Vec<LedgerEntry>| lines[0].ended += chrono::TimeDelta::days(30);
    let proven = |lines: &mut Vec<LedgerEntry>| {
        let group = lines[0].groups.values().next().unwrap().clone();
        lines[0].groups.insert("existing backup / other".to_owned(), group);
    };
    type Attack<'a> = &'a dyn Fn(&mut Vec<LedgerEntry>);
    for (attack, line) in [
        (&green as Attack<'_>, 2),
        (&swapped as Attack<'_>, 1),
        (&later as Attack<'_>, 1),
        (&proven as Attack<'_>, 1),
    ] {
        let (place, _) = beside();
        assert_eq!(complaint(place.path()), "");
        rewrite(place.path(), attack);
        let complaint = complaint(place.path());
        assert!(complaint.contains(&format!("line {line} of the ledger: ")), "{line}: {complaint:?}");
    }
}

#[test]
fn a_run_that_was_replaced_after_it_was_added_is_named_and_a_removed_one_is_not() {
    let (place, folders) = beside();
    fs::copy(folders[0].join("record.json"), folders[1].join("record.json")).unwrap();
    assert!(complaint(place.path()).contains("line 2 of the ledger: "), "{}", complaint(place.path()));
    fs::remove_dir_all(&folders[1]).unwrap();
    assert_eq!(complaint(place.path()), "");
}
