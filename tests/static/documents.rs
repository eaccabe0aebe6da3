//! Documents that name files: the module map of `docs/design.md` is complete, and the recipes of
//! `CONTRIBUTING.md` name files that exist and all that a new entry needs.

use crate::{read, text_files};
use std::{collections::BTreeSet, fs, path::Path};

/// Folders whose files the recipes name.
const FOLDERS: [&str; 9] =
    ["src/", "crates/", "docs/", "tests/", "scenarios/", "fixtures/", "profiles/", "deploy/", "fuzz/"];

/// The texts in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The paths of this repository in a text.
fn paths(text: &str) -> Vec<&str> {
    let is_path = |name: &&str| FOLDERS.iter().any(|folder| name.starts_with(folder));
    code(text).filter(is_path).collect()
}

#[test]
fn the_module_map_is_complete() {
    let text = read("docs/design.md");
    let (_, map) = text.split_once("## Where things are").expect("docs/design.md has the map");
    let map = map.split("\n## ").next().expect("a section");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let listed: BTreeSet<&str> = rows.flat_map(code).collect();
    for path in &listed {
        assert!(Path::new(path).exists(), "docs/design.md lists {path}, which does not exist");
    }
    for (folder, level) in [("src", "module"), ("crates", "package")] {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            let module = format!("{folder}/{}", name.trim_end_matches(".rs"));
            let shown = listed.contains(format!("{module}/").as_str())
                || listed.contains(format!("{module}.rs").as_str());
            assert!(shown, "docs/design.md does not list the {level} {module}");
        }
    }
}

#[test]
fn recipes_name_files_that_exist() {
    let text = read("CONTRIBUTING.md");
    let named = paths(&text);
    assert!(named.len() > 15, "only {} paths were read", named.len());
    for path in named {
        // `docs/faults/<id>.md`: the folder must exist.
        let fixed = path.split('<').next().unwrap_or(path);
        let fixed =
            if fixed == path { path } else { fixed.rsplit_once('/').map_or(path, |(folder, _)| folder) };
        assert!(Path::new(fixed).exists(), "CONTRIBUTING.md names {path}, which does not exist");
    }
}

/// Every file that names an entry is in the entry's recipe.
#[test]
fn recipes_name_every_file_that_names_an_entry() {
    let samples: [(&str, &[&str]); 3] = [
        ("## A check", &["CheckId::Schedules", "FindingKind::ScheduleMoved"]),
        ("## A fault", &["Fault::FlipBit", "Fault::TruncateDump"]),
        ("## A report format", &["ReportFormat::Oscal", "ReportFormat::Pdf"]),
    ];
    let text = read("CONTRIBUTING.md");
    for (heading, entries) in samples {
        let (_, recipe) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}"));
        let recipe = paths(recipe.split("\n## ").next().unwrap_or_default());
        for path in text_files(&["src", "crates"], &["rs"]) {
            let source = read(&path);
            let shipped = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let entry = entries.iter().find(|entry| shipped.contains(**entry));
            if let Some(entry) = entry.filter(|_| !path.ends_with("tests.rs")) {
                let named = recipe.iter().any(|place| covers(place, &path));
                assert!(named, "{path} names {entry}, and the recipe {heading:?} does not name that file");
            }
        }
    }
}

/// Whether a recipe's place (a file, a folder, a pattern with `<id>`) covers a file.
fn covers(place: &str, path: &str) -> bool {
    match place.split_once('<') {
        Some((folder, rest)) => {
            path.starts_with(folder) && path.ends_with(rest.split('>').next_back().unwrap_or(""))
        }
        None => place == path || (place.ends_with('/') && path.starts_with(place)),
    }
}
