//! Every object of the schema as `pg_dump` writes it, so that kinds of objects are compared that no query
//! of the harness asks for.

use super::explained::{Explained, differs, without_arguments};
use crate::model::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// The most of a definition that is shown, in characters.
const SHOWN: usize = 2000;

/// The objects that differ, unless a part that differs explains it.
pub(super) fn compare(
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
    explained: &Explained,
) -> Vec<Finding> {
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut findings = Vec::new();
    for name in names {
        let (before, after) = (was.get(name), is.get(name));
        // Whether columns come back in another order does not matter.
        let reordered = name.contains("table ")
            && before.zip(after).is_some_and(|(before, after)| sorted_lines(before) == sorted_lines(after));
        if before == after
            || reordered
            || explained.is_listed(name)
            || explained.explains_change(before.map(String::as_str), after.map(String::as_str))
        {
            continue;
        }
        let shown = |mine: Option<&String>, other: Option<&String>| match (mine, other) {
            (None, _) => "nothing".to_owned(),
            (Some(mine), Some(other)) => match only_in(mine, other).join("\n") {
                none if none.is_empty() && only_in(other, mine).is_empty() => {
                    "the same lines in another order or number".to_owned()
                }
                none if none.is_empty() => "nothing else".to_owned(),
                lines => lines,
            },
            (Some(mine), None) => mine.trim_end().to_owned(),
        };
        let short = |text: String| match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        findings.push(differs(name, short(shown(before, after)), &short(shown(after, before))));
    }
    findings
}

fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches(',')).collect();
    lines.sort_unstable();
    lines
}

/// The lines of a definition that another one does not have.
fn only_in<'a>(mine: &'a str, other: &str) -> Vec<&'a str> {
    let other: BTreeSet<&str> = other.lines().map(|line| line.trim_end_matches(',')).collect();
    mine.lines().filter(|line| !other.contains(line.trim_end_matches(','))).collect()
}

impl Explained {
    /// Whether a part that differs explains why an object differs from one of which perhaps only the digest is known.
    pub(super) fn covers(&self, name: &str, before: Option<&str>, after: Option<&str>) -> bool {
        self.is_listed(name) || self.explains(name) || self.explains_change(before, after)
    }

    /// Whether the object itself is a part that differs, by a query's name of its kind.
    fn is_listed(&self, name: &str) -> bool {
        let name = without_arguments(name);
        let alias = [("domain ", "type "), ("procedure ", "function "), ("aggregate ", "function ")];
        let alias =
            alias.into_iter().chain([("materialized view ", "matview "), ("foreign table ", "table ")]);
        let other = |(kind, own)| name.strip_prefix(kind).map(|name| format!("{own}{name}"));
        self.parts.contains(name) || alias.filter_map(other).any(|name| self.parts.contains(&name))
    }

    /// Whether each line that is in one definition only names a part that differs. Of an object that is gone
    /// or new, one line that does is enough.
    fn explains_change(&self, before: Option<&str>, after: Option<&str>) -> bool {
        match (before, after) {
            (Some(before), Some(after)) => {
                let lines: Vec<&str> =
                    only_in(before, after).into_iter().chain(only_in(after, before)).collect();
                !lines.is_empty() && lines.iter().all(|line| self.explains(line))
            }
            (one, other) => one.or(other).is_some_and(|text| self.explains(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(was: &[(&str, &str)], is: &[(&str, &str)], parts: &[&str]) -> Vec<String> {
        let map = |objects: &[(&str, &str)]| {
            objects.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let mut explained = Explained::default();
        parts.iter().for_each(|part| explained.add(part));
        let findings = compare(&map(was), &map(is), &explained);
        findings.iter().map(|f| format!("{}: {} / {}", f.entity, f.expected, f.actual)).collect()
    }

    #[test]
    fn an_object_that_was_lost_changed_or_added_is_named_with_its_lines() {
        let was =
            [("cast c", "CREATE CAST c;\n"), ("server s", "CREATE SERVER s OPTIONS (\n    host 'a'\n);\n")];
        let is =
            [("server s", "CREATE SERVER s OPTIONS (\n    host 'b'\n);\n"), ("view v", "CREATE VIEW v;\n")];
        assert_eq!(
            found(&was, &is, &[]),
            [
                "cast c: CREATE CAST c; / nothing",
                "server s:     host 'a' /     host 'b'",
                "view v: nothing / CREATE VIEW v;"
            ]
        );
    }

    #[test]
    fn what_a_part_explains_is_not_listed_again() {
        let was = [
            ("table t", "CREATE TABLE t (\n    a integer,\n    b text\n);\n"),
            ("index i", "CREATE INDEX i ON t (a);\n"),
        ];
        let is = [("table t", "CREATE TABLE t (\n    a bigint,\n    b text\n);\n")];
        assert_eq!(found(&was, &is, &["column t.a"]), Vec::<String>::new());
        let also =
            [("table t", "CREATE TABLE t (\n    a bigint,\n    b text\n);\nALTER TABLE t CLUSTER ON z;\n")];
        assert_eq!(found(&was, &also, &["column t.a", "index i"]).len(), 1);
    }
}
