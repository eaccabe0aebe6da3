//! How far a profile describes what is in two stores: for each binary how many rows have their object, and
//! whether sizes and checksums are what the profile says. Pure; the caller reads the stores.

use crate::{
    base::{
        checksum::{ChecksumAlgorithm, Checksums},
        ids::ObjectKey,
        pattern,
        sorted::{Packed, SortedMap, SortedMapBuilder, pack_json},
    },
    model::{
        profile::{BinaryStore, Profile},
        reference::{ObjectReference, ReferredKeys},
        state::State,
    },
};
use derived::derived_patterns;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

mod derived;

/// Examples that are kept.
const EXAMPLES: usize = 3;

/// Keys that are compared for patterns of derived objects, at most.
const DERIVED_AMONG: usize = 20_000;

/// What is known of an object without a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownObject {
    /// Bytes.
    pub size: u64,
    /// Its checksums, as far as they were computed.
    pub checksums: Checksums,
}

impl Packed for KnownObject {
    /// The size, then the checksums as JSON.
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.size.to_le_bytes());
        pack_json(&self.checksums, to);
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (size, checksums) = bytes.split_first_chunk()?;
        let checksums = serde_json::from_slice(checksums).ok()?;
        Some(Self { size: u64::from_le_bytes(*size), checksums })
    }
}

/// Objects by store and key, see [`place`].
pub type KnownObjects = SortedMap<String, KnownObject>;

/// The key of an object among those of all stores: a character for the store, then its own key.
pub fn place(store: BinaryStore, key: &ObjectKey) -> String {
    match store {
        BinaryStore::Assets => format!("a{key}"),
        BinaryStore::Results => format!("r{key}"),
    }
}

/// The key of an object in its store.
fn key_at(place: &str) -> &str {
    place.get(1..).unwrap_or_default()
}

/// The objects of a state.
pub fn objects_of(state: &State) -> KnownObjects {
    let mut objects = SortedMapBuilder::new();
    for store in [BinaryStore::Assets, BinaryStore::Results] {
        for (key, object) in state.objects_in(store) {
            let (size, mut checksums) = (object.size, object.checksums);
            checksums.0.insert(ChecksumAlgorithm::Sha256, vec![object.sha256.to_string()]);
            objects.add(&place(store, &key), &KnownObject { size, checksums });
        }
    }
    objects.finish()
}

/// How many there are, and a few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// How many.
    pub count: usize,
    /// The first.
    pub first: Vec<String>,
}

impl Examples {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(example());
        }
    }
}

/// Values that were compared with objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparedValues {
    /// How many.
    pub of: usize,
    /// Those that differ.
    pub wrong: Examples,
}

/// One binary of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinaryFit {
    /// `photo: photos, key media/${file}`.
    pub name: String,
    /// Whether the application makes its objects again: there may be none.
    derived: bool,
    /// Rows and elements that refer to an object.
    pub references: usize,
    /// Those whose object is there.
    pub matched: usize,
    /// Those whose object is not there and must be: row and key.
    pub missing: Examples,
    /// The first key without an object.
    first_missing: Option<String>,
    /// Recorded sizes.
    pub sizes: ComparedValues,
    /// Recorded checksums.
    pub checksums: BTreeMap<ChecksumAlgorithm, ComparedValues>,
    /// Values that are no size or checksum.
    pub unreadable: Examples,
}

/// How far a profile describes two stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFit {
    /// Tables and columns that do not exist.
    pub unknown: Vec<String>,
    /// The binaries, in the order of the profile.
    pub binaries: Vec<BinaryFit>,
    /// How many objects there are.
    pub objects: usize,
    /// Objects to which no row refers, and which the profile does not ignore.
    pub orphans: Examples,
    /// Those of them that are made of others, by how their keys follow from other keys: patterns as in
    /// `ignore-objects`, each with the number of objects that it fits.
    pub derived: BTreeMap<String, usize>,
    /// The others by their first folder; without a folder under the empty text.
    pub orphan_folders: BTreeMap<String, usize>,
    /// Those of these folders in which no object has a row.
    pub unreferenced_folders: BTreeSet<String>,
    /// A key under which the first missing object may be, by the name of its binary.
    pub elsewhere: BTreeMap<String, String>,
}

