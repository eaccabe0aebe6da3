//! Whether the restored schema contains one that was recorded elsewhere: with the backup, at the source, by an
//! earlier run, or by the migrations. It may contain more. What another server prints in its own way is compared
//! only where both have the same major version.

use super::explained::{Explained, finding};
use crate::{
    base::ids::TableName,
    model::{
        figures::{SchemaOrigin, SchemaReference},
        finding::{Entity, Finding, FindingKind},
        state::Database,
    },
    procedure::schema,
    runbook::verify::CheckResult,
    system::postgres::{DUMPED, Elsewhere, MATVIEW_ROWS, belongs_to, elsewhere},
};

/// A materialised view that holds what its query returned.
const POPULATED: &str = "populated";
/// One that cannot be read.
const NOT_POPULATED: &str = "not populated";

/// Compares a recorded schema with the restored one, of which tables and parts may be of different instants. `ours`
/// is the major version of the restoring server.
pub(super) fn check(
    recorded: &SchemaReference,
    with_tables: &Database,
    with_parts: &Database,
    ours: Option<u32>,
    schema_only: bool,
) -> CheckResult {
    let mut explained = Explained::default();
    let tables = recorded.tables.iter().filter(|(table, _)| !with_tables.tables.contains_key(*table));
    let mut findings: Vec<Finding> = tables
        .map(|(table, rows)| {
            explained.add(table.as_str());
            let expected = format!("a table as {}, with {rows} rows", recorded.origin);
            finding(FindingKind::TableLost, Entity::Table(table.clone()), expected, "no such table")
        })
        .collect();
    let lost =
        |table: &TableName| recorded.tables.contains_key(table) && !with_tables.tables.contains_key(table);
    let mut restored = schema::comparable(&with_parts.catalog);
    if recorded.read_from == SchemaOrigin::Migrations {
        // Of this server too: everything is the same in both, what belongs to the server as well.
        restored.extend(with_parts.catalog.parts.clone());
    }
    let after = |name: &String| restored.get(name).map(|(_, text)| text.as_str());
    let (dumped, parts): (Vec<_>, Vec<_>) =
        recorded.parts.iter().partition(|(name, _)| elsewhere(name) == Elsewhere::Dumped);
    let same_major = recorded.major.is_some() && recorded.major == ours;
    let dumped: Vec<_> = match same_major && with_parts.catalog.definitions.is_some() {
        true => dumped,
        false => Vec::new(),
    };
    let compared = parts.len() + dumped.len();
    for (name, (table, before)) in parts {
        let same = after(name).is_some_and(|after| is_same(recorded, same_major, name, before, after));
        // Where no row was restored, no materialised view was filled.
        let unfilled = schema_only && name.starts_with(MATVIEW_ROWS);
        let without = belongs_to(name).is_some_and(|part| !restored.contains_key(&part));
        if same || unfilled {
            continue;
        }
        explained.add(name);
        if without || table.as_ref().is_some_and(lost) {
            continue;
        }
        findings
            .push(differing(recorded, name, before, after(name)).touching(table.clone().map(Entity::Table)));
    }
    for (name, (_, before)) in dumped {
        let (object, after) = (name.strip_prefix(DUMPED).unwrap_or(name), after(name));
        let was = (!is_in_digests(recorded.read_from)).then_some(before);
        let same = after.is_some_and(|after| equal(recorded.read_from, before, after));
        if !same && !explained.covers(object, was.map(String::as_str), after) {
            findings.push(differing(recorded, object, before, after));
        }
    }
    CheckResult::checked(compared, findings)
}

fn differing(recorded: &SchemaReference, name: &str, before: &str, after: Option<&str>) -> Finding {
    let origin = &recorded.origin;
    let expected = match is_in_digests(recorded.read_from) {
        true => format!("the definition with the SHA-256 {before}…, as {origin}"),
        false => format!("{before}, as {origin}"),
    };
    finding(
        FindingKind::CatalogDiffers,
        Entity::Table(TableName::new(name)),
        expected,
        after.unwrap_or("nothing"),
    )
}

/// Whether a part that is there in both schemas is the same.
fn is_same(recorded: &SchemaReference, same_major: bool, name: &str, before: &str, after: &str) -> bool {
    let equal = |after| equal(recorded.read_from, before, after);
    if name.starts_with(MATVIEW_ROWS) {
        return after != NOT_POPULATED || !equal(POPULATED);
    }
    match (recorded.read_from, elsewhere(name)) {
        (SchemaOrigin::Migrations, _) | (_, Elsewhere::Definition | Elsewhere::Dumped) => equal(after),
        (_, Elsewhere::SameMajor) => !same_major || equal(after),
        (_, Elsewhere::Count | Elsewhere::Never) => true,
    }
}

fn equal(read_from: SchemaOrigin, before: &str, after: &str) -> bool {
    match is_in_digests(read_from) {
        true => schema::digits(after) == before,
        false => after == before,
    }
}

fn is_in_digests(read_from: SchemaOrigin) -> bool {
    match read_from {
        SchemaOrigin::Migrations | SchemaOrigin::Source => false,
        SchemaOrigin::Manifest | SchemaOrigin::EarlierRun => true,
    }
}
