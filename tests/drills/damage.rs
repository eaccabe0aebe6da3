//! Sound and damaged backups in every format, and what `restore-test` reports of each.

mod kit;
mod logical;
mod physical;

use kit::{Kit, PROGRAM};
use pulp_drill::model::record::RunRecord;
use std::{
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

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

    /// Runs it and gives what is wrong with the result.
    fn run(&self, kit: &Kit) -> Result<(), String> {
        let reports = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["restore-test", "--format", "json", "--report-dir"]).arg(reports.path());
        command.arg("--profile").arg(kit.path("site.yaml")).args(&self.options);
        if !self.options.iter().any(|option| option == "--assets") {
            command.arg("--assets").arg(kit.path("files"));
        }
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        let record: Option<RunRecord> = serde_json::from_slice(&ran.stdout).ok();
        let scenario = record.as_ref().and_then(|record| record.scenarios.first());
        let findings = scenario.map(|s| s.findings.clone()).unwrap_or_default();
        let actual: String = findings.iter().map(|f| format!("{f}: {}\n", f.actual)).collect();
        let name = format!("{} ({})", self.damage.unwrap_or("sound"), self.format);
        let all = format!("{name}: exit {:?}\n{actual}{said}", ran.status.code());
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if ran.status.code() != Some(self.exit) || !flat(&all).contains(self.says) {
            return Err(format!("expected exit {} and {:?} of {all}", self.exit, self.says));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_backups_pass_and_damage_is_found() {
    let Some(kit) = Kit::make().await else { return };
    let mut cases = logical::cases(&kit).await;
    let physical = physical::cases(&kit).await;
    let complete = physical.complete;
    cases.extend(physical.cases);
    kit.stop().await;
    tokio::task::block_in_place(|| run(&kit, &cases));
    assert!(cases.iter().filter(|case| case.damage.is_none()).count() >= 12);
    assert!(cases.len() >= 40, "{}", cases.len());
    if !complete {
        println!("skipped: repositories of pgBackRest");
    }
}

fn run(kit: &Kit, cases: &[Case]) {
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
    let lines: Vec<Result<(), String>> = lines.into_inner().unwrap().into_iter().flatten().collect();
    let wrong: Vec<&str> = lines.iter().filter_map(|line| line.as_ref().err().map(String::as_str)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}
