//! Statements of a run's reports that contradict each other or its record.

use pulp_drill::{
    model::{
        check::{CheckId, ProofLevel},
        exit_code::ExitCode,
        finding::FindingKind,
        level,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Role, Verdict},
    },
    report::{
        ReportFormat, facts,
        headline::{headline, verdict},
        terminal,
    },
};
use std::{fs, path::Path, process::Command};

const JUNIT: &str = "junit.xml";
const OSCAL: &str = "OSCAL";
/// It prints the assertions that do not hold, among the findings.
const TERMINAL: &str = "the terminal";

/// All text of each report. That of the PDF needs a program; without it, it is left out.
fn texts(record: &RunRecord, folder: &Path) -> Vec<(&'static str, String)> {
    let render = |format: ReportFormat| format.render(folder, record).unwrap();
    let text = |format| String::from_utf8(render(format)).unwrap();
    let mut texts = vec![
        ("report.html", without_tags(&text(ReportFormat::Html))),
        (TERMINAL, terminal::summary(record, folder, false, 200)),
        (JUNIT, text(ReportFormat::Junit)),
        (OSCAL, text(ReportFormat::Oscal)),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), render(ReportFormat::Pdf)).unwrap();
    if let Ok(ran) = Command::new("pdftotext").arg(file.path()).arg("-").output() {
        texts.push(("report.pdf", String::from_utf8_lossy(&ran.stdout).into_owned()));
    }
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    texts.into_iter().map(|(name, text)| (name, flat(text))).collect()
}

/// The text of a page, without scripts and styles.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let hidden = ["script", "style"].into_iter().find(|name| tag.starts_with(name));
        rest = match hidden {
            Some(name) => tag.split_once(&format!("</{name}>")).map_or("", |(_, after)| after),
            None => tag.split_once('>').map_or("", |(_, after)| after),
        };
    }
    (text + rest).replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

/// What contradicts what; empty for consistent reports.
pub fn contradictions(record: &RunRecord, folder: &Path) -> Vec<String> {
    let mut wrong = of_record(record);
    for (name, text) in texts(record, folder) {
        let about = format!("{name} (verdict {}, level {:?})", record.verdict(), record.level());
        wrong.extend(
            never(record)
                .into_iter()
                .filter(|phrase| text.contains(phrase))
                .map(|phrase| format!("{about}: {phrase}")),
        );
        wrong.extend(
            missing(record, name, &text).into_iter().map(|phrase| format!("{about} lacks: {phrase}")),
        );
        if name == JUNIT {
            let [failures, errors] = ["<failure", "<error"].map(|tag| text.contains(tag));
            let fits = match record.verdict() {
                Verdict::Pass => !failures && !errors,
                Verdict::Unknown => errors,
                Verdict::Fail => failures,
            };
            wrong.extend((!fits).then(|| format!("{about}: failures {failures}, errors {errors}")));
        }
    }
    wrong
}

/// What the record states twice.
fn of_record(record: &RunRecord) -> Vec<String> {
    let (verdict, reached) = (record.verdict(), record.level());
    let mut wrong = Vec::new();
    let ended = record.finished.as_ref().filter(|_| record.integrity.is_intact());
    // Those of drills are made up in tests.
    if let Some(finished) = ended.filter(|_| record.is_of_existing_backups()) {
        let green = finished.exit == ExitCode::AllHeld;
        if green != (verdict == Verdict::Pass) {
            wrong.push(format!("exit code {:?} and verdict {verdict}", finished.exit));
        }
    }
    let below = facts::level_gaps(record).iter().filter(|gap| Some(gap.level) <= reached);
    wrong.extend(below.map(|gap| format!("level {reached:?}, and {gap}")));
    let compared = |s: &ScenarioRecord| {
        let outcome = s.checks.iter().find(|(check, ..)| *check == CheckId::Contents);
        outcome.is_some_and(|(_, outcome, _)| matches!(outcome, CheckOutcome::Checked { items: 1.. }))
    };
    if reached >= Some(ProofLevel::Complete)
        && !record.scenarios.iter().filter(|s| s.level.is_some()).all(compared)
    {
        wrong.push(format!("level {reached:?}, and rows were compared with nothing"));
    }
    wrong
}

/// The phrases that no report of this run may contain.
fn never(record: &RunRecord) -> Vec<String> {
    let (verdict, reached) = (record.verdict(), record.level());
    let existing = record.is_of_existing_backups();
    let known_good: usize = record.scenarios.iter().map(|s| s.renders.known_good).sum();
    let unexpected = |s: &ScenarioRecord| s.judged().any(|(_, role)| matches!(role, Some(Role::Unexpected)));
    let failed =
        record.scenarios.iter().any(|s| s.findings.iter().any(|f| f.kind == FindingKind::RestoreFailed));
    let rules: [(bool, &[&str]); 7] = [
        (
            verdict != Verdict::Pass,
            &[
                "No check found damage",
                "The restored state matched",
                "every drill passed and no check",
                "Passed:",
            ],
        ),
        (
            verdict == Verdict::Pass,
            &["could not be verified", "Failed:", "FAILED:", "Could not verify, not counted"],
        ),
        (reached < Some(ProofLevel::Complete), &["The restored state matched"]),
        (record.scenarios.iter().any(unexpected), &["No check found damage"]),
        (existing, &["A drill takes a backup", "small data set", "No baseline drill passed", "an injected"]),
        (existing && known_good == 0, &["first known-good render,", "matched the known-good PDF"]),
        (!failed, &["use the one before it"]),
    ];
    let phrases = rules.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, phrases)| phrases);
    let mut never: Vec<String> = phrases.map(|phrase| (*phrase).to_owned()).collect();
    if record.scenarios.len() == 1 {
        let others = ProofLevel::ALL
            .iter()
            .filter(|level| Some(**level) != reached || record.least_proven().is_none());
        never.extend(others.map(|level| format!("Level of proof: {level}.")));
    }
    never
}

/// What a report of this run must state and does not.
fn missing(record: &RunRecord, name: &str, text: &str) -> Vec<String> {
    let mut wanted = Vec::new();
    if record.least_proven().is_some() && record.scenarios.len() == 1 {
        let level = level::describe(record.level());
        wanted.push(match name {
            JUNIT => format!("name=\"level\" value=\"{level}\""),
            OSCAL => format!("\"value\": \"{level}\""),
            _ => format!("Level of proof: {level}."),
        });
    }
    if name != TERMINAL {
        wanted.extend(record.scenarios.iter().flat_map(|s| &s.assertions).map(|(name, ..)| name.clone()));
    }
    // The terminal prints the level on a line of its own.
    let headline = if name == TERMINAL { verdict(record) } else { headline(record) };
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,:;()-".contains(c);
    wanted.extend(Some(headline).filter(|text| text.chars().all(plain) && text.len() < 500));
    wanted.extend(record.integrity.warning().map(|_| "NOT AS WRITTEN".to_owned()));
    wanted.retain(|phrase| !text.contains(phrase));
    wanted
}
