//! The documents list exactly the reports that a run writes. `PULP_DRILL_BLESS=1` writes the tables anew.

use pulp_drill::report::ReportFormat;
use std::{collections::BTreeSet, fs, path::Path};

const BEGIN: &str = "<!-- reports -->\n";
const END: &str = "<!-- /reports -->";

/// A table with a row for each format.
fn table() -> String {
    let row = |format: ReportFormat| {
        format!("| `{}` | {} | `{}` |\n", format.file_name(), format.description(), format.media_type())
    };
    let rows: String = ReportFormat::ALL.into_iter().map(row).collect();
    format!("| report | content | media type |\n|---|---|---|\n{rows}")
}

#[test]
fn the_documents_list_every_report() {
    let bless = std::env::var_os("PULP_DRILL_BLESS").is_some_and(|value| value == "1");
    for name in ["README.md", "docs/evidence.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = fs::read_to_string(&path).expect("a document");
        let (before, rest) = text.split_once(BEGIN).expect("a table of the reports");
        let (found, after) = rest.split_once(END).expect("its end");
        if bless {
            fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).expect("written");
        } else {
            assert!(found == table(), "{name} is out of date: PULP_DRILL_BLESS=1 cargo test formats");
        }
    }
}

#[test]
fn every_format_has_its_own_file() {
    let names: BTreeSet<&str> = ReportFormat::ALL.into_iter().map(ReportFormat::file_name).collect();
    assert_eq!(names.len(), ReportFormat::ALL.len());
}
