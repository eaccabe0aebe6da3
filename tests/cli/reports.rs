//! What a run prints and stores, and that it can be rendered again.

use crate::support::harness::{ROOT, Sandbox, call, postgres};
use serde_json::Value;
use std::path::Path;

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

/// A text without what differs from run to run: times, also the units of slow ones, and the folder.
fn masked(text: &str) -> String {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let is_unit = |word: &str| ["ms", "s", "m", "h"].contains(&word);
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_time = |at: usize| {
            is_unit(words[at])
                || is_number(words[at])
                    && (words[at].contains(['.', 'm', 's', 'h'])
                        || words.get(at + 1).is_some_and(|w| is_unit(w)))
        };
        let words = (0..words.len()).filter(|at| !is_time(*at)).map(|at| words[at]);
        words
            .map(|word| word.strip_prefix("reports/").map_or(word, |_| "reports/"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// The capture of a run in the README is what a run prints, apart from times and the id of the run.
/// `PULP_DRILL_BLESS=1` writes it anew.
#[test]
fn the_readme_shows_what_a_run_prints() {
    if !postgres() {
        return;
    }
    let file = Path::new(ROOT).join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once("<!-- capture: begin -->\n```text\n").expect("a capture");
    let (shown, after) = rest.split_once("```\n<!-- capture: end -->").expect("its end");
    let (command, shown) = shown.split_once("verdict  ").expect("a table");
    let scenarios = command.split_whitespace().filter(|word| word.ends_with(".yaml"));
    let sandbox = Sandbox::new();
    let done = call(sandbox.run(&[]).args(scenarios));
    done.is(0, &[]);
    let (_, printed) = done.out.split_once("verdict  ").expect("a table");
    let (table, end) = printed.split_once("report: ").expect("a path");
    let folder = end.lines().next().and_then(|path| path.rsplit('/').next()).expect("a folder");
    let printed = format!("{table}report: reports/{folder}\n");
    if std::env::var_os("PULP_DRILL_BLESS").is_some() {
        let text = format!(
            "{before}<!-- capture: begin -->\n```text\n{command}verdict  {printed}```\n<!-- capture: end -->{after}"
        );
        std::fs::write(&file, text).unwrap();
    } else {
        assert_eq!(masked(shown), masked(&printed), "PULP_DRILL_BLESS=1 cargo test --test cli the_readme");
    }
}
