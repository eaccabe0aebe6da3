//! Rows against the cut point: which were lost, added or changed, and in which columns. It compares
//! digests of the exact text of every row; the JSON beside them is for people. Where no rows were
//! recorded, it compares tables with the digests of the backup's manifest.

use crate::{
    base::{
        ids::{AssetName, ObjectKey, TableName, TemplateKey},
        sorted::EntryChange,
    },
    model::{
        check::CheckId,
        event::TableFacts,
        figures::{Drop, NotCompared, RestoredFigures, SchemaOrigin},
        finding::{Entity, Finding, FindingKind},
        profile::{EngineStart, Profile},
        state::{Database, Known, Row, State, Table},
    },
    procedure::manifest::Manifest,
    runbook::verify::{CheckResult, Reference, at_start::Allowed},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// More findings of one kind in one table are reported as one.
const MOST: usize = 20;

/// Longest value shown.
const SHOWN: usize = 160;

/// Compares every table's rows with the recorded ones, or with the manifest's digests. `loaded` are the
/// stores before migration and engine start, which those digests are of.
pub fn check(
    reference: &Reference,
    observed: &State,
    loaded: Option<&State>,
    profile: &Profile,
    start: Option<&EngineStart>,
) -> CheckResult {
    match (&reference.state, &reference.manifest) {
        (Some(recorded), _) => rows(reference, recorded, observed, profile, start),
        (None, Some(manifest)) => tables(reference, manifest, loaded.unwrap_or(observed)),
        (None, None) => CheckResult::skipped("no manifest was recorded with the backup"),
    }
}

/// What no reference covers although one covers rows: tables that it does not name or that only the migration
/// created, the schema, the positions of sequences.
pub fn not_compared(
    reference: &Reference,
    loaded: &State,
    observed: &State,
    profile: &Profile,
) -> NotCompared {
    let manifest = reference.manifest.as_ref().map(|manifest| &manifest.tables);
    let manifest = manifest.filter(|tables| !tables.is_empty());
    let earlier = &reference.earlier.0;
    if reference.state.is_some() || (manifest.is_none() && earlier.is_empty()) {
        return NotCompared::default();
    }
    let is_covered = |name: &&TableName| {
        manifest.is_some_and(|tables| tables.contains_key(name.as_str()))
            || earlier.iter().any(|figures| figures.tables.contains_key(*name))
            || profile.is_without_data(name)
    };
    let created = |name: &&TableName| !loaded.database.tables.contains_key(*name);
    let tables = observed.database.tables.keys();
    let schemas = &reference.schemas;
    NotCompared {
        tables: tables.filter(|name| !is_covered(name) || created(name)).cloned().collect(),
        schema: schemas.is_empty() && !loaded.database.catalog.parts.is_empty(),
        sequences: !loaded.database.sequences.is_empty() && schemas.iter().all(|s| s.sequences.is_none()),
    }
}

/// The figures of what came back against those of an earlier restore or of the source.
pub fn against_figures(reference: &Reference, figures: &RestoredFigures) -> CheckResult {
    let (all, percent) = &reference.earlier;
    let mut result = CheckResult::skipped("no figures of an earlier restore or of the source are known");
    for earlier in all {
        let drops = figures.drops(earlier, *percent).into_iter();
        // A table of a recorded schema that is gone is a finding of the catalog check.
        let known = |table: &TableName| is_in_schema(reference, table);
        let drops = drops.filter(|drop| drop.now.is_some() || !drop.table.as_ref().is_some_and(known));
        let findings = drops.map(|drop| dropped(drop, &earlier.origin, *percent)).collect();
        result = result.and(CheckResult::checked(earlier.tables.len().max(1), findings));
    }
    match nothing_but_migrations(reference, figures) {
        Some(finding) => result.and(CheckResult::checked(1, vec![finding])),
        None => result,
    }
}

/// Whether a recorded schema has a table: its loss is then a finding of the catalog check.
fn is_in_schema(reference: &Reference, table: &TableName) -> bool {
    reference.schemas.iter().any(|schema| schema.tables.contains_key(table))
}

/// A backup without a row of the application's own. That there is such a row proves nothing.
fn nothing_but_migrations(reference: &Reference, figures: &RestoredFigures) -> Option<Finding> {
    let made = reference.schemas.iter().find(|schema| schema.read_from == SchemaOrigin::Migrations)?;
    let own = |(table, rows): (&TableName, &u64)| *rows > made.tables.get(table).copied().unwrap_or(0);
    let expected = "rows that the migrations do not make in an empty database";
    let entity = Entity::Step("rows".to_owned());
    let finding =
        || Finding::new(CheckId::Contents, FindingKind::DataMissing, entity, expected, "none in any table");
    (!figures.tables.iter().any(own)).then(finding)
}

fn dropped(drop: Drop, origin: &str, percent: u8) -> Finding {
    let Drop { table, unit, before, now } = drop;
    let entity = table.map_or_else(|| Entity::Step(unit.to_owned()), Entity::Table);
    let expected = format!("{before} {unit} as {origin}, or at most {percent} % fewer");
    let (kind, actual) = match now {
        None => (FindingKind::TableLost, "no such table".to_owned()),
        Some(now) => (FindingKind::DataMissing, format!("{now} {unit}")),
    };
    Finding::new(CheckId::Contents, kind, entity, expected, actual)
}

/// Tables against the manifest's digests, where it has them.
fn tables(reference: &Reference, manifest: &Manifest, loaded: &State) -> CheckResult {
    if manifest.tables.is_empty() {
        return CheckResult::skipped(
            "the manifest has no digests of tables (manifest create with DATABASE_URL)",
        );
    }
    let mut findings = Vec::new();
    for (name, then) in &manifest.tables {
        let found = loaded.database.tables.get(&name.as_str().into());
        let now = found.map(|t| TableFacts { rows: t.rows.len(), digest: t.digest() });
        let kind = match now {
            None if is_in_schema(reference, &name.as_str().into()) => continue,
            None => FindingKind::TableLost,
            Some(now) if now == *then => continue,
            Some(_) if found.is_some_and(Table::may_be_empty) => continue,
            Some(now) if now.rows < then.rows => FindingKind::RowLost,
            Some(now) if now.rows > then.rows => FindingKind::RowAdded,
            Some(_) => FindingKind::RowChanged,
        };
        let describe = |t: &TableFacts| format!("{} rows, SHA-256 {}", t.rows, t.digest);
        let actual = now.as_ref().map_or_else(|| "no such table".to_owned(), describe);
        let entity = Entity::Table(name.as_str().into());
        findings.push(Finding::new(CheckId::Contents, kind, entity, describe(then), actual));
    }
    CheckResult::checked(manifest.tables.len(), findings)
}

/// Compares rows, except for what the start of the engine may do to them. A table that is gone is the
/// catalog check's.
fn rows(
    reference: &Reference,
    recorded: &State,
    observed: &State,
    profile: &Profile,
    start: Option<&EngineStart>,
) -> CheckResult {
    let allowed = Allowed::between(recorded, observed, profile, start);
    let named = Named { known: &reference.known, owners: reference.known.owners() };
    let mut at = 0;
    let mut findings = Vec::new();
    let tables = recorded.database.tables.iter().filter(|(_, table)| !table.of_others);
    for (name, before) in tables {
        let Some(after) = observed.database.tables.get(name) else { continue };
        // An empty table that is still empty was checked too.
        at += 1 + before.rows.len().max(after.rows.len());
        let migrated = reference.schema.as_ref().and_then(|schema| schema.tables.get(name));
        let found = table(name, before, after, (profile, &named), &allowed);
        findings.extend(found.into_iter().filter(|f| !recorded_by_migration(f, migrated, profile)));
    }
    at += recorded.database.materialized.len();
    if reference.workload.is_none() {
        findings.extend(materialized(&recorded.database, &observed.database));
    }
    CheckResult::checked(at, findings)
}

/// Materialised views with other rows. One that was out of date at the source comes back refreshed, and one
/// whose query returns something else each time (`now()`) cannot be compared.
fn materialized(was: &Database, is: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, before) in &was.materialized {
        // The view's loss is a finding of the catalog check.
        let Some(after) = is.materialized.get(name) else { continue };
        let was_current = before.query.as_ref() == Some(&before.rows);
        let is_current = after.query.as_ref() == Some(&after.rows);
        let comparable = was_current || before.query == after.query && before.query.is_some();
        if before.rows != after.rows && comparable && (was_current || !is_current) {
            let entity = Entity::Table(name.clone());
            let (expected, actual) = (before.rows.clone(), after.rows.clone());
            findings.push(Finding::new(CheckId::Contents, FindingKind::RowChanged, entity, expected, actual));
        }
    }
    findings
}

