//! Generated parts of documents that people write: held to what the code says now, and rewritten when asked.

use super::bless;

/// Holds the part of a file between `<!-- NAME -->` and `<!-- /NAME -->` to a text.
pub fn hold(path: &str, name: &str, wanted: &str) {
    let text = std::fs::read_to_string(path).expect("the document is there");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("{path} has no {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{path} has no {close}"));
    bless::file(path, &format!("{before}{open}{wanted}{close}{after}"));
}
