//! Tables, columns, constraints, indexes and other schema objects against the source, with their owners and
//! privileges; and sequences against the columns that they feed.

mod definitions;
mod explained;
mod privileges;

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::{Sequence, State},
    },
    runbook::verify::{CheckResult, Reference, SchemaReference},
    scenario::method::PrivilegesKept,
};
use explained::{Explained, differs, finding};
use std::collections::BTreeSet;

/// Compares the restored schema with the source's, or with that of the release that brought it
/// forward. Parts of a table that is gone are not listed beside it, and an object of the dumped schemas is
/// not listed where a part explains its difference. The note is what could not be compared.
pub fn check(reference: &Reference, observed: &State, kept: PrivilegesKept) -> (CheckResult, Option<String>) {
    let Some(was) = reference.schema.as_ref().or(reference.database()) else {
        let against = reference.schemas.iter().map(|schema| contains(schema, observed));
        let result = against.reduce(CheckResult::and);
        return (
            result.unwrap_or_else(|| CheckResult::skipped("no schema was recorded with the backup")),
            None,
        );
    };
    let is = &observed.database;
    let lost = |table: &TableName| was.tables.contains_key(table) && !is.tables.contains_key(table);
    let mut explained = Explained::default();
    let mut findings: Vec<Finding> = was
        .tables
        .iter()
        .filter(|(name, _)| lost(name))
        .map(|(name, table)| {
            explained.add(name.as_str());
            let rows = reference.table(name).unwrap_or(table).rows.len();
            let expected = format!("a table with {rows} rows");
            finding(FindingKind::TableLost, Entity::Table(name.clone()), expected, "no such table")
        })
        .collect();
    // A sequence is lost with the table that it feeds.
    let fed = |name: &String| was.sequences.get(name.strip_prefix("sequence ")?)?.feeds.as_ref();
    let (then, now) = (&was.catalog, &is.catalog);
    let names: BTreeSet<&String> = then.parts.keys().chain(now.parts.keys()).collect();
    let mut at = names.len();
    for name in names {
        let (before, after) = (then.parts.get(name), now.parts.get(name));
        if before == after {
            continue;
        }
        explained.add(name);
        let of = before.or(after).and_then(|(table, _)| table.clone());
        let table = of.or_else(|| fed(name).map(|(table, _)| table.clone()));
        if table.as_ref().is_some_and(lost) {
            continue;
        }
        let shown =
            |part: Option<&(Option<TableName>, String)>| part.map_or("nothing".to_owned(), |p| p.1.clone());
        findings.push(differs(name, shown(before), &shown(after)).touching(table.map(Entity::Table)));
    }
    if let (Some(was), Some(is)) = (&then.definitions, &now.definitions) {
        at += was.len().max(is.len());
        findings.extend(definitions::compare(was, is, &explained));
    }
    let (privileges, note) = privileges::compare(then, now, kept, &explained);
    findings.extend(privileges);
    (CheckResult::checked(at, findings), note)
}

/// Kinds whose definitions depend on the server: how it prints a query, and what is installed there.
const OF_SERVER: [&str; 5] = ["view", "matview", "rule", "extension", "database"];

/// Whether the restored schema contains the recorded one. It may contain more.
fn contains(schema: &SchemaReference, observed: &State) -> CheckResult {
    let SchemaReference { origin, tables, catalog, of_other_server } = schema;
    let is = &observed.database;
    let lost = |table: &TableName| tables.contains_key(table) && !is.tables.contains_key(table);
    let mut findings: Vec<Finding> = tables
        .keys()
        .filter(|table| lost(table))
        .map(|table| {
            let expected = format!("a table as {origin}");
            finding(FindingKind::TableLost, Entity::Table(table.clone()), expected, "no such table")
        })
        .collect();
    for (name, (table, before)) in &catalog.parts {
        let kind = name.split(' ').next().unwrap_or_default();
        let only_there = *of_other_server && OF_SERVER.contains(&kind);
        let after = is.catalog.parts.get(name).map(|(_, definition)| definition);
        let same = match after {
            None => only_there && kind == "database",
            Some(after) => only_there || after == before,
        };
        if same || table.as_ref().is_some_and(lost) {
            continue;
        }
        let entity = Entity::Table(TableName::new(name));
        let expected = format!("{before}, as {origin}");
        let actual = after.map_or("nothing", String::as_str);
        let found = finding(FindingKind::CatalogDiffers, entity, expected, actual);
        findings.push(found.touching(table.clone().map(Entity::Table)));
    }
    CheckResult::checked(catalog.parts.len(), findings)
}

