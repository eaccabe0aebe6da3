//! Sound and damaged backups in every format, and what `restore-test` reports of each. The table in
//! docs/restore-test.md is written from these runs: `PULP_DRILL_BLESS=1` writes it again.

pub mod compared;
mod kinds;
pub mod kit;
mod logical;
mod physical;
mod repository;
mod wal_g;

use crate::support::{bless, consistency::contradictions};
use kit::{Kit, PROGRAM};
use pulp_drill::model::{level, record::RunRecord};
use std::{
    fmt::Write as _,
    fs,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The document with the table.
const DOCUMENT: &str = "docs/restore-test.md";

/// Tests at a time. Each starts a server, and runs on two cores.
const ABREAST: usize = 3;

/// A backup and what must be reported of it.
struct Case {
    /// What is wrong with it; nothing where it is sound.
    damage: Option<&'static str>,
    /// What kind of backup it is.
    format: &'static str,
    /// The options of `restore-test`.
    options: Vec<String>,
    /// The exit code.
    exit: i32,
    /// What a finding or an error says.
    says: &'static str,
}

impl Case {
    fn sound(format: &'static str, options: Vec<String>) -> Self {
        Self { damage: None, format, options, exit: 0, says: "" }
    }

    fn damaged(
        damage: &'static str,
        format: &'static str,
        options: Vec<String>,
        exit: i32,
        says: &'static str,
    ) -> Self {
        Self { damage: Some(damage), format, options, exit, says }
    }

    /// Runs it and gives its line of the table, or what is wrong.
    fn run(&self, kit: &Kit) -> Result<String, String> {
        let reports = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["restore-test", "--format", "json", "--report-dir"]).arg(reports.path());
        command.args(&self.options);
        // A machine whose WAL-G stores elsewhere: the folder is read all the same.
        command.env("WALG_S3_PREFIX", "s3://elsewhere/shop");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(wal_g::programs(kit)).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).unwrap());
        for (option, path) in [("--assets", "files"), ("--profile", "site.yaml")] {
            if !self.options.iter().any(|given| given == option) {
                command.arg(option).arg(kit.path(path));
            }
        }
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        let record: Option<RunRecord> = serde_json::from_slice(&ran.stdout).ok();
        let scenario = record.as_ref().and_then(|record| record.scenarios.first());
        let findings = scenario.map(|s| s.findings.clone()).unwrap_or_default();
        let actual: String = findings.iter().map(|f| format!("{f}: {}\n", f.actual)).collect();
        let level = scenario.and_then(|scenario| scenario.level.as_ref());
        let gaps: String = level.iter().flat_map(|l| &l.gaps).map(|gap| format!("{gap}\n")).collect();
        let profile = record.as_ref().and_then(|record| record.versions.get("profile"));
        let name = format!("{} ({})", self.damage.unwrap_or("sound"), self.format);
        let all = format!("{name}: exit {:?} of {profile:?}\n{actual}{gaps}{said}", ran.status.code());
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if ran.status.code() != Some(self.exit) || !flat(&all).contains(self.says) {
            return Err(format!("expected exit {} and {:?} of {all}", self.exit, self.says));
        }
        if let Some(record) = record.as_ref().filter(|_| self.damage.is_none()) {
            let contradictions = contradictions(record, &reports.path().join("latest"));
            if !contradictions.is_empty() {
                return Err(format!("{name}: {}", contradictions.join("\n")));
            }
        }
        let kinds: Vec<&str> = findings.iter().map(|finding| finding.kind.describe()).collect();
        let mut kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "orphan binary").collect();
        kinds.sort_unstable();
        kinds.dedup();
        let level = level::describe(level.and_then(|level| level.reached));
        let verdict = match self.exit {
            0 => "pass",
            1 => "fail",
            2 => "refused",
            _ => "unknown",
        };
        let damage = self.damage.unwrap_or("none");
        let (format, exit, kinds) = (self.format, self.exit, kinds.join(", "));
        Ok(format!("| {damage} | {format} | {verdict} ({exit}) | {level} | {kinds} |"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_lists_what_is_found_in_which_backup() {
    let Some(kit) = Kit::make().await else { return };
    let mut cases = logical::cases(&kit).await;
    cases.extend(compared::cases(&kit).await);
    let physical = physical::cases(&kit).await;
    let complete = physical.complete;
    cases.extend(physical.cases);
    kit.stop().await;
    let lines = tokio::task::block_in_place(|| run(&kit, &cases));
    assert!(cases.iter().filter(|case| case.damage.is_none()).count() >= 12);
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut table =
        "| damage | backup | verdict (exit code) | level | findings |\n|---|---|---|---|---|\n".to_owned();
    lines.iter().for_each(|line| writeln!(table, "{line}").unwrap());
    if complete {
        hold("damage", &table);
    } else {
        println!("skipped: the table, for which a program is missing");
    }
}

fn run(kit: &Kit, cases: &[Case]) -> Vec<String> {
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(vec![None; cases.len()]));
    std::thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                while let Some((number, case)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(number).map(|case| (number, case))
                } {
                    lines.lock().unwrap()[number] = Some(case.run(kit));
                }
            });
        }
    });
    let lines: Vec<Result<String, String>> = lines.into_inner().unwrap().into_iter().flatten().collect();
    let wrong: Vec<&str> = lines.iter().filter_map(|line| line.as_ref().err().map(String::as_str)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
    lines.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo test --test drills inputs_of_each_kind -- --ignored"]
async fn three_more_inputs_of_each_kind_are_judged_as_they_should() {
    let Some(kit) = Kit::make().await else { return };
    let cases = kinds::cases(&kit).await;
    let lines = tokio::task::block_in_place(|| run(&kit, &cases));
    let mut table = kinds::head();
    lines.iter().for_each(|line| writeln!(table, "{line}").unwrap());
    hold("kinds", &table);
}

/// Compares a table of the document.
pub fn hold(name: &str, table: &str) {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(&begin).expect("the table begins");
    let (_, after) = rest.split_once(&end).expect("the table ends");
    bless::file(DOCUMENT, &format!("{before}{begin}{table}{end}{after}"));
}
