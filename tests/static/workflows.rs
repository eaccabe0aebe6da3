//! Workflows, the action, manifests and the page about them against the program's own reference: every
//! subcommand and option that they use must be there, so that they don't rot. It runs only the
//! action's summary; actionlint and the Kubernetes schemas look at their form (`deploy/lint.sh`,
//! `tests/conformance/manifests.py`).

use pulp_drill::model::record::{RunRecord, Skipped};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

/// Where the program is called, and how often at least.
const FILES: &[(&str, usize)] = &[
    (".github/actions/pulp-drill/drill.sh", 3),
    (".github/workflows/dr-drill.yml", 3),
    ("deploy/record.sh", 4),
    ("deploy/kubernetes/indexed-job.yaml", 2),
    ("deploy/kubernetes/cronjob.yaml", 1),
    ("deploy/ci/gitlab-ci.yml", 1),
    ("deploy/ci/Jenkinsfile", 1),
    ("deploy/ci/buildkite.yml", 1),
    ("deploy/ci/circleci.yml", 1),
    ("docs/ci.md", 5),
    ("README.md", 8),
];
const WORKFLOWS: [&str; 4] = ["ci", "release", "release-gate", "dr-drill"];
const GATE: &str = ".github/workflows/release-gate.yml";
const SUMMARY: &str = ".github/actions/pulp-drill/summary.jq";
const ACTION: &str = ".github/actions/pulp-drill/action.yml";

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The options of every subcommand: `history add` has `--ledger` and more.
fn reference() -> BTreeMap<String, BTreeSet<String>> {
    let text = text("docs/cli.md");
    let mut options = BTreeMap::new();
    for section in text.split("\n## `pulp-drill").skip(1) {
        let (name, body) = section.split_once('`').expect("a heading ends");
        let own = body.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let description = own.flat_map(|line| line.split([' ', ','])).filter(|word| word.starts_with("--"));
        options.insert(name.trim().to_owned(), description.map(str::to_owned).collect());
    }
    options
}

/// Words of one call, after the program's name: up to what ends a command in a shell or in prose.
fn call(rest: &str) -> Vec<&str> {
    let end = rest.find(['`', '|', '>', ';', '&', '#', ')']).unwrap_or(rest.len());
    rest[..end].split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect()
}

/// Every call of the program in a text: subcommand, options. Calls that name no subcommand of the
/// reference are told as they are.
fn calls(text: &str, reference: &BTreeMap<String, BTreeSet<String>>) -> Vec<(String, Vec<String>)> {
    let joined = text.replace("\\\n", " ").replace("\"$program\" ", "pulp-drill ");
    let mut found = Vec::new();
    for line in joined.lines() {
        for (at, name) in line.match_indices("pulp-drill ") {
            let description = call(&line[at + name.len()..]);
            // Prose goes on with a word; so do comments.
            let Some(first) = description.first().filter(|word| reference.contains_key(**word)) else {
                continue;
            };
            let both = description.get(1).map(|second| format!("{first} {second}"));
            let command = both.filter(|b| reference.contains_key(b)).unwrap_or_else(|| (*first).to_owned());
            let options =
                description.iter().take_while(|word| **word != "--").filter(|word| word.starts_with("--"));
            let bare = |word: &&str| word.split('=').next().unwrap_or_default().to_owned();
            found.push((command, options.map(bare).collect()));
        }
    }
    found
}

/// The options that a text uses and the reference does not know.
fn unknown(text: &str, reference: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let one = |(command, options): (String, Vec<String>)| {
        let known = reference[&command].clone();
        options.into_iter().filter(move |o| !known.contains(o)).map(move |o| format!("{command} {o}"))
    };
    calls(text, reference).into_iter().flat_map(one).collect()
}

#[test]
fn every_option_is_in_the_reference() {
    let reference = reference();
    assert!(reference.len() > 15 && reference["run"].contains("--partition"), "{reference:?}");
    for (path, least) in FILES {
        let text =
            text(path).replace("pulp-drill-record]", "pulp-drill run ").replace("\"--jobs\"", "--jobs");
        let found = calls(&text, &reference);
        assert!(found.len() >= *least, "{path}: only {} calls were read: {found:?}", found.len());
        assert_eq!(unknown(&text, &reference), Vec::<String>::new(), "{path}");
    }
}

/// The script hands most options on by a function, and the CronJob by its arguments.
#[test]
fn options_that_are_handed_on_are_in_the_reference() {
    let reference = reference();
    let script = text(".github/actions/pulp-drill/drill.sh");
    let handed: Vec<&str> = script.lines().filter_map(|line| line.trim().strip_prefix("option ")).collect();
    let description = handed.iter().filter_map(|rest| rest.split(' ').next());
    let args: Vec<Value> = documents("deploy/kubernetes/cronjob.yaml");
    let args = &args[2]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
    let args = args.as_array().expect("arguments").iter().filter_map(Value::as_str);
    let all: Vec<&str> = description.chain(args.filter(|word| word.starts_with("--"))).collect();
    assert!(all.len() >= 14, "{all:?}");
    for option in all {
        let known = ["run", "restore-test"].iter().any(|command| reference[*command].contains(option));
        assert!(known, "neither run nor restore-test has {option}");
    }
}