/// A row that the restoring release writes into an empty database too, by the name that people know
/// it by: the record of a migration.
fn recorded_by_migration(finding: &Finding, recorded: Option<&Table>, profile: &Profile) -> bool {
    let (FindingKind::RowAdded, Entity::Row { table, row }) = (finding.kind, &finding.entity) else {
        return false;
    };
    let named = |(key, there): (String, Row)| profile.row_name(table, &key, &there.json.value()) == *row;
    recorded.is_some_and(|recorded| recorded.rows.iter().any(named))
}

/// Compares the rows of a table, as two streams.
fn table(
    name: &TableName,
    before: &Table,
    after: &Table,
    (profile, known): (&Profile, &Named<'_>),
    allowed: &Allowed,
) -> Vec<Finding> {
    let [mut lost, mut added, mut changed] = <[RowFindings; 3]>::default();
    let finding = |kind, key: &str, shown: &Row, (expected, actual): (String, String)| {
        let json = shown.json.value();
        let row = profile.row_name(name, key, &json);
        let touches = touches(&row, &json, profile, name, known);
        let entity = Entity::Row { table: name.clone(), row };
        Finding::new(CheckId::Contents, kind, entity, expected, actual).touching(touches)
    };
    let none = || "no such row".to_owned();
    for EntryChange { key, was, is } in before.rows.differences(&after.rows) {
        match (&was, &is) {
            (Some(was), None) => {
                let values = (text(&was.json.value()), none());
                // Whose file is damaged, is lost with it.
                let with = (!after.damaged.is_empty()).then(|| Entity::Table(name.clone()));
                lost.add(finding(FindingKind::RowLost, &key, was, values).touching(with));
            }
            (Some(was), Some(is)) if is.digest != was.digest && !allowed.row(name, &key) => {
                changed.add(finding(FindingKind::RowChanged, &key, was, differing(was, is)));
            }
            (None, Some(is)) if !allowed.row(name, &key) => {
                let values = (none(), text(&is.json.value()));
                added.add(finding(FindingKind::RowAdded, &key, is, values));
            }
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
    }
    let mut damaged_files = RowFindings::default();
    damaged(name, before, after).for_each(|finding| damaged_files.add(finding));
    [damaged_files, lost, added, changed].into_iter().flat_map(|findings| findings.summed_up(name)).collect()
}

/// Files of rows that are not in their form any more.
fn damaged(name: &TableName, before: &Table, after: &Table) -> impl Iterator<Item = Finding> {
    let new = after.damaged.iter().filter(|(path, why)| before.damaged.get(*path) != Some(why));
    new.map(|(path, why)| {
        let entity = Entity::Row { table: name.clone(), row: path.clone() };
        let expected = "a file as the profile describes it";
        Finding::new(CheckId::Contents, FindingKind::DamagedFile, entity, expected, why.clone())
            .touching([Entity::Table(name.clone())])
    })
}

/// Findings of one kind in one table: few are kept, many are counted.
#[derive(Default)]
struct RowFindings {
    few: Vec<Finding>,
    count: usize,
    last: Option<Entity>,
    touches: BTreeSet<Entity>,
}

impl RowFindings {
    fn add(&mut self, finding: Finding) {
        self.count += 1;
        self.touches.extend(finding.touches.iter().cloned());
        self.last = Some(finding.entity.clone());
        if self.few.len() < MOST {
            self.few.push(finding);
        }
    }

    /// Many as one finding about the table.
    fn summed_up(self, table: &TableName) -> Vec<Finding> {
        let (Some(first), Some(last)) = (self.few.first(), &self.last) else { return Vec::new() };
        if self.count <= MOST {
            return self.few;
        }
        let actual = format!("{} rows, from {} to {last}", self.count, first.entity);
        let (entity, expected) = (Entity::Table(table.clone()), "the cut point's rows");
        let summary = Finding::new(CheckId::Contents, first.kind, entity, expected, actual);
        vec![summary.touching(self.touches)]
    }
}

/// What the harness knows of the items of a site, and the assets by their object keys.
struct Named<'a> {
    known: &'a Known,
    owners: BTreeMap<&'a ObjectKey, &'a AssetName>,
}

/// The assets and templates that a row is about: those that its name or its binary's key names.
fn touches(row: &str, json: &Value, profile: &Profile, table: &TableName, named: &Named<'_>) -> Vec<Entity> {
    let binaries = profile.entity_of(table, json).into_iter().flat_map(|entity| &entity.binaries);
    let keys = binaries.flat_map(|binary| binary.referred(json)).map(|referred| referred.key);
    let owners = keys.filter_map(|key| named.owners.get(&ObjectKey::new(key)).map(|name| (*name).clone()));
    let known = named.known;
    let named = |part: &str| -> Vec<Entity> {
        let asset = AssetName::from(part);
        let template = TemplateKey::from(part);
        let asset = known.assets.contains_key(&asset).then_some(Entity::Asset(asset));
        let template = known.templates.contains_key(&template).then_some(Entity::Template(template));
        asset.into_iter().chain(template).collect()
    };
    owners.map(Entity::Asset).chain(row.split('@').flat_map(named)).collect()
}

/// The columns in which two rows differ, as they were and as they are.
fn differing(was: &Row, is: &Row) -> (String, String) {
    let (Value::Object(before), Value::Object(after)) = (&was.json.value(), &is.json.value()) else {
        return (format!("digest {}", was.digest), format!("digest {}", is.digest));
    };
    let columns: Vec<&String> = before.keys().filter(|c| before.get(*c) != after.get(*c)).collect();
    if columns.is_empty() {
        // The text differs where JSON does not.
        let actual = "the same values in another text, as 1.0 for 1.00, or JSON with other spaces or keys";
        return (
            format!("the row's own text, of SHA-256 {}", was.digest),
            format!("{actual}: SHA-256 {}", is.digest),
        );
    }
    let show = |row: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
        let pairs: Vec<String> = columns
            .iter()
            .map(|c| {
                let (mine, theirs) =
                    (text(row.get(*c).unwrap_or(&Value::Null)), text(other.get(*c).unwrap_or(&Value::Null)));
                format!("{c} = {}", around_difference(&mine, &theirs))
            })
            .collect();
        pairs.join(", ")
    };
    (show(before, after), show(after, before))
}

