//! A run that does not verify is not counted by `history add`, and `report` begins every format with a
//! warning.

use super::{
    made::{Run, key, one, other_key, verify},
    rewritten::{lines, rechain},
};
use pulp_drill::{
    base::clock::Clock,
    cli::{
        Output,
        history::{AddArgs, add},
        report::{PrintFormat, ReportArgs, run as report_again},
        trust::TrustArgs,
    },
    evidence::{ATTESTATION, SIGNATURE, SIGNER, key::SigningKey},
    history::LEDGER,
    journal::read::{EVENTS, SEAL},
    model::{exit_code::ExitCode, verdict::Verdict},
    report,
};
use std::{fs, path::Path};

fn count(run: &Path, ledger: &Path, trust: TrustArgs) -> Output {
    let args = AddArgs { run_dir: run.to_owned(), ledger: Some(ledger.to_owned()), now: None, trust };
    add(&args, &Clock::system()).unwrap()
}

fn rendered(run: &Path, format: PrintFormat) -> Output {
    report_again(&ReportArgs { run_dir: run.to_owned(), format, trust: TrustArgs::default() }).unwrap()
}

/// A red run, rewritten to be green: events, chain, seal and all reports agree. Evidence is left as it was.
fn forged(reports: &Path, key: Option<&SigningKey>) -> std::path::PathBuf {
    let red = Run {
        scenarios: &[("logo-goes", Some(Verdict::Fail))],
        exit: ExitCode::IntegrityFailure,
        ..Run::default()
    };
    let run = red.write(reports, key);
    assert_eq!(verify(&run).problems, []);
    let green = |line: String| line.replace("\"fail\"", "\"pass\"").replace("\"exit\":1", "\"exit\":0");
    let lines: Vec<String> = lines(&run).into_iter().map(green).collect();
    let record = rechain(&run, lines, |_, line| line);
    assert_eq!(record.verdict(), Verdict::Pass);
    report::write_all(&run, &record).unwrap();
    run
}

#[track_caller]
fn is_refused(run: &Path, blamed: &str) {
    let place = tempfile::tempdir().unwrap();
    let refused = count(run, place.path(), TrustArgs::default());
    assert_eq!(refused.exit, ExitCode::IntegrityFailure);
    assert!(refused.stderr.contains(&format!("  {blamed}: ")), "{}", refused.stderr);
    assert!(refused.stderr.contains("the run was not added"), "{}", refused.stderr);
    assert!(!place.path().join(LEDGER).exists(), "something was added");
}

#[test]
fn a_signed_red_run_that_was_rewritten_to_be_green_is_not_counted() {
    let reports = tempfile::tempdir().unwrap();
    let run = forged(reports.path(), Some(&key()));
    is_refused(&run, SIGNATURE);
    is_refused(&run, ATTESTATION);
}

#[test]
fn the_rewritten_copy_of_a_signed_run_is_not_counted_without_its_evidence() {
    let reports = tempfile::tempdir().unwrap();
    let run = forged(reports.path(), Some(&key()));
    for file in [ATTESTATION, SIGNATURE, SIGNER] {
        fs::remove_file(run.join(file)).unwrap();
        is_refused(&run, file);
    }
    // With the attestation of an unsigned run in place of its own.
    let (_reports, unsigned) = one(None);
    fs::copy(unsigned.join(ATTESTATION), run.join(ATTESTATION)).unwrap();
    is_refused(&run, ATTESTATION);
}

#[test]
fn an_unsigned_run_that_was_rewritten_is_not_counted() {
    let reports = tempfile::tempdir().unwrap();
    is_refused(&forged(reports.path(), None), ATTESTATION);
}

#[test]
fn a_run_without_its_end_or_with_a_broken_chain_is_not_counted() {
    let (_reports, run) = one(Some(&key()));
    let mut whole = lines(&run);
    let changed = fs::read_to_string(run.join(EVENTS)).unwrap().replacen("logo", "l0go", 1);
    fs::write(run.join(EVENTS), changed).unwrap();
    is_refused(&run, EVENTS);
    whole.pop();
    rechain(&run, whole, |_, line| line);
    fs::remove_file(run.join(SEAL)).unwrap();
    is_refused(&run, EVENTS);
}

