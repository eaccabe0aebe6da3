//! What a run prints and stores, and that it can be rendered again.

use crate::support::harness::{Sandbox, call, postgres};
use serde_json::Value;

#[test]
fn a_failing_run_is_told_stored_and_rendered_again_byte_for_byte() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let lies = std::fs::read_to_string(sandbox.missing()).unwrap();
    let lies = lies.replace("logo-goes", "a-lie").replace("missing binary: logo", "orphan binary: logo");
    std::fs::create_dir(sandbox.path("mine")).unwrap();
    sandbox.write("mine/a-lie.yaml", &lies);
    sandbox.write("mine/not-reached.yaml", &lies.replace("a-lie", "not-reached"));
    sandbox.write("mine/skip-it.yaml", &lies.replace("a-lie", "skip-it"));
    let mut run = sandbox.small_run(&["--fail-fast", "--jobs", "1", "--seed", "42", "--format", "json"]);
    let done = call(
        run.args(["--filter", "e"]).arg(sandbox.path("mine")).env("FORCE_COLOR", "1").env("COLUMNS", "10"),
    );
    done.is(1, &["seed 42", "FAIL", "a-lie"]);

    // Standard output is data only.
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(printed, sandbox.record());
    assert_eq!(printed["started"]["seed"], 42);
    assert_eq!(printed["finished"]["exit"], 1);
    assert!(printed["finished"]["cut_short"].as_str().unwrap().contains("--fail-fast"));
    assert!(!done.err.contains('\u{1b}'), "colours without a terminal");
    assert!(!done.out.contains("skip-it"), "--filter let it through");
    let junit = std::fs::read_to_string(sandbox.path("reports/latest/junit.xml")).unwrap();
    assert!(junit.contains("<failure") && junit.contains("not-reached"), "{junit}");

    let folder = sandbox.path("reports").join(std::fs::read_link(sandbox.path("reports/latest")).unwrap());
    let files = ["record.json", "junit.xml", "report.html"].map(|name| folder.join(name));
    let before = files.clone().map(|file| std::fs::read(file).unwrap());
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let again = call(sandbox.command().arg("report").arg(&folder));
    again.is(0, &[]);
    assert!(again.out.contains("a-lie") && again.out.contains("FAIL"), "{}", again.all());
    assert_eq!(before, files.map(|file| std::fs::read(file).unwrap()));

    let events = folder.join("events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    std::fs::write(&events, text.replacen("a-lie", "truth", 1)).unwrap();
    let tampered = call(sandbox.command().arg("report").arg(&folder));
    tampered.is(1, &["events.jsonl", "hint"]);
    assert_eq!(tampered.out, "");
    sandbox.assert_empty();
}
