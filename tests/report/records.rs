//! Runs to report on, told in events: a green one, a red one, one that could not find out, and one
//! that was cut short.

use chrono::{DateTime, TimeDelta, Utc};
use pulp_drill::{
    base::{
        clock::Clock,
        digest::Digest,
        ids::{RunId, ScenarioId},
        redact::Redactor,
    },
    evidence::{self, SIGNED_BY, UNSIGNED},
    journal::Journal,
    model::{
        blast_radius::{BlastRadius, Confirmation, Dependent, Impact},
        check::CheckId,
        event::{Event, FORMAT, RunStarted, ScenarioStarted, StepStage},
        exit_code::ExitCode,
        figures::RestoredFigures,
        finding::{Entity, Expectation, Finding, FindingKind},
        level::LevelFacts,
        record::{RunRecord, Skipped},
        verdict::{Answers, CheckOutcome, Facts, Verdict, judge, limit::Limit},
    },
    report,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Every look at it is a second later.
pub fn clock() -> Clock {
    let start: DateTime<Utc> = "2026-11-22T14:02:00.250Z".parse().expect("a time");
    let next = Arc::new(Mutex::new(start));
    Clock::from_fn(move || {
        let mut next = next.lock().expect("no panic");
        *next += TimeDelta::seconds(1);
        *next
    })
}

pub fn journal(reports: &Path) -> Journal {
    Journal::create(reports, &RunId::from("019ab3c4-0000-7000-8000-00000badcafe"), clock(), Redactor::new())
        .expect("a journal")
}

pub fn write(journal: &Journal, scenario: Option<&str>, event: Event) {
    journal.write(scenario.map(ScenarioId::from).as_ref(), event).expect("written");
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

pub fn run_started(scenarios: &[&str]) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        format: FORMAT,
        run: RunId::from("019ab3c4-0000-7000-8000-00000badcafe"),
        harness: "pulp-drill 0.1.0".to_owned(),
        seed: 42,
        command: vec!["pulp-drill".to_owned(), "run".to_owned()],
        config: map(&[("substrate", "local"), ("jobs", "2")]),
        started_by: map(&[("user", "ci"), ("host", "builder-7")]),
        machine: map(&[("os", "linux"), ("cores", "2")]),
        scenarios: scenarios.iter().map(|s| ScenarioId::from(*s)).collect(),
        previous: Vec::new(),
        partition: None,
    }))
}

/// A scenario to be told.
#[derive(Clone, Default)]
pub struct Tale {
    pub id: &'static str,
    pub baseline: bool,
    pub expect: Vec<Expectation>,
    pub findings: Vec<Finding>,
    pub checks: Vec<(CheckId, CheckOutcome)>,
    pub errors: Vec<String>,
    pub rto_ms: Option<u64>,
    pub rpo_ms: Option<u64>,
}

impl Tale {
    /// That it began.
    pub fn started(&self) -> Event {
        Event::ScenarioStarted(Box::new(ScenarioStarted {
            profile: None,
            title: format!("About {}", self.id),
            shows: "what it shows".to_owned(),
            file: (!self.baseline).then(|| (format!("scenarios/{}.yaml", self.id), Digest::of(self.id))),
            runbook: vec!["2.3".to_owned()],
            controls: vec!["NIST CP-9(1)".to_owned(), "DORA 12(7)".to_owned()],
            procedure: "dump and copy".into(),
            topology: "one site".to_owned(),
            seed: "invoices".to_owned(),
            baseline: self.baseline,
            expect: self.expect.clone(),
            possible: Vec::new(),
            steps: vec!["back up runbook".to_owned(), "restore: runbook".to_owned()],
        }))
    }

    /// Writes all of its events but the last.
    pub fn begin(&self, journal: &Journal) {
        let tell = |event| write(journal, Some(self.id), event);
        tell(self.started());
        tell(Event::StepStarted { step: 1, stage: StepStage::Backup, name: "back up runbook".to_owned() });
        tell(Event::StepFinished { step: 1, ms: 310, failed: None });
        self.findings.iter().for_each(|f| tell(Event::Found(Box::new(f.clone()))));
        self.findings.iter().filter_map(needed).for_each(|radius| tell(Event::BlastRadiusFound(radius)));
        for (check, outcome) in &self.checks {
            tell(Event::CheckFinished { check: *check, outcome: outcome.clone(), ms: 120 });
        }
        for error in &self.errors {
            tell(Event::ErrorOccurred { error: error.clone(), ours: false });
        }
    }

