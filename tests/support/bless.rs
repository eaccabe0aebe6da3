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
