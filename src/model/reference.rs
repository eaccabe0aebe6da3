//! What a row promises of an object: the reference from one store to the other, as a profile describes it.
//! Of rows that are in memory as JSON; `system::postgres::references` reads the same from a database.

use crate::{
    base::{
        checksum::ChecksumAlgorithm,
        ids::{ObjectKey, TableName},
        sorted::{Packed, pack_json},
    },
    model::{
        profile::{
            Binary, BinaryStore, Profile, ProfileEntity, ReadBack,
            binary::{Referred, SizeRange},
        },
        state::{Database, ObjectState, Objects, Row, State},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, iter::Peekable};

/// A reference from a row to an object, or to all objects whose keys begin so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReference {
    /// The number of its binary in [`Profile::with_binaries`].
    pub binary: usize,
    /// The table of the row.
    pub table: TableName,
    /// The key of the row, as in [`Table::rows`](crate::model::state::Table::rows).
    pub row: String,
    /// The name of the row for people: its label, else its key.
    pub name: String,
    /// Where the object is.
    pub store: BinaryStore,
    /// Its key, or what the keys of its objects begin with.
    pub key: ObjectKey,
    /// Whether it refers to all objects whose keys begin so.
    pub is_prefix: bool,
    /// The recorded size.
    pub size: Option<SizeRange>,
    /// The recorded media type.
    pub media_type: Option<String>,
    /// The recorded checksums, in the form of [`Checksums`](crate::base::checksum::Checksums).
    pub checksums: BTreeMap<ChecksumAlgorithm, String>,
    /// Recorded values that are not what the profile says: what it says, and the value.
    pub unreadable: Vec<(String, String)>,
    /// Whether the row is marked as deleted: its object may have been removed.
    pub is_deleted: bool,
    /// Whether the application makes the object again if it is missing.
    pub is_derived: bool,
}

impl ObjectReference {
    /// What a row refers to, as it was read.
    pub fn new(
        (number, entity, binary): (usize, &ProfileEntity, &Binary),
        (row, name): (String, String),
        deleted: bool,
        referred: Referred,
    ) -> Self {
        let mut unreadable = Vec::new();
        let mut checksums = BTreeMap::new();
        for (algorithm, text) in referred.checksums {
            match algorithm.canonical(&text) {
                Some(checksum) => drop(checksums.insert(algorithm, checksum)),
                None => unreadable.push((format!("its {algorithm}"), text)),
            }
        }
        let size = referred.size.zip(binary.size.as_ref()).and_then(|(text, column)| {
            let range = column.range(&text);
            if range.is_none() {
                unreadable.push(("its size".to_owned(), text));
            }
            range
        });
        Self {
            binary: number,
            table: entity.table.clone(),
            row,
            name,
            store: binary.store,
            key: ObjectKey::new(referred.key),
            is_prefix: binary.key.is_prefix(),
            size,
            media_type: referred.media_type,
            checksums,
            unreadable,
            is_deleted: deleted,
            is_derived: binary.derived,
        }
    }

    /// Whether its object may be missing, as far as the row tells.
    pub fn may_be_missing(&self) -> bool {
        self.is_derived || self.is_deleted
    }

    /// A recorded checksum that is not the object's: the algorithm, the recorded one, the actual one. One that
    /// was not computed is not compared.
    pub fn other_checksum(&self, object: &ObjectState) -> Option<(ChecksumAlgorithm, String, String)> {
        object.other_than(&self.checksums)
    }

    /// Whether it refers to an object with this key.
    pub fn includes(&self, key: &ObjectKey) -> bool {
        match self.is_prefix {
            true => key.as_str().starts_with(self.key.as_str()),
            false => *key == self.key,
        }
    }
}

impl Packed for ObjectReference {
    fn pack(&self, to: &mut Vec<u8>) {
        pack_json(self, to);
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl ObjectState {
    /// A recorded checksum that is not the object's: the algorithm, the recorded one, the actual one. One that
    /// was not computed is not compared.
    pub fn other_than(
        &self,
        recorded: &BTreeMap<ChecksumAlgorithm, String>,
    ) -> Option<(ChecksumAlgorithm, String, String)> {
        recorded.iter().find_map(|(algorithm, recorded)| {
            let actual = match algorithm {
                ChecksumAlgorithm::Sha256 => vec![self.sha256.to_string()],
                ChecksumAlgorithm::Md5
                | ChecksumAlgorithm::Sha1
                | ChecksumAlgorithm::Sha512
                | ChecksumAlgorithm::Crc32c
                | ChecksumAlgorithm::Etag => self.checksums.0.get(algorithm)?.clone(),
            };
            let first = actual.first().cloned().unwrap_or_default();
            (!actual.contains(recorded)).then(|| (*algorithm, recorded.clone(), first))
        })
    }
}

impl State {
    /// The objects of a place.
    pub fn objects_in(&self, store: BinaryStore) -> &Objects {
        match store {
            BinaryStore::Assets => &self.objects,
            BinaryStore::Results => &self.results,
        }
    }

    /// The objects of a place whose keys begin so.
    pub fn below<'a>(
        &self,
        store: BinaryStore,
        prefix: &'a str,
    ) -> impl Iterator<Item = (ObjectKey, ObjectState)> + use<'a> {
        self.objects_in(store).range_from(prefix).take_while(move |(key, _)| key.as_str().starts_with(prefix))
    }
}

