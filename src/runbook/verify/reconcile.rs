//! Rows against objects, both ways: every row its binary with the recorded size and SHA-256, every
//! binary its row. Digests come from the bytes as they were read, never from an ETag. Rows record sizes
//! and digests themselves, so that this holds without a recorded state too; with one, rows that are gone
//! and objects that were changed together with their row are found as well.

use crate::{
    base::{checksum::ChecksumAlgorithm, ids::ObjectKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{BinaryStore, Profile},
        reference::{ObjectReference, references, references_of, unknown_columns},
        state::{Database, ObjectState, State},
    },
    runbook::verify::{CheckResult, Names, Reference},
};
use std::collections::{BTreeMap, BTreeSet};

/// Reasons for an incomplete check that are listed, at most.
const MOST: usize = 5;

/// Reconciles the restored stores. Also returns how many references have their object.
pub fn check(
    reference: &Reference,
    observed: &State,
    profile: &Profile,
    names: &Names,
) -> (CheckResult, u64) {
    let before = reference.database().unwrap_or(&observed.database);
    // What the restore lost is a finding of the catalog check.
    let mut blind = unknown_columns(profile, |table| before.tables.get(table).map(|t| t.columns.as_slice()));
    let recorded = Recorded { profile, state: reference.state.as_ref(), database: reference.database() };
    let owners = reference.known.owners();
    let mut matched = 0;
    // References, and rows that are gone: without any, nothing is reconciled.
    let mut rows = lost_rows(before, &observed.database, profile);
    let mut findings = Vec::new();
    let mut referred = Referred::default();
    for row in references(profile, &observed.database) {
        let entity = Entity::Row { table: row.table.clone(), row: row.name.clone() };
        let not_read = |(what, value): &(String, String)| {
            format!("{entity} has {value:?} where the profile says that {what} is")
        };
        blind.extend(row.unreadable.iter().map(not_read));
        for key in keys(&row, observed, &recorded, &reference.listed) {
            rows += 1;
            let found = kept(observed, row.store).get(&key);
            let listed = reference.listed.get(&key).filter(|_| row.store == BinaryStore::Assets);
            let name = names.asset(&key).map_or_else(|| entity.clone(), |name| Entity::Asset(name.clone()));
            // An asset that has another key by now is called by its name all the same.
            let owner = owners.get(&key).map(|name| Entity::Asset((*name).clone()));
            let damage = match (found, listed) {
                (None, Some(size)) => of_listed(&row, &key, *size, name),
                (Some(_), _) | (None, None) => one(&row, &key, recorded.promised(&row, &key), found, name),
            };
            matched += u64::from(damage.is_none() && found.is_some());
            findings.extend(damage.map(|finding| finding.touching([entity.clone()]).touching(owner)));
        }
        referred.add(row);
    }
    let mut objects = 0;
    let read = everything(observed).map(|(store, key, object)| (store, key, object.size));
    let listed = reference.listed.iter().map(|(key, size)| (BinaryStore::Assets, key, *size));
    for (store, key, size) in read.chain(listed) {
        objects += 1;
        if !profile.ignores(key.as_str()) && !referred.includes(store, key) {
            let actual = format!("{size} bytes at {key}, and no row points there");
            let expected = "a row that points at it";
            findings.push(finding(FindingKind::OrphanBinary, names.entity(key), expected, actual));
        }
    }
    if profile.with_binaries().next().is_some() && rows == 0 && blind.is_empty() {
        let why = "no row points at an object: nothing shows that rows and objects belong together";
        return (CheckResult::unknown(why, findings), matched);
    }
    if blind.is_empty() {
        return (CheckResult::checked(objects + rows, findings), matched);
    }
    // What the profile names is not there: a pass would be about nothing.
    blind.truncate(MOST);
    let why = format!("the profile does not fit: {}", blind.join("; "));
    (CheckResult::unknown(why, findings), matched)
}

/// How many rows with binaries were lost: they count as checked.
fn lost_rows(before: &Database, after: &Database, profile: &Profile) -> usize {
    let tables: BTreeSet<_> = profile.with_binaries().map(|(entity, _)| &entity.table).collect();
    let both =
        tables.into_iter().filter_map(|table| Some((before.tables.get(table)?, after.tables.get(table)?)));
    both.map(|(before, after)| before.rows.keys().filter(|key| !after.rows.contains_key(*key)).count()).sum()
}

/// The keys of a reference: of a prefix all that are there, and those that were.
fn keys(
    row: &ObjectReference,
    observed: &State,
    recorded: &Recorded<'_>,
    listed: &BTreeMap<ObjectKey, u64>,
) -> BTreeSet<ObjectKey> {
    if !row.is_prefix {
        return [row.key.clone()].into();
    }
    let states = [Some(observed), recorded.state];
    let below = |state| {
        let all = kept(state, row.store).range(row.key.clone()..).map(|(key, _)| key);
        all.take_while(|key| row.includes(key)).cloned()
    };
    let listed = listed.range(row.key.clone()..).map(|(key, _)| key);
    let listed = listed.take_while(|key| row.includes(key)).cloned();
    states.into_iter().flatten().flat_map(below).chain(listed).collect()
}

