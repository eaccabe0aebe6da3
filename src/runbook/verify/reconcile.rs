//! Rows against objects, both ways: every row its binary with the recorded size and SHA-256, every
//! binary its row. Digests come from the bytes as they were read, never from an ETag. Rows record sizes
//! and digests themselves, so that this holds without a recorded state too; with one, rows that are gone
//! and objects that were changed together with their row are found as well.

use crate::{
    base::{digest::Digest, ids::ObjectKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{self, Binary, BinaryStore, Profile},
        state::{ObjectState, State},
    },
    runbook::verify::{CheckResult, Names, Reference},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reasons for an incomplete check that are listed, at most.
const MOST: usize = 5;

/// Reconciles the restored stores. Also returns how many rows have their object.
pub fn check(
    reference: &Reference,
    observed: &State,
    profile: &Profile,
    names: &Names,
) -> (CheckResult, u64) {
    let (mut at, mut matched) = (0, 0);
    // Rows that point at an object, and rows that are gone: without any, nothing is reconciled.
    let mut rows = 0;
    let mut findings = Vec::new();
    let mut referenced = BTreeSet::new();
    let tables = &reference.database().unwrap_or(&observed.database).tables;
    let mut blind = Vec::new();
    for (entity, binary) in profile.with_binaries() {
        let known = tables.get(&entity.table);
        if known.is_none() {
            blind.push(format!("there is no table {}", entity.table));
        }
        let Some(table) = observed.database.tables.get(&entity.table) else { continue };
        // A column that the restore lost is a finding of the catalog check.
        for column in [Some(&binary.key), binary.size.as_ref(), binary.sha256.as_ref()].into_iter().flatten()
        {
            // Where rows are in files, an empty table has no columns.
            if known.is_some_and(|table| !table.columns.is_empty() && !table.columns.contains(column)) {
                blind.push(format!("{} has no column {column}", entity.table));
            }
        }
        let found = kept(observed, binary.store);
        // A row that was lost counts as checked.
        rows +=
            known.map_or(0, |known| known.rows.keys().filter(|key| !table.rows.contains_key(*key)).count());
        for (row_key, row) in &table.rows {
            let Some(key) = row.json.get(&binary.key).and_then(Value::as_str).map(ObjectKey::from) else {
                continue;
            };
            rows += 1;
            let name = names.asset(&key).map_or_else(
                || Entity::Row {
                    table: entity.table.clone(),
                    row: profile.row_name(&entity.table, row_key, &row.json),
                },
                |asset| Entity::Asset(asset.clone()),
            );
            // An asset that has another key by now is called by its name all the same.
            let owner = reference.known.owner(&key).cloned().map(Entity::Asset);
            let row_entity = Entity::Row {
                table: entity.table.clone(),
                row: profile.row_name(&entity.table, row_key, &row.json),
            };
            if let Some(hash) = unreadable_hash(&row.json, binary) {
                blind.push(format!("{row_entity} has {hash:?} where the profile says that its SHA-256 is"));
            }
            let wrong = one(
                &row.json,
                binary,
                &key,
                promised(reference, entity, binary, row_key, &key),
                found.get(&key),
                name,
            );
            matched += u64::from(wrong.is_none());
            findings.extend(wrong.map(|f| f.touching([row_entity]).touching(owner)));
            referenced.insert((binary.store, key));
        }
    }
    let everything = [BinaryStore::Assets, BinaryStore::Results].map(|store| (store, kept(observed, store)));
    for (store, (key, object)) in
        everything.into_iter().flat_map(|(store, all)| all.iter().map(move |o| (store, o)))
    {
        at += 1;
        let by_design = profile.ignore_objects.iter().any(|prefix| key.as_str().starts_with(prefix));
        if !by_design && !referenced.contains(&(store, key.clone())) {
            let actual = format!("{} bytes at {key}, and no row points there", object.size);
            findings.push(finding(
                FindingKind::OrphanBinary,
                names.entity(key),
                "a row that points at it",
                actual,
            ));
        }
    }
    if profile.with_binaries().next().is_some() && rows == 0 && blind.is_empty() {
        let why = "no row points at an object: nothing shows that rows and objects belong together";
        return (CheckResult::unknown(why, findings), matched);
    }
    if blind.is_empty() {
        return (CheckResult::checked(at + rows, findings), matched);
    }
    // What the profile names is not there: a pass would be about nothing.
    blind.truncate(MOST);
    let why = format!("the profile does not fit: {}", blind.join("; "));
    (CheckResult::unknown(why, findings), matched)
}

/// The objects of a place.
fn kept(state: &State, store: BinaryStore) -> &BTreeMap<ObjectKey, ObjectState> {
    match store {
        BinaryStore::Assets => &state.objects,
        BinaryStore::Results => &state.results,
    }
}

/// The recorded object, as far as its row recorded the same: a write in flight at the cut point had
/// changed one of the two, and then what comes back is right if it is what the row records.
fn promised<'a>(
    reference: &'a Reference,
    entity: &profile::ProfileEntity,
    binary: &Binary,
    row: &str,
    key: &ObjectKey,
) -> Option<&'a ObjectState> {
    let object = kept(reference.state.as_ref()?, binary.store).get(key)?;
    let row = reference.table(&entity.table).and_then(|table| table.rows.get(row));
    let said = row.and_then(|row| row.json.get(binary.sha256.as_ref()?)?.as_str()?.parse::<Digest>().ok());
    said.is_none_or(|said| said == object.sha256).then_some(object)
}