    /// Writes the verdict.
    pub fn end(&self, journal: &Journal) {
        let mut answers = Answers::default();
        for check in CheckId::ALL {
            let skipped = CheckOutcome::Skipped { why: "nothing to check".to_owned() };
            let given = self.checks.iter().find(|(id, _)| id == check).map(|(_, outcome)| outcome.clone());
            answers.add(*check, given.unwrap_or(skipped));
        }
        let facts = Facts {
            possible: &[],
            findings: &self.findings,
            expected: &self.expect,
            answers: &answers,
            without_effect: &[],
            errors: &self.errors,
        };
        let figures = RestoredFigures { matched: 1, ..RestoredFigures::default() };
        let level = LevelFacts {
            facts: &facts,
            failed_step: None,
            whole: true,
            figures: Some(&figures),
            renders: true,
            schema_only: false,
        };
        let level = self.expect.is_empty().then(|| level.level());
        let judgement = judge(&facts).unwrap();
        let finished = Event::ScenarioFinished {
            judgement,
            level,
            ms: 1_430,
            rto_ms: self.rto_ms,
            rpo_ms: self.rpo_ms,
            rpo_from: None,
        };
        write(journal, Some(self.id), finished);
    }
}

fn looked() -> Vec<(CheckId, CheckOutcome)> {
    vec![
        (CheckId::Contents, CheckOutcome::Checked { items: 8 }),
        (CheckId::Reconcile, CheckOutcome::Checked { items: 12 }),
        (CheckId::Render, CheckOutcome::Checked { items: 4 }),
    ]
}

fn orphan(name: &str) -> Finding {
    let entity = Entity::Asset(name.into());
    Finding::new(CheckId::Reconcile, FindingKind::OrphanBinary, entity, "a row", "no row")
}

/// What depends on a missing binary.
fn needed(missing: &Finding) -> Option<Box<BlastRadius>> {
    let dependent = |kind: &str, name: &str, confirmation| Dependent {
        kind: kind.to_owned(),
        name: name.to_owned(),
        confirmation,
    };
    let dependents = vec![
        dependent("asset", "logo.png", Confirmation::Predicted),
        dependent("template", "letter", Confirmation::Broken),
        dependent("template", "memo", Confirmation::Unharmed),
    ];
    let impact = Impact { object: missing.entity.clone(), damage: missing.kind, dependents, more: 2 };
    let radius = BlastRadius { impacts: vec![impact], more: 3, not_rendered: None };
    (missing.kind == FindingKind::MissingBinary).then(|| Box::new(radius))
}

fn expect(kind: FindingKind, entity: &str) -> Expectation {
    Expectation { kind, entity: entity.to_owned() }
}

pub fn orphan_scenario() -> Tale {
    Tale {
        id: "upload-between-dump-and-copy",
        expect: vec![expect(FindingKind::OrphanBinary, "late-logo.png")],
        findings: vec![orphan("late-logo.png"), orphan("draft.png")],
        checks: looked(),
        rto_ms: Some(870),
        ..Tale::default()
    }
}

pub fn baseline() -> Tale {
    Tale { id: "baseline-invoices-one-site", baseline: true, checks: looked(), ..Tale::default() }
}

pub fn failing() -> Tale {
    let missing = Finding::new(
        CheckId::Reconcile,
        FindingKind::MissingBinary,
        Entity::Asset("logo.png".into()),
        "1,234 bytes with SHA-256 ba7816bf8f01 under tenants/acme/assets/2026/logo.png",
        "no such key",
    )
    .shown_by("artefacts/ba7816bf8f01-logo.png");
    Tale {
        id: "objects-left-out-of-the-copy-by-a-prefix",
        expect: vec![expect(FindingKind::RenderRefused, "letter")],
        findings: vec![missing],
        checks: looked(),
        rto_ms: None,
        ..Tale::default()
    }
}

