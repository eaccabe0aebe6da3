//! Engines and PostgreSQL programs that lie, each against the whole harness: whatever they do, the
//! run must not pass, and a finding must name what they did. Honest ones, and honest ones on
//! awkward grounds, must pass. The lies are in `liars/proxy.py` and in the scripts below.

use pulp_drill::{
    model::verdict::Reason,
    runbook::provision::processes::{Places, discover},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

const DRILL: &str = env!("CARGO_BIN_EXE_pulp-drill");

/// Who lies.
#[derive(Clone, Copy)]
enum Liar {
    /// The engine, by a name that the proxy knows.
    Engine(&'static str),
    /// One of PostgreSQL's programs: its name and the shell script in its place, where `$REAL` is
    /// the folder with the real ones.
    Program(&'static str, &'static str),
    /// Nobody: the stand-in engine and the real programs.
    Nobody,
}
use Liar::{Engine, Nobody, Program};

/// What the harness must say: its exit code, and a finding's kind and entity, if it is to find one
/// that nobody expected.
struct Says(i32, &'static str, &'static str);

/// The baseline drill of the seed.
const BASELINE: &str = "baseline";

const MISSING: &str = "scenarios/binary-missing.yaml";
const FLIPPED: &str = "scenarios/binary-bit-flipped.yaml";
const ROW_LOST: &str = "tests/drills/misbehaving/row-lost.yaml";
const DEFINITION: &str = "tests/drills/misbehaving/definition-changed.yaml";

const HONEST: &[(Liar, &str)] = &[
    (Engine("truth"), MISSING),
    (Engine("code-in-issues"), MISSING),
    (Nobody, DEFINITION),
    (Nobody, ROW_LOST),
    (Nobody, "tests/drills/misbehaving/unshown-damaged.yaml"),
    (Nobody, "tests/drills/misbehaving/swapped.yaml"),
    (Nobody, "tests/drills/misbehaving/deleted.yaml"),
    (Nobody, "tests/drills/misbehaving/source-changed.yaml"),
    (Nobody, "tests/drills/misbehaving/restored-otherwise.yaml"),
    (Nobody, "tests/drills/misbehaving/links.yaml"),
];

const LIES: &[(Liar, &str, Says)] = &[
    (Engine("heals-rows"), ROW_LOST, Says(1, "engine changed data", "assets/draft-mark.png")),
    (Engine("heals-binaries"), MISSING, Says(1, "engine changed data", "logo.png")),
    (Engine("deletes-rows-without-binary"), MISSING, Says(1, "engine changed data", "assets/logo.png")),
    (Engine("moves-schedules"), BASELINE, Says(1, "engine changed data", "schedules/")),
    (Engine("cached-by-data"), MISSING, Says(1, "stale render", "invoice")),
    (Engine("cached-by-data"), FLIPPED, Says(1, "stale render", "invoice")),
    (Engine("cached-by-data"), DEFINITION, Says(1, "stale render", "packing-slip")),
    (Engine("other-text-in-one"), FLIPPED, Says(1, "pdf differs", "invoice")),
    (Engine("fail-open-for-one"), BASELINE, Says(1, "stale render", "statement")),
    (Engine("fail-open-unless-watched"), MISSING, Says(1, "fail open", "")),
    (Engine("refuses-all-after-first"), MISSING, Says(1, "render refused", "packing-slip")),
    (Engine("wrong-status"), MISSING, Says(1, "wrong refusal", "invoice")),
    (Engine("refuses-with-200"), MISSING, Says(1, "wrong refusal", "invoice")),
    (Engine("blames-binaries"), BASELINE, Says(1, "render refused", "invoice")),
    (Engine("sweeps-orphans"), "scenarios/orphan-binary.yaml", Says(1, "engine changed data", "")),
    (Engine("labels-first-version"), BASELINE, Says(1, "wrong listing", "template_labels/")),
    (Engine("html"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("empty"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("no-content"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("cut"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("chunks-cut"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("junk-behind"), BASELINE, Says(1, "partial pdf", "invoice")),
    (Engine("redirect"), BASELINE, Says(1, "render refused", "invoice")),
    (Engine("dies"), BASELINE, Says(1, "engine not ready", "engine")),
    (Engine("lists-wrongly"), BASELINE, Says(1, "manifest drift", "")),
    (Engine("stores-other-bytes"), BASELINE, Says(1, "unstored write", "logo.png")),
    (Engine("lists-first-page"), BASELINE, Says(1, "manifest drift", "warehouse.jpg")),
    (Engine("hands-out-placeholders"), BASELINE, Says(1, "download differs", "banner.jpg")),
    (Engine("takes-no-writes"), BASELINE, Says(1, "engine not ready", "engine")),
    (Engine("adds-index"), BASELINE, Says(1, "engine changed data", "index healed")),
    (Engine("forgets-audit"), BASELINE, Says(1, "engine changed data", "audit_events/")),
    (Engine("renders-rewrite-audit"), BASELINE, Says(1, "engine changed data", "audit_events/")),
    (Engine("labels-render-first-version"), BASELINE, Says(1, "wrong release", "")),
    (Engine("refusal-names-another"), BASELINE, Says(1, "wrong refusal", "")),
    (Engine("admits-any-key"), BASELINE, Says(1, "wrong access", "engine")),
    (Engine("deletes-nothing"), BASELINE, Says(1, "unstored write", "engine")),
    (Engine("html-placeholder"), BASELINE, Says(1, "fail open", "")),
    (Engine("audit-list-empty"), BASELINE, Says(1, "wrong listing", "audit_events/")),
    (Engine("details-of-another"), BASELINE, Says(1, "wrong listing", "assets/")),
    (Engine("versions-lack-first"), BASELINE, Says(1, "wrong listing", "template_versions/")),
    (Engine("older-definition"), BASELINE, Says(1, "wrong listing", "template_versions/")),
    (Engine("schedules-shown-enabled"), BASELINE, Says(1, "wrong listing", "schedules/")),
    (Engine("shortens-large"), BASELINE, Says(1, "unstored write", "engine")),
    (Engine("renders-first-data"), BASELINE, Says(1, "wrong release", "")),
    (Engine("html-of-first-version"), BASELINE, Says(1, "wrong release", "")),
    (Engine("mixes-overlapping"), BASELINE, Says(1, "not deterministic", "")),
    (Engine("saves-nothing"), BASELINE, Says(1, "unstored write", "engine")),
    (Engine("moves-no-label"), BASELINE, Says(1, "unstored write", "engine")),
    (Engine("stores-twice"), BASELINE, Says(1, "unstored write", "engine")),
    (Engine("names-other-key"), BASELINE, Says(1, "unstored write", "logo.png")),
    (
        Program("pg_dump", r#"exec "$REAL/pg_dump" --exclude-table-data=audit_events "$@""#),
        BASELINE,
        Says(1, "row lost", "audit_events"),
    ),
    (
        Program("pg_dump", r#"exec "$REAL/pg_dump" --section=pre-data --section=data "$@""#),
        BASELINE,
        Says(1, "catalog differs", "index "),
    ),
    (
        // The last argument is the database: another one is dumped.
        Program(
            "pg_dump",
            r#"for last; do :; done
for arg; do shift; [ "$arg" = "$last" ] || set -- "$@" "$arg"; done
exec "$REAL/pg_dump" "$@" "$(printf %s "$last" | sed 's,/[^/]*$,/postgres,')""#,
        ),
        BASELINE,
        Says(1, "row lost", "assets/logo.png"),
    ),
    (
        Program("pg_dump", r#"for arg; do case $arg in --file=*) : > "${arg#--file=}";; esac; done; exit 0"#),
        BASELINE,
        Says(1, "restore failed", "restore database"),
    ),
    (Program("pg_restore", "exit 0"), BASELINE, Says(1, "row lost", "assets/logo.png")),
    (
        Program(
            "pg_restore",
            r#""$REAL/pg_restore" "$@" || exit 1
for arg; do case $arg in --dbname=*) url=${arg#--dbname=};; esac; done
exec "$REAL/psql" -Xqc "delete from template_labels where label = 'staging'" "$url""#,
        ),
        BASELINE,
        Says(1, "row lost", "template_labels/"),
    ),
    (
        Program(
            "pg_restore",
            r#""$REAL/pg_restore" "$@" || exit 1
for arg; do case $arg in --dbname=*) url=${arg#--dbname=};; esac; done
exec "$REAL/psql" -XqAtc "select setval(c.oid, 1, false) from pg_class c where relkind = 'S'" "$url" >/dev/null"#,
        ),
        BASELINE,
        Says(1, "sequence behind", ""),
    ),
];

#[test]
fn honest_ones_pass() {
    let Some(real) = grounds() else { return };
    side_by_side(HONEST.len(), |i| {
        let (liar, ground) = HONEST[i];
        let (output, events) = run(liar, ground, &real);
        let code = output.status.code();
        (code != Some(0))
            .then(|| format!("{} on {ground}: exit {code:?}\n{}", name(liar), told(&output, &events)))
    });
}

#[test]
fn no_lie_passes_and_each_is_named() {
    let Some(real) = grounds() else { return };
    side_by_side(LIES.len(), |i| {
        let (liar, ground, Says(exit, kind, entity)) = &LIES[i];
        let (output, events) = run(*liar, ground, &real);
        let code = output.status.code();
        let named = reasons(&events).iter().any(|reason| reason.starts_with(&format!("{kind}: {entity}")));
        (code != Some(*exit) || !named).then(|| {
            format!(
                "{} on {ground}: exit {code:?}, not {exit} with {kind}: {entity}…\n{}",
                name(*liar),
                told(&output, &events)
            )
        })
    });
}

fn name(liar: Liar) -> String {
    match liar {
        Engine(lie) => format!("the engine that {lie}"),
        Program(program, script) => format!("{program} ({})", script.lines().last().unwrap_or_default()),
        Nobody => "nobody".to_owned(),
    }
}

/// Runs all, two at a time, and fails with all that was said.
fn side_by_side(count: usize, one: impl Fn(usize) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let said = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        return;
                    }
                    if let Some(wrong) = one(i) {
                        println!("{wrong}\n");
                        said.lock().unwrap().push(wrong);
                    }
                }
            });
        }
    });
    let said = said.into_inner().unwrap();
    assert!(said.is_empty(), "{} of {count}:\n\n{}", said.len(), said.join("\n\n"));
}

/// The folder of the real programs; `None` (and a line that says *skipped*) where something lacks.
fn grounds() -> Option<PathBuf> {
    if !Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        println!("skipped: no python3 in PATH");
        return None;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(discover(&Places::of_machine(), None)).found;
    if found.is_none() {
        println!("skipped: no PostgreSQL server programs (initdb, postgres) found");
    }
    found.map(|programs| programs.dir)
}

/// One run of the harness; its output and its events.
fn run(liar: Liar, ground: &str, real: &Path) -> (Output, Vec<serde_json::Value>) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("reports");
    // Baseline drills run first, so that one that fails ends the run.
    let scenario = if ground == BASELINE { MISSING } else { ground };
    let mut command = Command::new(DRILL);
    command.current_dir(home).args(["run", scenario, "--jobs", "1", "--report-dir"]).arg(&reports);
    if ground == BASELINE {
        command.arg("--fail-fast");
    }
    match liar {
        Engine(lie) => {
            let (proxy, state) =
                (home.join("tests/drills/misbehaving/proxy.py"), folder.path().join("state"));
            let (proxy, state, psql) = (proxy.to_str().unwrap(), state.to_str().unwrap(), real.join("psql"));
            let description = ["python3", proxy, "--lie", lie, "--drill", DRILL, "--state", state, "--psql"];
            let line = shell_words::join(description.iter().copied().chain(psql.to_str()));
            command.args(["--engine", &format!("command:{line}")]);
        }
        Program(program, script) => {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let bin = folder.path().join("bin");
            fs::create_dir(&bin).unwrap();
            for entry in fs::read_dir(real).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().is_some_and(|name| name != program) {
                    symlink(&path, bin.join(path.file_name().unwrap())).unwrap();
                }
            }
            let own = bin.join(program);
            let version = format!("[ \"$1\" = --version ] && exec \"$REAL/{program}\" --version\n");
            let text = format!("#!/bin/sh\nREAL='{}'\n{version}{script}\n", real.display());
            fs::write(&own, text).unwrap();
            fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
            command.env("PULP_DRILL_PG_BIN", &bin);
        }
        Nobody => {}
    }
    let output = command.output().unwrap();
    let events = fs::read_to_string(reports.join("latest/events.jsonl")).unwrap_or_default();
    (output, events.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What the verdicts rest on.
fn reasons(events: &[serde_json::Value]) -> Vec<String> {
    let of = |event: &serde_json::Value| event["event"]["judgement"]["reasons"].as_array().cloned();
    let text = |reason| serde_json::from_value::<Reason>(reason).unwrap().to_string();
    events.iter().filter_map(of).flatten().map(text).collect()
}

fn told(output: &Output, events: &[serde_json::Value]) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = errors.lines().rev().take(12).collect();
    let errors: Vec<&str> = errors.into_iter().rev().collect();
    let reasons: Vec<String> = reasons(events).iter().map(|r| r.chars().take(400).collect()).collect();
    format!("  reasons: {}\n  stderr: {}", reasons.join("\n           "), errors.join("\n          "))
}