/// Whether a row points at this object of the assets and records other content than it has: a torn
/// write.
pub fn torn(state: &State, profile: &Profile, key: &ObjectKey) -> bool {
    let Some(object) = state.objects.get(key) else { return false };
    let mut tables = profile.with_binaries().filter(|(_, binary)| binary.store == BinaryStore::Assets);
    tables.any(|(entity, binary)| {
        let column = |row: &'_ Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let rows = state.database.tables.get(&entity.table).into_iter().flat_map(|table| table.rows.values());
        rows.filter(|row| column(&row.json, &binary.key).as_deref() == Some(key.as_str())).any(|row| {
            let said = column(&row.json, binary.sha256.as_deref().unwrap_or_default());
            said.and_then(|text| text.parse::<Digest>().ok()).is_some_and(|said| said != object.sha256)
        })
    })
}

/// A recorded hash that can't be read as SHA-256 in hex. Without a value there is none to compare.
fn unreadable_hash<'a>(row: &'a Value, binary: &Binary) -> Option<&'a str> {
    let text = row.get(binary.sha256.as_ref()?)?.as_str()?;
    text.parse::<Digest>().is_err().then_some(text)
}

/// The size that a row records: as a number, or as text where the column holds text.
fn recorded_size(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// One row against its object, and the object against the cut point's.
fn one(
    row: &Value,
    binary: &Binary,
    key: &ObjectKey,
    recorded: Option<&ObjectState>,
    found: Option<&ObjectState>,
    entity: Entity,
) -> Option<Finding> {
    let column = |name: &Option<String>| name.as_ref().and_then(|c| row.get(c));
    let size = column(&binary.size).and_then(recorded_size).or(recorded.map(|o| o.size));
    let sha256: Option<Digest> = column(&binary.sha256).and_then(Value::as_str).and_then(|t| t.parse().ok());
    let Some(found) = found else {
        let expected = size.map_or_else(|| format!("an object at {key}"), |s| format!("{s} bytes at {key}"));
        return Some(finding(FindingKind::MissingBinary, entity, expected, "no such object".to_owned()));
    };
    if let Some(size) = size.filter(|size| *size != found.size) {
        let actual = format!("{} bytes", found.size);
        return Some(finding(FindingKind::WrongSize, entity, format!("{size} bytes at {key}"), actual));
    }
    // The row's digest may have been changed together with the bytes; the cut point's was not.
    let digests = sha256.into_iter().chain(recorded.map(|o| o.sha256));
    if let Some(other) = digests.into_iter().find(|digest| *digest != found.sha256) {
        let actual = format!("SHA-256 {}, the same size", found.sha256);
        return Some(finding(FindingKind::WrongContent, entity, format!("SHA-256 {other} at {key}"), actual));
    }
    let (before, after) = recorded?.metadata.changed(&found.metadata)?;
    Some(finding(FindingKind::WrongMetadata, entity, format!("{before} at {key}"), after))
}

fn finding(kind: FindingKind, entity: Entity, expected: impl Into<String>, actual: String) -> Finding {
    Finding::new(CheckId::Reconcile, kind, entity, expected, actual)
}
