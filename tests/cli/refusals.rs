//! What is wrong with the call, the files or the machine is told with the right exit code before or
//! without a verdict, and nothing stays behind.

use crate::support::harness::{ROOT, Sandbox, call, postgres};
use crate::{root, scenario};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The sandbox holds what the test put there and no more.
#[track_caller]
fn untouched(sandbox: &Sandbox) {
    assert!(!sandbox.path("reports").exists(), "reports were made");
    assert_eq!(std::fs::read_dir(sandbox.path("tmp")).unwrap().count(), 0, "something is in TMPDIR");
}

#[test]
fn bad_scenario_files_are_told_before_anything_is_started() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    let bomb: String =
        (1..40).map(|i| format!("a{i}: &a{i} [{0}, {0}, {0}]\n", format!("*a{}", i - 1))).collect();
    sandbox.write("bomb.yaml", &format!("a0: &a0 [x, x]\n{bomb}"));
    let good = std::fs::read_to_string(scenario("binary-missing")).unwrap();
    sandbox.write(
        "outside.yaml",
        &good.replace("delete binary: logo.png", "orphan binary: ../../../etc/passwd"),
    );
    let big = std::fs::File::create(sandbox.path("big.yaml")).unwrap();
    big.set_len(100 << 20).unwrap();
    let cases: [(&str, &[&str]); 5] = [
        ("empty", &["no scenario in this folder", "help"]),
        ("nowhere.yaml", &["nowhere.yaml"]),
        ("bomb.yaml", &["bomb.yaml"]),
        ("outside.yaml", &["outside.yaml", "etc/passwd"]),
        ("big.yaml", &["big.yaml"]),
    ];
    for (name, texts) in cases {
        let done = call(sandbox.run(&[]).arg(sandbox.path(name)));
        done.is(2, texts);
        assert_eq!(done.out, "", "{name}");
        assert!(done.err.len() < 16 << 10, "{name}: {} bytes of message", done.err.len());
    }
    untouched(&sandbox);
}

/// A target is given another order of writes only where its profile has the setting for it.
#[test]
fn an_order_of_writes_without_a_setting_is_skipped_with_its_reason() {
    let sandbox = Sandbox::new();
    let shipped = std::fs::read_to_string(Path::new(ROOT).join("profiles/pulp-engine.yaml")).unwrap();
    let env = "write-order-env: PULP_STANDIN_WRITES\n";
    assert!(shipped.contains(env));
    let silent = sandbox.write("silent.yaml", &shipped.replace(env, ""));
    let silent = silent.to_str().unwrap();
    let other = scenario("replace-under-new-key");
    call(sandbox.run(&["--profile", silent, &other])).is(
        3,
        &[
            "replace-under-new-key can't be run",
            "the profile does not have the setting for another order of writes",
        ],
    );
    let elsewhere = ["--engine", "url:http://127.0.0.1:9", "--i-understand-this-destroys", "x"];
    call(sandbox.run(&[&elsewhere[..], &[&other]].concat()))
        .is(3, &["an engine that runs elsewhere can't be given another order of writes"]);
    // The order that the target has by default needs no setting.
    let text = std::fs::read_to_string(&other).unwrap();
    let same = text
        .replace("writes: {replace-keys: new-key}", "writes: {replace-keys: in-place, delete: row-first}");
    assert_ne!(same, text);
    let same = sandbox.write("replace-under-new-key.yaml", &same);
    call(sandbox.run(&[&elsewhere[..], &["--profile", silent, same.to_str().unwrap()]].concat()))
        .is(3, &["can't reach the engine"]);
    untouched(&sandbox);
}

/// What an engine that runs elsewhere can't do is no error of the run: the scenario is skipped, and only
/// where none is left is there nothing to run.
#[test]
fn what_an_engine_elsewhere_can_not_do_is_skipped_with_its_reason() {
    let sandbox = Sandbox::new();
    let text = std::fs::read_to_string(scenario("row-lost")).unwrap();
    let with_env = text.replace("steps:", "env: {STARTUP_ORPHAN_GRACE_MS: \"1\"}\nsteps:");
    let with_env = sandbox.write("row-lost.yaml", &with_env).to_str().unwrap().to_owned();
    for (id, why) in [
        ("row-lost", "can't be given another STARTUP_ORPHAN_GRACE_MS"),
        ("migration-forward", "can't be of another release"),
        ("point-in-time", "has a PostgreSQL server of its own"),
        ("upload-held-at-row", "is not ours to kill, and passes no gate of ours"),
    ] {
        let elsewhere = ["--engine", "url:http://127.0.0.1:9", "--i-understand-this-destroys", "x"];
        let reason = format!("{id} can't be run: an engine that runs elsewhere {why}");
        let file = if id == "row-lost" { with_env.clone() } else { scenario(id) };
        call(sandbox.run(&[&elsewhere[..], &[&file]].concat())).is(3, &[&reason]);
    }
    untouched(&sandbox);
}

