//! A schedule as a picture: Postgres, the object store and the backup over time, from left to right. SVG
//! with text as text, for light and dark pages.

use crate::model::write::{WriteKind, WritePath};
use crate::window::judge::AssetOutcome;
use crate::window::schedule::Schedule;
use crate::window::table::Cell;
use crate::window::vocabulary::{ModelStep, Part};
use std::fmt::Write as _;

/// Between two steps.
const STEP: usize = 78;
/// Where the first step is.
const LEFT: usize = 120;
const ROWS: usize = 56;
const OBJECTS: usize = 106;
const BACKUP: usize = 156;
const HEIGHT: usize = 226;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}.m{text-anchor:middle}.t{font-weight:600}\
.bad{fill:#b42318;font-weight:600}.fine{fill:#1a7f37;font-weight:600}\
line{stroke:#8c959f}.r{stroke-dasharray:3 3}\
.w{fill:#0969da}.b{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bad{fill:#ff7b72}.fine{fill:#56d364}\
line{stroke:#6e7681}.w{fill:#58a6ff}.b{fill:#bc8cff}}";

/// The picture of a cell's worst outcome; `None` if it has no schedule.
pub fn picture(cell: &Cell) -> Option<String> {
    let example = cell.examples.last()?;
    let title = format!("{}; {}", cell.write.describe(), cell.method.title());
    Some(draw(&title, &example.schedule, example.outcome))
}

/// Draws a schedule.
pub fn draw(title: &str, schedule: &Schedule, outcome: Option<AssetOutcome>) -> String {
    let right = LEFT + STEP * schedule.steps.len().max(2);
    // Wide enough for the title at about seven units per letter.
    let width = (right + 10).max(title.len() * 7 + 20).max(schedule.to_string().len() * 7 + 20);
    let (class, description) = match outcome {
        None => ("fine", "consistent"),
        Some(AssetOutcome::OrphanBinary) => ("fine", AssetOutcome::OrphanBinary.title()),
        Some(other) => ("bad", other.title()),
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" role=\"img\">\n<title>{title}: {description}</title>\n<desc>{schedule}</desc>\n\
         <style>{STYLE}</style>\n<text class=\"t\" x=\"8\" y=\"20\">{title}</text>\n"
    );
    for (y, name) in [(ROWS, "Postgres rows"), (OBJECTS, "object store"), (BACKUP, "backup")] {
        push(&mut out, &format!("<text x=\"8\" y=\"{}\">{name}</text>", y + 4));
        push(&mut out, &format!("<line x1=\"{}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>", LEFT - 14));
    }
    for (n, step) in schedule.steps.iter().enumerate() {
        mark(&mut out, schedule, *step, LEFT + STEP / 2 + STEP * n);
    }
    push(
        &mut out,
        &format!(
            "<text class=\"{class}\" x=\"8\" y=\"{}\">after the restore: {description}</text>",
            HEIGHT - 26
        ),
    );
    push(&mut out, &format!("<text x=\"8\" y=\"{}\">{schedule}</text>", HEIGHT - 8));
    out + "</svg>\n"
}

fn push(out: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _always = writeln!(out, "{line}");
}

/// One step: a dot where a write changes a store; a square with a line to what the backup reads.
fn mark(out: &mut String, schedule: &Schedule, step: ModelStep, x: usize) {
    let (y, label, reads): (usize, String, &[usize]) = match step {
        ModelStep::Write(no, part) => {
            let write = schedule.writes.get(usize::from(no.0)).copied();
            let y = if part == Part::Row { ROWS } else { OBJECTS };
            (y, format!("{} {}", verb(write, part), no.0 + 1), &[])
        }
        ModelStep::Dump => (BACKUP, "dump (D)".to_owned(), &[ROWS]),
        ModelStep::List => (BACKUP, "list".to_owned(), &[OBJECTS]),
        ModelStep::ListResults => (BACKUP, "list results".to_owned(), &[OBJECTS]),
        ModelStep::Copy(object) => {
            let age = if object.new { "new" } else { "old" };
            (BACKUP, format!("copy {age} {}", object.write.0 + 1), &[OBJECTS])
        }
        ModelStep::Instant => (BACKUP, "instant T".to_owned(), &[ROWS]),
        ModelStep::Stop => (BACKUP, "stop".to_owned(), &[]),
        ModelStep::Start => (BACKUP, "start".to_owned(), &[]),
    };
    for top in reads {
        push(out, &format!("<line class=\"r\" x1=\"{x}\" y1=\"{y}\" x2=\"{x}\" y2=\"{top}\"/>"));
    }
    if y == BACKUP {
        push(out, &format!("<rect class=\"b\" x=\"{}\" y=\"{}\" width=\"10\" height=\"10\"/>", x - 5, y - 5));
        push(out, &format!("<text class=\"m\" x=\"{x}\" y=\"{}\">{label}</text>", y + 20));
    } else {
        push(out, &format!("<circle class=\"w\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>"));
        push(out, &format!("<text class=\"m\" x=\"{x}\" y=\"{}\">{label}</text>", y - 11));
    }
}

/// What a part does to its store.
fn verb(write: Option<WritePath>, part: Part) -> &'static str {
    let in_place = write.is_some_and(|write| !write.cleans_up());
    match (part, write.map(|write| write.kind)) {
        (Part::Cleanup, _) | (Part::Binary, Some(WriteKind::Delete)) => "remove",
        (Part::Binary, Some(WriteKind::Replace)) if in_place => "overwrite",
        (
            Part::Binary,
            Some(
                WriteKind::Upload
                | WriteKind::Replace
                | WriteKind::Copy
                | WriteKind::Label
                | WriteKind::Batch,
            )
            | None,
        ) => "put",
        (Part::Row, Some(WriteKind::Delete)) => "delete",
        (Part::Row, Some(WriteKind::Upload | WriteKind::Copy)) => "insert",
        (Part::Row, Some(WriteKind::Replace | WriteKind::Label | WriteKind::Batch) | None) => "update",
    }
}