pub fn unsure() -> Tale {
    let mut checks = looked();
    checks[0].1 = CheckOutcome::Unknown { why: "the database went away".to_owned() };
    checks[1].1 = CheckOutcome::Checked { items: 0 };
    checks[2].1 = CheckOutcome::Skipped { why: "the engine is not ready".to_owned() };
    let errors = vec!["can't reach postgres\n  cause: connection refused\n  hint: is it up?".to_owned()];
    Tale { id: "dump-truncated", checks, errors, ..Tale::default() }
}

/// What a run on the stand-in engine does not show.
pub fn stand_in(defects: bool) -> Limit {
    Limit::StandInEngine { name: "stand-in 0.1.0".to_owned(), defects }
}

/// Tells a run and gives what the journal folded from it.
pub fn tell(journal: &Journal, tales: &[Tale], end: Option<Option<&str>>) -> RunRecord {
    write(journal, None, run_started(&tales.iter().map(|t| t.id).collect::<Vec<_>>()));
    let versions = map(&[("postgres", "PostgreSQL 15.14, fsync off"), ("engine", "stand-in 0.1.0")]);
    write(journal, None, Event::SubstrateReady { versions, limits: vec![stand_in(false)] });
    write(journal, None, Event::Noted { text: "removed the leftovers of 1 dead run".to_owned() });
    for (i, tale) in tales.iter().enumerate() {
        tale.begin(journal);
        // A run that does not end is killed in its last scenario.
        if end.is_some() || i + 1 < tales.len() {
            tale.end(journal);
        }
    }
    if let Some(cut_short) = end {
        report::pages::compare(journal).expect("page images");
        let verdict =
            journal.record().scenarios.iter().map(|s| s.verdict()).max().unwrap_or(Verdict::Unknown);
        let cut_short = cut_short.map(str::to_owned);
        write(journal, None, Event::RunFinished { verdict, exit: ExitCode::AllHeld, cut_short });
    }
    journal.record()
}

/// How a run begins that will be sealed without a key.
pub fn unsigned_run_started(scenarios: &[&str]) -> Box<RunStarted> {
    let Event::RunStarted(mut started) = run_started(scenarios) else { panic!("another event") };
    started.config.insert(SIGNED_BY.to_owned(), UNSIGNED.to_owned());
    started
}

/// Writes the reports and the evidence of a run that has ended.
pub fn seal(journal: &Journal) -> Vec<PathBuf> {
    let record = journal.record();
    let files = report::write_all(journal.dir(), &record).expect("reports");
    evidence::seal(journal.dir(), &record, &files, None).expect("sealed");
    files
}

/// A record of the tales, told into a folder that is gone afterwards.
pub fn record(tales: &[Tale], end: Option<Option<&str>>) -> RunRecord {
    let reports = tempfile::tempdir().expect("a folder");
    tell(&journal(reports.path()), tales, end)
}

pub fn green() -> RunRecord {
    record(&[orphan_scenario(), baseline()], Some(None))
}

pub fn red() -> RunRecord {
    record(&[orphan_scenario(), failing(), unsure(), baseline()], Some(None))
}

pub fn unknown() -> RunRecord {
    record(&[unsure(), baseline()], Some(None))
}

/// A run of as many drills as all scenarios have, many of which failed or have no result.
pub fn large() -> RunRecord {
    let mut record = red();
    let tales = record.scenarios.clone();
    for n in 0..190_usize {
        // Mostly the first one, which passed.
        let mut copy = tales[if n % 9 == 0 { 1 + n % 2 } else { 0 }].clone();
        let later = TimeDelta::seconds(i64::try_from(n).expect("small") * 4);
        copy.id = ScenarioId::new(format!("{}-{n}", copy.id));
        copy.began = copy.began.map(|at| at + later);
        copy.steps.iter_mut().for_each(|step| step.began += later);
        copy.check_ends.iter_mut().for_each(|at| *at += later);
        record.scenarios.push(copy);
    }
    for n in 0..20 {
        let (id, why) = (ScenarioId::new(format!("needs-minio-{n}")), "MinIO is not installed".to_owned());
        record.skipped.push(Skipped { id, why, controls: vec!["NIST CP-9(1)".to_owned()] });
    }
    record
}

pub fn cut_short() -> RunRecord {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = journal(reports.path());
    write(&journal, None, run_started(&[baseline().id, orphan_scenario().id, "dump-truncated", "row-lost"]));
    baseline().begin(&journal);
    baseline().end(&journal);
    orphan_scenario().begin(&journal);
    journal.record()
}
