//! Conventions that no compiler checks: public types have distinct names, and texts use the terms of
//! the field.

use crate::{read, text_files};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;

/// Phrases that only this project used. Those of one word match whole words.
const PHRASES: [&str; 9] =
    ["told", "stayed away", "half-kept", "manyth", "is no pass", "come by", "Looked", "Seen", "Trouble"];

#[test]
fn public_types_have_distinct_names() {
    let sources = text_files(&["src", "crates"], &["rs"]);
    assert!(sources.len() > 100, "only {} files were read", sources.len());
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // `no_x.rs` replaces the module `x` in builds without a feature, and has the same names.
    let replaces = |path: &String| path.rsplit('/').next().is_some_and(|name| name.starts_with("no_"));
    for path in sources.into_iter().filter(|path| !replaces(path)) {
        for name in public_types(&read(&path)) {
            places.entry(name).or_default().push(path.clone());
        }
    }
    places.retain(|_, files| files.len() > 1);
    let shared: Vec<String> =
        places.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert!(shared.is_empty(), "public types share a name:\n{}", shared.join("\n"));
}

/// The names of the types that a file declares as `pub`. A type that is visible in its own package
/// only (`pub(crate)`) does not count.
fn public_types(text: &str) -> Vec<String> {
    fn collect(tokens: TokenStream, found: &mut Vec<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, names: &[&str]| matches!(tokens.get(at), Some(TokenTree::Ident(name)) if names.iter().any(|n| name == n));
        for (at, token) in tokens.iter().enumerate() {
            if let TokenTree::Group(group) = token {
                collect(group.stream(), found);
            }
            if is(at, &["pub"]) && is(at + 1, &["struct", "enum", "trait", "type", "union"]) {
                // A macro's `$name` is not a name.
                if let Some(TokenTree::Ident(name)) = tokens.get(at + 2) {
                    found.push(name.to_string());
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(text.parse().expect("a source file is valid Rust"), &mut found);
    found
}

#[test]
fn only_public_types_are_counted() {
    let text = "pub struct A; struct B; pub(crate) enum C {} /// pub enum D\nmod m { pub enum E { F } \
                pub trait G { type H; } } pub type I = u8; const J: &str = \"pub struct K;\";";
    assert_eq!(public_types(text), ["A", "E", "G", "I"]);
}

#[test]
fn texts_use_the_terms_of_the_field() {
    let mut files = text_files(&["src", "crates"], &["rs"]);
    files.extend(text_files(&["docs"], &["md", "json", "1", "svg"]));
    files.push("README.md".to_owned());
    let mut found = Vec::new();
    for path in files.iter().filter(|path| !path.ends_with("tests.rs") && !path.contains("/tests/")) {
        let text = read(path);
        // A module of tests at the end of a file may plant anything.
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in shipped.lines().enumerate() {
            found.extend(phrase(line).map(|phrase| format!("{path}:{}: {phrase:?}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{} forbidden phrases:\n{}", found.len(), found.join("\n"));
}

/// The first forbidden phrase of a line.
fn phrase(line: &str) -> Option<&'static str> {
    let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let stands = |phrase: &str| {
        line.match_indices(phrase).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + phrase.len()..]);
            // "half-kept" and "manyth" also count inside a longer word.
            matches!(phrase, "half-kept" | "manyth")
                || !(in_word(before.chars().next_back()) || in_word(after.chars().next()))
        })
    };
    PHRASES.into_iter().find(|phrase| stands(phrase))
}

#[test]
fn phrases_match_whole_words() {
    for line in ["It was told so.", "Looked::at", "every so manyth", "(half-kept)", "a check that is no pass"]
    {
        assert!(phrase(line).is_some(), "{line}");
    }
    for line in ["untold", "Overlooked", "SeenBy", "troubled", "come_by", "is no password"] {
        assert!(phrase(line).is_none(), "{line}");
    }
}
