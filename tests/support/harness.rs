//! A sandbox to run the program in: temporary and report folders of its own, and ways to look at what
//! is in them and in the machine's process table.

use serde_json::Value;
use std::{
    borrow::BorrowMut,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pulp-drill");
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Whether drills can run here; says so where they can't.
pub fn postgres() -> bool {
    static HERE: LazyLock<bool> = LazyLock::new(|| {
        let doctor = Command::new(PROGRAM).args(["doctor", "--format", "json"]).output().unwrap();
        let found: Value = serde_json::from_slice(&doctor.stdout).unwrap();
        let lines = found["found"].as_array().unwrap();
        lines.iter().any(|line| line["what"] == "PostgreSQL" && line["ok"] == true)
    });
    if !*HERE {
        println!("skipped: no PostgreSQL server programs were found");
    }
    *HERE
}

/// Whether a program can be called; says so where it can't.
pub fn installed(program: &str) -> bool {
    let here = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if here.is_err() {
        println!("skipped: there is no {program}");
    }
    here.is_ok()
}

pub struct Sandbox {
    pub folder: tempfile::TempDir,
    /// Shared memory that was there before: what somebody else left is not ours.
    before: Vec<String>,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("sandbox-").tempdir().unwrap();
        // PostgreSQL's user must be able to pass.
        for path in [folder.path().to_owned(), folder.path().join("tmp")] {
            std::fs::create_dir_all(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711)).unwrap();
        }
        Self { folder, before: segments().into_iter().map(|(id, _)| id).collect() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, called in the project's folder with this sandbox's temporary folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(ROOT).env("TMPDIR", self.path("tmp")).stdin(Stdio::null());
        command
    }

    /// `run` with this sandbox's report folder.
    pub fn run(&self, args: &[&str]) -> Command {
        self.run_to("reports", args)
    }

    fn run_to(&self, reports: &str, args: &[&str]) -> Command {
        let mut command = self.command();
        command.arg("run").args(args).arg("--report-dir").arg(self.path(reports));
        command
    }

    /// The folders of runs in the temporary folder.
    pub fn run_folders(&self) -> Vec<PathBuf> {
        let bases = std::fs::read_dir(self.path("tmp")).unwrap().flatten();
        let bases = bases.filter(|e| e.file_name().to_string_lossy().starts_with("pulp-drill-"));
        bases
            .flat_map(|base| std::fs::read_dir(base.path()).unwrap().flatten())
            .map(|entry| entry.path())
            .filter(|path| path.file_name().unwrap() != ".lock")
            .collect()
    }

    /// Processes that have this sandbox in their environment, arguments or working folder.
    pub fn processes(&self) -> Vec<String> {
        let needle = self.folder.path().display().to_string();
        let us = std::process::id().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let mut found = Vec::new();
        for entry in entries {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid == us || !pid.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            if stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z')) {
                continue;
            }
            let read = |name: &str| {
                let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let line = read("cmdline");
            if line.contains(&needle) || read("environ").contains(&needle) || cwd.starts_with(&needle) {
                found.push(format!("{pid} {line}"));
            }
        }
        found
    }

    /// Nothing of any run is left: no folder, no process, no shared memory of its servers.
    #[track_caller]
    pub fn assert_empty(&self) {
        assert_eq!(self.run_folders(), Vec::<PathBuf>::new(), "folders are left");
        let gone = wait(Duration::from_secs(5), || self.processes().is_empty().then_some(()));
        assert!(gone.is_some(), "processes are left: {:#?}", self.processes());
        // A segment of ours names a creator that is dead, and nobody is attached to it. Those of
        // others on the machine are told by their creator, who lives.
        for (id, creator) in segments() {
            if self.before.contains(&id) {
                continue;
            }
            assert!(
                Path::new(&format!("/proc/{creator}")).exists(),
                "shared memory {id} of {creator} is left"
            );
        }
    }

    /// The record of the last stored run.
    #[track_caller]
    pub fn record(&self) -> Value {
        let path = self.path("reports/latest/record.json");
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
    }
}

/// Identifier and creator of the machine's System V shared memory segments that nobody is attached to.
fn segments() -> Vec<(String, String)> {
    let text = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[6] == "0").map(|row| (row[1].to_owned(), row[4].to_owned())).collect()
}

