//! The run for a signature: a tagged PDF of at most twelve pages with summary, exceptions, controls, limits,
//! signature block and digests. The annex is a second file with everything that the first one shortens. The same
//! record gives the same bytes. Commands, steps and consequences are in `record.json` only.

use crate::{
    base::{
        clock::{human, iso},
        error::Error,
        sanitize::one_line,
    },
    journal::read::EVENTS,
    model::{
        finding::Finding,
        record::{RunRecord, ScenarioRecord},
        verdict::{Role, Verdict},
    },
    report::{
        controls,
        facts::{self, AssertionResult, RunProblem, reasons, run_problems},
        format::ReportFormat,
        headline::{self, headline},
        inputs::Evidence,
        terminal::style::{brief, count, cut_to},
        workload::raced,
    },
};
use std::collections::BTreeMap;

pub mod annex;
mod font;
mod layout;
mod write;

use layout::{BODY, Cell, INK, Press, QUIET, Style};

const GREEN: [u8; 3] = [22, 101, 52];
const AMBER: [u8; 3] = [146, 84, 10];
const RED: [u8; 3] = [153, 27, 27];

/// The most characters of one text in this file.
const LONGEST: usize = 200;

/// The most characters of the sentences below the verdict.
const LONGEST_SUMMARY: usize = 1_600;

/// The most entries of each list in this file.
const MOST: usize = 12;

/// Renders the report of a run.
///
/// # Errors
/// Blames the harness where the PDF can't be made.
pub fn render(record: &RunRecord, evidence: &Evidence) -> Result<Vec<u8>, Error> {
    let mut press = Press::new();
    cover(&mut press, record);
    results(&mut press, record);
    exceptions(&mut press, record);
    controls_of(&mut press, record);
    signatures(&mut press, record, evidence);
    finish(press, "Restore drill", record)
}

/// Writes the pages, each with the run and the verdict at its foot.
fn finish(press: Press, kind: &str, record: &RunRecord) -> Result<Vec<u8>, Error> {
    // PDF/A bounds the length of a title.
    let title: String = one_line(&format!("{kind} {}", record.id())).chars().take(120).collect();
    let pages = press.finish(&format!("{title} · {}", record.verdict()));
    write::write(&title, record.ended.or(record.began), &pages)
}

fn cover(press: &mut Press, record: &RunRecord) {
    press.title("Report of a restore drill");
    press.gap(2.0);
    let what =
        "Whether a backup of database rows and stored binaries could be restored, and what was checked.";
    press.text(what, Style { size: 10.0, bold: false, colour: QUIET });
    press.gap(16.0);
    if let Some(warning) = record.integrity.warning() {
        press.banner("Not as written", &cut_to(&warning, LONGEST_SUMMARY), RED);
        press.gap(16.0);
    }
    let verdict = record.verdict();
    press.banner(word(verdict), &cut_to(&sentence(record), LONGEST_SUMMARY), colour(verdict));
    press.gap(16.0);
    press.pairs(&facts(record));
    let limits: Vec<String> = facts::limits(record).iter().map(ToString::to_string).collect();
    list(press, "What this run does not show", &limits);
    list(press, "Errors of the run", &record.errors);
}

/// A heading and a paragraph for each text; nothing if there is none.
fn list(press: &mut Press, head: &str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    press.heading(head);
    texts.iter().take(MOST).for_each(|text| press.text(&cut_to(text, 2 * LONGEST), BODY));
    more(press, texts.len());
}

/// What a list leaves out.
fn more(press: &mut Press, all: usize) {
    if let Some(more) = all.checked_sub(MOST).filter(|more| *more > 0) {
        press.text(&format!("{more} more are in {}.", ReportFormat::Annex.file_name()), BODY);
    }
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let at = |t: Option<_>| t.map_or_else(|| "not recorded".to_owned(), iso);
    let mut facts =
        vec![("run", record.id().0), ("began", at(record.began)), ("last event", at(record.ended))];
    facts.push(("recovery time (RTO)", rto(record)));
    facts.push(("recovery point (RPO)", rpo(record)));
    facts.extend(record.budgets.iter().map(|b| ("budget", format!("{}: {b}", b.verdict))));
    if let Some(started) = &record.started {
        facts.push(("harness", format!("{}, seed {}", started.harness, started.seed)));
        facts.push(("started by", cut_to(&pairs(&started.started_by), 2 * LONGEST)));
    }
    facts.push(("versions", cut_to(&pairs(&record.versions), 4 * LONGEST)));
    facts.into_iter().map(|(name, value)| (name, cut_to(&value, 4 * LONGEST))).collect()
}

/// `name: value`, one a line.
fn pairs(map: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    if pairs.is_empty() { "not recorded".to_owned() } else { pairs.join("\n") }
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
                "{} at most, {}, measured in {of} (longest: {})",
                human(ms),
                facts::span_of_rto(record),
                scenario.id
            )
        }
        None => "not measured: no recovery was completed".to_owned(),
    }
}