/// The references of all rows of a database.
pub fn references<'a>(
    profile: &'a Profile,
    database: &'a Database,
) -> impl Iterator<Item = ObjectReference> + 'a {
    profile.with_binaries().enumerate().flat_map(move |described| {
        let rows = database.tables.get(&described.1.0.table).into_iter().flat_map(|table| &table.rows);
        rows.flat_map(move |(key, row)| of_binary(described, &key, &row))
    })
}

/// The keys to which references lead, read as a stream next to other keys in the same order: references may name
/// beginnings of keys, and only those before the present key are kept in memory.
pub struct ReferredKeys<I: Iterator> {
    references: Peekable<I>,
    /// The beginnings that the present key may have.
    beginnings: Vec<String>,
    /// The last whole key.
    last: Option<String>,
}

impl<K: AsRef<str>, I: Iterator<Item = (K, ObjectReference)>> ReferredKeys<I> {
    /// Of references in the byte order of their keys.
    pub fn of(references: I) -> Self {
        Self { references: references.peekable(), beginnings: Vec::new(), last: None }
    }

    /// Whether a reference leads to a key. The keys are asked for in their byte order.
    pub fn include(&mut self, key: &str) -> bool {
        while let Some((referred, reference)) =
            self.references.next_if(|(referred, _)| referred.as_ref() <= key)
        {
            let referred = referred.as_ref();
            match reference.is_prefix {
                true if self.beginnings.last().is_some_and(|last| last == referred) => {}
                true => self.beginnings.push(referred.to_owned()),
                false => self.last = Some(referred.to_owned()),
            }
        }
        self.beginnings.retain(|beginning| key.starts_with(beginning.as_str()));
        !self.beginnings.is_empty() || self.last.as_deref() == Some(key)
    }
}

/// The references of one row, by its table and key; none where there is no such row.
pub fn references_of<'a>(
    profile: &'a Profile,
    database: &'a Database,
    table: &'a TableName,
    key: &'a str,
) -> impl Iterator<Item = ObjectReference> + 'a {
    let row = database.tables.get(table).and_then(|table| table.rows.get(key));
    let described = profile.with_binaries().enumerate().filter(|(_, (entity, _))| entity.table == *table);
    described.flat_map(move |described| {
        row.iter().flat_map(|row| of_binary(described, key, row)).collect::<Vec<_>>()
    })
}

/// The references of a row by one of the profile's binaries, given with its number.
fn of_binary(
    (number, (entity, binary)): (usize, (&ProfileEntity, &Binary)),
    key: &str,
    row: &Row,
) -> Vec<ObjectReference> {
    let row = row.json.value();
    if !entity.selects(&row) {
        return Vec::new();
    }
    let name = entity.label_of(&row).unwrap_or_else(|| key.to_owned());
    let deleted = entity.is_deleted(&row);
    let reference = |referred| {
        ObjectReference::new((number, entity, binary), (key.to_owned(), name.clone()), deleted, referred)
    };
    binary.referred(&row).into_iter().map(reference).collect()
}

/// An object that the application hands out, or would if it existed.
#[derive(Clone, Debug)]
pub struct ReadableObject<'a> {
    /// The number of its binary in [`Profile::with_binaries`].
    pub number: usize,
    /// Its binary.
    pub binary: &'a Binary,
    /// How it is read.
    pub read_back: &'a ReadBack,
    /// The path of the request.
    pub path: String,
    /// The row: its table and its name.
    pub row: (TableName, String),
    /// The object's key.
    pub key: ObjectKey,
}

/// The objects that can be read through the application: those of rows that are not marked as deleted. A
/// derived object may be missing, because the application may make it again.
pub fn readable<'a>(profile: &'a Profile, state: &'a State) -> impl Iterator<Item = ReadableObject<'a>> + 'a {
    profile.with_binaries().enumerate().flat_map(move |(number, (entity, binary))| {
        let table = binary.read_back.as_ref().zip(state.database.tables.get(&entity.table));
        table.into_iter().flat_map(move |(read_back, table)| {
            table.rows.iter().flat_map(move |(row_key, row)| {
                let row = row.json.value();
                if !entity.selects(&row) || entity.is_deleted(&row) {
                    return Vec::new();
                }
                let name = entity.label_of(&row).unwrap_or(row_key);
                let row_name = (entity.table.clone(), name);
                let object = |(path, key)| ReadableObject {
                    number,
                    binary,
                    read_back,
                    path,
                    row: row_name.clone(),
                    key,
                };
                paths_of(binary, read_back, &row, state).into_iter().map(object).collect()
            })
        })
    })
}

