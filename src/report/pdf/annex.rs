//! The annex of the PDF report: everything that the report shortens. Every drill, reason, finding and control,
//! the environment, and the digests of the artefacts.

use super::{
    Advice, BODY, Cell, INK, Press, QUIET, Style, assertion_rows, assertion_table, colour, finding_table,
    finish, pairs, reasons_row, reasons_table, state, verdict_cell, with_role,
};
use crate::{
    base::{clock::human, error::Error},
    model::{
        control::Control,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{Judgement, Role, Verdict},
    },
    report::{
        controls,
        facts::{self, reasons},
        terminal::style::{count, cut},
    },
};

/// Renders the annex of a run.
///
/// # Errors
/// Blames the harness where the PDF can't be made.
pub fn render(record: &RunRecord) -> Result<Vec<u8>, Error> {
    let mut press = Press::new();
    press.title("Annex to the report of a restore drill");
    press.text(&format!("Run {}", record.id()), Style { size: 10.0, bold: false, colour: QUIET });
    scenarios(&mut press, record);
    assertions(&mut press, record);
    findings(&mut press, record);
    controls_of(&mut press, record);
    environment(&mut press, record);
    digests(&mut press, record);
    finish(press, "Annex: restore drill", record)
}

fn scenarios(press: &mut Press, record: &RunRecord) {
    press.heading("Drills");
    let mut rows: Vec<Vec<Cell>> = record.scenarios.iter().map(scenario_row).collect();
    rows.extend(record.skipped.iter().map(skipped_row));
    let heads = ["verdict", "drill", "expected", "missing", "unexp.", "RTO", "time"];
    press.table(&heads, &[0.11, 0.41, 0.1, 0.09, 0.09, 0.1, 0.1], &rows);
}

fn assertions(press: &mut Press, record: &RunRecord) {
    let rows = assertion_rows(record, usize::MAX);
    if !rows.is_empty() {
        press.heading("Assertions of the profile");
        assertion_table(press, &rows);
    }
}

fn skipped_row(skipped: &Skipped) -> Vec<Cell> {
    let Skipped { id, why, controls: _ } = skipped;
    let mut row = vec![Cell::plain("not run"), Cell::plain(format!("{id}\nnot run: {why}"))];
    row.extend((0..5).map(|_| Cell::plain("-")));
    row
}

fn scenario_row(scenario: &ScenarioRecord) -> Vec<Cell> {
    let title = scenario.started.as_ref().map_or("did not start", |s| s.title.as_str());
    let title = if scenario.is_baseline() { "baseline drill" } else { title };
    let role = |wanted: fn(&Role) -> bool| {
        scenario.judged().filter(|(_, r)| r.is_some_and(wanted)).count().to_string()
    };
    let missing = scenario.judgement.iter().flat_map(Judgement::missing).count();
    vec![
        verdict_cell(scenario.verdict()),
        Cell::plain(format!("{}\n{title}", scenario.id)),
        Cell::plain(role(|r| matches!(r, Role::Expected))),
        Cell::plain(missing.to_string()),
        Cell::plain(role(|r| matches!(r, Role::Unexpected))),
        Cell::plain(scenario.rto_ms.map_or_else(|| "-".to_owned(), human)),
        Cell::plain(human(scenario.ms)),
    ]
}