#[test]
fn a_key_decides_who_may_add_runs() {
    let (_reports, run) = one(Some(&key()));
    let place = tempfile::tempdir().unwrap();
    let public = |name: &str, key: &SigningKey| {
        let path = place.path().join(name);
        fs::write(&path, key.public().line().unwrap()).unwrap();
        TrustArgs { key: Some(path), ..TrustArgs::default() }
    };
    let refused = count(&run, place.path(), public("other.pub", &other_key()));
    assert_eq!(refused.exit, ExitCode::IntegrityFailure);
    assert!(refused.stderr.contains("not among the keys given"), "{}", refused.stderr);
    let (_unsigned, plain) = one(None);
    let refused = count(&plain, place.path(), public("key.pub", &key()));
    assert!(refused.stderr.contains("the run is not signed"), "{}", refused.stderr);
    assert!(!place.path().join(LEDGER).exists(), "something was added");
    let added = count(&run, place.path(), public("key.pub", &key()));
    assert_eq!(added.exit, ExitCode::AllHeld, "{}", added.stderr);
}

#[test]
fn a_ledger_of_signed_runs_takes_no_passed_run_of_anybody_else() {
    let place = tempfile::tempdir().unwrap();
    let signed = |id: &'static str, key: Option<&SigningKey>| {
        let reports = tempfile::tempdir().unwrap();
        let run = Run { id, ..Run::default() }.write(reports.path(), key);
        (reports, run)
    };
    let add_to = |run: &Path, trust: TrustArgs| {
        let args =
            AddArgs { run_dir: run.to_owned(), ledger: Some(place.path().to_owned()), now: None, trust };
        add(&args, &Clock::system())
    };
    let first = signed("019ab3c400007000800000000badcaf1", Some(&key()));
    assert_eq!(add_to(&first.1, TrustArgs::default()).unwrap().exit, ExitCode::AllHeld);
    let unsigned = signed("019ab3c400007000800000000badcaf2", None);
    let refused = add_to(&unsigned.1, TrustArgs::default()).unwrap_err().to_string();
    assert!(refused.contains("is not signed") && refused.contains("are signed by SHA256:"), "{refused}");
    let other = signed("019ab3c400007000800000000badcaf3", Some(&other_key()));
    let refused = add_to(&other.1, TrustArgs::default()).unwrap_err().to_string();
    assert!(refused.contains("name the new key with --key"), "{refused}");
    let public = place.path().join("other.pub");
    fs::write(&public, other_key().public().line().unwrap()).unwrap();
    let named = TrustArgs { key: Some(public), ..TrustArgs::default() };
    assert_eq!(add_to(&other.1, named).unwrap().exit, ExitCode::AllHeld);
    let next = signed("019ab3c400007000800000000badcaf4", Some(&other_key()));
    assert_eq!(add_to(&next.1, TrustArgs::default()).unwrap().exit, ExitCode::AllHeld);
}

/// That a key was asked for which did not sign says nothing about the files.
#[test]
fn a_report_for_another_key_warns_and_leaves_the_files() {
    let (_reports, run) = one(Some(&key()));
    let page = fs::read(run.join("report.html")).unwrap();
    let public = tempfile::NamedTempFile::new().unwrap();
    fs::write(public.path(), other_key().public().line().unwrap()).unwrap();
    let trust = TrustArgs { key: Some(public.path().to_owned()), ..TrustArgs::default() };
    let args = ReportArgs { run_dir: run.clone(), format: PrintFormat::Human, trust };
    let warned = report_again(&args).unwrap();
    assert_eq!(warned.exit, ExitCode::IntegrityFailure);
    assert!(warned.stdout.starts_with("NOT AS WRITTEN"), "{}", warned.stdout);
    assert!(warned.stderr.contains("not among the keys given"), "{}", warned.stderr);
    assert_eq!(fs::read(run.join("report.html")).unwrap(), page);
    assert_eq!(verify(&run).problems, []);
}

