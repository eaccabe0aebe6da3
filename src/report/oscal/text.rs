//! Any text into the datatypes of OSCAL: one line, a token, a relative reference.

use crate::base::sanitize::legible;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path may hold as it is (RFC 3986, `pchar` and `/`, without what could end a path).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The most characters of a line; all of it is in `record.json`.
const LONGEST: usize = 2_000;

/// A line without control characters that neither begins nor ends with a space; a dash for nothing.
pub(super) fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = legible(&spaced);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None if line.is_empty() => "-".to_owned(),
        None => line,
    }
}

/// An NCName of ASCII: letters, digits, `.`, `-` and `_`, a letter or `_` first.
pub(super) fn token(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
    let token: String = text.trim().chars().take(200).map(plain).collect();
    if token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { token } else { format!("_{token}") }
}

/// A reference to a file beside the document.
pub(super) fn href(path: &str) -> String {
    format!("./{}", utf8_percent_encode(path, PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_what_the_datatypes_hold() {
        assert_eq!(line(" a\n\tb\u{0}c  "), "a b c");
        assert_eq!(line("\n"), "-");
        assert_eq!(token("ready within"), "ready-within");
        assert_eq!(token("1 é"), "_1--");
        assert_eq!(token(""), "_");
        assert_eq!(href("artefacts/a b.pdf"), "./artefacts/a%20b.pdf");
    }
}
