//! `pulp-drill doctor`: what is installed, which substrate would be used and why.

use crate::{
    base::{
        error::Error,
        process::{Base, Command, free_bytes, run as run_program, unprivileged},
        redact::Redactor,
        table::table,
    },
    cli::{
        Output,
        settings::{self, Effective},
    },
    model::exit_code::ExitCode,
    report::terminal,
    runbook::provision::processes::{ObjectKind, ObjectProgram, Places, discover},
    system::containers::daemon,
};
use clap::{Args, ValueEnum};
use std::{path::Path, time::Duration};

/// Arguments of `pulp-drill doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// A run needs about this much room for stores, dumps and reports, in MiB.
const ROOM: u64 = 512;

struct Line {
    what: &'static str,
    ok: bool,
    needed: bool,
    found: String,
    todo: String,
}

/// Reports what is installed. Exit code 0 if a drill can run, else 3.
///
/// # Errors
/// Mistakes in `pulp-drill.yaml`.
pub async fn run(args: DoctorArgs, command: &clap::Command) -> Result<Output, Error> {
    let mut lines = vec![postgres().await, objects().await, temporary(), user()];
    let optional = [minio().await, go().await, docker().await];
    let report_dir = std::env::current_dir().unwrap_or_else(|_| Path::new(".").to_owned());
    lines.push(room("reports", &report_dir));
    lines.extend(optional);
    let settings = settings::effective(command)?;
    let ready = lines.iter().all(|l| l.ok || !l.needed);
    let stdout = match args.format {
        Format::Human => human(&lines, ready) + &origins(&settings),
        Format::Json => format!("{}\n", json(&lines, &settings, ready)),
    };
    let exit = if ready { ExitCode::AllHeld } else { ExitCode::Unverified };
    Ok(Output { exit, ..Output::data(stdout) })
}

async fn postgres() -> Line {
    let discovery = discover(&Places::of_machine(), None).await;
    let found = discovery.found.as_ref().map(|bin| format!("{} in {}", bin.version, bin.dir.display()));
    let todo = match &found {
        Some(_) => String::new(),
        None => match discovery.or_error() {
            Err(error) => error.to_string(),
            Ok(_) => String::new(),
        },
    };
    Line {
        what: "PostgreSQL",
        ok: found.is_some(),
        needed: true,
        found: found.unwrap_or_else(|| "none".into()),
        todo,
    }
}

async fn objects() -> Line {
    let (what, needed) = ("object store", true);
    match ObjectProgram::choose(None).await {
        Ok(program) => {
            let found = match program.kind {
                ObjectKind::Embedded => format!("embedded {}", program.version),
                ObjectKind::Minio => format!("{}, because MINIO_BIN is set", program.version),
            };
            Line { what, ok: true, needed, found, todo: String::new() }
        }
        Err(error) => Line { what, ok: false, needed, found: "none".into(), todo: error.to_string() },
    }
}

/// What `--objects minio` would use.
async fn minio() -> Line {
    let (what, needed) = ("MinIO", false);
    match ObjectProgram::choose(Some(ObjectKind::Minio)).await {
        Ok(program) => {
            let found = format!("{} at {}", program.version, program.path.display());
            Line { what, ok: true, needed, found, todo: String::new() }
        }
        Err(error) => Line {
            what,
            ok: false,
            needed,
            found: "none, for --objects minio".into(),
            todo: error.hint.unwrap_or_default(),
        },
    }
}

/// What `make minio` would build with.
async fn go() -> Line {
    let (what, needed) = ("Go", false);
    let version = Command::new("go").arg("version").limit(Duration::from_secs(10));
    match run_program(version, &Redactor::new()).await {
        Ok(ran) if ran.exit.is_success() => {
            let found = ran.stdout.text.trim().to_owned();
            Line { what, ok: true, needed, found, todo: String::new() }
        }
        Ok(_) | Err(_) => Line {
            what,
            ok: false,
            needed,
            found: "none, for make minio".into(),
            todo: "https://go.dev/dl/".to_owned(),
        },
    }
}

/// What `--substrate containers` would use.
async fn docker() -> Line {
    let (what, needed) = ("containers", false);
    match daemon().await {
        Ok(daemon) => Line { what, ok: true, needed, found: daemon, todo: String::new() },
        Err(error) => Line {
            what,
            ok: false,
            needed,
            found: "none, for --substrate containers".into(),
            todo: error.hint.unwrap_or_default(),
        },
    }
}

fn temporary() -> Line {
    match Base::of_user(0) {
        Ok(base) => room("temporary folder", base.path()),
        Err(error) => Line {
            what: "temporary folder",
            ok: false,
            needed: true,
            found: "can't be used".into(),
            todo: error.to_string(),
        },
    }
}

fn user() -> Line {
    let found = match unprivileged() {
        Some(user) => format!("root; PostgreSQL runs as {}", user.name),
        None => "not root; PostgreSQL runs as this user".to_owned(),
    };
    Line { what: "user", ok: true, needed: true, found, todo: String::new() }
}

fn room(what: &'static str, path: &Path) -> Line {
    let free = tempfile::tempfile_in(path).and_then(|_written| Ok(free_bytes(path)?));
    match free {
        Ok(bytes) => {
            let free = bytes >> 20;
            let todo = if free < ROOM { format!("free at least {ROOM} MiB there") } else { String::new() };
            let found = format!("{} with {free} MiB free", path.display());
            Line { what, ok: free >= ROOM, needed: true, found, todo }
        }
        Err(error) => Line {
            what,
            ok: false,
            needed: true,
            found: path.display().to_string(),
            todo: format!("make it a folder that this user can write to: {error}"),
        },
    }
}

fn human(lines: &[Line], ready: bool) -> String {
    let row = |line: &Line| {
        let mark = match (line.ok, line.needed) {
            (true, _) => "ok",
            (false, true) => "MISSING",
            (false, false) => "without",
        };
        let found = [line.found.as_str(), line.todo.as_str()].join("\n");
        [mark, line.what, found.trim_end()].map(str::to_owned).to_vec()
    };
    let width = u16::try_from(terminal::stdout_look().width).unwrap_or(80);
    let mut out = table(&[], lines.iter().map(row), width);
    out += if ready {
        "\nsubstrate: local (private PostgreSQL and object store). Drills can run.\n"
    } else {
        "\nsubstrate: none. Drills can't run until what is MISSING is there.\n"
    };
    out
}

/// What a run without options would use, and where that comes from.
fn origins(settings: &[Effective]) -> String {
    let mut out = "\noptions of a run\n".to_owned();
    for Effective { key, value, origin } in settings {
        out += &format!("  {key:<14} {value} ({origin})\n");
    }
    out
}

fn json(lines: &[Line], settings: &[Effective], ready: bool) -> serde_json::Value {
    let lines: Vec<_> = lines
        .iter()
        .map(|l| serde_json::json!({"what": l.what, "ok": l.ok, "needed": l.needed, "found": l.found, "todo": l.todo}))
        .collect();
    let options: Vec<_> = settings
        .iter()
        .map(|one| serde_json::json!({"option": one.key, "value": one.value, "origin": one.origin}))
        .collect();
    serde_json::json!({"ready": ready, "substrate": if ready { Some("local") } else { None }, "found": lines, "options": options})
}
