//! The run for a signature: a PDF/A-2b with cover, scenarios, findings, controls and a signature page with
//! the digests of the evidence. The same record gives the same bytes. Commands, steps and consequences are
//! in `record.json` only.

use crate::{
    base::{
        clock::{human, iso},
        error::Error,
        sanitize::one_line,
    },
    journal::read::EVENTS,
    model::{
        control::Control,
        finding::Finding,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{Role, Verdict},
    },
    report::{
        controls,
        facts::{self, RunProblem, reasons, run_problems},
        format::ReportFormat,
        inputs::Evidence,
        kinds::worst_kind,
        terminal::style::{brief, count, cut},
        workload::raced,
    },
};
use std::collections::BTreeMap;

mod font;
mod layout;
mod write;

use layout::{BODY, Cell, INK, Press, QUIET, Style};

const GREEN: [u8; 3] = [22, 101, 52];
const AMBER: [u8; 3] = [146, 84, 10];
const RED: [u8; 3] = [153, 27, 27];

/// Renders a run.
///
/// # Errors
/// Blames the harness where the PDF can't be made.
pub fn render(record: &RunRecord, evidence: &Evidence) -> Result<Vec<u8>, Error> {
    let mut press = Press::new();
    cover(&mut press, record);
    scenarios(&mut press, record);
    findings(&mut press, record);
    controls_of(&mut press, record);
    signatures(&mut press, record, evidence);
    // PDF/A bounds the length of a title.
    let title: String = one_line(&format!("Restore drill {}", record.id())).chars().take(120).collect();
    let (letters, pages) = press.finish(&format!("{title} · {}", record.verdict()));
    write::write(&title, record.ended.or(record.began), &pages, &letters)
}

fn cover(press: &mut Press, record: &RunRecord) {
    press.text("Report of a restore drill", Style { size: 24.0, bold: true, colour: INK });
    press.gap(2.0);
    let what =
        "Whether a backup of database rows and stored binaries could be restored, and what was checked.";
    press.text(what, Style { size: 10.0, bold: false, colour: QUIET });
    press.gap(16.0);
    if let Some(warning) = record.integrity.warning() {
        press.banner("Not as written", &warning, RED);
        press.gap(16.0);
    }
    let verdict = record.verdict();
    press.banner(word(verdict), &sentence(record), colour(verdict));
    press.gap(16.0);
    press.pairs(&facts(record));
    let limits = facts::limits(record);
    if !limits.is_empty() {
        press.heading("What this run does not show");
        limits.iter().for_each(|limit| press.text(&limit.to_string(), BODY));
    }
    let other: Vec<&String> = record.errors.iter().chain(&record.notes).collect();
    if !other.is_empty() {
        press.heading("Notes and errors of the run");
        other.into_iter().for_each(|text| press.text(text, BODY));
    }
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let at = |t: Option<_>| t.map_or_else(|| "not recorded".to_owned(), iso);
    let list = |map: &BTreeMap<String, String>| {
        let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        if pairs.is_empty() { "not recorded".to_owned() } else { pairs.join("\n") }
    };
    let mut facts =
        vec![("run", record.id().0), ("began", at(record.began)), ("last event", at(record.ended))];
    facts.push(("recovery time (RTO)", rto(record)));
    facts.push(("recovery point (RPO)", rpo(record)));
    facts.extend(record.budgets.iter().map(|b| ("budget", format!("{}: {b}", b.verdict))));
    if let Some(started) = &record.started {
        facts.push(("harness", format!("{}, seed {}", started.harness, started.seed)));
        facts.push(("command", started.command.join(" ")));
        facts.push(("started by", list(&started.started_by)));
        facts.push(("configuration", list(&started.config)));
        facts.push(("machine", list(&started.machine)));
    }
    facts.push(("versions", list(&record.versions)));
    facts
}

fn rpo(record: &RunRecord) -> String {
    match record.longest_rpo() {
        Some((ms, from, scenario)) => {
            format!("{} at most, in {}: {}", human(ms), scenario.id, from.describe())
        }
        None => "not measured by this run".to_owned(),
    }
}

fn rto(record: &RunRecord) -> String {
    let of = count(record.scenarios.iter().filter(|s| s.rto_ms.is_some()).count(), "scenario");
    match record.longest(|s| s.rto_ms) {
        Some((ms, scenario)) => {
            format!(
                "{} at most, from the loss to the first known-good render, measured in {of} (longest: {})",
                human(ms),
                scenario.id
            )
        }
        None => "not measured: no scenario reached a known-good render".to_owned(),
    }
}

