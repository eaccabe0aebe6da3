//! The caller's own settings do not matter to a drill: neither variables for other servers nor
//! odd folders, locales, limits, or who runs it.

use crate::root;
use crate::support::harness::{PROGRAM, ROOT, Sandbox, call, postgres};
use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

/// Everything odd at once: were it to fail, halve the list.
fn odd(sandbox: &Sandbox, program: &str) -> Command {
    let temp = sandbox.path("tmp/a b ü");
    std::fs::create_dir_all(&temp).unwrap();
    std::fs::set_permissions(&temp, std::fs::Permissions::from_mode(0o711)).unwrap();
    let aws =
        sandbox.write("home/.aws/config", "[default]\nregion = mars\nendpoint_url = http://127.0.0.1:9\n");
    let path: PathBuf = sandbox.missing();
    let odd_path = sandbox.path("scénarios of mine ü/logo-goes.yaml");
    std::fs::create_dir_all(odd_path.parent().unwrap()).unwrap();
    std::fs::rename(path, &odd_path).unwrap();
    let mut run = sandbox.small_run(&["--jobs", "4"]);
    run.arg(odd_path);
    let mut shell = Command::new("sh");
    // No stdin and no stdout, rights for the owner only, few file handles.
    shell.args(["-c", "umask 077; ulimit -n 256; exec \"$@\" <&- >&-", "sh"]);
    shell.args(program.split(' ')).args(run.get_args()).current_dir("/");
    shell.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", temp);
    shell.envs([
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "tr_TR"),
        ("LANGUAGE", "de"),
        ("TZ", "Antarctica/Troll"),
        ("TERM", "dumb"),
        ("COLUMNS", "20"),
        ("PGHOST", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGDATABASE", "nothing"),
        ("PGSERVICE", "nowhere"),
        ("PGOPTIONS", "-c default_transaction_read_only=on"),
        ("PGSSLMODE", "require"),
        ("PGSSLROOTCERT", "/nowhere"),
        ("PGTZ", "Asia/Kathmandu"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("http_proxy", "http://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
        ("AWS_PROFILE", "nobody"),
        ("AWS_ACCESS_KEY_ID", "foreign"),
        ("AWS_SESSION_TOKEN", "foreign"),
        ("AWS_REGION", "mars"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("S3_KEY_PREFIX", "foreign/"),
    ]);
    shell.env("AWS_CONFIG_FILE", aws);
    shell
}

#[test]
fn the_callers_settings_do_not_matter() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    call(&mut odd(&sandbox, PROGRAM)).is(0, &["logo-goes"]);
    assert_eq!(sandbox.record()["finished"]["exit"], 0);
    sandbox.assert_empty();
}

#[test]
fn an_unprivileged_user_can_run_drills() {
    if !postgres() || !root() {
        return;
    }
    let sandbox = Sandbox::new();
    // Nobody may not be able to pass to where the program was built.
    let program = sandbox.path("pulp-drill");
    std::fs::copy(PROGRAM, &program).unwrap();
    let program = format!("setpriv --reuid=65534 --regid=65534 --clear-groups {}", program.display());
    let mut command = odd(&sandbox, &program);
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(sandbox.folder.path()).status();
    assert!(owned.unwrap().success());
    call(&mut command).is(0, &["logo-goes"]);
    assert_eq!(sandbox.record()["finished"]["exit"], 0);
    sandbox.assert_empty();
}

#[test]
fn doctor_says_what_is_missing_also_to_a_reader_that_goes_away() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let done = call(sandbox.command().arg("doctor").env("PULP_DRILL_PG_BIN", sandbox.path("bin")));
    done.is(3, &[]);
    assert!(done.out.contains("MISSING  PostgreSQL"), "{}", done.all());
    let closed = format!("{{ '{PROGRAM}' doctor; echo code $? >&2; }} | true");
    let done =
        call(Command::new("sh").args(["-c", &closed]).current_dir(ROOT).env("TMPDIR", sandbox.path("tmp")));
    assert!(done.err.contains("code 0") || done.err.contains("code 3"), "{}", done.all());
}
