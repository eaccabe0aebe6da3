//! Tables, columns, constraints, indexes and other schema objects against the source, with their owners and
//! privileges; and sequences against the columns that they feed.

mod definitions;
mod explained;
mod privileges;
mod sequence;

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        figures::{SchemaOrigin, SchemaReference},
        finding::{Entity, Finding, FindingKind},
        state::{Database, Sequence, State},
    },
    procedure::schema,
    runbook::verify::{CheckResult, Reference},
    scenario::method::PrivilegesKept,
    system::postgres::{Elsewhere, elsewhere},
};
use explained::{Explained, differs, finding};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the restored schema with the source's, or with that of the release that brought it
/// forward. Parts of a table that is gone are not listed beside it, and an object of the dumped schemas is
/// not listed where a part explains its difference. The note is what could not be compared.
pub fn check(
    reference: &Reference,
    observed: &State,
    loaded: Option<&State>,
    kept: PrivilegesKept,
) -> (CheckResult, Option<String>) {
    let Some(was) = reference.schema.as_ref().or(reference.database()) else {
        let loaded = loaded.unwrap_or(observed);
        let against = reference.schemas.iter().map(|schema| {
            let [tables, parts] = match schema.read_from {
                SchemaOrigin::Migrations => [observed, observed],
                // A migration makes a lost table anew, without its rows.
                SchemaOrigin::Source => [loaded, observed],
                // They are of what a backup brought back, before the migrations.
                SchemaOrigin::Manifest | SchemaOrigin::EarlierRun => [loaded, loaded],
            };
            contains(schema, &tables.database, &parts.database, reference.schema_only)
        });
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

/// Whether the restored schema contains the recorded one. It may contain more.
fn contains(
    schema: &SchemaReference,
    with_tables: &Database,
    with_parts: &Database,
    schema_only: bool,
) -> CheckResult {
    let SchemaReference { origin, read_from, tables, parts, sequences: _ } = schema;
    let lost = |table: &TableName| tables.contains_key(table) && !with_tables.tables.contains_key(table);
    let mut findings: Vec<Finding> = tables
        .iter()
        .filter(|(table, _)| lost(table))
        .map(|(table, rows)| {
            let expected = format!("a table as {origin}, with {rows} rows");
            finding(FindingKind::TableLost, Entity::Table(table.clone()), expected, "no such table")
        })
        .collect();
    for (name, (table, before)) in parts {
        let after = with_parts.catalog.parts.get(name).map(|(_, definition)| definition);
        // Where no row was restored, no materialised view was filled.
        let unfilled = after.filter(|_| schema_only).and_then(|after| after.strip_prefix("not populated"));
        let same = after.is_some_and(|after| is_same(*read_from, name, before, after))
            || unfilled.is_some_and(|after| before.strip_prefix("populated") == Some(after));
        if same || table.as_ref().is_some_and(lost) {
            continue;
        }
        let entity = Entity::Table(TableName::new(name));
        let expected = match is_in_digests(*read_from) {
            true => format!("the definition with the SHA-256 {before}…, as {origin}"),
            false => format!("{before}, as {origin}"),
        };
        let actual = after.map_or("nothing", String::as_str);
        let found = finding(FindingKind::CatalogDiffers, entity, expected, actual);
        findings.push(found.touching(table.clone().map(Entity::Table)));
    }
    CheckResult::checked(parts.len(), findings)
}

/// Whether a part that is there in both schemas is the same.
fn is_same(read_from: SchemaOrigin, name: &str, before: &str, after: &str) -> bool {
    match (read_from, elsewhere(name)) {
        (SchemaOrigin::Migrations, _) | (SchemaOrigin::Source, Elsewhere::Definition) => after == before,
        (SchemaOrigin::Manifest | SchemaOrigin::EarlierRun, Elsewhere::Definition) => {
            schema::digits(after) == before
        }
        (_, Elsewhere::Name | Elsewhere::Count | Elsewhere::Never) => true,
    }
}

fn is_in_digests(read_from: SchemaOrigin) -> bool {
    match read_from {
        SchemaOrigin::Migrations | SchemaOrigin::Source => false,
        SchemaOrigin::Manifest | SchemaOrigin::EarlierRun => true,
    }
}

/// No sequence may be behind the column that it feeds, nor, where its position was recorded, behind
/// that: the next insert would collide, or give an old number to a new row. `loaded` is the database as the
/// backup returned it.
pub fn sequences(reference: &Reference, observed: &State, loaded: &Database) -> CheckResult {
    let restored = &observed.database;
    let recorded = reference.database().map(|database| &database.sequences);
    let earlier = reference.schemas.iter().filter_map(|schema| Some((schema, schema.sequences.as_ref()?)));
    let earlier: Vec<(&SchemaReference, &BTreeMap<String, Sequence>)> = earlier.collect();
    let names = recorded.unwrap_or(&restored.sequences);
    if names.is_empty() && earlier.iter().all(|(_, sequences)| sequences.is_empty()) {
        return CheckResult::skipped("there is no sequence");
    }
    let mut checked = names.len();
    let mut findings = BTreeMap::new();
    let lost = |table: &TableName| reference.table(table).is_some() && !restored.tables.contains_key(table);
    let mut found = |name: &String, feeds: &Option<(TableName, String)>, (expected, actual)| {
        let (check, entity) = (CheckId::Sequences, Entity::Sequence(name.clone()));
        let table = feeds.as_ref().map(|(table, _)| Entity::Table(table.clone()));
        let finding = Finding::new(check, FindingKind::SequenceBehind, entity, expected, actual);
        findings.entry(name.clone()).or_insert(finding.touching(table));
    };
    for (name, sequence) in names {
        // The table's loss is a finding of the catalog check.
        if sequence.feeds.as_ref().is_some_and(|(table, _)| lost(table)) {
            continue;
        }
        let before = recorded.map(|_| sequence);
        if let Some(differing) = sequence::behind(before, restored.sequences.get(name)) {
            found(name, &sequence.feeds, differing);
        }
    }
    for (SchemaReference { origin, read_from, .. }, sequences) in earlier {
        checked += sequences.len();
        for (name, before) in sequences {
            let Some(now) = loaded.sequences.get(name) else {
                // Its loss is a finding of the catalog check, unless the migrations made it anew.
                if restored.sequences.contains_key(name)
                    && !before.feeds.as_ref().is_some_and(|(t, _)| lost(t))
                {
                    let expected = format!("next value {} as {origin}", before.next);
                    found(name, &before.feeds, (expected, "no such sequence in the backup".to_owned()));
                }
                continue;
            };
            let percent = match read_from {
                SchemaOrigin::Manifest => 0,
                SchemaOrigin::Migrations | SchemaOrigin::Source | SchemaOrigin::EarlierRun => {
                    reference.earlier.1
                }
            };
            if let Some(differing) = sequence::behind_earlier(before, now, origin, percent) {
                found(name, &now.feeds, differing);
            }
        }
    }
    CheckResult::checked(checked, findings.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::CheckOutcome;

    #[test]
    fn without_a_recorded_position_a_sequence_is_compared_with_its_column() {
        let (reference, mut state) = (Reference::default(), State::default());
        let run = |state: &State| sequences(&reference, state, &state.database);
        assert!(matches!(run(&state).outcome, CheckOutcome::Skipped { .. }));
        for (name, next, increment, reached, called) in [
            ("at", 1, 1, Some(7), false),
            ("good", 8, 1, Some(7), true),
            ("down", -1, -1, Some(-4), false),
            ("empty", 1, 1, None, false),
            ("imported", 8, 1, Some(999_999_999), true),
        ] {
            let sequence = Sequence { next, increment, feeds: None, reached, called, cycles: false };
            state.database.sequences.insert(name.to_owned(), sequence);
        }
        let result = run(&state);
        let found: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["sequence behind: at", "sequence behind: down"]);
        assert_eq!(result.outcome, CheckOutcome::Checked { items: 5 });
    }
}
