//! The chain over runs: one that was taken away or changed is missed by a later one.

use super::made::{Run, blamed, verify};
use pulp_drill::{
    evidence::{bundle, chain, verify::Trust},
    model::exit_code::ExitCode,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn runs(reports: &Path, n: usize) -> Vec<PathBuf> {
    (0..n).map(|i| Run { id: &format!("run-number-{i:04}"), ..Run::default() }.write(reports, None)).collect()
}

fn gaps(runs: &[PathBuf]) -> Vec<chain::Gap> {
    chain::gaps(&runs.iter().filter_map(|run| chain::link(run)).collect::<Vec<_>>())
}

#[test]
fn each_run_names_the_one_before_it_and_no_other() {
    let reports = tempfile::tempdir().unwrap();
    let runs = runs(reports.path(), 3);
    let links: Vec<_> = runs.iter().map(|run| chain::link(run).unwrap()).collect();
    assert_eq!(links[0].previous, []);
    assert_eq!(links[1].previous, [links[0].itself.clone()]);
    assert_eq!(links[2].previous, [links[1].itself.clone()]);
    assert!(links[1].itself.sealed.is_some());
    assert_eq!(gaps(&runs), []);
}

#[test]
fn a_run_that_was_taken_away_is_missed() {
    let reports = tempfile::tempdir().unwrap();
    let runs = runs(reports.path(), 4);
    for gone in [0, 1, 2] {
        let left: Vec<_> =
            runs.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, r)| r.clone()).collect();
        let gaps = gaps(&left);
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!(gaps[0].run, format!("run-number-{gone:04}"));
    }
    // The newest is named by nobody: docs/evidence.md says what to do about it.
    assert_eq!(gaps(&runs[..3]), []);
}

#[test]
fn a_run_that_was_written_anew_is_not_what_was_named() {
    let reports = tempfile::tempdir().unwrap();
    let runs = runs(reports.path(), 2);
    fs::remove_dir_all(&runs[0]).unwrap();
    let anew = Run {
        id: "run-number-0000",
        scenarios: &[("better", Some(pulp_drill::model::verdict::Verdict::Pass))],
        ..Run::default()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let anew = anew.write(elsewhere.path(), None);
    fs::rename(&anew, reports.path().join("anew")).unwrap();
    assert_eq!(verify(&reports.path().join("anew")).problems, []);
    let gaps = gaps(&[reports.path().join("anew"), runs[1].clone()]);
    assert!(gaps[0].why.contains("not what it was"), "{gaps:?}");
    // One run alone looks at what lies beside it.
    let found = verify(&runs[1]);
    assert_eq!(blamed(&found), Vec::<&str>::new());
    assert!(found.notes[0].contains("run-number-0000, is not what it was"), "{:?}", found.notes);
}

#[test]
fn runs_side_by_side_and_killed_runs_are_named_once_each() {
    let reports = tempfile::tempdir().unwrap();
    let killed = Run { id: "killed-0001", ends: false, ..Run::default() }.write(reports.path(), None);
    let second = Run { id: "second-0002", ..Run::default() }.write(reports.path(), None);
    let third = Run { id: "third-0003", ..Run::default() }.write(reports.path(), None);
    let link = |run: &Path| chain::link(run).unwrap();
    assert_eq!(link(&second).previous, [link(&killed).itself]);
    assert_eq!(link(&second).previous[0].sealed, None);
    assert_eq!(link(&third).previous, [link(&second).itself], "the killed one was named already");

    // Two that began while neither had ended: the next one names both.
    let apart = tempfile::tempdir().unwrap();
    let fork = Run { id: "fork-0004", ..Run::default() }.write(apart.path(), None);
    fs::rename(&fork, reports.path().join("zz-fork")).unwrap();
    let last = Run { id: "last-0005", ..Run::default() }.write(reports.path(), None);
    assert_eq!(link(&last).previous.len(), 2);
    fs::remove_dir_all(&killed).unwrap();
    let left = [second, third, reports.path().join("zz-fork"), last];
    assert_eq!(gaps(&left)[0].run, "killed-0001");
}

#[test]
fn a_run_written_anew_beside_the_one_that_was_named_is_told() {
    let reports = tempfile::tempdir().unwrap();
    let mut runs = runs(reports.path(), 2);
    let elsewhere = tempfile::tempdir().unwrap();
    let anew = Run { id: "run-number-0000", exit: ExitCode::IntegrityFailure, ..Run::default() }
        .write(elsewhere.path(), None);
    // Wherever it stands among them.
    runs.push(anew.clone());
    assert!(gaps(&runs)[0].why.contains("not what it was"), "{:?}", gaps(&runs));
    runs.rotate_right(1);
    assert!(gaps(&runs)[0].why.contains("not what it was"), "{:?}", gaps(&runs));
    // A copy is none.
    runs[0] = runs[1].clone();
    assert_eq!(gaps(&runs), []);
}

#[test]
fn a_run_in_a_bundle_has_its_place_in_the_chain() {
    let reports = tempfile::tempdir().unwrap();
    let runs = runs(reports.path(), 2);
    let out = reports.path().join("run.tar");
    bundle::write(&runs[0], &out).unwrap();
    let links = [bundle::verify(&out, &Trust::default()).unwrap().link, verify(&runs[1]).link];
    assert_eq!(chain::gaps(&links.map(Option::unwrap)), []);
}