/// The keys to which rows refer.
#[derive(Default)]
struct Referred {
    keys: BTreeSet<(BinaryStore, ObjectKey)>,
    prefixes: Vec<ObjectReference>,
}

impl Referred {
    fn add(&mut self, row: ObjectReference) {
        match row.is_prefix {
            true => self.prefixes.push(row),
            false => drop(self.keys.insert((row.store, row.key))),
        }
    }

    fn includes(&self, store: BinaryStore, key: &ObjectKey) -> bool {
        self.keys.contains(&(store, key.clone()))
            || self.prefixes.iter().any(|row| row.store == store && row.includes(key))
    }
}

/// The objects of a place.
fn kept(state: &State, store: BinaryStore) -> &BTreeMap<ObjectKey, ObjectState> {
    match store {
        BinaryStore::Assets => &state.objects,
        BinaryStore::Results => &state.results,
    }
}

fn everything(state: &State) -> impl Iterator<Item = (BinaryStore, &ObjectKey, &ObjectState)> {
    [BinaryStore::Assets, BinaryStore::Results]
        .into_iter()
        .flat_map(|store| kept(state, store).iter().map(move |(key, object)| (store, key, object)))
}

/// The cut point.
struct Recorded<'a> {
    profile: &'a Profile,
    state: Option<&'a State>,
    database: Option<&'a Database>,
}

impl<'a> Recorded<'a> {
    /// The recorded object, if its row recorded the same: a write in flight at the cut point had changed
    /// one of the two, and then the restored object is right if it is what the row records.
    fn promised(&self, row: &ObjectReference, key: &ObjectKey) -> Option<&'a ObjectState> {
        let object = kept(self.state?, row.store).get(key)?;
        let rows = self.database.into_iter();
        let then = rows.flat_map(|rows| references_of(self.profile, rows, &row.table, &row.row));
        let mut same = then.filter(|then| then.store == row.store && then.includes(key));
        same.all(|then| then.other_checksum(object).is_none()).then_some(object)
    }
}

/// Whether a row points at this object of the assets and records other content than it has: a torn
/// write.
pub fn torn(state: &State, profile: &Profile, key: &ObjectKey) -> bool {
    let Some(object) = state.objects.get(key) else { return false };
    references(profile, &state.database)
        .filter(|row| row.store == BinaryStore::Assets && row.includes(key))
        .any(|row| row.other_checksum(object).is_some())
}

/// One row against an object of which only the listing is known.
fn of_listed(row: &ObjectReference, key: &ObjectKey, size: u64, entity: Entity) -> Option<Finding> {
    let range = row.size.filter(|range| !range.holds(size))?;
    Some(finding(FindingKind::WrongSize, entity, format!("{range} at {key}"), format!("{size} bytes")))
}

/// One row against its object, and the object against the cut point's.
fn one(
    row: &ObjectReference,
    key: &ObjectKey,
    recorded: Option<&ObjectState>,
    found: Option<&ObjectState>,
    entity: Entity,
) -> Option<Finding> {
    // What the application makes again may come back in another form, or not at all.
    let recorded = recorded.filter(|_| !row.is_derived);
    let size = row.size.map(|range| range.to_string()).or(recorded.map(|o| format!("{} bytes", o.size)));
    let Some(found) = found else {
        let may_be_missing = row.is_derived || row.is_deleted && recorded.is_none();
        let expected = size.map_or_else(|| format!("an object at {key}"), |size| format!("{size} at {key}"));
        let missing = finding(FindingKind::MissingBinary, entity, expected, "no such object".to_owned());
        return (!may_be_missing).then_some(missing);
    };
    let stated = row.size.filter(|range| !range.holds(found.size)).map(|range| range.to_string());
    // A rounded size leaves room for a change that the cut point shows.
    let then = recorded.filter(|o| o.size != found.size && row.size.is_none_or(|range| !range.is_exact()));
    if let Some(expected) = stated.or(then.map(|o| format!("{} bytes", o.size))) {
        let expected = format!("{expected} at {key}");
        return Some(finding(FindingKind::WrongSize, entity, expected, format!("{} bytes", found.size)));
    }
    // The row's checksum may have been changed together with the bytes; the cut point's was not.
    let other = recorded.filter(|recorded| recorded.sha256 != found.sha256);
    let other = other.map(|o| (ChecksumAlgorithm::Sha256, o.sha256.to_string(), found.sha256.to_string()));
    if let Some((algorithm, expected, actual)) = row.other_checksum(found).or(other) {
        let same_size = recorded.is_some_and(|recorded| recorded.size == found.size)
            || row.size.is_some_and(|range| range.is_exact());
        let same_size = if same_size { ", the same size" } else { "" };
        let (expected, actual) =
            (format!("{algorithm} {expected} at {key}"), format!("{algorithm} {actual}{same_size}"));
        return Some(finding(FindingKind::WrongContent, entity, expected, actual));
    }
    let (before, after) = recorded?.metadata.changed(&found.metadata)?;
    Some(finding(FindingKind::WrongMetadata, entity, format!("{before} at {key}"), after))
}

fn finding(kind: FindingKind, entity: Entity, expected: impl Into<String>, actual: String) -> Finding {
    Finding::new(CheckId::Reconcile, kind, entity, expected, actual)
}
