//! The program where nothing else is: a copy of the binary in an empty folder has its scenarios, seeds,
//! profiles and scripts with it, and goes on when its file is replaced.

use crate::support::harness::{PROGRAM, ROOT, Sandbox, call, finish, installed, postgres, start};
use serde_json::Value;
use std::{path::PathBuf, process::Command};

/// A copy of the program, to be called in an empty folder with an empty cache.
fn alone(sandbox: &Sandbox) -> (PathBuf, Command) {
    let (program, folder) = (sandbox.path("bin/pulp-drill"), sandbox.path("empty"));
    for folder in [program.parent().unwrap(), &folder] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::copy(PROGRAM, &program).unwrap();
    let mut command = Command::new(&program);
    command
        .current_dir(folder)
        .env("TMPDIR", sandbox.path("tmp"))
        .env("XDG_CACHE_HOME", sandbox.path("cache"));
    (program, command)
}

#[test]
fn an_empty_folder_has_every_scenario_and_profile() {
    let sandbox = Sandbox::new();
    let (_, mut command) = alone(&sandbox);
    let done = call(command.args(["list", "--format", "json"]));
    done.is(0, &["using scenarios of pulp-drill"]);
    let list: Value = serde_json::from_str(&done.out).unwrap();
    let here = call(sandbox.command().args(["list", "--format", "json"]));
    assert_eq!(done.out, here.out, "the repository has other scenarios than the program");
    assert!(
        list.as_array().unwrap().iter().all(|one| one["file"].as_str().unwrap().starts_with("scenarios/"))
    );
    let (_, mut command) = alone(&sandbox);
    call(command.arg("check")).is(0, &[]);
    let (_, mut command) = alone(&sandbox);
    call(command.args(["list", "scenarios/row-lost.yaml", "binary-missing"]))
        .is(0, &["using scenarios/row-lost.yaml, scenarios/binary-missing.yaml of pulp-drill"]);
}

#[test]
fn files_of_the_folder_come_before_those_of_the_program() {
    let sandbox = Sandbox::new();
    let text = std::fs::read_to_string(format!("{ROOT}/scenarios/row-lost.yaml")).unwrap();
    sandbox.write("empty/scenarios/mine.yaml", &text.replace("id: row-lost", "id: mine"));
    let (_, mut command) = alone(&sandbox);
    let done = call(command.args(["check"]));
    done.is(0, &["using scenarios/ of this folder"]);
    assert_eq!(done.out, "1 scenario, no mistake\n");
    let (_, mut command) = alone(&sandbox);
    let done = call(command.args(["check", "mine", "row-lost"]));
    done.is(0, &["using scenarios/row-lost.yaml of pulp-drill"]);
    assert_eq!(done.out, "2 scenarios, no mistake\n");
}

#[test]
fn a_run_needs_the_program_only_even_if_its_file_is_replaced() {
    if !postgres() || !installed("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    let (program, mut command) = alone(&sandbox);
    let running = start(command.args(["run", "binary-missing", "photo-archive-restored"]));
    // It has started, and needs itself again for the object store, the engine and its migrations.
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "#!/bin/sh\nexit 99\n").unwrap();
    let done = finish(running);
    done.is(0, &[]);
    let record = std::fs::read(sandbox.path("empty/reports/latest/record.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let scenarios = record["scenarios"].as_array().unwrap();
    let scenario = scenarios.iter().find(|one| one["id"] == "binary-missing").unwrap();
    assert_eq!(scenario["started"]["file"][0], "scenarios/binary-missing.yaml");
    assert!(!record.to_string().contains("/proc/self/exe"), "commands are shown by name");
    sandbox.assert_empty();
}

#[test]
fn the_demo_shows_four_backups_in_eighty_columns() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let (_, mut command) = alone(&sandbox);
    let done = call(command.arg("demo"));
    done.is(0, &["pulp-drill demo: four drills"]);
    for text in [
        "1. A sound backup",
        "everything came back",
        "FOUND restore failed: restore database",
        "FOUND missing binary: wave.png",
        "FOUND wrong content: wave.png",
        "pg_restore --list",
        "aws s3 sync --dryrun",
        "rclone check",
        "report: reports/",
    ] {
        assert!(done.out.contains(text), "no {text:?} in\n{}", done.all());
    }
    assert!(done.out.lines().all(|line| line.chars().count() <= 80), "{}", done.out);
    let all = installed("aws") && installed("rclone");
    assert_eq!(!done.out.contains("not installed, not run"), all, "{}", done.out);
    sandbox.assert_empty();
}

#[test]
fn a_new_project_is_accepted_and_its_settings_are_used() {
    let sandbox = Sandbox::new();
    let pulp_drill = |args: &[&str]| call(alone(&sandbox).1.args(args));
    let in_project =
        |args: &[&str]| call(alone(&sandbox).1.current_dir(sandbox.path("empty/drills")).args(args));
    let made = pulp_drill(&["new", "drills"]);
    made.is(0, &[]);
    assert!(made.out.contains("profile.yaml") && made.out.contains("restore-drill.yml"), "{}", made.all());
    pulp_drill(&["new", "drills"])
        .is(2, &["drills has pulp-drill.yaml, profile.yaml", "nothing was written"]);

    in_project(&["check"]).is(0, &["using generic of pulp-drill"]);
    let doctor = in_project(&["doctor"]);
    assert!(doctor.out.contains("profile.yaml (pulp-drill.yaml:3)"), "{}", doctor.all());
    assert!(doctor.out.contains("report-dir     reports (default)"), "{}", doctor.all());
    if postgres() && installed("curl") {
        in_project(&["run", "--filter", "photo-missing"]).is(0, &[]);
    }
    sandbox.write("empty/drills/pulp-drill.yaml", "profil: profile.yaml\n");
    in_project(&["list"]).is(2, &["did you mean `profile`?", "pulp-drill.yaml:1:1"]);
}
