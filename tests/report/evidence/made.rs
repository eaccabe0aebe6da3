//! Runs that were made without stores: their journal tells what a real one would.

use pulp_drill::{
    base::{clock::Clock, digest::Digest, ids::RunId, redact::Redactor},
    evidence::{
        self, SIGNED_BY, UNSIGNED, chain,
        key::SigningKey,
        verify::{self, EvidenceCheck, Trust},
    },
    journal::Journal,
    model::{
        event::{Event, FORMAT, RunStarted, ScenarioStarted},
        exit_code::ExitCode,
        finding::{Entity, Finding, FindingKind},
        verdict::{Judgement, Role, Verdict},
    },
    report,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
};
use tempfile::TempDir;

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32], "a test").unwrap()
}

pub fn other_key() -> SigningKey {
    SigningKey::from_seed(&[8; 32], "another").unwrap()
}

/// A run that is to be made.
pub struct Run<'a> {
    pub id: &'a str,
    pub harness: &'a str,
    pub scenarios: &'a [(&'a str, Option<Verdict>)],
    pub warns: bool,
    pub exit: ExitCode,
    pub cut_short: Option<&'a str>,
    pub ends: bool,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            id: "019ab3c400007000800000000badcafe",
            harness: concat!("pulp-drill ", env!("CARGO_PKG_VERSION")),
            scenarios: &[("logo-goes", Some(Verdict::Pass))],
            warns: false,
            exit: ExitCode::AllHeld,
            cut_short: None,
            ends: true,
        }
    }
}

impl Run<'_> {
    /// Writes it below a report folder as `pulp-drill run` does. Gives its folder.
    pub fn write(&self, reports: &Path, key: Option<&SigningKey>) -> PathBuf {
        static TIME: AtomicI64 = AtomicI64::new(1_790_000_000);
        let clock = Clock::from_fn(|| {
            chrono::DateTime::from_timestamp(TIME.fetch_add(1, Ordering::Relaxed), 0).unwrap()
        });
        let previous = chain::not_yet_named(&chain::runs_in(reports).unwrap());
        let journal = Journal::create(reports, &RunId::from(self.id), clock, Redactor::new()).unwrap();
        let signer = key.map_or(UNSIGNED.to_owned(), |key| key.public().fingerprint());
        let started = RunStarted {
            format: FORMAT,
            run: RunId::from(self.id),
            harness: self.harness.to_owned(),
            seed: 42,
            command: vec!["pulp-drill".to_owned(), "run".to_owned()],
            config: BTreeMap::from([
                (SIGNED_BY.to_owned(), signer),
                ("profile".to_owned(), "pulp-engine".to_owned()),
                ("profile sha256".to_owned(), Digest::of("profile").to_string()),
            ]),
            started_by: BTreeMap::from([("CI_JOB_URL".to_owned(), "https://ci.example/7".to_owned())]),
            machine: BTreeMap::new(),
            scenarios: self.scenarios.iter().map(|(id, _)| (*id).into()).collect(),
            previous,
            partition: None,
        };
        journal.write(None, Event::RunStarted(Box::new(started))).unwrap();
        for (id, verdict) in self.scenarios {
            self.scenario(&journal, id, *verdict);
        }
        if self.ends {
            let verdict = journal.record().scenarios.iter().map(|s| s.verdict()).max().unwrap();
            let cut_short = self.cut_short.map(str::to_owned);
            journal.write(None, Event::RunFinished { verdict, exit: self.exit, cut_short }).unwrap();
        }
        let dir = journal.dir().to_owned();
        let files = report::write_all(&dir, &journal.record()).unwrap();
        if self.ends {
            evidence::seal(&dir, &journal.record(), &files, key).unwrap();
        }
        dir
    }

    fn scenario(&self, journal: &Journal, id: &str, verdict: Option<Verdict>) {
        let id = id.into();
        let started = ScenarioStarted {
            possible: Vec::new(),
            title: "The logo goes missing".to_owned(),
            shows: "A render is refused.".to_owned(),
            file: Some((format!("scenarios/{id}.yaml"), Digest::of("scenario"))),
            runbook: Vec::new(),
            controls: Vec::new(),
            topology: "bucket".to_owned(),
            procedure: String::new(),
            profile: None,
            seed: "invoices".to_owned(),
            baseline: false,
            expect: Vec::new(),
            steps: Vec::new(),
        };
        journal.write(Some(&id), Event::ScenarioStarted(Box::new(started))).unwrap();
        journal.store(Some(&id), "manifest.json", b"{\"rows\": 3}\n", "the manifest").unwrap();
        let mut roles = Vec::new();
        if self.warns {
            let check = pulp_drill::model::check::CheckId::Reconcile;
            let entity = Entity::Asset("x.png".into());
            let finding = Finding::new(check, FindingKind::OrphanBinary, entity, "x", "y");
            journal.write(Some(&id), Event::Found(Box::new(finding))).unwrap();
            roles.push(Role::Warning);
        }
        if let Some(verdict) = verdict {
            let judgement = Judgement { verdict, reasons: Vec::new(), roles };
            journal
                .write(
                    Some(&id),
                    Event::ScenarioFinished {
                        judgement,
                        level: None,
                        ms: 5,
                        rto_ms: None,
                        rpo_ms: None,
                        rpo_from: None,
                    },
                )
                .unwrap();
        }
    }
}

/// A run, signed or not, in a report folder of its own.
pub fn one(key: Option<&SigningKey>) -> (TempDir, PathBuf) {
    let reports = tempfile::tempdir().unwrap();
    let run = Run::default().write(reports.path(), key);
    (reports, run)
}

pub fn trusting() -> Trust {
    Trust { keys: vec![key().public()], signed: true }
}

pub fn verify(run: &Path) -> EvidenceCheck {
    verify::folder(run, &Trust::default()).unwrap()
}

/// The names of files that have problems.
pub fn blamed(verified: &EvidenceCheck) -> Vec<&str> {
    let mut files: Vec<&str> = verified.problems.iter().map(|p| p.file.as_str()).collect();
    files.sort();
    files.dedup();
    files
}

/// All files below a folder, by their path in it.
pub fn files(run: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for folder in [run.to_owned(), run.join("artefacts")] {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                names.push(entry.path().strip_prefix(run).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    names
}
