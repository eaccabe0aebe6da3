//! Tables, columns, constraints, indexes and other schema objects against the source, with their owners and
//! privileges. Sequences have a check of their own (`sequence`).

mod contained;
mod definitions;
mod explained;
mod privileges;
mod sequence;

pub use sequence::check as sequences;

use crate::{
    base::ids::TableName,
    model::{
        figures::SchemaOrigin,
        finding::{Entity, Finding, FindingKind},
        state::{Catalog, State},
    },
    runbook::verify::{CheckResult, Reference},
    scenario::method::PrivilegesKept,
    system::postgres::belongs_to,
};
use explained::{Explained, differs, finding};
use std::collections::BTreeSet;

/// Compares the restored schema with the source's, or with that of the release that brought it
/// forward. Parts of a table that is gone are not listed beside it, and an object of the dumped schemas is
/// not listed where a part explains its difference. `ours` is the major version of the restoring server. The note
/// is what could not be compared.
pub fn check(
    reference: &Reference,
    observed: &State,
    loaded: Option<&State>,
    kept: PrivilegesKept,
    ours: Option<u32>,
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
            contained::check(schema, &tables.database, &parts.database, ours, reference.schema_only)
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
        if table.as_ref().is_some_and(lost) || differs_with_another(name, then, now) {
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

/// Whether a part is there or gone because the part is that it belongs to.
fn differs_with_another(name: &str, then: &Catalog, now: &Catalog) -> bool {
    let gone = |of: &Catalog, part: &String| !of.parts.contains_key(part);
    belongs_to(name).is_some_and(|part| gone(then, &part) || gone(now, &part))
}
