//! The caller's own settings do not matter to a drill: neither variables for other servers nor
//! odd folders, locales, limits, or who runs it.

use crate::yard::{PROGRAM, ROOT, Yard, call, postgres, root};
use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

/// Everything odd at once: were it to fail, halve the list.
fn odd(yard: &Yard, program: &str) -> Command {
    let temp = yard.path("tmp/a b ü");
    std::fs::create_dir_all(&temp).unwrap();
    std::fs::set_permissions(&temp, std::fs::Permissions::from_mode(0o711)).unwrap();
    let aws = yard.write("home/.aws/config", "[default]\nregion = mars\nendpoint_url = http://127.0.0.1:9\n");
    let path: PathBuf = yard.missing();
    let odd_path = yard.path("scénarios of mine ü/logo-goes.yaml");
    std::fs::create_dir_all(odd_path.parent().unwrap()).unwrap();
    std::fs::rename(path, &odd_path).unwrap();
    let mut run = yard.small_run(&["--jobs", "4"]);
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
    let yard = Yard::new();
    call(&mut odd(&yard, PROGRAM)).is(0, &["logo-goes"]);
    assert_eq!(yard.record()["finished"]["exit"], 0);
    yard.assert_empty();
}

#[test]
fn an_unprivileged_user_can_run_drills() {
    if !postgres() || !root() {
        return;
    }
    let yard = Yard::new();
    // Nobody may not be able to pass to where the program was built.
    let program = yard.path("pulp-drill");
    std::fs::copy(PROGRAM, &program).unwrap();
    let program = format!("setpriv --reuid=65534 --regid=65534 --clear-groups {}", program.display());
    let mut command = odd(&yard, &program);
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(yard.folder.path()).status();
    assert!(owned.unwrap().success());
    call(&mut command).is(0, &["logo-goes"]);
    assert_eq!(yard.record()["finished"]["exit"], 0);
    yard.assert_empty();
}

#[test]
fn doctor_says_what_is_missing_also_to_a_reader_that_goes_away() {
    let yard = Yard::new();
    std::fs::create_dir(yard.path("bin")).unwrap();
    let done = call(yard.command().arg("doctor").env("PULP_DRILL_PG_BIN", yard.path("bin")));
    done.is(3, &[]);
    assert!(done.out.contains("MISSING  PostgreSQL"), "{}", done.all());
    let closed = format!("{{ '{PROGRAM}' doctor; echo code $? >&2; }} | true");
    let done =
        call(Command::new("sh").args(["-c", &closed]).current_dir(ROOT).env("TMPDIR", yard.path("tmp")));
    assert!(done.err.contains("code 0") || done.err.contains("code 3"), "{}", done.all());
}