fn sentence(record: &RunRecord) -> String {
    let with = |verdict| record.scenarios.iter().filter(|s| s.verdict() == verdict).count();
    let (baselines, named): (Vec<_>, Vec<_>) = record.scenarios.iter().partition(|s| s.is_baseline());
    let all = format!("{} and {}", count(named.len(), "scenario"), count(baselines.len(), "baseline drill"));
    let mut text = match record.verdict() {
        Verdict::Pass => format!("{all} passed. {}", facts::shown_by_pass(record)),
        Verdict::Unknown => format!(
            "Could not verify whether the backup restores; not counted as a pass. Of {all}, {} passed and {} could not be verified.",
            with(Verdict::Pass),
            with(Verdict::Unknown)
        ),
        Verdict::Fail => format!(
            "{} Of {all}, {} failed, {} could not be verified and {} passed.",
            worst_kind(record).map(|why| sentence_of(&why)).unwrap_or_default(),
            with(Verdict::Fail),
            with(Verdict::Unknown),
            with(Verdict::Pass)
        ),
    };
    text.extend(facts::level(record).map(|level| format!(" {level}")));
    text.extend(raced(record).and_then(|raced| raced.warning()).map(|warning| format!(" {warning}")));
    for over in record.budgets.iter().filter(|b| b.verdict != Verdict::Pass) {
        text += &format!(" The {over}.");
    }
    if !record.skipped.is_empty() {
        text += &format!(" {} skipped and not counted as a pass.", were(record.skipped.len()));
    }
    if let Some(part) = record.part() {
        text += &format!(" This is only {part} of a run, not a verdict on the whole.");
    }
    let problem = |problem: RunProblem| format!(" {}", sentence_of(&problem.to_string()));
    text.extend(run_problems(record).into_iter().map(problem));
    text
}