#[test]
fn planted_options_are_seen() {
    let reference = reference();
    for (text, wanted) in [
        ("pulp-drill run --partitions 1/2", "run --partitions"),
        ("`pulp-drill report merge x --into y`", "report merge --into"),
        ("\"$program\" evidence bundle r \\\n    --output=t.tar", "evidence bundle --output"),
        ("pulp-drill history show --format svg --evry 1d > x.svg", "history show --evry"),
    ] {
        assert_eq!(unknown(text, &reference), [wanted], "{text}");
    }
}

/// The documents of a file: the reader wants one at a time.
fn documents(path: &str) -> Vec<Value> {
    let text = text(path);
    let read = |one: &str| serde_saphyr::from_str(one).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.split("\n---\n").map(read).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter()
}

/// What a workflow may not do: run without limits, take rights by default, put texts of others into a
/// script, or take an action at whatever it is today.
#[test]
fn workflows_are_limited() {
    for name in WORKFLOWS {
        let path = format!(".github/workflows/{name}.yml");
        let workflow = yaml(&path);
        assert!(workflow["permissions"].is_object(), "{path}: no permissions");
        assert!(workflow["concurrency"].is_object(), "{path}: no concurrency");
        for (id, job) in jobs(&workflow) {
            assert!(job["timeout-minutes"].is_u64(), "{path}: job {id} has no limit");
            for step in job["steps"].as_array().expect("steps") {
                limited(step, &format!("{path}: job {id}"));
            }
        }
    }
    for step in yaml(ACTION)["runs"]["steps"].as_array().expect("steps") {
        limited(step, ACTION);
    }
}

fn limited(step: &Value, place: &str) {
    let script = step["run"].as_str().unwrap_or_default();
    assert!(!script.contains("${{"), "{place}: an expression in a script: {script}");
    let Some(uses) = step["uses"].as_str() else { return };
    assert!(uses.starts_with("./") || uses.contains("@v"), "{place}: {uses} is not pinned");
    if uses.starts_with("actions/checkout@") && step["with"]["ref"] != "pulp-drill-ledger" {
        assert_eq!(step["with"]["persist-credentials"], false, "{place}: a checkout leaves its token behind");
    }
}

/// Every input that a workflow gives the action is one of its inputs, and the action hands each on.
#[test]
fn the_action_takes_what_it_is_given() {
    let action = yaml(ACTION);
    let inputs = action["inputs"].as_object().expect("inputs");
    let handed = action["runs"]["steps"].to_string();
    for name in inputs.keys() {
        assert!(handed.contains(&format!("inputs.{name} ")), "the action does nothing with {name}");
    }
    let mut given = 0;
    for path in [GATE, ".github/workflows/dr-drill.yml"] {
        for (id, job) in jobs(&yaml(path)) {
            let steps = job["steps"].as_array().expect("steps").iter();
            for step in
                steps.filter(|s| s["uses"].as_str().is_some_and(|u| u.ends_with("actions/pulp-drill")))
            {
                for name in step["with"].as_object().expect("inputs").keys() {
                    given += 1;
                    assert!(inputs.contains_key(name), "{path}: job {id}: the action has no input {name}");
                }
            }
        }
    }
    assert!(given > 10, "only {given} inputs were read");
}

/// With another number of pods than of parts, a part would be missing for ever, or there twice.
#[test]
fn there_are_as_many_pods_as_parts() {
    let documents = documents("deploy/kubernetes/indexed-job.yaml");
    let spec = &documents[1]["spec"];
    let env = spec["template"]["spec"]["containers"][0]["env"].as_array().expect("variables");
    let parts = env.iter().find(|v| v["name"] == "PARTS").expect("PARTS");
    assert_eq!(spec["completions"].to_string(), parts["value"].as_str().expect("a text"));
    assert_eq!(spec["completionMode"], "Indexed");
}

#[test]
fn the_summary_reads_what_a_record_writes() {
    let mut record = RunRecord::default();
    let (id, why) = ("own-restic".into(), "restic | is <b>not</b> installed".to_owned());
    record.skipped.push(Skipped { id, why, controls: Vec::new() });
    record.errors.push("the disk is full".to_owned());
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), serde_json::to_vec(&record).expect("JSON")).expect("written");
    let mut jq = Command::new("jq");
    jq.args(["-r", "--arg", "verdict", "unknown", "--arg", "part", "", "-f", SUMMARY]).arg(file.path());
    let done = match jq.output() {
        Ok(done) => done,
        Err(error) => return eprintln!("skipped: jq can't be run: {error}"),
    };
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let line = "- not run: own-restic: restic &#124; is &#60;b&#62;not&#60;/b&#62; installed";
    assert!(text.contains(line) && text.contains("- error: the disk is full"), "{text}");
}

/// Rules and dashboard use only metrics that the program prints.
#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let printed = crate::read("src/history/export.rs");
    for path in ["deploy/monitoring/alerts.yaml", "deploy/monitoring/dashboard.json"] {
        let text = crate::read(path);
        let names: BTreeSet<&str> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("pulp_drill_"))
            .collect();
        assert!(names.len() > 3, "{path} names {names:?}");
        for name in names {
            assert!(printed.contains(&format!("\"{name}\"")), "{path} names {name}, which no ledger prints");
        }
    }
}
