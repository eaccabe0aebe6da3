//! Makes any text fit for XML 1.0, visibly: what XML can't hold in any form is written as an
//! escape (`\u{0}`), and no text can end the CDATA section that it stands in.

use crate::base::sanitize::is_hidden;

/// The most characters of a message in an attribute.
const LINE: usize = 500;

/// The most characters of a text in an element; what is cut off is in `record.json`.
const BODY: usize = 256 * 1024;

/// A text for an attribute: its first line, shortened.
pub fn line(text: &str) -> String {
    let first = text.trim_start().lines().next().unwrap_or_default();
    let mut cleaned = legal(first.chars().take(LINE));
    if first.chars().nth(LINE).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// A text for an element's CDATA.
pub fn body(text: &str) -> String {
    let mut cleaned = legal(text.chars().take(BODY));
    let rest = text.chars().skip(BODY).count();
    if rest > 0 {
        cleaned.push_str(&format!("\n… {rest} characters more in record.json"));
    }
    cleaned.replace("]]>", "]]&gt;")
}

/// Keeps the characters of XML 1.0 (section 2.2, production `Char`) that can be seen and escapes all
/// others.
fn legal(text: impl Iterator<Item = char>) -> String {
    let mut cleaned = String::new();
    for c in text {
        match c {
            '\t' | '\n' => cleaned.push(c),
            c if is_hidden(c) => cleaned.extend(c.escape_unicode()),
            c => cleaned.push(c),
        }
    }
    cleaned
}
