//! Documents that name files: the module map of `docs/design.md` is complete, and the recipes of
//! `CONTRIBUTING.md` name files that exist and all that a new entry needs.

use crate::{read, runbook_linked, text_files};
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

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

/// The pages of the documentation and the files of the repository's root that readers open.
fn pages() -> Vec<String> {
    let mut pages = text_files(&["docs"], &["md"]);
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "fuzz/README.md"].map(str::to_owned));
    pages
}

/// A text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The targets of the links of a page.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    targets.map(str::to_owned).collect()
}

/// The anchors of a page: explicit ones, and those that GitHub and mdBook make of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let explicit =
        text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    let slug = |heading: &str| {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>()
    };
    let heads =
        text.lines().filter(|line| line.starts_with('#')).map(|line| slug(line.trim_start_matches('#')));
    explicit.chain(heads).collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}

#[test]
fn no_link_is_dead() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = read(&page);
        for link in
            links(&prose(&text)).iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, a)| (path, Some(a)));
            let folder = Path::new(&page).parent().unwrap_or(Path::new(""));
            let file = if path.is_empty() { PathBuf::from(&page) } else { plain(&folder.join(path)) };
            let anchored =
                |anchor: &str| fs::read_to_string(&file).is_ok_and(|text| anchors(&text).contains(anchor));
            if !file.exists() || anchor.is_some_and(|anchor| !anchored(anchor)) {
                dead.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn every_reference_to_the_runbook_is_a_link() {
    for page in pages() {
        let own = ["docs/runbook.md", "docs/cli.md"].contains(&page.as_str());
        let text = prose(&read(&page));
        assert!(
            own || runbook_linked(&text, "") == text,
            "{page} names a section of the runbook without a link"
        );
    }
}

#[test]
fn the_book_has_every_page_once() {
    let book = read("docs/SUMMARY.md");
    let listed: Vec<String> = links(&book).iter().map(|link| format!("docs/{link}")).collect();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "docs/SUMMARY.md names a page twice");
    for page in text_files(&["docs"], &["md"]) {
        assert!(page == "docs/SUMMARY.md" || listed.contains(&page), "docs/SUMMARY.md does not name {page}");
    }
}

/// Every message of the troubleshooting page is in the sources; `…` stands for what differs.
#[test]
fn troubleshooting_names_messages_that_exist() {
    let sources: String = text_files(&["src"], &["rs"]).iter().map(|path| read(path)).collect();
    // A text that is continued on the next line.
    let sources = sources.split("\\\n").map(str::trim_start).collect::<Vec<_>>().join("");
    let page = read("docs/troubleshooting.md");
    let messages =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).flat_map(code);
    for part in messages.flat_map(|message| message.split('…')).map(|part| part.trim_matches([' ', ';'])) {
        assert!(sources.contains(part), "no message contains {part:?}");
    }
}