fn findings(press: &mut Press, record: &RunRecord) {
    press.heading("Unexpected findings");
    let unexpected = with_role(record, |r| matches!(r, Role::Unexpected));
    match unexpected.is_empty() {
        true => press.text("None.", BODY),
        false => finding_table(press, &unexpected, Advice::Shown(usize::MAX)),
    }
    let others = record.scenarios.iter().filter(|s| s.verdict() != Verdict::Pass);
    let row = |s: &ScenarioRecord| {
        reasons_row(s, reasons(s).iter().map(|reason| cut(&reason.to_string())).collect())
    };
    let rows: Vec<Vec<Cell>> = others.map(row).collect();
    if !rows.is_empty() {
        press.heading("Drills that did not pass, and why");
        reasons_table(press, &rows);
    }
    let expected = with_role(record, |r| matches!(r, Role::Expected));
    let expected: Vec<_> = expected.into_iter().filter(|found| !unexpected.contains(found)).collect();
    if !expected.is_empty() {
        press.heading("Injected faults that were detected");
        finding_table(press, &expected, Advice::Left);
    }
    let with = |wanted: fn(&Role) -> bool| {
        let judged = record.scenarios.iter().flat_map(ScenarioRecord::judged);
        judged.filter(|(_, r)| r.is_some_and(wanted)).count()
    };
    let consequences = count(with(|r| matches!(r, Role::Consequence { .. })), "consequence");
    let warnings = count(with(|r| matches!(r, Role::Warning)), "harmless warning");
    press.text(&format!("The record also holds {consequences} of other findings and {warnings}."), BODY);
}

fn controls_of(press: &mut Press, record: &RunRecord) {
    press.heading("Controls");
    press.text("The requirement of a control is summarised; the text of its publisher is binding.", BODY);
    press.gap(6.0);
    let answers = controls::assessments(record);
    for answer in &answers {
        let mut rows = vec![
            ("result", state(answer).concat()),
            ("requirement", answer.control.asks().to_owned()),
            ("a pass shows", answer.control.shows().to_owned()),
            ("not shown", answer.control.does_not_show().to_owned()),
        ];
        if !answer.reasons.is_empty() {
            rows.push(("reasons", answer.reasons.join("\n")));
        }
        press.room(150.0);
        let head = format!("{} · {}", answer.control, answer.control.framework().title());
        press.subheading(&head, colour(answer.verdict));
        press.pairs(&rows);
        press.gap(4.0);
    }
    let named = |control: &&Control| !answers.iter().any(|a| a.control == **control);
    let rest: Vec<&str> = Control::ALL.iter().filter(named).map(|c| c.id()).collect();
    if !rest.is_empty() {
        press.text(&format!("No scenario of this run names: {}.", rest.join(", ")), BODY);
    }
}

fn environment(press: &mut Press, record: &RunRecord) {
    press.heading("Environment");
    let mut rows = vec![("versions", pairs(&record.versions))];
    if let Some(started) = &record.started {
        rows.push(("command", started.command.join(" ")));
        rows.push(("started by", pairs(&started.started_by)));
        rows.push(("configuration", pairs(&started.config)));
        rows.push(("machine", pairs(&started.machine)));
    }
    press.pairs(&rows);
    let limits: Vec<String> = facts::limits(record).iter().map(ToString::to_string).collect();
    for (head, texts) in [
        ("What this run does not show", &limits),
        ("Errors of the run", &record.errors),
        ("Notes of the run", &record.notes),
    ] {
        if !texts.is_empty() {
            press.subheading(head, INK);
            texts.iter().for_each(|text| press.text(text, BODY));
        }
    }
}

fn digests(press: &mut Press, record: &RunRecord) {
    press.heading("Digests of the artefacts (SHA-256)");
    let mut artefacts: Vec<_> = record.artefacts.iter().collect();
    artefacts.sort_by(|a, b| (&a.path, a.sha256).cmp(&(&b.path, b.sha256)));
    artefacts.dedup_by(|a, b| a.path == b.path && a.sha256 == b.sha256);
    if artefacts.is_empty() {
        return press.text("The run kept none.", BODY);
    }
    let row = |a: &&crate::model::record::Artefact| {
        vec![Cell::plain(format!("{}\n{}", a.path, a.what)), Cell::digest(&a.sha256)]
    };
    let rows: Vec<Vec<Cell>> = artefacts.iter().map(row).collect();
    press.table(&["file", "digest"], &[0.38, 0.62], &rows);
}
