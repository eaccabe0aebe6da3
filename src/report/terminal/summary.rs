//! The end of a run: a table of its scenarios, what has no result, and the verdict in a sentence.

use super::{
    narrative::reasons,
    style::{Style, Tone, count, cut, cut_to},
};
use crate::{
    base::{
        clock::human,
        sanitize::{legible, one_line},
    },
    model::{
        event::RpoFrom,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::{Judgement, Role, Verdict, limit::Limit},
    },
    report::{
        facts::{RunProblem, has_begun, level, level_gaps, reasons as reasons_of, run_problems},
        headline::{ScenarioTally, tally, verdict},
        kinds::unknown_hint,
    },
};
use console::measure_text_width;
use std::path::Path;

/// Columns of the table behind the scenario's name: heads and their widths.
const COLUMNS: [(&str, usize); 6] =
    [("exp.", 4), ("miss.", 5), ("unexp.", 6), ("warn.", 5), ("RTO", 8), ("time", 8)];

/// The most of a headline that is shown, in characters: an error can be long.
const MOST: usize = 600;

/// The summary of a run whose folder is `dir`.
pub fn summary(record: &RunRecord, dir: &Path, look: Style) -> String {
    let (passed, rows): (Vec<_>, Vec<_>) =
        record.scenarios.iter().partition(|s| s.is_baseline() && s.verdict() == Verdict::Pass);
    let mut text = String::new();
    if let Some(warning) = record.integrity.warning() {
        for line in look.wrap("", &warning).lines() {
            text.push_str(&format!("{}\n", look.paint(Tone::Bad, line)));
        }
    }
    // The test of a backup is one line, which the findings above say more about.
    if !record.scenarios.is_empty() && !record.is_of_existing_backups() {
        text.push_str(&table(&rows, &passed, look));
        text.push_str(
            "exp. = found as expected, miss. = expected but not found,\n\
             unexp. = found but not expected, warn. = harmless\n\n",
        );
    }
    text.push_str(&unknowns(record, look));
    text.push_str(&measured(record, look));
    let verdict = record.verdict();
    let tone = match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Unknown => Tone::Unsure,
        Verdict::Fail => Tone::Bad,
    };
    // Coloured after wrapping: escape codes would count as text.
    for line in look.wrap("", &sentence(record)).lines() {
        text.push_str(&format!("{}\n", look.paint(tone, line)));
    }
    // A path is not wrapped, so that it can be copied.
    text.push_str(&format!("report: {}\n", one_line(&dir.display().to_string())));
    text
}

fn table(rows: &[&ScenarioRecord], silent: &[&ScenarioRecord], look: Style) -> String {
    let mut lines: Vec<(String, String, [String; 6])> =
        rows.iter().map(|s| (look.verdict(s.verdict()), one_line(s.id.as_str()), cells(s))).collect();
    if !silent.is_empty() {
        let total: u64 = silent.iter().fold(0, |sum, s| sum.saturating_add(s.ms));
        let description = format!("{} passed", count(silent.len(), "baseline drill"));
        let zero = || "0".to_owned();
        let cells = [zero(), zero(), zero(), warnings(silent).to_string(), String::new(), human(total)];
        lines.push((look.verdict(Verdict::Pass), description, cells));
    }
    let taken: usize = "verdict  ".len() + COLUMNS.iter().map(|(_, width)| width + 2).sum::<usize>();
    let widest = lines.iter().map(|(_, name, _)| measure_text_width(name)).max().unwrap_or(0);
    let width = widest.clamp("scenario".len(), look.width.saturating_sub(taken).max(16));
    let heads = COLUMNS.map(|(head, _)| head.to_owned());
    let mut text = look.paint(Tone::Quiet, &line("verdict", "scenario", width, &heads)) + "\n";
    for (verdict, name, cells) in &lines {
        text.push_str(&line(verdict, name, width, cells));
        text.push('\n');
    }
    text
}

fn line(verdict: &str, name: &str, width: usize, cells: &[String]) -> String {
    let mut text = format!("{verdict}  {name}");
    let over = measure_text_width(name) > width;
    // A name is never cut, so that it can be copied. The cells of a long one go on the next line.
    let pad = if over {
        text.push('\n');
        "verdict  ".len() + width
    } else {
        width - measure_text_width(name)
    };
    text.push_str(&" ".repeat(pad));
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        text.push_str(&format!("  {cell:>width$}"));
    }
    text
}

fn cells(scenario: &ScenarioRecord) -> [String; 6] {
    let number = |n: usize| n.to_string();
    let role = |wanted: fn(&Role) -> bool| scenario.judged().filter(|(_, r)| r.is_some_and(wanted)).count();
    [
        number(role(|r| matches!(r, Role::Expected))),
        number(scenario.judgement.iter().flat_map(Judgement::missing).count()),
        number(role(|r| matches!(r, Role::Unexpected))),
        number(role(|r| matches!(r, Role::Warning))),
        scenario.rto_ms.map_or_else(|| "-".to_owned(), human),
        human(scenario.ms),
    ]
}

