//! However a run ends, nothing of it is left; and runs leave each other alone.

use crate::support::harness::{PROGRAM, Running, Sandbox, call, finish, postgres, start, wait};
use nix::sys::signal::Signal;
use std::{
    os::unix::fs::MetadataExt as _,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the run has written so many events.
#[track_caller]
fn after_events(sandbox: &Sandbox, running: &mut Running, reports: &str, events: usize) {
    let written = || {
        let runs = std::fs::read_dir(sandbox.path(reports)).ok()?.flatten();
        let files = runs.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
        let lines = files.map(|e| std::fs::read_to_string(e.path().join("events.jsonl")).unwrap_or_default());
        lines.map(|text| text.lines().count()).max()
    };
    let there = wait(LIMIT, || {
        let ended = running.child.try_wait().unwrap().is_some();
        (ended || written().is_some_and(|n| n >= events)).then_some(())
    });
    assert!(there.is_some(), "no {events} events in {LIMIT:?}: {}", running.err());
}

/// The command with no signal ignored: a shell's background jobs, these tests among them, are deaf to
/// SIGINT, and a run keeps to that.
fn hearing(command: &Command) -> Command {
    let mut hearing = Command::new("env");
    hearing.current_dir(command.get_current_dir().unwrap_or(".".as_ref()));
    hearing.arg("--default-signal=INT,TERM,HUP").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hearing.env(name, value),
            None => hearing.env_remove(name),
        };
    }
    hearing
}

#[test]
fn a_signal_stops_a_run_which_is_stored_and_leaves_nothing() {
    if !postgres() {
        return;
    }
    // While PostgreSQL is being set up, in the middle of a drill, and when its terminal is closed.
    // Half-done sites are not kept either.
    let cases: [(Signal, usize, &[&str]); 3] =
        [(Signal::SIGINT, 1, &[]), (Signal::SIGTERM, 12, &["--jobs", "1"]), (Signal::SIGHUP, 4, &["--keep"])];
    for (signal, events, args) in cases {
        let sandbox = Sandbox::new();
        let mut running = start(&mut hearing(sandbox.small_run(args).arg(sandbox.missing())));
        after_events(&sandbox, &mut running, "reports", events);
        running.signal(signal);
        if signal == Signal::SIGHUP {
            // Shell and kernel each send one.
            running.signal(signal);
        }
        let done = finish(running);
        done.is(3, &["stopping (once more"]);
        let record = sandbox.record();
        assert_eq!(record["finished"]["exit"], 3, "{signal}");
        assert_eq!(record["finished"]["cut_short"], "a signal asked it to stop", "{signal}");
        let junit = std::fs::read_to_string(sandbox.path("reports/latest/junit.xml")).unwrap();
        assert!(junit.contains("<error"), "{signal}: {junit}");
        sandbox.assert_empty();
    }
}

#[test]
fn killed_at_any_moment_nothing_is_left_after_the_next_run_and_others_are_not_disturbed() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    // One that lives through it all, deaf to SIGHUP as under nohup.
    let mut sturdy = Command::new("sh");
    sturdy.args(["-c", "trap '' HUP; exec \"$@\"", "sh", PROGRAM]).env("TMPDIR", sandbox.path("tmp"));
    sturdy.args(sandbox.small_run_to("sturdy", &["--jobs", "1"]).get_args()).arg(sandbox.missing());
    let mut sturdy = start(&mut sturdy);
    after_events(&sandbox, &mut sturdy, "sturdy", 4);
    sturdy.signal(Signal::SIGHUP);

    let mut chance = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos() as usize;
    for round in 0..3 {
        let reports = format!("reports-{round}");
        let events = [1, 3 + chance % 10, 13 + chance % 30][round];
        chance /= 7;
        let mut victim = start(sandbox.small_run_to(&reports, &[]).arg(sandbox.missing()));
        after_events(&sandbox, &mut victim, &reports, events);
        victim.child.kill().unwrap();
        finish(victim);
    }
    let next = call(sandbox.small_run(&[]).arg(sandbox.faultless()));
    next.is(0, &["removed what runs that were killed had left"]);
    finish(sturdy).is(0, &[]);
    sandbox.assert_empty();
}

#[test]
fn a_kept_site_can_be_reached_until_it_is_swept_on_purpose() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let done = call(sandbox.small_run(&["--keep"]).arg(sandbox.missing()));
    done.is(0, &["left running in", "pulp-drill sweep --kept"]);
    let swept = call(sandbox.command().arg("sweep"));
    swept.is(0, &["kept sites are still running"]);
    assert_eq!(sandbox.run_folders().len(), 1);

    let site = sandbox.run_folders()[0].join("site-001");
    let secrets = site.join("environment");
    assert_eq!(secrets.metadata().unwrap().mode() & 0o777, 0o600);
    let engine = done.err.lines().filter_map(|l| l.trim().strip_prefix("engine:")).next_back().unwrap();
    let answer = get(engine.trim(), "health/ready");
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");
    let sql = done.err.lines().filter_map(|l| l.trim().strip_prefix("database:")).next_back().unwrap();
    let script = format!(
        "set -a; . '{}'; set +a; exec {sql} -Atc 'select 7 * count(*) from tenants'",
        secrets.display()
    );
    // Where psql is not on PATH the address alone is of use.
    if std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|f| f.join("psql").is_file()) {
        let rows = call(Command::new("sh").args(["-c", &script]));
        assert_eq!(rows.out, "7\n", "{}", rows.all());
    }

    call(sandbox.command().args(["sweep", "--kept"]))
        .is(0, &["removed what runs that were killed had left", "postgres ("]);
    sandbox.assert_empty();
}

/// What a loopback address answers.
fn get(base: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let host = base.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_reader_that_goes_away_ends_neither_the_run_nor_its_teardown() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let command = sandbox.small_run(&["--jobs", "2"]);
    let mut piped = Command::new("sh");
    piped
        .args(["-c", "\"$@\" 2>&1 | head -n 1", "sh", PROGRAM])
        .args(command.get_args())
        .arg(sandbox.faultless());
    let done = call(piped.env("TMPDIR", sandbox.path("tmp")));
    assert_eq!(done.out.lines().count(), 1, "{}", done.all());
    assert_eq!(sandbox.record()["finished"]["exit"], 0);
    sandbox.assert_empty();
}
