//! What a replayed schedule is about, for people: title, what it shows, the head of its file.

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
    // A colon would end a plain value.
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

/// How far a write had come at the recovery point.
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
        BackupMethod::PointInTime => "at the instant that both stores are brought back to",
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
        (_, None) => format!("{who} is done {when}."),
        (_, Some(Part::Cleanup)) => {
            format!("{who} is answered {when}, and its old object is not removed yet.")
        }
        (done, Some(next)) => {
            format!("{who} has {verb} its {} and not its {} {when}.", thing(&parts[done - 1]), thing(next))
        }
    }
}

/// What the backup holds of the objects that a write is about.
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
            0 => "does not hold its object",
            _ => "holds its object",
        },
        WriteKind::Delete => match old {
            0 => "does not hold the object any more",
            _ => "still holds the object",
        },
        WriteKind::Replace if path.keys == ReplaceKeys::InPlace => match old {
            BEFORE => "holds the old content",
            AFTER => "holds the new content",
            _ => "holds neither content",
        },
        WriteKind::Replace => match (new, old) {
            (0, 0) => "holds neither object",
            (0, _) => "holds the old object only",
            (_, 0) => "holds the new object only",
            _ => "holds the new object and the old one",
        },
    };
    Some(format!("{who} {what}."))
}

/// What comes of it, the worst first.
fn describe_outcomes(all: Outcomes) -> impl Iterator<Item = &'static str> {
    let mut sentences: Vec<&str> = all
        .iter()
        .map(|outcome| match outcome {
            AssetOutcome::OrphanBinary => "An object comes back that no row points at: harmless to renders.",
            AssetOutcome::ResurrectedDelete => "What was deleted, with the engine's word for it, is back.",
            AssetOutcome::LostAcknowledgedWrite => "What the engine had acknowledged is lost.",
            AssetOutcome::MissingBinary => {
                "A row comes back without its object: whatever needs it is refused."
            }
            AssetOutcome::WrongContent => {
                "An object comes back with other content than its row says, and nothing refuses it."
            }
        })
        .collect();
    sentences.reverse();
    if sentences.is_empty() {
        sentences.push("What comes back is consistent.");
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