/// What came of a call.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// Both streams, for messages.
    pub fn all(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.out, self.err)
    }

    /// The exit code, and that a text is in the messages.
    #[track_caller]
    pub fn is(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in\n{}", self.all());
        }
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Calls and waits; one that does not end is killed and fails the test.
#[track_caller]
pub fn call(mut command: impl BorrowMut<Command>) -> Done {
    finish(start(command.borrow_mut()))
}

/// Starts with both streams read in the background.
#[track_caller]
pub fn start(command: &mut Command) -> Running {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _until_it_breaks = out.read_to_end(&mut text);
        text
    });
    let errors = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let shared = errors.clone();
    let told = std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = err.read(&mut chunk) {
            shared.lock().unwrap().extend_from_slice(&chunk[..n]);
        }
    });
    Running { child, read, told, errors }
}

pub struct Running {
    pub child: Child,
    read: std::thread::JoinHandle<Vec<u8>>,
    told: std::thread::JoinHandle<()>,
    errors: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Running {
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }
}

#[track_caller]
pub fn finish(mut running: Running) -> Done {
    let ended = wait(LIMIT, || running.child.try_wait().unwrap());
    if ended.is_none() {
        running.child.kill().unwrap();
    }
    let status = running.child.wait().unwrap();
    let out = running.read.join().unwrap();
    running.told.join().unwrap();
    let err = String::from_utf8_lossy(&running.errors.lock().unwrap()).into_owned();
    let done = Done { code: status.code(), out: String::from_utf8_lossy(&out).into_owned(), err };
    assert!(ended.is_some(), "it did not end in {LIMIT:?}\n{}", done.all());
    done
}

/// Looks until the condition gives a value, or the limit is over.
pub fn wait<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if began.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The quickest seed that shows everything: two templates (one in two versions), four assets and a
/// schedule of the shipped seed `invoices`.
const SMALL: &str = "\
title: Small
about: Two letters.
assets:
  - { file: assets/logo.png, name: logo.png }
  - { file: assets/signature.png, name: signature.png }
  - { file: assets/paid-stamp.png, name: paid-stamp.png }
  - { file: assets/overdue-stamp.png, name: overdue-stamp.png }
templates:
  - file: templates/invoice.json
    data: data/invoice.json
    then: [templates/invoice-2.json]
  - { file: templates/reminder.json, data: data/reminder.json }
schedules:
  - schedules/weekly-reminder.json
";

const FAULTLESS: &str = "\
id: nothing-happens
title: Nothing happens
shows: A backup and a restore.
runbook: [\"2.1\", \"3.3\"]
controls: [\"NIST CP-9(1)\"]
seed: small
steps:
  - back up: runbook
  - destroy: everything
  - restore: runbook
";

const MISSING: &str = "\
id: logo-goes
title: The logo goes missing
shows: A render that needs it is refused.
runbook: [\"2.2\", \"3.2\"]
controls: [\"NIST CP-9(1)\"]
seed: small
steps:
  - back up: runbook
  - fault in backup: {delete binary: logo.png}
  - destroy: everything
  - restore: runbook
expect:
  - missing binary: logo.png
";

impl Sandbox {
    /// `run` on the small seed.
    pub fn small_run(&self, args: &[&str]) -> Command {
        self.small_run_to("reports", args)
    }

    /// The same with another report folder.
    pub fn small_run_to(&self, reports: &str, args: &[&str]) -> Command {
        let home = self.path("fixtures/seeds/small");
        if !home.exists() {
            let from = Path::new(ROOT).join("fixtures/seeds/invoices");
            for folder in ["assets", "templates", "data", "schedules", "golden"] {
                std::fs::create_dir_all(home.join(folder)).unwrap();
                for entry in std::fs::read_dir(from.join(folder)).unwrap().flatten() {
                    std::fs::copy(entry.path(), home.join(folder).join(entry.file_name())).unwrap();
                }
            }
            std::fs::create_dir_all(self.path("fixtures/assets")).unwrap();
            std::fs::write(home.join("seed.yaml"), SMALL).unwrap();
        }
        let mut command = self.run_to(reports, args);
        command.arg("--fixtures").arg(self.path("fixtures"));
        command
    }

    /// A scenario on the small seed in which nothing is lost.
    pub fn faultless(&self) -> PathBuf {
        self.write("nothing-happens.yaml", FAULTLESS)
    }

    /// A scenario on the small seed in which a binary is lost, as expected.
    pub fn missing(&self) -> PathBuf {
        self.write("logo-goes.yaml", MISSING)
    }
}