fn sentence(record: &RunRecord) -> String {
    let mut text = headline(record);
    text.extend(raced(record).and_then(|raced| raced.warning()).map(|warning| format!(" {warning}")));
    // Budgets that are exceeded are among the causes.
    for unmeasured in record.budgets.iter().filter(|b| b.verdict == Verdict::Unknown) {
        text += &format!(" The {unmeasured}.");
    }
    if !record.skipped.is_empty() {
        text += &format!(" {} skipped and not counted as a pass.", were(record.skipped.len()));
    }
    // The headline of a run without a result has the first one.
    let in_headline = usize::from(record.verdict() == Verdict::Unknown);
    let problem = |problem: RunProblem| format!(" {}", headline::sentence(&problem.to_string()));
    text.extend(run_problems(record).into_iter().skip(in_headline).map(problem));
    text
}

fn were(n: usize) -> String {
    if n == 1 { "1 scenario was".to_owned() } else { format!("{n} scenarios were") }
}

/// The drills by kind and verdict.
fn results(press: &mut Press, record: &RunRecord) {
    press.heading("Results");
    press.text(facts::what_a_drill_does(record), BODY);
    press.gap(6.0);
    let row = |name: &str, of: &dyn Fn(&ScenarioRecord) -> bool, skipped: usize| {
        let with = |verdict| record.scenarios.iter().filter(|s| of(s) && s.verdict() == verdict).count();
        let numbers = [with(Verdict::Pass), with(Verdict::Fail), with(Verdict::Unknown), skipped];
        let mut row = vec![Cell::plain(name)];
        row.extend(numbers.map(|n| Cell::plain(n.to_string())));
        row
    };
    let rows = [
        row("baseline drills (no fault, no loss allowed)", &ScenarioRecord::is_baseline, 0),
        row("scenarios with a fault on purpose", &|s| !s.is_baseline() && !s.faults.is_empty(), 0),
        row("other scenarios", &|s| !s.is_baseline() && s.faults.is_empty(), record.skipped.len()),
    ];
    press.table(
        &["drills", "passed", "failed", "unknown", "not run"],
        &[0.48, 0.13, 0.13, 0.13, 0.13],
        &rows,
    );
    press.text(&format!("Every drill is listed in {}.", ReportFormat::Annex.file_name()), BODY);
    let rows = assertion_rows(record, LONGEST);
    if !rows.is_empty() {
        press.subheading("Assertions of the profile", INK);
        assertion_table(press, &rows[..rows.len().min(MOST)]);
        more(press, rows.len());
    }
}

