//! Rows against objects, both ways: every row its binary with the recorded size and SHA-256, every
//! binary its row. Digests come from the bytes as they were read, never from an ETag. Rows record sizes
//! and digests themselves, so that this holds without a recorded state too; with one, rows that are gone
//! and objects that were changed together with their row are found as well.

use crate::{
    base::{
        checksum::ChecksumAlgorithm,
        ids::{AssetName, ObjectKey},
        sorted::{EntryChange, Packed, SortedMap, SortedMapBuilder, join, pack_json},
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{BinaryStore, Profile},
        reference::{ObjectReference, references, references_of, unknown_columns},
        state::{Database, ObjectState, Row, State},
    },
    runbook::verify::{CheckResult, Names, Reference},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Reasons for an incomplete check that are listed, at most.
const MOST: usize = 5;

/// Findings of one kind that are listed, at most.
const LISTED: usize = 20_000;

/// Reconciles the restored stores. Also returns how many references have their object. The references are sorted by
/// the keys of their objects and read together with the objects, as streams.
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
    // References, and rows that are gone: without any, nothing is reconciled.
    let mut rows = lost_rows(before, &observed.database, profile);
    let [mut assets, mut results] = [(); 2].map(|()| SortedMapBuilder::new());
    for (number, row) in references(profile, &observed.database).enumerate() {
        let not_read = |(what, value): &(String, String)| {
            format!("{} has {value:?} where the profile says that {what} is", entity(&row))
        };
        let room = MOST.saturating_sub(blind.len());
        blind.extend(row.unreadable.iter().map(not_read).take(room));
        for key in keys(&row, observed, &recorded, &reference.listed) {
            rows += 1;
            let then = recorded.checksums(&row, &key);
            let promise = Promise { number, row: row.clone(), then };
            match row.store {
                BinaryStore::Assets => assets.add(&key, &promise),
                BinaryStore::Results => results.add(&key, &promise),
            }
        }
    }
    let owners = reference.known.owners();
    let findings = ListedFindings::default();
    let mut join = Join { reference, observed, profile, names, owners, matched: 0, findings };
    join.store(BinaryStore::Assets, assets);
    join.store(BinaryStore::Results, results);
    let objects = observed.objects.len() + observed.results.len() + reference.listed.len();
    let (matched, findings) = (join.matched, join.findings.finish());
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

fn entity(row: &ObjectReference) -> Entity {
    Entity::Row { table: row.table.clone(), row: row.name.clone() }
}

/// What a row promises of one object.
#[derive(Serialize, Deserialize)]
struct Promise {
    /// The place of the reference among all.
    number: usize,
    row: ObjectReference,
    /// The checksums that the row recorded of the object at the cut point, for each of its references to it.
    then: Vec<BTreeMap<ChecksumAlgorithm, String>>,
}

impl Packed for Promise {
    fn pack(&self, to: &mut Vec<u8>) {
        pack_json(self, to);
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// References and objects in the order of the objects' keys.
struct Join<'a> {
    reference: &'a Reference,
    observed: &'a State,
    profile: &'a Profile,
    names: &'a Names,
    owners: BTreeMap<&'a ObjectKey, &'a AssetName>,
    /// References that have their object.
    matched: u64,
    findings: ListedFindings,
}

impl<'a> Join<'a> {
    /// Joins the references to a place with its objects.
    fn store(&mut self, store: BinaryStore, promises: SortedMapBuilder<ObjectKey, Promise>) {
        let recorded = self.reference.state.as_ref().map(|state| state.objects_in(store).iter());
        let listed = (store == BinaryStore::Assets).then(|| self.reference.listed.iter());
        let found = self.observed.objects_in(store).iter();
        let found =
            join(found, recorded.into_iter().flatten()).map(|(key, found, then)| (key, (found, then)));
        let objects = join(found, listed.into_iter().flatten());
        let mut objects = objects
            .map(|(key, object, listed)| {
                let (found, recorded) = object.unwrap_or_default();
                (key, ObjectInStores { found, recorded, listed })
            })
            .peekable();
        let mut referred = None;
        for (key, promise) in promises.entries() {
            while let Some((before, object)) = objects.next_if(|(before, _)| *before < key) {
                self.without_row(&before, &object, referred.as_ref());
            }
            let none = ObjectInStores::default();
            let object = objects.peek().filter(|(here, _)| *here == key).map_or(&none, |(_, object)| object);
            self.one(&key, &promise, object);
            referred = Some(key);
        }
        for (key, object) in objects {
            self.without_row(&key, &object, referred.as_ref());
        }
    }

    /// One reference.
    fn one(&mut self, key: &ObjectKey, Promise { number, row, then }: &Promise, object: &ObjectInStores) {
        let entity = entity(row);
        let name = self.names.asset(key).map_or_else(|| entity.clone(), |name| Entity::Asset(name.clone()));
        // An asset that has another key by now is called by its name all the same.
        let owner = self.owners.get(key).map(|name| Entity::Asset((*name).clone()));
        let damage = match (&object.found, object.listed) {
            (None, Some(size)) => of_listed(row, key, size, name),
            (found, _) => one(row, key, object.promised(then), found.as_ref(), name),
        };
        self.matched += u64::from(damage.is_none() && object.found.is_some());
        let damage = damage.map(|finding| finding.touching([entity]).touching(owner));
        damage.into_iter().for_each(|finding| self.findings.add(*number, finding));
    }

    /// An object to which no row refers, unless the last reference was to it.
    fn without_row(&mut self, key: &ObjectKey, object: &ObjectInStores, referred: Option<&ObjectKey>) {
        let size = object.found.as_ref().map(|found| found.size).or(object.listed);
        let is_free = referred != Some(key) && !self.profile.ignores(key.as_str());
        if let Some(size) = size.filter(|_| is_free) {
            let actual = format!("{size} bytes at {key}, and no row points there");
            let expected = "a row that points at it";
            let orphan = finding(FindingKind::OrphanBinary, self.names.entity(key), expected, actual);
            self.findings.add(usize::MAX, orphan);
        }
    }
}

/// What is known of an object.
#[derive(Default)]
struct ObjectInStores {
    found: Option<ObjectState>,
    recorded: Option<ObjectState>,
    /// Its size, where it was listed and not read.
    listed: Option<u64>,
}

impl ObjectInStores {
    /// The recorded object, if its row recorded the same: a write in flight at the cut point had changed
    /// one of the two, and then the restored object is right if it is what the row records.
    fn promised(&self, then: &[BTreeMap<ChecksumAlgorithm, String>]) -> Option<&ObjectState> {
        let same = |recorded: &&ObjectState| then.iter().all(|row| recorded.other_than(row).is_none());
        self.recorded.as_ref().filter(same)
    }
}

/// The findings, of which many of one kind are counted.
#[derive(Default)]
struct ListedFindings {
    /// With the place of the reference among all.
    listed: Vec<(usize, Finding)>,
    counts: BTreeMap<FindingKind, usize>,
}

impl ListedFindings {
    fn add(&mut self, number: usize, finding: Finding) {
        let count = self.counts.entry(finding.kind).or_default();
        *count += 1;
        if *count <= LISTED {
            self.listed.push((number, finding));
        }
    }

    /// In the order of the references.
    fn finish(mut self) -> Vec<Finding> {
        self.listed.sort_by_key(|(number, _)| *number);
        let mut findings: Vec<Finding> = self.listed.into_iter().map(|(_, finding)| finding).collect();
        for (kind, more) in self.counts.into_iter().filter(|(_, count)| *count > LISTED) {
            let last = findings.iter_mut().rfind(|finding| finding.kind == kind);
            last.into_iter().for_each(|last| last.and_more(more - LISTED));
        }
        findings
    }
}

/// How many rows with binaries were lost: they count as checked.
fn lost_rows(before: &Database, after: &Database, profile: &Profile) -> usize {
    let tables: BTreeSet<_> = profile.with_binaries().map(|(entity, _)| &entity.table).collect();
    let both =
        tables.into_iter().filter_map(|table| Some((before.tables.get(table)?, after.tables.get(table)?)));
    let lost = |change: &EntryChange<String, Row>| change.is.is_none();
    both.map(|(before, after)| before.rows.differences(&after.rows).filter(lost).count()).sum()
}

/// The keys of a reference: of a prefix all that are there, and those that were.
fn keys(
    row: &ObjectReference,
    observed: &State,
    recorded: &Recorded<'_>,
    listed: &SortedMap<ObjectKey, u64>,
) -> BTreeSet<ObjectKey> {
    if !row.is_prefix {
        return [row.key.clone()].into();
    }
    let states = [Some(observed), recorded.state];
    let below = |state: &State| state.below(row.store, row.key.as_str()).map(|(key, _)| key);
    let listed = listed.range_from(&row.key).map(|(key, _)| key).take_while(|key| row.includes(key));
    states.into_iter().flatten().flat_map(below).chain(listed).collect()
}

/// The cut point.
struct Recorded<'a> {
    profile: &'a Profile,
    state: Option<&'a State>,
    database: Option<&'a Database>,
}

impl Recorded<'_> {
    /// The checksums that a row recorded of an object, for each of its references to it.
    fn checksums(&self, row: &ObjectReference, key: &ObjectKey) -> Vec<BTreeMap<ChecksumAlgorithm, String>> {
        let rows = self.database.into_iter();
        let then = rows.flat_map(|rows| references_of(self.profile, rows, &row.table, &row.row));
        let same = then.filter(|then| then.store == row.store && then.includes(key));
        same.map(|then| then.checksums).collect()
    }
}

/// Whether a row points at this object of the assets and records other content than it has: a torn
/// write.
pub fn torn(state: &State, profile: &Profile, key: &ObjectKey) -> bool {
    let Some(object) = state.objects.get(key) else { return false };
    references(profile, &state.database)
        .filter(|row| row.store == BinaryStore::Assets && row.includes(key))
        .any(|row| row.other_checksum(&object).is_some())
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
