//! `pulp-drill report RUN_DIR`, below the command line.

use crate::records::{self, tell};
use pulp_drill::{
    base::error::Blame,
    cli::{
        Output,
        report::{PrintFormat, ReportArgs, run},
        trust::TrustArgs,
    },
    evidence::ATTESTATION,
    journal::{read::EVENTS, update_latest},
    model::{event::Event, exit_code::ExitCode, verdict::Verdict},
};
use std::{fs, path::Path};

fn args(dir: &Path, format: PrintFormat) -> ReportArgs {
    ReportArgs { run_dir: dir.to_owned(), format, trust: TrustArgs::default() }
}

fn rendered(dir: &Path, format: PrintFormat) -> Output {
    run(&args(dir, format)).expect("readable")
}

#[test]
fn rendering_again_gives_the_same_files_and_prints_them() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let tales = [records::failing(), records::baseline()];
    let mut started = records::unsigned_run_started(&tales.each_ref().map(|tale| tale.id));
    // Reports of another version are not rendered again.
    started.harness = concat!("pulp-drill ", env!("CARGO_PKG_VERSION")).to_owned();
    records::write(&journal, None, Event::RunStarted(started));
    for tale in &tales {
        tale.begin(&journal);
        tale.end(&journal);
    }
    let (verdict, exit) = (Verdict::Fail, ExitCode::IntegrityFailure);
    records::write(&journal, None, Event::RunFinished { verdict, exit, cut_short: None });
    let files = records::seal(&journal);
    let before: Vec<Vec<u8>> = files.iter().map(|f| fs::read(f).expect("a file")).collect();
    update_latest(reports.path(), journal.dir()).expect("linked");
    for (i, format) in [PrintFormat::Json, PrintFormat::Junit].into_iter().enumerate() {
        let outcome = rendered(&reports.path().join("latest"), format);
        assert!(outcome.exit == ExitCode::AllHeld && outcome.stderr.is_empty(), "{}", outcome.stderr);
        assert_eq!(outcome.stdout.as_bytes(), before[i]);
        let again: Vec<Vec<u8>> = files.iter().map(|f| fs::read(f).expect("a file")).collect();
        assert_eq!(again, before);
    }
    assert!(rendered(journal.dir(), PrintFormat::Human).stdout.contains("Failed: "));
}

#[test]
fn a_changed_journal_is_told_and_rendered_with_a_warning() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    tell(&journal, &[records::failing()], Some(None));
    let path = journal.dir().join(EVENTS);
    let text = fs::read_to_string(&path).expect("a journal").replacen("no such key", "all is well", 1);
    fs::write(&path, text).expect("changed");
    let outcome = rendered(journal.dir(), PrintFormat::Human);
    assert_eq!(outcome.exit, ExitCode::IntegrityFailure);
    assert!(outcome.stdout.starts_with("NOT AS WRITTEN: this run does not verify"), "{}", outcome.stdout);
    for file in ["record.json", "junit.xml", "report.html", "oscal-assessment-results.json"] {
        let text = fs::read_to_string(journal.dir().join(file)).expect("rendered");
        let words = if file == "record.json" { "\"violated\"" } else { "NOT AS WRITTEN" };
        assert!(text.contains(words), "{file}: {text}");
    }
    insta::assert_snapshot!(outcome.stderr.replace(&*journal.dir().to_string_lossy(), "RUN_DIR"));
}

#[test]
fn what_another_version_attested_is_left_as_it_is() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let Event::RunStarted(mut started) = records::run_started(&[records::baseline().id]) else {
        panic!("another event")
    };
    started.harness = "pulp-drill 0.0.9".to_owned();
    records::write(&journal, None, Event::RunStarted(started));
    let page = journal.dir().join("report.html");
    fs::write(&page, "as 0.0.9 has it").expect("written");
    fs::write(journal.dir().join(ATTESTATION), "{}").expect("written");
    let outcome = rendered(journal.dir(), PrintFormat::Human);
    assert!(outcome.stderr.contains("left as they are"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("the run did not end"), "{}", outcome.stdout);
    assert_eq!(fs::read_to_string(&page).expect("a page"), "as 0.0.9 has it");
    assert!(!journal.dir().join("record.json").exists());
    fs::remove_file(journal.dir().join(ATTESTATION)).expect("removed");
    assert_eq!(rendered(journal.dir(), PrintFormat::Human).stderr, "");
    assert_ne!(fs::read_to_string(&page).expect("a page"), "as 0.0.9 has it");
}

#[test]
fn a_killed_run_is_rendered_up_to_its_torn_line() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    tell(&journal, &[records::baseline()], None);
    let path = journal.dir().join(EVENTS);
    let mut text = fs::read_to_string(&path).expect("a journal");
    text.push_str("{\"seq\":9,");
    fs::write(&path, text).expect("torn");
    let outcome = rendered(journal.dir(), PrintFormat::Human);
    assert_eq!(outcome.exit, ExitCode::AllHeld);
    insta::assert_snapshot!(outcome.stderr);
    assert!(outcome.stdout.contains("the run did not end"));
}

#[test]
fn a_folder_that_is_no_run_is_the_users_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    for dir in [folder.path().to_owned(), folder.path().join("nothing")] {
        let error = run(&args(&dir, PrintFormat::Human)).expect_err("no run");
        assert_eq!(error.blame, Blame::Usage);
        assert!(error.hint.is_some());
    }
    // Killed before its first event.
    fs::write(folder.path().join(EVENTS), "").expect("written");
    let error = run(&args(folder.path(), PrintFormat::Human));
    let error = error.expect_err("no run");
    assert!(error.blame == Blame::Usage && error.what.contains("its journal is empty"), "{error}");
}
