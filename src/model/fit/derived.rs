//! Objects without a row that an application makes of others, such as thumbnails: their keys follow from the key of
//! an object with a row. They are described by patterns, as in `ignore-objects`.

use crate::base::pattern;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The least number of objects that a pattern must fit: fewer may be leftovers with similar names.
const FEW: usize = 3;

/// The length of a name, such as a UUID, that no other name begins with by chance: one object is enough.
const LONG: usize = 16;

/// Patterns for objects without a row, each with the number of objects that it fits. A pattern that an object with
/// a row fits as well is left out, because it would hide losses of rows.
pub fn derived_patterns(referred: &BTreeSet<&str>, orphans: &[&str]) -> BTreeMap<String, usize> {
    let stems: HashSet<&str> = referred.iter().flat_map(|key| [*key, stem(key)]).collect();
    let of_each: Vec<Vec<(String, usize)>> =
        orphans.iter().map(|orphan| candidates(orphan, &stems)).collect();
    let mut weights: BTreeMap<&str, usize> = BTreeMap::new();
    for (candidate, weight) in of_each.iter().flatten() {
        *weights.entry(candidate).or_default() += weight;
    }
    weights.retain(|candidate, weight| {
        *weight >= FEW && !referred.iter().any(|key| pattern::matches(candidate, key))
    });
    let mut patterns = BTreeMap::new();
    for candidates in &of_each {
        let first = candidates.iter().find(|(candidate, _)| weights.contains_key(candidate.as_str()));
        if let Some((first, _)) = first {
            *patterns.entry(first.clone()).or_default() += 1;
        }
    }
    patterns
}

/// A key without the ending after the last dot of its name.
fn stem(key: &str) -> &str {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    key[name..].rfind('.').map_or(key, |dot| &key[..name + dot])
}

/// The patterns of one key, the most general first: `*__*` before `*__small.png`. Each with its weight.
fn candidates(key: &str, stems: &HashSet<&str>) -> Vec<(String, usize)> {
    let start = key.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = key.split_at(start);
    if folder.contains('*') || name.contains('*') {
        return Vec::new();
    }
    let is_separator = |c: char| !c.is_alphanumeric();
    let weight = |name: &str| if name.len() >= LONG { FEW } else { 1 };
    let mut found = Vec::new();
    for (from, _) in name.char_indices().filter(|(_, c)| is_separator(*c)) {
        let until = name[from..].find(|c| !is_separator(c)).map_or(name.len(), |end| from + end);
        let separator = &name[from..until];
        if stems.contains(&key[..start + from]) {
            if separator != "." {
                found.push((format!("{folder}*{separator}*"), weight(&name[..from])));
            }
            found.push((format!("{folder}*{}", &name[from..]), weight(&name[..from])));
        }
        let rest = stem(&name[until..]);
        if until < name.len() && from > 0 && stems.contains(format!("{folder}{rest}").as_str()) {
            found.push((format!("{folder}{}*", &name[..until]), weight(rest)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(referred: &[&str], orphans: &[&str]) -> Vec<(String, usize)> {
        derived_patterns(&referred.iter().copied().collect(), orphans).into_iter().collect()
    }

    #[test]
    fn thumbnails_are_recognised_by_the_keys_of_their_originals() {
        let of = |wanted: &str| vec![(wanted.to_owned(), 3)];
        let originals = ["up/a-1.png", "up/b-2.png", "up/c.jpg", "up/notes.txt"];
        let suffixed = ["up/a-1__x9.png", "up/b-2__y8.webp", "up/c__z7.jpg"];
        assert_eq!(patterns(&originals, &suffixed), of("up/*__*"));
        let prefixed = ["up/thumb_a-1.png", "up/thumb_b-2.png", "up/thumb_c.jpg"];
        assert_eq!(patterns(&originals, &prefixed), of("up/thumb_*"));
        let converted = ["up/a-1.webp", "up/b-2.webp", "up/c.webp"];
        assert_eq!(patterns(&originals, &converted), of("up/*.webp"));
        let whole = ["up/a-1.png.100x100.jpg", "up/b-2.png.100x100.jpg", "up/c.jpg.100x100.jpg"];
        assert_eq!(patterns(&originals, &whole), of("up/*.100x100.jpg"));
        let signs = ["up/a'.png", "up/b%.png", "up/c!.png"];
        assert_eq!(patterns(&signs, &["up/a'__x.png", "up/b%__y.png", "up/c!__z.png"]), of("up/*__*"));
        let id = "73e3b172-8288-4041-bc69-d19dd63bb74c";
        let one = [("up/*__*".to_owned(), 1)];
        assert_eq!(patterns(&[&format!("up/{id}.png")], &[&format!("up/{id}__9f.png")]), one, "a UUID");
        // An original has the same separator: only what is the same at the end tells them apart.
        let with_separator = ["up/a_1.png", "up/b_2.png", "up/c_3.png"];
        let small = ["up/a_1_small.png", "up/b_2_small.png", "up/c_3_small.png"];
        assert_eq!(patterns(&with_separator, &small), of("up/*_small.png"));
    }

    #[test]
    fn leftovers_are_not_recognised() {
        let originals = ["up/a.png", "up/b.png", "up/c.png"];
        assert_eq!(patterns(&originals, &["up/a-old.png", "up/a-older.png"]), [], "two are too few");
        assert_eq!(patterns(&originals, &["up/d.png", "up/e.png", "up/f_1.png"]), [], "no original");
        assert_eq!(patterns(&originals, &["x/a__1.png", "x/b__1.png", "x/c__1.png"]), [], "another folder");
        assert_eq!(patterns(&[], &["a_1", "a_2", "a_3", "ü*_"]), []);
        assert_eq!(patterns(&["ü", "é"], &["ü_1", "ü_ö", "é__"]), []);
    }
}