/// A fragment as a sentence.
fn sentence_of(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn were(n: usize) -> String {
    if n == 1 { "1 scenario was".to_owned() } else { format!("{n} scenarios were") }
}

fn scenarios(press: &mut Press, record: &RunRecord) {
    press.page_break();
    press.heading("Scenarios");
    press.text(
        "Each scenario takes a backup, may inject a fault, destroys the site or a part of it, restores it and \
         checks all of it. Damage must be reported as the findings that the scenario expects. In a baseline \
         drill nothing is damaged and no check may report a finding.",
        BODY,
    );
    press.gap(6.0);
    let mut rows: Vec<Vec<Cell>> = record.scenarios.iter().map(scenario_row).collect();
    rows.extend(record.skipped.iter().map(skipped_row));
    let heads = ["verdict", "scenario", "expected", "unexp.", "RTO", "time"];
    press.table(&heads, &[0.11, 0.50, 0.105, 0.105, 0.09, 0.09], &rows);
}

fn skipped_row(skipped: &Skipped) -> Vec<Cell> {
    let Skipped { id, why, controls: _ } = skipped;
    let mut row = vec![Cell::plain("skipped"), Cell::plain(format!("{id}\nnot run: {why}"))];
    row.extend((0..4).map(|_| Cell::plain("-")));
    row
}

fn scenario_row(scenario: &ScenarioRecord) -> Vec<Cell> {
    let title = scenario.started.as_ref().map_or("did not start", |s| s.title.as_str());
    let title = if scenario.is_baseline() { "baseline drill" } else { title };
    let role = |wanted: fn(&Role) -> bool| {
        scenario.judged().filter(|(_, r)| r.is_some_and(wanted)).count().to_string()
    };
    vec![
        verdict_cell(scenario.verdict()),
        Cell::plain(format!("{}\n{title}", scenario.id)),
        Cell::plain(role(|r| matches!(r, Role::Expected))),
        Cell::plain(role(|r| matches!(r, Role::Unexpected))),
        Cell::plain(scenario.rto_ms.map_or_else(|| "-".to_owned(), human)),
        Cell::plain(human(scenario.ms)),
    ]
}

fn findings(press: &mut Press, record: &RunRecord) {
    press.heading("Unexpected findings");
    let roles = |wanted: fn(&Role) -> bool| -> Vec<(&ScenarioRecord, &Finding)> {
        let of = |s| {
            ScenarioRecord::judged(s).filter(move |(_, r)| r.is_none_or(wanted)).map(move |(f, _)| (s, f))
        };
        record.scenarios.iter().flat_map(of).collect()
    };
    let unexpected = roles(|r| matches!(r, Role::Unexpected));
    match unexpected.is_empty() {
        true => press.text("None.", BODY),
        false => finding_table(press, &unexpected, true),
    }
    let reasons: Vec<Vec<Cell>> = record
        .scenarios
        .iter()
        .filter(|s| s.verdict() != Verdict::Pass)
        .map(|s| {
            let reasons: Vec<String> = reasons(s).iter().map(|reason| cut(&reason.to_string())).collect();
            let reasons = reasons.join("\n");
            vec![verdict_cell(s.verdict()), Cell::plain(s.id.as_str()), Cell::plain(reasons)]
        })
        .collect();
    if !reasons.is_empty() {
        press.heading("Scenarios that did not pass, and why");
        press.table(&["verdict", "scenario", "reasons"], &[0.11, 0.27, 0.62], &reasons);
    }
    let expected = roles(|r| matches!(r, Role::Expected));
    let expected: Vec<_> = expected.into_iter().filter(|found| !unexpected.contains(found)).collect();
    if !expected.is_empty() {
        press.heading("Injected faults that were detected");
        finding_table(press, &expected, false);
    }
    let with = |wanted: fn(&Role) -> bool| {
        record
            .scenarios
            .iter()
            .flat_map(ScenarioRecord::judged)
            .filter(|(_, r)| r.is_some_and(wanted))
            .count()
    };
    let consequences = count(with(|r| matches!(r, Role::Consequence { .. })), "consequence");
    let warnings = count(with(|r| matches!(r, Role::Warning)), "harmless warning");
    press.text(&format!("The record also holds {consequences} of other findings and {warnings}."), BODY);
}

fn finding_table(press: &mut Press, found: &[(&ScenarioRecord, &Finding)], advice: bool) {
    let row = |(scenario, finding): &(&ScenarioRecord, &Finding)| {
        let mut actual = brief(&finding.actual);
        if advice {
            actual += &format!("\nWhat to do: {}", finding.kind.what_to_do());
        }
        vec![
            Cell::plain(scenario.id.as_str()),
            Cell::plain(format!("{finding}\ncheck {}", finding.check)),
            Cell::plain(brief(&finding.expected)),
            Cell::plain(actual),
        ]
    };
    let rows: Vec<Vec<Cell>> = found.iter().map(row).collect();
    press.table(&["scenario", "finding", "expected", "found"], &[0.22, 0.24, 0.26, 0.28], &rows);
}

fn controls_of(press: &mut Press, record: &RunRecord) {
    press.page_break();
    press.heading("Controls");
    press.text(
        "What the run shows about the controls that its scenarios name. The requirement of a control is \
         summarised; the text of its publisher is binding. Supported means that the drill supports the \
         control, not that the control is met.",
        BODY,
    );
    press.gap(6.0);
    let answers = controls::assessments(record);
    for answer in &answers {
        let state = match answer.verdict {
            Verdict::Pass => "supported by this run",
            Verdict::Unknown => "not supported: could not verify",
            Verdict::Fail => "not supported: a drill failed",
        };
        let baselines = count(answer.baselines.len(), "baseline drill");
        let mut rows = vec![
            ("result", format!("{state}, by {} and {baselines}", count(answer.scenarios.len(), "scenario"))),
            ("requirement", answer.control.asks().to_owned()),
            ("a pass shows", answer.control.shows().to_owned()),
            ("not shown", answer.control.does_not_show().to_owned()),
        ];
        if !answer.reasons.is_empty() {
            rows.push(("reasons", answer.reasons.join("\n")));
        }
        press.room(150.0);
        let head = Style { size: 10.0, bold: true, colour: colour(answer.verdict) };
        press.text(&format!("{} · {}", answer.control, answer.control.framework().title()), head);
        press.pairs(&rows);
        press.gap(4.0);
    }
    let named = |control: &&Control| !answers.iter().any(|a| a.control == **control);
    let rest: Vec<&str> = Control::ALL.iter().filter(named).map(|c| c.id()).collect();
    if !rest.is_empty() {
        press.text(&format!("No scenario of this run names: {}.", rest.join(", ")), BODY);
    }
}

fn signatures(press: &mut Press, record: &RunRecord, evidence: &Evidence) {
    press.page_break();
    press.heading("Signatures");
    press.text(
        "By signing I confirm that I compared the digests below with those of the files (sha256sum) and read \
         what this run does not show.",
        BODY,
    );
    press.sign_here("Performed by: name, role, date, signature");
    press.sign_here("Reviewed by: name, role, date, signature");
    press.heading("Digests (SHA-256)");
    let none = "not recorded".to_owned();
    let mut rows = vec![
        vec![Cell::plain(ReportFormat::Record.file_name()), Cell::digest(&evidence.record)],
        vec![Cell::plain(EVENTS), evidence.journal.map_or(Cell::plain(none), |d| Cell::digest(&d))],
    ];
    let mut artefacts: Vec<_> = record.artefacts.iter().collect();
    artefacts.sort_by(|a, b| (&a.path, a.sha256).cmp(&(&b.path, b.sha256)));
    artefacts.dedup_by(|a, b| a.path == b.path && a.sha256 == b.sha256);
    rows.extend(
        artefacts
            .iter()
            .map(|a| vec![Cell::plain(format!("{}\n{}", a.path, a.what)), Cell::digest(&a.sha256)]),
    );
    press.table(&["file", "digest"], &[0.38, 0.62], &rows);
}

fn verdict_cell(verdict: Verdict) -> Cell {
    Cell::strong(word(verdict).to_lowercase(), colour(verdict))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Passed",
        Verdict::Unknown => "Unknown",
        Verdict::Fail => "Failed",
    }
}

fn colour(verdict: Verdict) -> [u8; 3] {
    match verdict {
        Verdict::Pass => GREEN,
        Verdict::Unknown => AMBER,
        Verdict::Fail => RED,
    }
}
