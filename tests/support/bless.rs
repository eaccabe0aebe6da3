//! Generated documents: held to what the code says now, and rewritten when asked.

use std::path::Path;

/// Whether documents are to be rewritten instead of compared.
fn blessing() -> bool {
    std::env::var_os("PULP_DRILL_BLESS").is_some_and(|value| value == "1")
}

/// Holds a whole file to a text.
pub fn file(path: &str, wanted: &str) {
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found == wanted {
        return;
    }
    assert!(blessing(), "{path} is out of date; PULP_DRILL_BLESS=1 rewrites it. It should be:\n{wanted}");
    std::fs::write(Path::new(path), wanted).expect("the document can be written");
}

/// Holds the part of a file between `<!-- NAME -->` and `<!-- /NAME -->` to a text.
#[allow(dead_code, reason = "not every test binary has a document of this kind")]
pub fn part(path: &str, name: &str, wanted: &str) {
    let text = std::fs::read_to_string(path).expect("the document is there");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("{path} has no {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{path} has no {close}"));
    file(path, &format!("{before}{open}{wanted}{close}{after}"));
}
