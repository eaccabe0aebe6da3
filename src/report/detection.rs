//! What a self-test shows, for people: as text for a terminal, and as the Markdown of `docs/detection.md`.

use crate::{
    base::{sanitize::one_line, table::table},
    model::{
        check::CheckId,
        detection::{CheckCell, CheckNeed, Detection, DetectionOutcome, FaultResult},
        tool_proof::{ToolAnswer, ToolProof, ToolResults},
    },
    report::terminal::style::count,
};
use std::collections::{BTreeMap, BTreeSet};

/// The text for a terminal.
pub fn text(detection: &Detection, width: usize) -> String {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let row = |fault: &FaultResult| {
        let others = listed(with(fault, &CheckCell::Follows));
        vec![fault.fault.to_owned(), outcome(fault), listed(with(fault, &CheckCell::Found)), others]
    };
    let heads = ["fault", "result", "found by", "also reported by"];
    let faults = table(&heads, detection.faults.iter().map(row), width);
    let checks = table(&["check", "needed by", "reported by nothing else"], checks(detection), width);
    format!("{faults}\n{checks}\n{}", summary(detection).join("\n") + "\n")
}

/// The Markdown: figures, faults against checks, why a check had nothing to check, the need of each check.
pub fn markdown(detection: &Detection) -> String {
    let mut text = summary(detection).iter().map(|line| format!("- {line}\n")).collect::<String>();
    text += "\n| fault | result |";
    text.extend(CheckId::ALL.iter().map(|check| format!(" {check} |")));
    text += &format!("\n|---|---|{}\n", "---|".repeat(CheckId::ALL.len()));
    for fault in &detection.faults {
        text += &format!("| [{id}](faults/{id}.md) | {} |", outcome(fault), id = fault.fault);
        text.extend(
            CheckId::ALL.iter().map(|check| format!(" {} |", fault.cells.get(check).map_or("–", cell))),
        );
        text.push('\n');
    }
    text += "\n| why a check had nothing to check | checks | faults |\n|---|---|---|\n";
    for (why, (checks, faults)) in reasons(detection) {
        text += &format!("| {} | {} | {} |\n", one_line(why), listed(checks), faults.len());
    }
    text += "\n| check | needed by | reported by nothing else |\n|---|---|---|\n";
    for row in checks(detection) {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

/// The figures, and everything that is not as expected.
fn summary(detection: &Detection) -> Vec<String> {
    let figure =
        |figure: Option<f64>| figure.map_or("not measured".to_owned(), |figure| format!("{figure} %"));
    let (recall, alarms) = (figure(detection.recall), figure(detection.false_alarms));
    let of = |wanted: fn(&FaultResult) -> bool| detection.faults.iter().filter(|fault| wanted(fault)).count();
    let ran = |fault: &FaultResult| !matches!(fault.outcome, DetectionOutcome::NotApplicable { .. });
    let harmful = of(|fault| fault.caught_by.is_some());
    let harmless = detection.faults.len() - harmful;
    let baselines = match detection.baselines.len() {
        0 => String::new(),
        number => format!(" and {number} baseline drills"),
    };
    let mut lines = vec![
        format!("{harmful} faults that do harm; recall {recall}"),
        format!("{harmless} harmless changes{baselines}; false alarms {alarms}"),
    ];
    let away = detection.faults.len() - detection.faults.iter().filter(|fault| ran(fault)).count();
    if away > 0 {
        lines.push(format!("{away} faults were not injected"));
    }
    let alarms = detection.baselines.iter().filter_map(|b| Some((&b.scenario, b.alarm.as_ref()?)));
    lines.extend(alarms.map(|(id, alarm)| format!("FALSE ALARM in {id}: {}", one_line(alarm))));
    let superfluous = detection.checks.iter().filter(|check| check.is_superfluous());
    lines.extend(superfluous.map(|check| format!("NO FAULT NEEDS THE CHECK {}", check.check)));
    lines
}

fn outcome(fault: &FaultResult) -> String {
    match &fault.outcome {
        DetectionOutcome::Detected => "detected".to_owned(),
        DetectionOutcome::DetectedOtherwise { why } => format!("OTHERWISE: {}", one_line(why)),
        DetectionOutcome::Missed => "MISSED".to_owned(),
        DetectionOutcome::Silent => "silent".to_owned(),
        DetectionOutcome::FalseAlarm { why } => format!("FALSE ALARM: {}", one_line(why)),
        DetectionOutcome::Unknown { why } => format!("UNKNOWN: {}", one_line(why)),
        DetectionOutcome::NotApplicable { why } => format!("not applicable: {}", one_line(why)),
    }
}

fn cell(cell: &CheckCell) -> &'static str {
    match cell {
        CheckCell::Found => "**found**",
        CheckCell::Follows => "*also*",
        CheckCell::Silent => "",
        CheckCell::NotApplicable { .. } => "–",
    }
}

fn with(fault: &FaultResult, wanted: &CheckCell) -> BTreeSet<CheckId> {
    fault.cells.iter().filter(|(_, cell)| *cell == wanted).map(|(check, _)| *check).collect()
}

fn listed(checks: impl IntoIterator<Item = CheckId>) -> String {
    checks.into_iter().map(CheckId::id).collect::<Vec<_>>().join(", ")
}

/// A row for each check.
fn checks(detection: &Detection) -> Vec<Vec<String>> {
    let row = |need: &CheckNeed| {
        let only = match need.only.is_empty() {
            false => need.only.join(", "),
            true => "NOTHING".to_owned(),
        };
        vec![need.check.to_string(), count(need.faults.len(), "fault"), only]
    };
    detection.checks.iter().map(row).collect()
}

/// Why checks had nothing to check, with the checks and the faults concerned.
fn reasons(detection: &Detection) -> BTreeMap<&str, (BTreeSet<CheckId>, BTreeSet<&str>)> {
    let mut reasons: BTreeMap<&str, (BTreeSet<CheckId>, BTreeSet<&str>)> = BTreeMap::new();
    for fault in &detection.faults {
        for (check, cell) in &fault.cells {
            let CheckCell::NotApplicable { why } = cell else { continue };
            let (checks, faults) = reasons.entry(why).or_default();
            checks.insert(*check);
            faults.insert(fault.fault);
        }
    }
    reasons
}

/// What each command lets pass, for a terminal.
pub fn tools_text(proof: &ToolProof, width: usize) -> String {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let row = |(name, results): (&String, &ToolResults)| {
        let passed: Vec<&str> = results.lets_pass().collect();
        let rejected: Vec<String> = results.rejects().map(ToString::to_string).collect();
        let share = format!("{} of {}", passed.len(), results.judged());
        vec![one_line(name), share, passed.join(", "), rejected.join(", ")]
    };
    let heads = ["command", "damage let pass", "which", "sound backups rejected"];
    table(&heads, proof.tools.iter().map(row), width)
}

/// Damage against commands, as Markdown.
pub fn tools_markdown(proof: &ToolProof) -> String {
    let of = |answer: Option<&ToolAnswer>| match answer {
        Some(ToolAnswer::Accepted) => "**passes**",
        Some(ToolAnswer::Rejected { .. }) => "rejected",
        Some(ToolAnswer::NotRun { .. }) | None => "–",
    };
    let mut text = String::from("| damage |");
    text.extend(proof.tools.keys().map(|name| format!(" `{}` |", one_line(name))));
    text += &format!("\n|---|{}\n", "---|".repeat(proof.tools.len()));
    let faults: BTreeSet<&str> = proof.tools.values().flat_map(|tool| tool.damaged.keys().copied()).collect();
    for fault in faults {
        text += &format!("| [{fault}](faults/{fault}.md) |");
        text.extend(proof.tools.values().map(|tool| format!(" {} |", of(tool.damaged.get(fault)))));
        text.push('\n');
    }
    text += "| **damage let pass** |";
    let share = |tool: &ToolResults| format!(" **{} of {}** |", tool.lets_pass().count(), tool.judged());
    text.extend(proof.tools.values().map(share));
    text += "\n| **sound backups rejected** |";
    let judged = |tool: &ToolResults| {
        tool.sound.values().filter(|answer| !matches!(answer, ToolAnswer::NotRun { .. })).count()
    };
    text.extend(
        proof.tools.values().map(|tool| format!(" **{} of {}** |", tool.rejects().count(), judged(tool))),
    );
    text + "\n"
}
