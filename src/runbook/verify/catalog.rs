//! Tables, columns, constraints, indexes and other schema objects against the source, and
//! sequences against the columns that they feed.

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::State,
    },
    runbook::verify::{CheckResult, CutPoint},
};

/// Compares the restored schema with the source's, or with that of the release that brought it
/// forward. Parts of a table that is gone are not listed beside it.
pub fn check(cut: &CutPoint, observed: &State) -> CheckResult {
    let (was, is) = (cut.reference.as_ref().unwrap_or(&cut.state.database), &observed.database);
    let lost = |table: &TableName| was.tables.contains_key(table) && !is.tables.contains_key(table);
    let mut findings: Vec<Finding> = was
        .tables
        .iter()
        .filter(|(name, _)| lost(name))
        .map(|(name, table)| {
            let rows = cut.state.database.tables.get(name).unwrap_or(table).rows.len();
            let expected = format!("a table with {rows} rows");
            finding(FindingKind::TableLost, Entity::Table(name.clone()), expected, "no such table")
        })
        .collect();
    let (was, is) = (&was.catalog.parts, &is.catalog.parts);
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let at = names.len();
    for name in names {
        let (before, after) = (was.get(name), is.get(name));
        if before == after {
            continue;
        }
        let table = before.or(after).and_then(|(table, _)| table.clone());
        if table.as_ref().is_some_and(lost) {
            continue;
        }
        let shown =
            |part: Option<&(Option<TableName>, String)>| part.map_or("nothing".to_owned(), |p| p.1.clone());
        findings.push(
            finding(
                FindingKind::CatalogDiffers,
                Entity::Table(TableName::new(name)),
                shown(before),
                &shown(after),
            )
            .touching(table.map(Entity::Table)),
        );
    }
    CheckResult::at(at, findings)
}

/// No sequence may be behind the column that it feeds, nor behind where it was at the cut point:
/// the next insert would collide, or give an old number to a new thing.
pub fn sequences(cut: &CutPoint, observed: &State) -> CheckResult {
    let (was, is) = (&cut.state.database, &observed.database);
    if was.sequences.is_empty() {
        return CheckResult::skipped("the source has no sequence");
    }
    let mut findings = Vec::new();
    for (name, before) in &was.sequences {
        let table = before.feeds.as_ref().map(|(table, _)| table.clone());
        if table.as_ref().is_some_and(|t| was.tables.contains_key(t) && !is.tables.contains_key(t)) {
            continue;
        }
        let behind = |a: i64, b: i64| if before.increment < 0 { a > b } else { a < b };
        let entity = || Entity::Sequence(name.clone());
        let touches = table.clone().map(Entity::Table);
        let expected = format!("next value {} (the cut point's)", before.next);
        let actual = match is.sequences.get(name) {
            None => "no such sequence".to_owned(),
            Some(now) => match now.reached {
                Some(reached) if !behind(reached, now.next) => {
                    format!(
                        "next value {}, but the column has reached {reached}: the next insert collides",
                        now.next
                    )
                }
                _ if behind(now.next, before.next) => {
                    format!("next value {}: old numbers are handed out again", now.next)
                }
                _ => continue,
            },
        };
        findings.push(
            Finding::new(CheckId::Sequences, FindingKind::SequenceBehind, entity(), expected, actual)
                .touching(touches),
        );
    }
    CheckResult::at(was.sequences.len(), findings)
}

fn finding(kind: FindingKind, entity: Entity, expected: String, actual: &str) -> Finding {
    Finding::new(CheckId::Catalog, kind, entity, expected, actual)
}