#[test]
fn a_mistyped_name_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    for (args, text) in [
        (["--filter", "binry-missing"], "did you mean binary-missing?"),
        (["--profile", "pulp-engin"], "did you mean `pulp-engine`?"),
    ] {
        call(&mut sandbox.run(&args)).is(2, &[text]);
    }
    untouched(&sandbox);
}

#[test]
fn a_bad_command_line_is_told_before_anything_is_started() {
    let sandbox = Sandbox::new();
    let path = scenario("binary-missing");
    for engine in ["node server.js", "url:ftp://x", "url:nonsense", "command:", "command:'open", "image:", ""]
    {
        call(sandbox.run(&["--engine", engine, &path])).is(2, &["--engine"]);
    }
    call(sandbox.run(&["--engine", "image:x", &path])).is(2, &["hint"]);
    call(sandbox.run(&["--engine", "command:true", "--defect", "fail-open", &path])).is(2, &["hint"]);
    call(sandbox.run(&["--substrate", "external", &path])).is(2, &["DATABASE_URL"]);
    call(sandbox.run(&["--jobs", "0", &path])).is(2, &["--jobs"]);
    call(sandbox.run(&["--filter", "no-such-thing", &path])).is(2, &["no-such-thing", "hint"]);
    call(sandbox.run(&["--profile", "nowhere.yaml", &path])).is(2, &["nowhere.yaml"]);
    call(sandbox.run(&["--golden", "nowhere", &path])).is(2, &["--golden"]);
    untouched(&sandbox);
}

#[test]
fn a_pdf_that_is_none_is_told() {
    let sandbox = Sandbox::new();
    let text = sandbox.write("letter.pdf", "no PDF at all");
    let good = Path::new(ROOT).join("fixtures/seeds/invoices/golden/invoice.pdf");
    let done = call(sandbox.command().args(["pdf", "diff"]).arg(good).arg(text));
    done.is(2, &[]);
    assert!(done.out.contains("letter.pdf") && done.out.contains("no readable PDF"), "{}", done.all());
}

#[test]
fn without_postgresql_there_is_no_verdict_but_a_hint() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let mut run = sandbox.run(&[&scenario("binary-missing")]);
    let done = call(run.env("PULP_DRILL_PG_BIN", sandbox.path("bin")));
    done.is(3, &["no PostgreSQL server programs", "holds no initdb", "hint", "PULP_DRILL_PG_BIN"]);
    assert_eq!(sandbox.record()["finished"]["exit"], 3);
    sandbox.assert_empty();
}

#[test]
fn a_report_folder_that_can_not_be_written_is_told_before_anything_is_started() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    let run = |folder: PathBuf| {
        call(sandbox.command().args(["run", &scenario("binary-missing"), "--report-dir"]).arg(folder))
    };
    run(sandbox.path("file")).is(3, &["can't make the run's folder", "hint", "--report-dir"]);
    run(sandbox.path("file/below")).is(3, &["can't make the run's folder", "--report-dir"]);
    if root() {
        let Some(_mounted) = Mounted::new(&sandbox.path("mount"), "ro,size=1m") else { return };
        run(sandbox.path("mount/reports")).is(3, &["can't make the run's folder", "--report-dir"]);
    }
    untouched(&sandbox);
}

#[test]
fn a_temporary_folder_that_can_not_be_used_is_told() {
    let sandbox = Sandbox::new();
    let long = format!("tmp/{}", "long".repeat(20));
    std::fs::create_dir_all(sandbox.path(&long)).unwrap();
    std::fs::set_permissions(sandbox.path(&long), std::fs::Permissions::from_mode(0o711)).unwrap();
    let run = |folder: PathBuf| call(sandbox.run(&[&scenario("binary-missing")]).env("TMPDIR", folder));
    run(sandbox.path("nowhere")).is(3, &["can't use the temporary folder", "hint", "TMPDIR"]);
    if postgres() {
        run(sandbox.path(&long)).is(3, &["too long for a Unix socket", "hint", "TMPDIR"]);
    }
    sandbox.assert_empty();
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    if !postgres() || !root() {
        return;
    }
    let sandbox = Sandbox::new();
    let Some(_small) = Mounted::new(&sandbox.path("small"), "size=24m,mode=711") else { return };
    let done = call(sandbox.small_run(&[]).arg(sandbox.missing()).env("TMPDIR", sandbox.path("small")));
    done.is(3, &["No space left on device"]);
    assert_eq!(
        std::fs::read_dir(sandbox.path("small/pulp-drill-0")).unwrap().count(),
        1,
        "only the lock stays"
    );

    // Room for the beginning of a journal, but not for all of it.
    let Some(_tiny) = Mounted::new(&sandbox.path("tiny"), "size=72k") else { return };
    let mut run = sandbox.small_run_to("tiny/reports", &[]);
    let done = call(run.arg(sandbox.missing()));
    done.is(3, &["No space left on device", "hint", "free some room"]);
    sandbox.assert_empty();
}

/// A small file system of its own; unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).output();
        if done.is_ok_and(|done| done.status.success()) {
            return Some(Self(path.to_owned()));
        }
        println!("skipped: can't mount a file system here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _told_by_the_folder_that_stays = Command::new("umount").arg(&self.0).status();
    }
}
