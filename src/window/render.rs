//! The table and the safe conditions as text: for people, and as Markdown.

use crate::base::table::table as columns;
use crate::model::{
    workload::BackupMethod,
    write::{ReplaceKeys, StoreOrder, WriteOrder},
};
use crate::window::conditions::Safe;
use crate::window::judge::AssetOutcome;
use crate::window::table::{Cell, WindowTable};

/// What each outcome means, for a legend.
pub const fn meaning(outcome: AssetOutcome) -> &'static str {
    match outcome {
        AssetOutcome::OrphanBinary => "an object without a row: harmless",
        AssetOutcome::ResurrectedDelete => "deleted and acknowledged before the dump, and restored",
        AssetOutcome::LostAcknowledgedWrite => "acknowledged before the dump, and missing or incomplete",
        AssetOutcome::MissingBinary => "a row without its object: the render fails (ASSET_BINARY_MISSING)",
        AssetOutcome::WrongContent => "an object whose content differs from its row: nothing rejects it",
    }
}

/// How much was explored, in one sentence.
pub fn amount(table: &WindowTable) -> String {
    let how = if table.exhaustive {
        "explored: the others differ only in the order of independent steps"
    } else {
        "explored, some of them a random sample: other outcomes may exist"
    };
    format!("{} interleavings, {} {how}.", table.interleavings, table.explored)
}

/// The worst outcome, for people.
fn worst(cell: &Cell) -> &'static str {
    cell.outcomes.worst().map_or("consistent", AssetOutcome::title)
}

/// The width of a terminal. It is fixed, so that the output depends on the arguments only.
const WIDTH: u16 = 80;

/// For people.
pub fn human(table: &WindowTable, safe: Option<&[Safe]>) -> String {
    let mut heads = vec!["write"];
    heads.extend(BackupMethod::ALL.map(BackupMethod::title));
    let rows = table.writes().into_iter().map(|write| {
        let cells = table.row(write).map(|cell| worst(cell).to_owned());
        std::iter::once(write.describe()).chain(cells).collect()
    });
    let mut out = format!("The worst outcomes of a restore\n\n{}", columns(&heads, rows, WIDTH));
    out += "\nSchedules that lead to them\n";
    for cell in table.cells.iter().filter(|cell| !cell.outcomes.consistent()) {
        line(&mut out, &format!("\n{}; {}", cell.write.describe(), cell.method.title()));
        for example in cell.examples.iter().rev() {
            let Some(outcome) = example.outcome else { continue };
            out += &schedule(outcome.title(), &example.schedule.to_string());
        }
    }
    let terms = AssetOutcome::ALL.into_iter().rev();
    let terms = terms.map(|outcome| vec![outcome.title().to_owned(), meaning(outcome).to_owned()]);
    out += &format!("\nTerms\n\n{}", columns(&[], terms, WIDTH));
    if let Some(safe) = safe {
        let rows =
            conditions(safe).into_iter().map(|(method, text)| vec![method.title().to_owned(), text.clone()]);
        out += "\nA restore gives nothing worse than an orphan with\n\n";
        out += &columns(&[], rows, WIDTH);
    }
    out + "\n" + &columns(&[], [vec![amount(table)]], WIDTH)
}

