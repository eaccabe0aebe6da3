//! Engines that are none of ours: `--engine command:` with programs that behave and that don't, and
//! the run's secrets, which such a program knows and nobody else may see.

use crate::support::harness::{Done, PROGRAM, ROOT, Sandbox, call, finish, installed, postgres, start};
use crate::unexpected;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// The engine in Python, called through a path with a space.
fn engine(sandbox: &Sandbox, way: &str) -> String {
    let script = sandbox.path("my engine/engine.py");
    std::fs::create_dir_all(script.parent().unwrap()).unwrap();
    std::fs::copy(Path::new(ROOT).join("tests/cli/engine.py"), &script).unwrap();
    let (script, folder) = (script.display(), sandbox.folder.path().display());
    format!("command:python3 '{script}' '{PROGRAM}' \"{folder}\" {way}")
}

/// Runs with that engine, looking at every process's arguments meanwhile; gives them too.
fn watched(sandbox: &Sandbox, args: &[&str], way: &str) -> (Done, BTreeSet<String>) {
    let over = AtomicBool::new(false);
    let mut command = sandbox.small_run(args);
    command.arg("--engine").arg(engine(sandbox, way)).arg(sandbox.missing());
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
                }
                std::thread::sleep(Duration::from_millis(60));
            }
            seen
        });
        let done = finish(start(&mut command));
        over.store(true, Ordering::Relaxed);
        (done, watcher.join().unwrap())
    })
}

fn environment(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&std::fs::read(sandbox.path("environment.json")).unwrap()).unwrap()
}

/// No secret that the engine was given is in what was printed, stored or seen in arguments.
#[track_caller]
fn assert_secret(sandbox: &Sandbox, done: &Done, arguments: &BTreeSet<String>) {
    let given = environment(sandbox);
    let database = url::Url::parse(given["DATABASE_URL"].as_str().unwrap()).unwrap();
    let mut secrets = vec![database.password().unwrap().to_owned()];
    let names =
        ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "API_KEY_ADMIN", "API_KEY_RENDER", "API_KEY_PREVIEW"];
    secrets.extend(names.map(|name| given[name].as_str().unwrap().to_owned()));
    assert!(secrets.iter().all(|secret| secret.len() > 12), "{} secrets are short", secrets.len());
    let mut texts = vec![("stdout".to_owned(), done.out.clone()), ("stderr".to_owned(), done.err.clone())];
    texts.extend(arguments.iter().map(|line| ("arguments".to_owned(), line.clone())));
    let mut folders = vec![sandbox.path("reports")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
                texts.push((entry.path().display().to_string(), text));
            }
        }
    }
    assert!(texts.len() > 6, "too little was looked at");
    for (place, text) in texts {
        let found = secrets.iter().position(|secret| text.contains(secret));
        assert_eq!(found, None, "a secret is in {place}");
    }
}

#[test]
fn a_program_of_somebody_else_is_driven_by_the_documented_environment() {
    if !postgres() || !installed("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let (done, arguments) = watched(&sandbox, &[], "chatter");
    done.is(0, &["pass     logo-goes"]);
    let given = environment(&sandbox);
    for name in
        "PORT HOST DATABASE_URL STORAGE_MODE ASSET_BINARY_STORE ASSET_ACCESS_MODE S3_BUCKET S3_REGION \
                 S3_ENDPOINT S3_PATH_STYLE S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY API_KEY_ADMIN API_KEY_RENDER"
            .split_whitespace()
    {
        assert!(given[name].as_str().is_some_and(|value| !value.is_empty()), "{name} is not given");
    }
    assert!(given["NO_PROXY"].as_str().unwrap().contains("127.0.0.1"));
    assert_secret(&sandbox, &done, &arguments);
    sandbox.assert_empty();
}

#[test]
fn a_placeholder_for_a_missing_binary_is_an_integrity_failure_that_says_so() {
    if !postgres() || !installed("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let (done, arguments) = watched(&sandbox, &[], "placeholder");
    done.is(1, &[]);
    assert!(unexpected(&sandbox.record()).contains(&"fail open".to_owned()), "{}", done.all());
    assert!(done.all().contains("fail open"), "{}", done.all());
    assert_secret(&sandbox, &done, &arguments);
    sandbox.assert_empty();
}

#[test]
fn what_an_engine_leaves_running_is_ended_and_one_that_ignores_sigterm_is_killed() {
    if !postgres() || !installed("python3") {
        return;
    }
    for way in ["orphan", "deaf"] {
        let sandbox = Sandbox::new();
        let (done, _) = watched(&sandbox, &[], way);
        done.is(0, &[]);
        sandbox.assert_empty();
    }
}

#[test]
fn an_engine_that_does_not_start_is_no_verdict_and_shows_its_last_words() {
    if !postgres() || !installed("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let (done, arguments) = watched(&sandbox, &[], "quits");
    done.is(3, &["the engine ended before it was ready: exit code 1", "no licence for [redacted]"]);
    assert_secret(&sandbox, &done, &arguments);
    sandbox.assert_empty();
    let stored = std::fs::read_dir(sandbox.path("reports/latest/artefacts")).unwrap().flatten();
    let logs: Vec<_> = stored.map(|e| std::fs::read_to_string(e.path()).unwrap()).collect();
    assert!(logs.iter().any(|text| text.contains("no licence for [redacted]")), "the log is not kept");

    let sandbox = Sandbox::new();
    let (done, arguments) = watched(&sandbox, &["--ready-within", "5"], "never");
    done.is(3, &["the engine is not ready after 5 s", "still warming up with [redacted]", "/health/ready:"]);
    assert_secret(&sandbox, &done, &arguments);
    sandbox.assert_empty();

    let sandbox = Sandbox::new();
    let nowhere = "command:/nowhere/engine --serve";
    let done = call(sandbox.small_run(&["--engine", nowhere]).arg(sandbox.missing()));
    done.is(3, &["there is no program /nowhere/engine"]);
    sandbox.assert_empty();
}

#[test]
fn an_engine_that_can_not_be_reached_ends_at_once_with_nothing_started() {
    let sandbox = Sandbox::new();
    let began = Instant::now();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = call(
        sandbox
            .small_run(&["--engine", &format!("url:http://me:s3cret-word@{free}/")])
            .arg(sandbox.missing()),
    );
    done.is(3, &["can't reach the engine at http://me@127.0.0.1"]);
    assert!(!done.err.contains("s3cret-word"), "{}", done.all());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!sandbox.path("reports").exists());
    assert_eq!(std::fs::read_dir(sandbox.path("tmp")).unwrap().count(), 0);
}