/// The part of a long text in which it differs from another.
fn around_difference(mine: &str, theirs: &str) -> String {
    if mine.chars().count() <= SHOWN {
        return mine.to_owned();
    }
    let same = mine.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(SHOWN / 2);
    let part: String = mine.chars().skip(from).take(SHOWN).collect();
    format!("…{part}…")
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.len() > 4096 { text.chars().take(4096).chain("…".chars()).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::digest::Digest, model::verdict::CheckOutcome};

    fn table(rows: &[&str]) -> Table {
        let row =
            |text: &&str| ((*text).to_owned(), Row { digest: Digest::of(text), json: Value::Null.into() });
        Table { columns: vec!["id".to_owned()], rows: rows.iter().map(row).collect(), ..Table::default() }
    }

    fn manifest(tables: &[(&str, Table)]) -> Manifest {
        let facts = |t: &Table| serde_json::json!({ "rows": t.rows.len(), "digest": t.digest() });
        let tables: serde_json::Map<_, _> = tables.iter().map(|(n, t)| ((*n).to_owned(), facts(t))).collect();
        serde_json::from_value(serde_json::json!({
            "schemaVersion": 1, "createdAt": "", "apiUrl": "", "counts": {}, "templates": [], "assets": [],
            "tables": tables,
        }))
        .unwrap()
    }

    #[test]
    fn without_recorded_rows_tables_are_compared_with_the_manifests_digests() {
        let profile = crate::scenario::profile::read_profile("pulp-engine").unwrap();
        let mut loaded = State::default();
        let mut reference = Reference::default();
        let run = |reference: &Reference, loaded: &State| {
            check(reference, &State::default(), Some(loaded), &profile, None)
        };
        assert!(matches!(run(&reference, &loaded).outcome, CheckOutcome::Skipped { .. }));
        reference.manifest = Some(manifest(&[]));
        assert!(matches!(run(&reference, &loaded).outcome, CheckOutcome::Skipped { .. }));
        let then = [
            ("a", table(&["1"])),
            ("b", table(&["1"])),
            ("c", table(&["1"])),
            ("d", table(&[])),
            ("e", table(&["1"])),
        ];
        reference.manifest = Some(manifest(&then));
        let now = [("a", table(&["1"])), ("b", table(&[])), ("c", table(&["2"])), ("d", table(&["1"]))];
        loaded.database.tables.extend(now.map(|(name, table)| (name.into(), table)));
        let result = run(&reference, &loaded);
        let found: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["row lost: b", "row changed: c", "row added: d", "table lost: e"]);
        assert_eq!(result.outcome, CheckOutcome::Checked { items: 5 });
    }
}