/// A schedule behind its outcome, or below it where the line would be too wide. It is not broken, so that it can be
/// copied.
fn schedule(outcome: &str, schedule: &str) -> String {
    let beside = format!("  {outcome:<24} {schedule}\n");
    if beside.len() <= usize::from(WIDTH) { beside } else { format!("  {outcome}\n    {schedule}\n") }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// As Markdown. If a folder of pictures is given, each cell links to its picture.
pub fn markdown(table: &WindowTable, safe: Option<&[Safe]>, pictures: Option<&str>) -> String {
    let titles = BackupMethod::ALL.map(BackupMethod::title).join(" | ");
    let mut out = format!("| write | {titles} |\n|---|{}\n", "---|".repeat(BackupMethod::ALL.len()));
    for write in table.writes() {
        let cells = table.row(write).map(|cell| {
            let text = if cell.outcomes.harmless() { cell.outcomes.to_string() } else { bold(cell) };
            match pictures {
                Some(folder) => format!("[{text}]({folder}/{})", cell.picture_file()),
                None => text,
            }
        });
        let cells: Vec<String> = cells.collect();
        line(&mut out, &format!("| {} | {} |", write.describe(), cells.join(" | ")));
    }
    line(&mut out, &format!("\n{}", amount(table)));
    if let Some(safe) = safe {
        out += "\n| backup method | a restore gives nothing worse than an orphan with |\n|---|---|\n";
        for (method, text) in conditions(safe) {
            line(&mut out, &format!("| {} | {text} |", method.title()));
        }
    }
    out
}

/// The worst in bold, then the rest.
fn bold(cell: &Cell) -> String {
    let mut titles: Vec<String> = cell.outcomes.iter().map(|outcome| outcome.title().to_owned()).collect();
    titles.reverse();
    titles[0] = format!("**{}**", titles[0]);
    titles.join(", ")
}

/// The schedule of each cell's worst outcome, as Markdown.
pub fn schedules(table: &WindowTable) -> String {
    let mut out = "| write | backup method | outcome | minimal schedule |\n|---|---|---|---|\n".to_owned();
    for cell in &table.cells {
        for example in cell.examples.iter().rev().filter(|example| example.outcome.is_some()).take(1) {
            let outcome = example.outcome.map_or("consistent", AssetOutcome::title);
            let (write, method) = (cell.write.describe(), cell.method.title());
            line(&mut out, &format!("| {write} | {method} | {outcome} | `{}` |", example.schedule));
        }
    }
    out
}

/// The conditions of each backup method, for people.
pub fn conditions(safe: &[Safe]) -> Vec<(BackupMethod, String)> {
    BackupMethod::ALL.into_iter().map(|method| (method, condition(safe, method))).collect()
}

fn condition(safe: &[Safe], method: BackupMethod) -> String {
    let mine: Vec<&Safe> = safe.iter().filter(|safe| safe.method == method).collect();
    let Some(first) = mine.first() else {
        return "no explored combination of write orders, keys and delete grace".to_owned();
    };
    // One sentence is enough where the combinations are all that the fixed properties leave open.
    let properties = |safe: &Safe| {
        let WriteOrder { upload, delete, replace_keys, .. } = safe.engine;
        let first = |order| order == StoreOrder::BinaryFirst;
        [first(upload), first(delete), replace_keys == ReplaceKeys::NewKey]
    };
    let fixed = [0, 1, 2].map(|n| {
        let value = properties(first)[n];
        mine.iter().all(|safe| properties(safe)[n] == value).then_some(value)
    });
    let open = fixed.iter().filter(|value| value.is_none()).count();
    let same = mine.iter().all(|safe| (safe.grace, safe.window) == (first.grace, first.window));
    if mine.len() == 1 << open && same {
        return sentence(fixed, first);
    }
    let each = mine.iter().map(|safe| sentence(properties(safe).map(Some), safe));
    each.collect::<Vec<_>>().join("; or ")
}

fn sentence([uploads, deletes, immutable]: [Option<bool>; 3], safe: &Safe) -> String {
    let first = |binary: bool| if binary { "binary first" } else { "row first" };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(uploads.map(|binary| format!("uploads {}", first(binary))));
    parts.extend(deletes.map(|binary| format!("deletes {}", first(binary))));
    parts.extend(immutable.map(|new| if new { "immutable keys" } else { "mutable keys" }.to_owned()));
    if safe.grace > 0 {
        parts.push(format!(
            "a delete grace of at least {} sub-steps (S1 - D is at most {})",
            safe.grace, safe.window
        ));
    }
    if parts.is_empty() { "any write order, any keys, no grace".to_owned() } else { parts.join(", ") }
}
