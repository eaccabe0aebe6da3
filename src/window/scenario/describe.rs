//! The head of a replayed schedule's scenario file: title, description, controls.

use crate::model::{
    workload::BackupMethod,
    write::{ReplaceKeys, WriteKind},
};
use crate::window::judge::{AssetOutcome, Outcomes};
use crate::window::scenario::staged::Staged;
use crate::window::vocabulary::{ModelStep, Part, WriteNo};
use crate::window::world::{AFTER, BEFORE};

/// Columns of a folded text.
const WIDTH: usize = 98;

/// The file up to its controls.
pub(super) fn head(staged: &Staged<'_>, id: &str, depth: usize, outcomes: &[Outcomes]) -> String {
    let up = "../".repeat(depth);
    let mut all = Outcomes::default();
    outcomes.iter().for_each(|one| all.join(*one));
    let mut text = format!("# yaml-language-server: $schema={up}docs/scenario.schema.json\n");
    text += "# Written by `pulp-drill explore` from this schedule (docs/consistency-window.md):\n";
    text += &format!("# {}\n", staged.schedule);
    text += &format!("id: {id}\ntitle: {}\nshows: >\n{}", title(staged, all), folded(&shows(staged, all)));
    text += "runbook: [\"2.3\"]\n";
    let controls = if all.harmless() { "" } else { ", \"NIS2 4.2.3\"" };
    text + &format!("controls: [\"NIST CP-9(1)\", \"ISO A.8.13\", \"DORA 12(7)\"{controls}]\n")
}

fn title(staged: &Staged<'_>, all: Outcomes) -> String {
    let writes: Vec<String> = staged.schedule.writes.iter().map(|write| write.describe()).collect();
    let writes = if writes.is_empty() { "no write".to_owned() } else { writes.join(" and ") };
    let what = format!("{}; {writes}; {all}", staged.schedule.setting.method.title());
    let (first, rest) = what.split_at(1);
    // A colon would end a plain YAML value.
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn shows(staged: &Staged<'_>, all: Outcomes) -> String {
    let mut text: Vec<String> = Vec::new();
    for n in 0..staged.schedule.writes.len() {
        text.push(at_recovery_point(staged, n));
        text.extend(in_copy(staged, n));
    }
    text.extend(describe_outcomes(all).map(str::to_owned));
    text.join(" ")
}

/// The progress of a write at the recovery point.
fn at_recovery_point(staged: &Staged<'_>, n: usize) -> String {
    let schedule = staged.schedule;
    let fixes = |step: &ModelStep| matches!(step, ModelStep::Dump | ModelStep::Instant);
    let until = schedule.steps.iter().position(fixes).unwrap_or(schedule.steps.len());
    let no = WriteNo(n as u8);
    let done =
        schedule.steps[..until].iter().filter(|s| matches!(s, ModelStep::Write(of, _) if *of == no)).count();
    let parts = staged.course.parts[n];
    let path = schedule.writes[n];
    let name = staged.subjects[n].name;
    let who = match path.kind {
        WriteKind::Upload => format!("The upload of {name}"),
        WriteKind::Delete => format!("The delete of {name}"),
        WriteKind::Replace => match path.keys {
            ReplaceKeys::InPlace => format!("The replacement of {name}"),
            ReplaceKeys::NewKey => format!("The replacement of {name} under a new key"),
        },
        WriteKind::Copy => format!("The copy that becomes {name}"),
        WriteKind::Label => format!("The move of a label of {name}"),
        WriteKind::Batch => format!("The batch job of {name}"),
    };
    let when = match schedule.setting.method {
        BackupMethod::DumpFirst | BackupMethod::CopyFirst => "when the dump is taken",
        BackupMethod::PointInTime => "at the instant to which both stores are recovered",
        BackupMethod::Maintenance => "when the engine is stopped",
        BackupMethod::MaintenanceKilled => "when the engine is killed",
    };
    let verb = if path.kind == WriteKind::Delete { "removed" } else { "written" };
    let thing = |part: &Part| match part {
        Part::Binary => "binary",
        Part::Row => "row",
        Part::Cleanup => "old object",
    };
    match (done, parts.get(done)) {
        (0, _) => format!("{who} has not begun {when}."),
        (_, None) => format!("{who} is complete {when}."),
        (_, Some(Part::Cleanup)) => {
            format!("{who} is acknowledged {when}, and its old object is not yet removed.")
        }
        (done, Some(next)) => {
            format!("{who} has {verb} its {} but not its {} {when}.", thing(&parts[done - 1]), thing(next))
        }
    }
}

/// The write's objects in the backup.
fn in_copy(staged: &Staged<'_>, n: usize) -> Option<String> {
    let who = match staged.schedule.setting.method {
        BackupMethod::PointInTime => "The bucket at that instant",
        BackupMethod::DumpFirst
        | BackupMethod::CopyFirst
        | BackupMethod::Maintenance
        | BackupMethod::MaintenanceKilled => "The copy of the objects",
    };
    let [new, old] = [2 * n, 2 * n + 1].map(|slot| staged.world.copied[slot]);
    let path = staged.schedule.writes[n];
    let what = match path.kind {
        WriteKind::Label => return None,
        WriteKind::Upload | WriteKind::Copy | WriteKind::Batch => match new {
            0 => "does not contain its object",
            _ => "contains its object",
        },
        WriteKind::Delete => match old {
            0 => "no longer contains the object",
            _ => "still contains the object",
        },
        WriteKind::Replace if path.keys == ReplaceKeys::InPlace => match old {
            BEFORE => "contains the old content",
            AFTER => "contains the new content",
            _ => "contains neither content",
        },
        WriteKind::Replace => match (new, old) {
            (0, 0) => "contains neither object",
            (0, _) => "contains only the old object",
            (_, 0) => "contains only the new object",
            _ => "contains both the new and the old object",
        },
    };
    Some(format!("{who} {what}."))
}

/// The outcomes, the worst first.
fn describe_outcomes(all: Outcomes) -> impl Iterator<Item = &'static str> {
    let mut sentences: Vec<&str> = all
        .iter()
        .map(|outcome| match outcome {
            AssetOutcome::OrphanBinary => "An object without a row is restored: harmless.",
            AssetOutcome::ResurrectedDelete => "A delete that the engine had acknowledged is undone.",
            AssetOutcome::LostAcknowledgedWrite => "A write that the engine had acknowledged is lost.",
            AssetOutcome::MissingBinary => "A row is restored without its object: renders that need it fail.",
            AssetOutcome::WrongContent => {
                "An object is restored whose content differs from its row, and nothing rejects it."
            }
        })
        .collect();
    sentences.reverse();
    if sentences.is_empty() {
        sentences.push("The restored state is consistent.");
    }
    sentences.into_iter()
}

/// A text below a key, in lines of a readable length.
fn folded(text: &str) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH - 2 {
            out += &format!("  {line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    out + &format!("  {line}\n")
}