impl ProfileFit {
    /// Compares references with objects. `unknown` is what the profile names and does not exist.
    pub fn new(
        profile: &Profile,
        references: impl IntoIterator<Item = ObjectReference>,
        objects: &KnownObjects,
        unknown: Vec<String>,
    ) -> Self {
        let mut binaries: Vec<BinaryFit> = profile
            .entities
            .iter()
            .flat_map(|(name, entity)| entity.binaries.iter().map(move |binary| (name, entity, binary)))
            .map(|(name, entity, binary)| BinaryFit {
                name: format!("{name}: {}, key {}", entity.table, binary.key),
                derived: binary.derived,
                ..BinaryFit::default()
            })
            .collect();
        let mut by_place = SortedMapBuilder::new();
        for reference in references {
            by_place.add(&place(reference.store, &reference.key), &reference);
        }
        let by_place = by_place.finish();
        for reference in by_place.values() {
            let Some(fit) = binaries.get_mut(reference.binary) else { continue };
            fit.add(&reference, objects);
        }
        let unreferenced = || {
            let places = without_reference(&by_place, objects);
            places.map(|place| key_at(&place).to_owned()).filter(|key| !profile.ignores(key))
        };
        let derived = derived_among(&by_place, unreferenced().take(DERIVED_AMONG).collect());
        let mut orphans = Examples::default();
        let mut orphan_folders = BTreeMap::new();
        for key in unreferenced() {
            orphans.add(|| key.clone());
            if !derived.keys().any(|pattern| pattern::matches(pattern, &key)) {
                let folder = key.find('/').map_or("", |slash| &key[..=slash]).to_owned();
                *orphan_folders.entry(folder).or_insert(0) += 1;
            }
        }
        let holds_row = |folder: &str| {
            [BinaryStore::Assets, BinaryStore::Results].into_iter().any(|store| {
                let first = place(store, &ObjectKey(folder.to_owned()));
                by_place.range_from(&first).next().is_some_and(|(place, _)| place.starts_with(&first))
            })
        };
        let unreferenced_folders = orphan_folders
            .keys()
            .filter(|folder| !folder.is_empty() && !holds_row(folder))
            .cloned()
            .collect();
        let elsewhere = binaries.iter().filter_map(|fit| {
            let key = fit.first_missing.as_ref().filter(|_| fit.matched == 0)?;
            let end = format!("/{}", key.rsplit('/').next()?);
            let found = objects.keys().find(|place| place.ends_with(&end))?;
            Some((fit.name.clone(), key_at(&found).to_owned()))
        });
        let elsewhere = elsewhere.collect();
        Self {
            unknown,
            binaries,
            objects: objects.len(),
            orphans,
            derived,
            orphan_folders,
            unreferenced_folders,
            elsewhere,
        }
    }

    /// Why the profile does not describe these stores at all, for each reason a line. Single rows without
    /// their object are no reason: they may be damaged.
    pub fn misfits(&self) -> Vec<String> {
        let mut reasons = self.unknown.clone();
        for fit in &self.binaries {
            if fit.references == 0 && !fit.derived && self.unknown.is_empty() {
                let why = "no row refers to an object: fill the site with such a row, or remove the binary";
                reasons.push(format!("{}: {why}", fit.name));
            }
            if fit.references > 0 && fit.matched == 0 && fit.missing.count > 0 {
                let mut why = format!("{}: 0 of {} keys exist", fit.name, fit.references);
                let example = fit.missing.first.first().map_or("", String::as_str);
                let _ = write!(why, ", for example {example}");
                if let Some(key) = self.elsewhere.get(&fit.name) {
                    let _ = write!(why, "; the store has {key:?}");
                }
                reasons.push(why);
            }
            let columns = fit.checksums.iter().map(|(algorithm, compared)| (algorithm.to_string(), compared));
            for (what, compared) in std::iter::once(("size".to_owned(), &fit.sizes)).chain(columns) {
                if compared.of > 0 && compared.wrong.count == compared.of {
                    let example = compared.wrong.first.first().map_or("", String::as_str);
                    reasons.push(format!(
                        "{}: the {what} is wrong in all {} rows: {example}",
                        fit.name, compared.of
                    ));
                }
            }
            if fit.unreadable.count > 0 {
                let example = fit.unreadable.first.first().map_or("", String::as_str);
                reasons
                    .push(format!("{}: {} values cannot be read: {example}", fit.name, fit.unreadable.count));
            }
        }
        reasons
    }
}