/// The paths for the objects of a row, with their keys.
fn paths_of(binary: &Binary, read_back: &ReadBack, row: &Value, state: &State) -> Vec<(String, ObjectKey)> {
    let mut all = Vec::new();
    for element in binary.elements(row) {
        let Some(referred) = binary.one(row, element.as_ref()) else { continue };
        let key = ObjectKey::new(referred.key);
        let found: Vec<ObjectKey> = match binary.key.is_prefix() {
            true => state.below(binary.store, key.as_str()).map(|(key, _)| key).collect(),
            false => vec![key],
        };
        for key in found {
            let path = read_back.path(row, element.as_ref(), key.as_str());
            all.extend(path.map(|path| (path, key)));
        }
    }
    all
}

/// The columns and tables that a profile names for references and that do not exist, in words. `columns`
/// gives the columns of a table.
pub fn unknown_columns<'a>(
    profile: &Profile,
    columns: impl Fn(&TableName) -> Option<&'a [String]>,
) -> Vec<String> {
    let mut missing = Vec::new();
    for entity in profile.entities.values().filter(|entity| !entity.binaries.is_empty()) {
        let Some(known) = columns(&entity.table) else {
            missing.push(format!("there is no table {}", entity.table));
            continue;
        };
        // Where rows are in files, an empty table has no columns.
        let lacks = |column: &&str| !known.is_empty() && !known.iter().any(|c| c == column);
        let words = |column: &str| format!("{} has no column {column}", entity.table);
        missing.extend(entity.columns().filter(lacks).map(words));
    }
    missing.sort();
    missing.dedup();
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{digest::Digest, sorted::SortedMapBuilder},
        model::state::{Metadata, Row, Table},
    };
    use serde_json::json;

    #[test]
    fn what_can_be_read_has_a_path_and_may_be_missing_unless_it_is_made_again() {
        let yaml = "{name: x, write-order: {upload: binary-first, replace: binary-first, delete: row-first}, \
            migrate: [m], entities: {photo: {table: photos, label: [n], soft-deleted: gone, binary: [ \
            {key: n, read-back: '/photos/${id}'}, {key: 't/${n}', read-back: '/thumbs/${id}', derived: true}, \
            {key: 'd/${n}/*', read-back: '/${object.key}'}, {key: 'x/${n}'}]}}}";
        let profile: Profile = serde_saphyr::from_str(yaml).unwrap();
        let row = |id: u8, n: &str, gone: bool| {
            let json = json!({ "id": id, "n": n, "gone": gone });
            (format!("[{id}]"), Row { digest: Digest::of(n), json: json.into() })
        };
        let rows = [row(1, "a", false), row(2, "b", false), row(3, "c", true)].into_iter().collect();
        let mut state = State::default();
        state.database.tables.insert("photos".into(), Table { rows, ..Table::default() });
        for key in ["a", "t/b", "d/a/1 é", "d/a/2", "d/b"] {
            let (sha256, metadata) = (Digest::of(key), Metadata::default());
            let object = ObjectState { size: 1, sha256, checksums: Default::default(), metadata };
            state.objects.insert(key.into(), object);
        }
        let is_there = |object: &ReadableObject<'_>| state.objects.contains_key(&object.key);
        let may_be_read = |object: &ReadableObject<'_>| is_there(object) || !object.binary.derived;
        let all: Vec<_> = readable(&profile, &state).filter(may_be_read).collect();
        let shown: Vec<(&str, &str, bool)> =
            all.iter().map(|o| (o.path.as_str(), o.key.as_str(), is_there(o))).collect();
        assert_eq!(
            shown,
            [
                ("/photos/1", "a", true),
                ("/photos/2", "b", false),
                ("/thumbs/2", "t/b", true),
                ("/d/a/1%20%C3%A9", "d/a/1 é", true),
                ("/d/a/2", "d/a/2", true),
            ]
        );
        assert_eq!((all[0].row.1.as_str(), all[0].number), ("a", 0));
    }
    #[test]
    fn a_row_may_refer_to_a_folder() {
        let yaml = "{name: x, write-order: {upload: row-first, replace: row-first, delete: row-first}, migrate: [m], \
            entities: {run: {table: runs, binary: [{key: '${uri|url}/*'}, {key: icon}]}}}";
        let profile: Profile = serde_saphyr::from_str(yaml).unwrap();
        let row = |uri: &str| {
            let json = json!({ "uri": uri, "icon": "icons/1.png" });
            (uri.to_owned(), Row { digest: Digest::of(uri), json: json.into() })
        };
        let rows = [row("app:/1/a"), row("app:/2/ü")].into_iter().collect();
        let table = Table { rows, ..Table::default() };
        let database = Database { tables: [("runs".into(), table)].into(), ..Database::default() };
        let mut sorted = SortedMapBuilder::<ObjectKey, ObjectReference>::new();
        references(&profile, &database).for_each(|reference| sorted.add(&reference.key, &reference));
        let mut referred = ReferredKeys::of(sorted.entries());
        let keys = ["1/a/b/c.txt", "1/a/d", "1/ab/x", "2/ü/x", "3/a/x", "icons/1.png", "icons/1.png2"];
        let included: Vec<&str> = keys.into_iter().filter(|key| referred.include(key)).collect();
        assert_eq!(included, ["1/a/b/c.txt", "1/a/d", "2/ü/x", "icons/1.png"]);
    }
}
