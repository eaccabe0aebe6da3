//! What is attested of a run: nobody may take "could not be found out" for "passed".

use super::made::{Run, key, verify};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pulp_drill::model::{exit_code::ExitCode, verdict::Verdict};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn statement(run: &Path) -> Value {
    let envelope: Value =
        serde_json::from_slice(&fs::read(run.join("attestation.dsse.json")).unwrap()).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn attested(run: &Run<'_>) -> Value {
    let reports = tempfile::tempdir().unwrap();
    let folder = run.write(reports.path(), Some(&key()));
    assert_eq!(verify(&folder).problems, []);
    statement(&folder)
}

#[test]
fn results_follow_the_verdict_and_unknown_is_never_passed() {
    let (pass, unknown, fail) = (Some(Verdict::Pass), Some(Verdict::Unknown), Some(Verdict::Fail));
    let of = |scenarios: &[(&str, Option<Verdict>)], exit: u8| {
        let exit = ExitCode::try_from(exit).unwrap();
        attested(&Run { scenarios, exit, ..Run::default() })["predicate"].clone()
    };
    assert_eq!(of(&[("a", pass)], 0)["result"], "PASSED");
    for (scenarios, exit, failed) in [
        (&[("a", pass), ("b", fail)][..], 1, json!(["b"])),
        (&[("a", pass), ("b", unknown)], 3, json!(["b"])),
        (&[("a", pass), ("b", None)], 3, json!(["b"])),
        // All passed, and something was left behind: the run itself did not.
        (&[("a", pass), ("b", pass)], 3, json!(["run"])),
    ] {
        let predicate = of(scenarios, exit);
        assert_eq!(predicate["result"], "FAILED", "{scenarios:?}");
        assert_eq!(predicate["failedTests"], failed);
        assert!(!predicate["passedTests"].as_array().unwrap().contains(&json!("none")));
    }
    let cut = attested(&Run { cut_short: Some("a signal"), ..Run::default() });
    assert_eq!(cut["predicate"]["result"], "FAILED");
    let warned = attested(&Run { warns: true, ..Run::default() });
    assert_eq!(warned["predicate"]["result"], "WARNED");
    assert_eq!(warned["predicate"]["warnedTests"], json!(["logo-goes"]));
    assert_eq!(warned["predicate"]["passedTests"], json!([]));
}

#[test]
fn which_scenarios_could_not_be_verified_stands_at_the_record() {
    let run = Run {
        scenarios: &[("a", Some(Verdict::Unknown)), ("b", Some(Verdict::Fail))],
        exit: ExitCode::IntegrityFailure,
        ..Run::default()
    };
    let statement = attested(&run);
    let subjects = statement["subject"].as_array().unwrap();
    let record = subjects.iter().find(|s| s["name"] == "record.json").unwrap();
    assert_eq!(record["annotations"]["couldNotVerify"], "a");
    assert_eq!(record["annotations"]["verdict"], "fail");
}

#[test]
fn every_file_is_a_subject_and_the_configuration_names_scenarios_and_profile() {
    let statement = attested(&Run::default());
    let names: Vec<&str> =
        statement["subject"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names[0].starts_with("artefacts/") && names[0].ends_with("-manifest.json"), "{names:?}");
    assert!(
        ["events.jsonl", "junit.xml", "record.json"].iter().all(|name| names.contains(name)),
        "{names:?}"
    );
    let predicate = &statement["predicate"];
    assert_eq!(predicate["url"], "https://ci.example/7");
    let configuration: Vec<&str> =
        predicate["configuration"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(configuration, ["pulp-engine", "scenarios/logo-goes.yaml"]);
}
