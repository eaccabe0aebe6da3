//! Text for a terminal: width, colour, and no escape sequences from foreign text.

use crate::{base::sanitize::legible, model::verdict::Verdict};
use console::measure_text_width;

/// The width where the output is not a terminal.
pub const WIDTH: usize = 80;

/// The most characters of one text; all of it is in `record.json`.
const LONGEST: usize = 4_000;

/// Width and colour of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour; colour alone never carries a meaning.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// The meaning of a piece of text, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Unknown.
    Unsure,
    /// Secondary text.
    Quiet,
}

impl Style {
    /// For an output stream: `NO_COLOR` and `CLICOLOR_FORCE` decide, otherwise whether it is a terminal.
    pub fn of(term: &console::Term, colours_wanted: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let width = if term.is_term() { usize::from(term.size().1).clamp(40, 120) } else { WIDTH };
        Self { colour: colours_wanted && !no_colour, width }
    }

    /// The text in the tone's colour.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Unsure => "33",
            Tone::Quiet => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The word for a verdict, as wide as its column.
    pub fn verdict(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Pass => self.paint(Tone::Good, "pass   "),
            Verdict::Unknown => self.paint(Tone::Unsure, "unknown"),
            Verdict::Fail => self.paint(Tone::Bad, "FAIL   "),
        }
    }

    /// The text in lines that fit, the first behind `first`, the others indented as far.
    pub fn wrap(self, first: &str, text: &str) -> String {
        let indent = measure_text_width(first);
        let mut out = String::new();
        for (i, line) in lines(text, self.width.saturating_sub(indent).max(16)).iter().enumerate() {
            let before = if i == 0 { first.to_owned() } else { " ".repeat(indent) };
            out.push_str(format!("{before}{line}").trim_end());
            out.push('\n');
        }
        out
    }
}

/// Shortens a JSON row from the database to its identifying columns and as many others as fit; other text is
/// unchanged. `record.json` has all of it.
pub fn brief(text: &str) -> String {
    const WIDEST: usize = 240;
    const NAMES: [&str; 6] = ["id", "key", "name", "version", "label", "storage_key"];
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    let Ok(serde_json::Value::Object(row)) = serde_json::from_str(text) else { return text.to_owned() };
    let place = |column: &str| NAMES.iter().position(|name| *name == column).unwrap_or(NAMES.len());
    let mut columns: Vec<_> = row.iter().map(|(column, value)| (column, value.to_string())).collect();
    // Short values first: the beginning of a body or definition is rarely useful.
    columns.sort_by_key(|(column, value)| (place(column), value.len()));
    let (mut row_text, mut shown) = (String::new(), 0);
    for (column, value) in &columns {
        let next = format!("{}{column} = {value}", if shown == 0 { "" } else { ", " });
        if row_text.chars().count() + next.chars().count() > WIDEST {
            break;
        }
        row_text += &next;
        shown += 1;
    }
    format!("{row_text}, … ({shown} of {} columns; all are in record.json)", columns.len())
}

/// The beginning of a text that is too long for a summary.
pub fn cut(text: &str) -> String {
    cut_to(text, 400)
}

/// The first characters of a text; `record.json` has all of it.
pub fn cut_to(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} …", text[..at].trim_end()),
    }
}

/// `1 scenario`, `2 scenarios`.
pub fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

fn lines(text: &str, width: usize) -> Vec<String> {
    let mut text = legible(text);
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        let rest = text[at..].chars().count();
        text.truncate(at);
        text.push_str(&format!(" … ({rest} characters more in record.json)"));
    }
    let mut done = Vec::new();
    for paragraph in text.trim_end().split('\n') {
        let description = paragraph.trim_start();
        let mut line = " ".repeat((paragraph.len() - description.len()).min(width / 2));
        for word in description.split(' ') {
            if !line.trim_start().is_empty()
                && measure_text_width(&line) + 1 + measure_text_width(word) > width
            {
                done.push(std::mem::take(&mut line));
            } else if !line.trim_start().is_empty() {
                line.push(' ');
            }
            for c in word.chars() {
                // A word that is wider than the line is cut.
                if measure_text_width(&line) + measure_text_width(c.encode_utf8(&mut [0; 4])) > width {
                    done.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        done.push(line);
    }
    done
}