/// No sequence may be behind the column that it feeds, nor, where its position was recorded, behind
/// that: the next insert would collide, or give an old number to a new row.
pub fn sequences(reference: &Reference, observed: &State) -> CheckResult {
    let restored = &observed.database;
    let recorded = reference.database().map(|database| &database.sequences);
    let names = recorded.unwrap_or(&restored.sequences);
    if names.is_empty() {
        return CheckResult::skipped("there is no sequence");
    }
    let lost = |table: &TableName| reference.table(table).is_some() && !restored.tables.contains_key(table);
    let mut findings = Vec::new();
    for (name, sequence) in names {
        let table = sequence.feeds.as_ref().map(|(table, _)| table);
        // The table's loss is a finding of the catalog check.
        if table.is_some_and(lost) {
            continue;
        }
        let before = recorded.map(|_| sequence);
        if let Some((expected, actual)) = behind(before, restored.sequences.get(name)) {
            let entity = Entity::Sequence(name.clone());
            let finding =
                Finding::new(CheckId::Sequences, FindingKind::SequenceBehind, entity, expected, actual);
            findings.push(finding.touching(table.cloned().map(Entity::Table)));
        }
    }
    CheckResult::checked(names.len(), findings)
}

/// What was expected of a sequence that is behind, and what it is. Rows with imported ids can be ahead of
/// their sequence at the source too: a sequence that came back as it was recorded is right, and without a
/// record only one that was never set is known to have lost its position.
fn behind(before: Option<&Sequence>, now: Option<&Sequence>) -> Option<(String, String)> {
    let precedes = |a: i64, b: i64, by: &Sequence| if by.increment < 0 { a > b } else { a < b };
    let recorded = before.map(|before| format!("next value {} (the cut point's)", before.next));
    let Some(now) = now else {
        return Some((recorded.unwrap_or_default(), "no such sequence".to_owned()));
    };
    if let Some(before) = before {
        let lost = precedes(now.next, before.next, before);
        let actual = || format!("next value {}: old numbers are handed out again", now.next);
        return lost.then(|| (recorded.unwrap_or_default(), actual()));
    }
    let reached = now.reached.filter(|reached| !now.called && !precedes(*reached, now.next, now))?;
    let beyond = if now.increment < 0 { "below" } else { "above" };
    let actual = format!(
        "next value {}, as if no row had ever been inserted: the sequence was not restored",
        now.next
    );
    Some((format!("next value {beyond} {reached}, which the column has reached"), actual))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::CheckOutcome;

    #[test]
    fn without_a_recorded_position_a_sequence_is_compared_with_its_column() {
        let (reference, mut state) = (Reference::default(), State::default());
        assert!(matches!(sequences(&reference, &state).outcome, CheckOutcome::Skipped { .. }));
        for (name, next, increment, reached, called) in [
            ("at", 1, 1, Some(7), false),
            ("good", 8, 1, Some(7), true),
            ("down", -1, -1, Some(-4), false),
            ("empty", 1, 1, None, false),
            ("imported", 8, 1, Some(999_999_999), true),
        ] {
            let sequence = Sequence { next, increment, feeds: None, reached, called };
            state.database.sequences.insert(name.to_owned(), sequence);
        }
        let result = sequences(&reference, &state);
        let found: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["sequence behind: at", "sequence behind: down"]);
        assert_eq!(result.outcome, CheckOutcome::Checked { items: 5 });
    }
}
