//! `--engine url:`: an engine that runs elsewhere. A drill destroys its stores, so it must be named
//! and empty; a kept site plays the part of somebody else's.

use crate::support::harness::{Done, PROGRAM, Sandbox, call, postgres, wait};
use pulp_drill::system::objects::{ObjectStore, S3Access};
use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The program (or another) with the variables of a kept site, and some of them changed.
fn with_environment(sandbox: &Sandbox, file: &Path, changed: &[(&str, &str)], description: &str) -> Command {
    let changed: String = changed.iter().map(|(name, value)| format!("{name}='{value}'; ")).collect();
    let command = sandbox.command();
    let script = format!("set -a; . '{}'; {changed} set +a; exec {description}", file.display());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(command.get_current_dir().unwrap());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    shell
}

fn kept(sandbox: &Sandbox) -> (PathBuf, String) {
    call(sandbox.small_run(&["--keep", "--jobs", "1"]).arg(sandbox.faultless())).is(0, &["engine:"]);
    let site = sandbox.run_folders().into_iter().find(|folder| folder.join("site-001").is_dir()).unwrap();
    let file = site.join("site-001/environment");
    let port = value(&std::fs::read_to_string(&file).unwrap(), "PORT");
    (file, port)
}

/// A variable of the file.
fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
    line.trim_matches('\'').to_owned()
}

fn make_bucket(text: &str, name: &str) {
    let access = S3Access {
        endpoint: value(text, "AWS_ENDPOINT_URL"),
        region: value(text, "AWS_REGION"),
        access_key: value(text, "AWS_ACCESS_KEY_ID"),
        secret_key: value(text, "AWS_SECRET_ACCESS_KEY"),
        path_style: true,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(ObjectStore::s3(&access).create_bucket(&name.into())).unwrap();
}

/// Runs the faultless scenario on an engine elsewhere.
fn drill(sandbox: &Sandbox, file: &Path, changed: &[(&str, &str)], port: &str, database: &str) -> Done {
    let description = format!(
        "'{PROGRAM}' run '{}' --fixtures '{}' --report-dir '{}' --engine url:http://127.0.0.1:{port} \
         --i-understand-this-destroys {database}",
        sandbox.faultless().display(),
        sandbox.path("fixtures").display(),
        sandbox.path("reports").display()
    );
    call(with_environment(sandbox, file, changed, &description))
}

/// Ends the kept site also where the test fails.
struct Swept<'a>(&'a Sandbox);

impl Drop for Swept<'_> {
    fn drop(&mut self) {
        let _quiet = self.0.command().args(["sweep", "--kept"]).output();
    }
}

#[test]
fn a_site_elsewhere_is_drilled_on_when_it_is_named_and_empty_and_is_left_empty() {
    if !postgres() {
        return;
    }
    let sandbox = Sandbox::new();
    let _swept = Swept(&sandbox);
    let (file, port) = kept(&sandbox);
    // Named, but not empty: that one is left as it is.
    let count = "psql \"$DATABASE_URL\" -Atc 'select count(*) from assets'";
    let assets = call(with_environment(&sandbox, &file, &[], count)).out;
    assert!(assets.trim().parse::<u32>().unwrap() > 0, "{assets:?}");
    drill(&sandbox, &file, &[], &port, "pulp-engine-001").is(2, &["the site is not empty"]);
    drill(&sandbox, &file, &[], &port, "pulp-engine")
        .is(2, &["--i-understand-this-destroys pulp-engine-001"]);
    assert_eq!(call(with_environment(&sandbox, &file, &[], count)).out, assets);

    // A second engine beside it, on a database and a bucket of its own.
    let make = "psql \"$DATABASE_URL\" -c 'create database elsewhere'";
    call(with_environment(&sandbox, &file, &[], make)).is(0, &[]);
    let text = std::fs::read_to_string(&file).unwrap();
    let url = value(&text, "DATABASE_URL");
    let url = format!("{}/elsewhere", url.rsplit_once('/').unwrap().0);
    make_bucket(&text, "elsewhere");
    let changed = [("DATABASE_URL", url.as_str()), ("S3_BUCKET", "elsewhere"), ("PORT", "0")];
    call(with_environment(&sandbox, &file, &changed, &format!("'{PROGRAM}' standin migrate"))).is(0, &[]);
    let mut engine = with_environment(&sandbox, &file, &changed, &format!("'{PROGRAM}' standin engine"));
    let said = sandbox.path("engine.out");
    let out = std::fs::File::create(&said).unwrap();
    let mut engine = engine.process_group(0).stdout(out).spawn().unwrap();
    let port = wait(Duration::from_secs(60), || {
        let text = std::fs::read_to_string(&said).unwrap();
        Some(text.trim().strip_prefix("listening on http://127.0.0.1:")?.to_owned())
    });
    let done = drill(&sandbox, &file, &changed, port.as_deref().unwrap_or("9"), "elsewhere");
    engine.kill().unwrap();
    engine.wait().unwrap();
    done.is(0, &[]);
    let left = call(with_environment(&sandbox, &file, &changed, count)).out;
    assert_eq!(left.trim(), "0", "the site is migrated and empty again");

    let mut sweep = sandbox.command();
    call(sweep.args(["sweep", "--kept"])).is(0, &[]);
    sandbox.assert_empty();
}