impl BinaryFit {
    fn add(&mut self, reference: &ObjectReference, objects: &KnownObjects) {
        for (what, value) in &reference.unreadable {
            self.unreadable.add(|| format!("{} has {value:?} as {what}", reference.name));
        }
        let wanted = place(reference.store, &reference.key);
        let found = objects.range_from(&wanted).take_while(|(place, _)| match reference.is_prefix {
            true => place.starts_with(&wanted),
            false => *place == wanted,
        });
        self.references += 1;
        let mut any = false;
        for (_, object) in found {
            any = true;
            self.compare(reference, &object);
        }
        self.matched += usize::from(any);
        if !any && !reference.is_prefix && !reference.is_deleted && !reference.is_derived {
            self.first_missing.get_or_insert_with(|| reference.key.to_string());
            self.missing.add(|| format!("{:?} of {}", reference.key.as_str(), reference.name));
        }
    }

    fn compare(&mut self, reference: &ObjectReference, object: &KnownObject) {
        if let Some(range) = reference.size {
            self.sizes.of += 1;
            if !range.holds(object.size) {
                self.sizes
                    .wrong
                    .add(|| format!("{} has {range}, its object {}", reference.name, object.size));
            }
        }
        for (algorithm, recorded) in &reference.checksums {
            let Some(actual) = object.checksums.0.get(algorithm) else { continue };
            let compared = self.checksums.entry(*algorithm).or_default();
            compared.of += 1;
            if !actual.contains(recorded) {
                let first = actual.first().map_or("", String::as_str);
                compared.wrong.add(|| format!("{} has {recorded}, its object {first}", reference.name));
            }
        }
    }
}

/// The patterns of objects that are made of others, judged by the first keys of each kind and refused by all keys
/// with a row.
fn derived_among(
    references: &SortedMap<String, ObjectReference>,
    orphans: Vec<String>,
) -> BTreeMap<String, usize> {
    let referred: Vec<String> = references.keys().take(DERIVED_AMONG).collect();
    let referred = referred.iter().map(|place| key_at(place)).collect();
    let orphans: Vec<&str> = orphans.iter().map(String::as_str).collect();
    let mut patterns = derived_patterns(&referred, &orphans);
    patterns
        .retain(|candidate, _| !references.keys().any(|place| pattern::matches(candidate, key_at(&place))));
    patterns
}

/// The places of objects to which no reference leads, in order.
fn without_reference(
    references: &SortedMap<String, ObjectReference>,
    objects: &KnownObjects,
) -> impl Iterator<Item = String> {
    let mut referred = ReferredKeys::of(references.iter());
    objects.keys().filter(move |place| !referred.include(place))
}

/// `1204` as `1,204`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|c| std::str::from_utf8(c).ok()).collect();
    groups.join(",")
}