#[test]
fn every_format_of_a_run_that_does_not_verify_begins_with_a_warning() {
    let reports = tempfile::tempdir().unwrap();
    let run = forged(reports.path(), Some(&key()));
    let green = fs::read(run.join("report.pdf")).unwrap();
    let human = rendered(&run, PrintFormat::Human);
    assert_eq!(human.exit, ExitCode::IntegrityFailure);
    assert!(human.stdout.starts_with("NOT AS WRITTEN: this run does not verify"), "{}", human.stdout);
    assert!(human.stdout.contains("Could not verify, not counted as a pass"), "{}", human.stdout);
    assert!(human.stderr.contains(SIGNATURE), "{}", human.stderr);
    let junit = rendered(&run, PrintFormat::Junit);
    assert_eq!(junit.exit, ExitCode::IntegrityFailure);
    let first = &junit.stdout[..junit.stdout.find("</testsuite>").unwrap()];
    for wanted in ["name=\"run\"", "<property name=\"integrity\" value=\"NOT AS WRITTEN", "<error"] {
        assert!(first.contains(wanted), "{wanted}: {first}");
    }
    let json = rendered(&run, PrintFormat::Json);
    assert_eq!(json.exit, ExitCode::IntegrityFailure);
    assert!(json.stdout.starts_with("{\n  \"integrity\": {\n    \"violated\": ["), "{}", json.stdout);
    let file = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    assert_eq!(file("junit.xml"), junit.stdout);
    assert_eq!(file("record.json"), json.stdout);
    let html = file("report.html");
    let body = &html[html.find("<main").unwrap_or_default()..];
    let banner = html.find("role=\"alert\">NOT AS WRITTEN").expect("a banner");
    assert!(banner < html.find("<header").unwrap() && body.contains("Could not verify"), "{html}");
    let oscal: serde_json::Value = serde_json::from_str(&file("oscal-assessment-results.json")).unwrap();
    let remarks = oscal["assessment-results"]["metadata"]["remarks"].as_str().unwrap();
    assert!(remarks.starts_with("NOT AS WRITTEN"), "{remarks}");
    let warned = fs::read(run.join("report.pdf")).unwrap();
    assert_ne!(warned, green);
    if let Some(text) = crate::pdf::text(&warned) {
        assert!(text.contains("Not as written NOT AS WRITTEN: this run does not verify"), "{text}");
        assert!(!text.contains(" Passed "), "{text}");
    }
}

/// The events prove what the reports must be.
#[test]
fn reports_that_were_changed_are_rendered_again_once() {
    let (_reports, run) = one(Some(&key()));
    let page = fs::read(run.join("report.html")).unwrap();
    fs::write(run.join("report.html"), "all is well").unwrap();
    fs::remove_file(run.join("junit.xml")).unwrap();
    let again = rendered(&run, PrintFormat::Human);
    assert_eq!(again.exit, ExitCode::IntegrityFailure);
    for wanted in ["report.html: ", "junit.xml: it is missing", "rendered again and verify now"] {
        assert!(again.stderr.contains(wanted), "{wanted}: {}", again.stderr);
    }
    assert_eq!(fs::read(run.join("report.html")).unwrap(), page);
    assert_eq!(verify(&run).problems, []);
    // One that is missing says nothing false.
    fs::remove_file(run.join("junit.xml")).unwrap();
    let again = rendered(&run, PrintFormat::Human);
    assert_eq!(again.exit, ExitCode::AllHeld);
    assert!(again.stderr.contains("junit.xml: it is missing"), "{}", again.stderr);
    let after = rendered(&run, PrintFormat::Human);
    assert_eq!((after.exit, after.stderr.as_str()), (ExitCode::AllHeld, ""));
}
