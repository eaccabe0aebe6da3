//! What can be checked without starting anything: the sources, the scenarios, the documents and the
//! workflows agree with each other.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod catalogue;
mod conventions;
mod documents;
mod generated;
mod generic;
mod glossary;
mod layering;
mod scenarios;
mod untrusted_input;
mod workflows;

use pulp_drill::report::runbook::{Piece, pieces};

#[path = "../support"]
mod support {
    pub mod bless;
    pub mod document_part;
    pub mod untrusted_input;
}

/// A text in Markdown with its references to the runbook as links to that page.
fn runbook_linked(text: &str, page: &str) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            // A link already.
            Piece::Section { label, .. } if out.ends_with('[') => out.push_str(label),
            Piece::Section { label, number } => out.push_str(&format!("[{label}]({page}#s{number})")),
        }
    }
    out
}

/// A file of this repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below some folders whose names end in one of the extensions, in order.
fn text_files(folders: &[&str], extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut left: Vec<std::path::PathBuf> = folders.iter().map(std::path::PathBuf::from).collect();
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|own| extensions.iter().any(|known| own == *known)) {
                found.push(path.into_os_string().into_string().expect("UTF-8"));
            }
        }
    }
    found.sort();
    found
}