fn warnings(scenarios: &[&ScenarioRecord]) -> usize {
    let of = |s: &&ScenarioRecord| s.judged().filter(|(_, r)| matches!(r, Some(Role::Warning))).count();
    scenarios.iter().map(of).sum()
}

/// The recovery point; for the test of an existing backup also the recovery time and what it does not
/// show.
fn measured(record: &RunRecord, look: Style) -> String {
    let tested = |s: &&ScenarioRecord| s.rpo_from == Some(RpoFrom::Newest);
    let mut text = String::new();
    for scenario in record.scenarios.iter().filter(tested) {
        let describe = |ms: Option<u64>| ms.map_or_else(|| "not measured".to_owned(), human);
        let (rto, rpo) = (describe(scenario.rto_ms), describe(scenario.rpo_ms));
        text.push_str(
            &look.wrap("", &format!("recovery time (RTO) {rto}, recovery point (RPO) {rpo} before this run")),
        );
    }
    if let Some((ms, from @ RpoFrom::Writes, scenario)) = record.longest_rpo() {
        let said = format!("{} at most, in {}: {}", human(ms), scenario.id, from.describe());
        text.push_str(&look.wrap("recovery point (RPO): ", &said));
    }
    for limit in record.limits.iter().filter(|limit| Limit::concerns_existing_backup(limit)) {
        text.push_str(&look.wrap("not shown: ", &limit.to_string()));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// What has no result: an unknown must not be mistaken for a pass.
fn unknowns(record: &RunRecord, look: Style) -> String {
    let mut text = String::new();
    let (begun, waiting): (Vec<&ScenarioRecord>, Vec<_>) =
        record.scenarios.iter().filter(|s| s.verdict() == Verdict::Unknown).partition(|s| has_begun(s));
    if !waiting.is_empty() {
        let ids: Vec<&str> = waiting.iter().map(|s| s.id.as_str()).collect();
        text.push_str(&look.wrap("did not start: ", &ids.join(" ")));
    }
    // The test of a backup is one scenario, whose reasons stand right above.
    for scenario in begun.into_iter().filter(|_| !record.is_of_existing_backups()) {
        text.push_str(&look.wrap("", &format!("could not be verified: {}", scenario.id)));
        text.push_str(&reasons(scenario, look));
    }
    for Skipped { id, why, .. } in &record.skipped {
        text.push_str(&look.wrap("skipped, not counted as a pass: ", &format!("{id}, because {why}")));
    }
    for checked in record.budgets.iter().filter(|b| b.verdict != Verdict::Pass) {
        text.push_str(&look.wrap("budget: ", &checked.to_string()));
    }
    for error in &record.errors {
        text.push_str(&look.wrap("error: ", error));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn sentence(record: &RunRecord) -> String {
    let mut text = cut_to(&one_line(&verdict(record)), MOST);
    let ScenarioTally { all, passed, failed, unknown } = tally(record);
    let skipped = record.skipped.len();
    if all > 1 && (record.verdict() != Verdict::Pass || skipped > 0) {
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        text.push_str(&format!("\n{passed} passed, {failed} failed, {unknown} unknown{skipped}"));
    }
    if record.verdict() == Verdict::Fail {
        text.push_str(&first_reason(record.scenarios.iter().filter(|s| s.verdict() == Verdict::Fail)));
    }
    if record.verdict() == Verdict::Unknown {
        text.extend(unknown_hint(record).map(|hint| format!("\nhint: {}", cut(&legible(&hint)))));
    }
    text.extend(level(record).map(|level| format!("\n{level}")));
    text.extend(level_gaps(record).iter().map(|gap| format!("\n{gap}")));
    if let Some(part) = record.part() {
        text.push_str(&format!(
            "\n{part} of a run, not a verdict on the whole: merge the parts with pulp-drill report merge"
        ));
    }
    for problem in run_problems(record) {
        match problem {
            RunProblem::NotEnded | RunProblem::CutShort { .. } | RunProblem::NoScenario => {
                text.push_str(&format!("\n{problem}"));
            }
            // Listed above the verdict.
            RunProblem::NotAsWritten { .. } | RunProblem::NotStarted { .. } | RunProblem::Error { .. } => {}
        }
    }
    text
}

/// The first reason of the first of these scenarios that has one.
fn first_reason<'a>(mut scenarios: impl Iterator<Item = &'a ScenarioRecord>) -> String {
    let first = scenarios.find_map(|s| Some((s, reasons_of(s).into_iter().next()?)));
    first.map_or_else(String::new, |(s, reason)| {
        format!("\nfirst reason: {}: {}", s.id, cut(&legible(&reason.to_string())))
    })
}
