//! `docs/glossary.md`: terms in alphabetical order, each explained once, and each present in every
//! place that its entry names.

use crate::{read, text_files};

const PATH: &str = "docs/glossary.md";

/// `- **term**: explanation. See `place`, `place`.`
struct Entry {
    term: String,
    explanation: String,
    places: Vec<String>,
}

fn entries(text: &str) -> Vec<Entry> {
    let read_entry = |item: &str| {
        let item = item.split_whitespace().collect::<Vec<_>>().join(" ");
        let (term, rest) = item.split_once("**: ").unwrap_or_else(|| panic!("no term in {item:?}"));
        let (explanation, places) =
            rest.rsplit_once(" See ").unwrap_or_else(|| panic!("{term}: no place is named"));
        let places = places.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Entry { term: term.to_owned(), explanation: explanation.to_owned(), places }
    };
    text.split("\n- **").skip(1).map(read_entry).collect()
}

/// Lower case, one space between words, whether they are joined by `-`, `_` or a line break.
fn plain(text: &str) -> String {
    let spaced = text.to_lowercase().replace(['-', '_', '/', '!', '#', '|'], " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn uses(path: &str, term: &str) -> bool {
    let name = term.split(' ').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
    let (text, term) = (read(path), plain(term));
    let plural = term.strip_suffix('y').map_or(format!("{term}s"), |stem| format!("{stem}ies"));
    let words = plain(&text);
    words.contains(&term) || words.contains(&plural) || text.contains(&name)
}

#[test]
fn terms_are_explained_once_and_in_order() {
    let entries = entries(&read(PATH));
    assert!(entries.len() > 30, "only {} entries were read", entries.len());
    for pair in entries.windows(2) {
        let (before, after) = (&pair[0].term, &pair[1].term);
        assert!(before.to_lowercase() < after.to_lowercase(), "{after:?} stands after {before:?}");
    }
    for entry in &entries {
        let sentences = entry.explanation.matches(". ").count() + 1;
        assert!(sentences <= 2, "{}: {sentences} sentences", entry.term);
        assert!(entry.explanation.ends_with('.'), "{}: no full stop before the places", entry.term);
    }
}

#[test]
fn terms_are_used_where_the_glossary_says() {
    let known = text_files(&["src", "crates", "docs", "tests"], &["rs", "md"]);
    let mut wrong = Vec::new();
    for Entry { term, places, .. } in entries(&read(PATH)) {
        assert!(!places.is_empty(), "{term}: no place is named");
        for place in places {
            if !known.contains(&place) {
                wrong.push(format!("{term}: there is no {place}"));
            } else if !uses(&place, &term) {
                wrong.push(format!("{place} does not use the term {term:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{PATH}:\n{}", wrong.join("\n"));
}