impl fmt::Display for BinaryFit {
    /// One line, and one for each kind of mismatch with examples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (matched, all) = (thousands(self.matched), thousands(self.references));
        write!(f, "{}: {matched} of {all} references have their object", self.name)?;
        if self.missing.count > 0 {
            write!(
                f,
                "\n  without object: {}, for example {}",
                self.missing.count,
                self.missing.first.join(", ")
            )?;
        }
        let columns = self.checksums.iter().map(|(algorithm, compared)| (algorithm.to_string(), compared));
        for (what, compared) in std::iter::once(("size".to_owned(), &self.sizes)).chain(columns) {
            if compared.of == 0 {
                continue;
            }
            let right = compared.of - compared.wrong.count;
            write!(f, "\n  {what}: {} of {} are right", thousands(right), thousands(compared.of))?;
            if compared.wrong.count > 0 {
                write!(f, "; {}", compared.wrong.first.join("; "))?;
            }
        }
        if self.unreadable.count > 0 {
            write!(
                f,
                "\n  not readable: {}, for example {}",
                self.unreadable.count,
                self.unreadable.first.join(", ")
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for ProfileFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.unknown {
            writeln!(f, "does not exist: {line}")?;
        }
        for binary in &self.binaries {
            writeln!(f, "{binary}")?;
        }
        let (orphans, objects) = (thousands(self.orphans.count), thousands(self.objects));
        write!(f, "{orphans} of {objects} objects have no row")?;
        if self.orphans.count > 0 {
            write!(f, ", for example {}", self.orphans.first.join(", "))?;
        }
        for (pattern, count) in &self.derived {
            write!(f, "\n  {} fit {pattern:?} and seem to be made of others", thousands(*count))?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::references;
    use crate::model::state::{Database, Row, Table};
    use serde_json::json;

    fn fit(key: &str, objects: &[(&str, u64)]) -> ProfileFit {
        let yaml = format!(
            "{{name: x, write-order: {{upload: binary-first, replace: binary-first, delete: row-first}}, migrate: [m], \
             entities: {{photo: {{table: photos, label: [n], binary: {{key: '{key}', size: s}}}}}}}}"
        );
        let profile: Profile = serde_saphyr::from_str(&yaml).unwrap();
        let row = |n: &str, s: u64| {
            let json = json!({ "n": n, "s": s });
            (format!("[{n:?}]"), Row { digest: crate::base::digest::Digest::of(n), json: json.into() })
        };
        let rows = [row("a.png", 1), row("b.png", 2), row("", 3)].into_iter().collect();
        let table = Table { columns: vec!["n".into(), "s".into()], rows, ..Table::default() };
        let database = Database { tables: [("photos".into(), table)].into(), ..Database::default() };
        let known = |(key, size): &(&str, u64)| {
            let object = KnownObject { size: *size, checksums: Checksums::default() };
            (place(BinaryStore::Assets, &ObjectKey::from(*key)), object)
        };
        let objects = objects.iter().map(known).collect();
        ProfileFit::new(&profile, references(&profile, &database), &objects, Vec::new())
    }

    #[test]
    fn what_matches_is_counted_and_a_profile_that_matches_nothing_is_a_misfit() {
        let right = fit("n", &[("a.png", 1), ("b.png", 2), ("x/orphan", 1)]);
        assert_eq!(right.misfits(), [""; 0]);
        insta::assert_snapshot!(right.to_string(), @r"
        photo: photos, key n: 2 of 2 references have their object
          size: 2 of 2 are right
        1 of 3 objects have no row, for example x/orphan
        ");
        let one = fit("n", &[("a.png", 1)]);
        assert_eq!(one.misfits(), [""; 0]);
        let prefix = fit("n", &[("media/a.png", 1), ("media/b.png", 2)]);
        assert_eq!(
            prefix.misfits(),
            [
                r#"photo: photos, key n: 0 of 2 keys exist, for example "a.png" of a.png; the store has "media/a.png""#
            ]
        );
        assert_eq!(fit("media/${n}", &[("media/a.png", 1), ("media/b.png", 2)]).misfits(), [""; 0]);
        let nothing = fit("${n.path}", &[("a.png", 1)]).misfits();
        let why = "no row refers to an object: fill the site with such a row, or remove the binary";
        assert_eq!(nothing, [format!("photo: photos, key ${{n.path}}: {why}")]);
        let sizes = fit("n", &[("a.png", 10), ("b.png", 20)]).misfits();
        assert_eq!(
            sizes,
            ["photo: photos, key n: the size is wrong in all 2 rows: a.png has 1 bytes, its object 10"]
        );
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it_and_nothing_else() {
        let fit = fit(
            "${n}/*",
            &[("a.png", 1), ("a.png/1", 1), ("a.png/x/2", 1), ("a.pngx", 1), ("b.png/1", 2), ("c", 1)],
        );
        assert_eq!(fit.orphans.first, ["a.png", "a.pngx", "c"]);
        assert_eq!((fit.objects, fit.binaries[0].matched), (6, 2));
    }

    #[test]
    fn long_numbers_have_groups() {
        assert_eq!([0, 12, 1204, 1_000_000].map(thousands), ["0", "12", "1,204", "1,000,000"]);
    }
}
