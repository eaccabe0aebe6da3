//! No two statements of a run's reports contradict each other: green, red, unknown, killed, partial and empty
//! runs, and tests of existing backups.

use crate::{
    records::{self, Tale, baseline, failing, journal, record, unsure, write},
    support::consistency::contradictions,
};
use pulp_drill::model::{
    check::CheckId,
    event::Event,
    exit_code::ExitCode,
    figures::{NotCompared, RestoredFigures},
    finding::{Entity, Finding, FindingKind},
    level::LevelFacts,
    record::{Integrity, RunRecord},
    verdict::{Answers, CheckOutcome, Facts, Verdict, judge},
};

/// The test of an existing backup, with these findings and figures; the checks that `skipped` names had nothing to
/// compare with.
fn of_existing(
    findings: &[Finding],
    figures: &RestoredFigures,
    skipped: &[CheckId],
    failed: bool,
    assertions: &[(&str, CheckOutcome)],
) -> RunRecord {
    let reports = tempfile::tempdir().unwrap();
    let journal = journal(reports.path());
    let tell = |event| write(&journal, Some("restore-test"), event);
    write(&journal, None, records::run_started(&["restore-test"]));
    let Event::ScenarioStarted(mut started) = Tale { id: "restore-test", ..Tale::default() }.started() else {
        panic!("another event")
    };
    started.seed = String::new();
    tell(Event::ScenarioStarted(started));
    let mut answers = Answers::default();
    for check in CheckId::ALL {
        let outcome = match skipped.contains(check) || failed && *check != CheckId::Procedure {
            true => CheckOutcome::Skipped { why: "nothing to compare with".to_owned() },
            false => CheckOutcome::Checked { items: 3 },
        };
        tell(Event::CheckFinished { check: *check, outcome: outcome.clone(), ms: 1 });
        answers.add(*check, outcome);
    }
    for (name, outcome) in assertions {
        let (name, outcome) = ((*name).to_owned(), outcome.clone());
        tell(Event::AssertionFinished { name, outcome, ms: 1 });
    }
    findings.iter().for_each(|finding| tell(Event::Found(Box::new(finding.clone()))));
    let facts =
        Facts { findings, expected: &[], possible: &[], answers: &answers, without_effect: &[], errors: &[] };
    let level = LevelFacts {
        facts: &facts,
        failed_step: failed.then_some("restore database"),
        whole: !failed,
        figures: Some(figures),
        renders: false,
        schema_only: false,
    };
    let (level, judgement) = (Some(level.level()), judge(&facts).unwrap());
    let exit = ExitCode::from(judgement.verdict);
    let verdict = judgement.verdict;
    tell(Event::ScenarioFinished { judgement, level, ms: 9, rto_ms: Some(5), rpo_ms: None, rpo_from: None });
    write(&journal, None, Event::RunFinished { verdict, exit, cut_short: None });
    RunRecord::fold(&pulp_drill::journal::read(journal.dir()).unwrap().entries)
}

fn matched() -> RestoredFigures {
    RestoredFigures { matched: 3, ..RestoredFigures::default() }
}

#[track_caller]
fn consistent(name: &str, record: &RunRecord) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(contradictions(record, folder.path()), [""; 0], "{name}");
}

#[test]
fn the_reports_of_drills_agree() {
    for (name, record) in [
        ("green", records::green()),
        ("red", records::red()),
        ("unknown", records::unknown()),
        ("cut short", records::cut_short()),
        ("empty", RunRecord::default()),
        ("never ended", record(&[baseline()], None)),
        ("failed and unknown", record(&[failing(), unsure(), baseline()], Some(None))),
    ] {
        consistent(name, &record);
        let tampered = Integrity::Violated(vec!["events.jsonl: it was changed".to_owned()]);
        consistent(name, &RunRecord { integrity: tampered, ..record });
    }
}

#[test]
fn the_reports_of_tests_of_existing_backups_agree() {
    let found = |check, kind, entity: Entity| Finding::new(check, kind, entity, "a", "b");
    let lost = found(CheckId::Catalog, FindingKind::TableLost, Entity::Table("a".into()));
    let failed =
        found(CheckId::Procedure, FindingKind::RestoreFailed, Entity::Step("restore database".into()));
    let orphan = found(CheckId::Reconcile, FindingKind::OrphanBinary, Entity::Object("x".into()));
    let old = found(CheckId::Procedure, FindingKind::BackupTooOld, Entity::Step("restore-test".into()));
    let partly = RestoredFigures {
        not_compared: NotCompared { tables: vec!["a".into()], schema: true, sequences: true },
        ..matched()
    };
    let bare = [CheckId::Contents, CheckId::Catalog, CheckId::Manifest, CheckId::Render];
    for (name, findings, figures, skipped, fails) in [
        ("sound, compared", &[][..], matched(), &[][..], false),
        ("sound, nothing compared", &[], matched(), &bare, false),
        ("sound, partly compared", &[], partly, &[], false),
        ("sound, nothing matched", &[], RestoredFigures::default(), &bare, false),
        ("an orphan", &[orphan], matched(), &bare, false),
        ("too old", &[old], matched(), &bare, false),
        ("a table lost", &[lost], matched(), &[], false),
        ("not restored", &[failed], RestoredFigures::default(), &[], true),
    ] {
        consistent(name, &of_existing(findings, &figures, skipped, fails, &[]));
    }
    assert_eq!(of_existing(&[], &matched(), &[], false, &[]).verdict(), Verdict::Pass);
}

#[test]
fn every_report_names_every_assertion_whatever_its_result() {
    let wrong = Finding::new(
        CheckId::Assertions,
        FindingKind::AssertionFailed,
        Entity::Assertion("some invoices".to_owned()),
        "at least 10",
        "3",
    );
    let unknown = CheckOutcome::Unknown { why: "permission denied".to_owned() };
    let skipped = CheckOutcome::Skipped { why: "the application is not ready".to_owned() };
    let checked = || CheckOutcome::Checked { items: 1 };
    let assertions = [
        ("some invoices", checked()),
        ("fresh entries", checked()),
        ("health page", unknown),
        ("own command", skipped),
    ];
    let record = of_existing(&[wrong], &matched(), &[], false, &assertions);
    assert_eq!(record.scenarios[0].assertions.len(), 4);
    consistent("assertions", &record);
}