/// The assertions of all drills: those that do not hold or have no result first.
fn assertion_rows(record: &RunRecord, longest: usize) -> Vec<Vec<Cell>> {
    let all = record.scenarios.iter().flat_map(|s| facts::assertions(s).map(move |found| (s, found)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, (_, result))| *result == AssertionResult::Holds);
    let row = |(scenario, (name, result)): (&ScenarioRecord, (&str, AssertionResult<'_>))| {
        let texts = [scenario.id.to_string(), name.to_owned(), result.to_string()];
        texts.map(|text| Cell::plain(cut_to(&text, longest))).into()
    };
    all.into_iter().map(row).collect()
}

fn assertion_table(press: &mut Press, rows: &[Vec<Cell>]) {
    press.table(&["drill", "assertion", "result"], &[0.27, 0.33, 0.4], rows);
}

/// What did not pass, and the unexpected findings.
fn exceptions(press: &mut Press, record: &RunRecord) {
    press.heading("Exceptions");
    let others: Vec<&ScenarioRecord> =
        record.scenarios.iter().filter(|s| s.verdict() != Verdict::Pass).collect();
    let unexpected = with_role(record, |role| matches!(role, Role::Unexpected));
    if others.is_empty() && unexpected.is_empty() {
        let none = match record.verdict() {
            Verdict::Pass => "None: every drill passed and no check reported an unexpected finding.",
            Verdict::Unknown | Verdict::Fail => {
                "None of a drill: what is wrong with the run is on the first page."
            }
        };
        return press.text(none, BODY);
    }
    let row = |s: &&ScenarioRecord| {
        let all = reasons(s);
        let mut shown: Vec<String> = all.iter().take(3).map(|r| cut_to(&r.to_string(), LONGEST)).collect();
        shown.extend(all.len().checked_sub(4).map(|more| format!("and {}", count(more + 1, "more reason"))));
        reasons_row(s, shown)
    };
    let rows: Vec<Vec<Cell>> = others.iter().take(MOST).map(row).collect();
    reasons_table(press, &rows);
    more(press, others.len());
    if !unexpected.is_empty() {
        press.subheading("Unexpected findings", INK);
        finding_table(press, &unexpected[..unexpected.len().min(MOST)], Advice::Shown(LONGEST));
        more(press, unexpected.len());
    }
}

fn reasons_row(scenario: &ScenarioRecord, reasons: Vec<String>) -> Vec<Cell> {
    let verdict = verdict_cell(scenario.verdict());
    vec![verdict, Cell::plain(scenario.id.as_str()), Cell::plain(reasons.join("\n"))]
}

fn reasons_table(press: &mut Press, rows: &[Vec<Cell>]) {
    press.table(&["verdict", "drill", "reasons"], &[0.11, 0.27, 0.62], rows);
}

/// The findings with such a role; those that were never judged count as any.
fn with_role(record: &RunRecord, wanted: fn(&Role) -> bool) -> Vec<(&ScenarioRecord, &Finding)> {
    let of =
        |s| ScenarioRecord::judged(s).filter(move |(_, r)| r.is_none_or(wanted)).map(move |(f, _)| (s, f));
    record.scenarios.iter().flat_map(of).collect()
}

/// Whether a table of findings has what to do, and the most characters of each text.
#[derive(Clone, Copy)]
enum Advice {
    Shown(usize),
    Left,
}

fn finding_table(press: &mut Press, found: &[(&ScenarioRecord, &Finding)], advice: Advice) {
    let row = |(scenario, finding): &(&ScenarioRecord, &Finding)| {
        let shown = |text: &str| match advice {
            Advice::Shown(longest) => cut_to(&brief(text), longest),
            Advice::Left => brief(text),
        };
        let mut actual = shown(&finding.actual);
        if matches!(advice, Advice::Shown(_)) {
            actual += &format!("\nWhat to do: {}", finding.kind.what_to_do());
        }
        vec![
            Cell::plain(scenario.id.as_str()),
            Cell::plain(format!("{}\ncheck {}", shown(&finding.to_string()), finding.check)),
            Cell::plain(shown(&finding.expected)),
            Cell::plain(actual),
        ]
    };
    let rows: Vec<Vec<Cell>> = found.iter().map(row).collect();
    press.table(&["drill", "finding", "expected", "found"], &[0.22, 0.24, 0.26, 0.28], &rows);
}

fn controls_of(press: &mut Press, record: &RunRecord) {
    press.heading("Controls");
    press.text(
        "What the run shows about the controls that its scenarios name. Supported means that the drill supports \
         the control, not that the control is met.",
        BODY,
    );
    press.gap(6.0);
    let answers = controls::assessments(record);
    let row = |answer: &controls::ControlAssessment<'_>| {
        let mut result = state(answer);
        result.extend(answer.reasons.first().map(|reason| format!(": {}", cut_to(reason, LONGEST / 2))));
        result.extend(answer.reasons.len().checked_sub(2).map(|n| format!(" (and {} more)", n + 1)));
        vec![
            Cell::plain(format!("{}\n{}", answer.control, answer.control.framework().title())),
            Cell::strong(result.concat(), colour(answer.verdict)),
            Cell::plain(answer.control.shows()),
            Cell::plain(answer.control.does_not_show()),
        ]
    };
    let rows: Vec<Vec<Cell>> = answers.iter().map(row).collect();
    press.table(&["control", "result", "a pass shows", "not shown"], &[0.2, 0.2, 0.3, 0.3], &rows);
}

/// The result of a control in words, in parts.
fn state(answer: &controls::ControlAssessment<'_>) -> Vec<String> {
    let state = match answer.verdict {
        Verdict::Pass => "supported by",
        Verdict::Unknown => "not supported, could not verify, by",
        Verdict::Fail => "not supported, a drill failed, by",
    };
    let baselines = count(answer.baselines.len(), "baseline drill");
    vec![format!("{state} {} and {baselines}", count(answer.scenarios.len(), "scenario"))]
}

fn signatures(press: &mut Press, record: &RunRecord, evidence: &Evidence) {
    press.page_break();
    press.heading("Signatures and digests");
    press.text(
        "By signing I confirm that I compared the digests below with those of the files (sha256sum) and read \
         what this run does not show.",
        BODY,
    );
    for who in ["Performed by", "Reviewed by", "Approved by"] {
        press.sign_here(&format!("{who}: name, role, date, signature"));
    }
    press.gap(10.0);
    let none = "not recorded".to_owned();
    let rows = [
        vec![Cell::plain(ReportFormat::Record.file_name()), Cell::digest(&evidence.record)],
        vec![Cell::plain(EVENTS), evidence.journal.map_or(Cell::plain(none), |d| Cell::digest(&d))],
    ];
    press.table(&["file", "SHA-256"], &[0.38, 0.62], &rows);
    let key =
        record.started.as_ref().and_then(|s| s.config.get("signing key")).map_or("none", String::as_str);
    press.text(
        &format!(
            "Signing key of the run: {}. Every report and artefact of the run is covered by attestation.dsse.json; \
             the command pulp-drill evidence verify compares them. {} lists the artefacts.",
            cut_to(key, LONGEST),
            ReportFormat::Annex.file_name()
        ),
        BODY,
    );
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
