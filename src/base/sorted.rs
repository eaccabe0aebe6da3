//! Maps of any size with little memory: immutable values by key in temporary files, read as streams in the byte
//! order of their keys. A change of a few entries writes the map again. Two maps are compared entry by entry, as
//! streams; maps that share their content are equal without being read.

use serde::Serialize;
use sorted_table::{Entries, ExternalSort, SortedTable, TableEntry, TableWriter};
use std::{cmp::Ordering, fmt, marker::PhantomData};

/// A value of a [`SortedMap`], as bytes.
pub trait Packed: Sized {
    /// Appends itself. Equal values append equal bytes, others other ones.
    fn pack(&self, to: &mut Vec<u8>);

    /// The inverse; none for bytes that are not of such a value.
    fn unpack(bytes: &[u8]) -> Option<Self>;
}

/// Appends a value as JSON, for values of texts and numbers: there is none that JSON cannot hold, and a vector takes
/// all bytes.
pub fn pack_json(value: &impl Serialize, to: &mut Vec<u8>) {
    serde_json::to_writer(to, value).unwrap_or_else(|error| panic!("a value is not valid JSON: {error}"));
}

impl Packed for u64 {
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.to_le_bytes());
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_le_bytes)
    }
}

impl Packed for Option<String> {
    /// A byte before a text that is there, so that none and an empty one differ.
    fn pack(&self, to: &mut Vec<u8>) {
        if let Some(text) = self {
            to.push(0);
            to.extend_from_slice(text.as_bytes());
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            None => Some(None),
            Some((_, text)) => String::from_utf8(text.to_vec()).ok().map(Some),
        }
    }
}

/// A text that is a key.
pub trait SortedKey: AsRef<str> + From<String> {}

impl<T: AsRef<str> + From<String>> SortedKey for T {}

/// A map in the byte order of its keys. Clones share it.
pub struct SortedMap<K, V> {
    table: SortedTable,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: SortedKey, V: Packed> SortedMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &(impl AsRef<str> + ?Sized)) -> Option<V> {
        self.table.get(key.as_ref()).map(|bytes| unpacked(&bytes))
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &(impl AsRef<str> + ?Sized)) -> bool {
        self.table.get(key.as_ref()).is_some()
    }

    /// All entries.
    pub fn iter(&self) -> Iter<K, V> {
        Iter { entries: self.table.iter(), types: PhantomData }
    }

    /// The entries with this key or a greater one.
    pub fn range_from(&self, key: &(impl AsRef<str> + ?Sized)) -> Iter<K, V> {
        Iter { entries: self.table.range_from(key.as_ref()), types: PhantomData }
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = K> + use<K, V> {
        self.table.iter().map(|(key, _)| key.into())
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = V> + use<K, V> {
        self.table.iter().map(|(_, value)| unpacked(&value))
    }

    /// Whether both share their content.
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.table.is_one_with(&other.table)
    }

    /// Shares the other's content where it equals its own, so that one of them can be removed.
    pub fn share_with(&mut self, other: &Self) {
        if *self == *other {
            *self = other.clone();
        }
    }

    /// What differs between two maps, in the order of the keys.
    pub fn differences(&self, after: &Self) -> impl Iterator<Item = EntryChange<K, V>> + use<K, V> {
        changed(&self.table, &after.table).map(|(key, was, is)| EntryChange {
            key: key.into(),
            was: was.map(|bytes| unpacked(&bytes)),
            is: is.map(|bytes| unpacked(&bytes)),
        })
    }

    /// Makes the changes between two maps to this one. Whether there are any.
    pub fn take_over(&mut self, before: &Self, after: &Self) -> bool {
        if self.is_one_with(before) {
            let any = before != after;
            *self = after.clone();
            return any;
        }
        let mut changes = changed(&before.table, &after.table).map(|(key, _, is)| (key, is)).peekable();
        let any = changes.peek().is_some();
        if any {
            self.change(changes);
        }
        any
    }

    /// Keeps the entries for which this holds.
    pub fn retain(&mut self, mut holds: impl FnMut(&K, &V) -> bool) {
        let mut writer = TableWriter::new();
        for (key, value) in self.table.iter() {
            let key = K::from(key);
            if holds(&key, &unpacked(&value)) {
                writer.push(key.as_ref(), &value);
            }
        }
        if writer.len() < self.len() {
            self.table = writer.finish();
        }
    }

    /// Adds or replaces an entry.
    pub fn insert(&mut self, key: K, value: V) {
        self.extend([(key, value)]);
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &(impl AsRef<str> + ?Sized)) {
        self.change(std::iter::once((key.as_ref().to_owned(), None)));
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sets or removes entries, which come in the order of their keys.
    fn change(&mut self, changes: impl Iterator<Item = (String, Option<Vec<u8>>)>) {
        let mut writer = TableWriter::new();
        for joined in join(self.table.iter(), changes) {
            let value = match joined {
                (key, Some(value), None) | (key, _, Some(Some(value))) => Some((key, value)),
                (_, _, Some(None)) | (_, None, None) => None,
            };
            value.into_iter().for_each(|(key, value)| writer.push(&key, &value));
        }
        self.table = writer.finish();
    }
}

/// An entry that two maps do not have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange<K, V> {
    /// The key.
    pub key: K,
    /// What the first map holds.
    pub was: Option<V>,
    /// What the second map holds.
    pub is: Option<V>,
}

/// Collects entries that come in any order.
pub struct SortedMapBuilder<K, V> {
    sort: ExternalSort,
    value: Vec<u8>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: SortedKey, V: Packed> SortedMapBuilder<K, V> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { sort: ExternalSort::new(), value: Vec::new(), types: PhantomData }
    }

    /// Adds an entry. A key may come several times.
    pub fn add(&mut self, key: &K, value: &V) {
        self.value.clear();
        value.pack(&mut self.value);
        self.sort.add(key.as_ref(), &self.value);
    }

    /// The map of keys that came once each.
    pub fn finish(self) -> SortedMap<K, V> {
        self.sort.table().into()
    }

    /// All entries, in order.
    pub fn entries(self) -> impl Iterator<Item = (K, V)> + use<K, V> {
        self.sort.entries().map(|(key, value)| (key.into(), unpacked(&value)))
    }

    /// The map in which each entry of a key that came several times has a key of its own: the first free of
    /// `key #1`, `key #2`, …. With `all`, entries of keys that came once are numbered too.
    pub fn finish_numbered(self, all: bool) -> SortedMap<K, V> {
        let mut writer = TableWriter::new();
        // The entries of one key: each different value with its number of occurrences, because a table may hold
        // the same row a million times.
        let mut group: (String, Vec<(Vec<u8>, u64)>) = Default::default();
        for (key, value) in self.sort.entries() {
            if key != group.0 {
                number(&group.0, &group.1, all, &mut writer);
                group = (key, Vec::new());
            }
            match group.1.last_mut() {
                Some((same, times)) if *same == value => *times += 1,
                Some(_) | None => group.1.push((value, 1)),
            }
        }
        number(&group.0, &group.1, all, &mut writer);
        writer.finish().into()
    }
}

impl<K: SortedKey, V: Packed> Default for SortedMapBuilder<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Entries of a map, in order.
#[derive(Clone)]
pub struct Iter<K, V> {
    entries: Entries,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: SortedKey, V: Packed> Iterator for Iter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let (key, value) = self.entries.next()?;
        Some((key.into(), unpacked(&value)))
    }
}

fn unpacked<V: Packed>(bytes: &[u8]) -> V {
    // The table checks that it reads what was written.
    V::unpack(bytes).unwrap_or_else(|| panic!("a value of {} bytes is not what was packed", bytes.len()))
}

/// Writes the entries of a key, each under a key of its own.
fn number(key: &str, values: &[(Vec<u8>, u64)], all: bool, writer: &mut TableWriter) {
    let plain = u64::from(!all);
    let times: u64 = values.iter().map(|(_, times)| times).sum();
    let numbered = in_order_of_text(times.saturating_sub(plain)).map(|number| format!("{key} #{number}"));
    let plain = (plain > 0).then(|| key.to_owned());
    let each = values.iter().flat_map(|(value, times)| (0..*times).map(move |_| value));
    plain.into_iter().chain(numbered).zip(each).for_each(|(key, value)| writer.push(&key, value));
}

/// The numbers from 1 on in the order of their texts: 1, 10, 11, 2, ….
fn in_order_of_text(last: u64) -> impl Iterator<Item = u64> {
    std::iter::successors((last > 0).then_some(1), move |number| {
        if number * 10 <= last {
            return Some(number * 10);
        }
        let mut next = *number;
        while next % 10 == 9 || next >= last {
            next /= 10;
        }
        (next > 0).then_some(next + 1)
    })
}

/// The entries that two tables do not have alike.
fn changed(
    before: &SortedTable,
    after: &SortedTable,
) -> impl Iterator<Item = (String, Option<Vec<u8>>, Option<Vec<u8>>)> + use<> {
    let both = (!before.is_one_with(after)).then(|| join(before.iter(), after.iter()));
    both.into_iter().flatten().filter(|(_, was, is)| was != is)
}

/// Two streams in the order of their keys as one, by key. Each has a key once.
pub fn join<K: Ord, X, Y, A, B>(
    a: A,
    b: B,
) -> impl Iterator<Item = (K, Option<X>, Option<Y>)> + use<K, X, Y, A, B>
where
    A: Iterator<Item = (K, X)>,
    B: Iterator<Item = (K, Y)>,
{
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        match (a.next_if(|_| order.is_le()), b.next_if(|_| order.is_ge())) {
            (Some((key, a)), b) => Some((key, Some(a), b.map(|(_, b)| b))),
            (None, Some((key, b))) => Some((key, None, Some(b))),
            (None, None) => None,
        }
    })
}

impl<K, V> From<SortedTable> for SortedMap<K, V> {
    fn from(table: SortedTable) -> Self {
        Self { table, types: PhantomData }
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedTable::default().into()
    }
}

impl<K, V> Clone for SortedMap<K, V> {
    fn clone(&self) -> Self {
        self.table.clone().into()
    }
}

impl<K, V> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.table.len() == other.table.len() && changed(&self.table, &other.table).next().is_none()
    }
}

impl<K: SortedKey + fmt::Debug, V: Packed + fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: SortedKey, V: Packed> FromIterator<(K, V)> for SortedMap<K, V> {
    /// Of entries with one key the last one stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
    }
}

impl<K: SortedKey, V: Packed> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let pack = |(key, value): (K, V)| {
            let mut bytes = Vec::new();
            value.pack(&mut bytes);
            (key.as_ref().to_owned(), bytes)
        };
        let mut sorted: Vec<TableEntry> = entries.into_iter().map(pack).collect();
        // Of equal keys the last one first, which is the one that stays.
        sorted.reverse();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        sorted.dedup_by(|(a, _), (b, _)| a == b);
        self.change(sorted.into_iter().map(|(key, value)| (key, Some(value))));
    }
}

impl<K: SortedKey, V: Packed> IntoIterator for &SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = Iter<K, V>;

    fn into_iter(self) -> Iter<K, V> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl Packed for Vec<u8> {
        fn pack(&self, to: &mut Vec<u8>) {
            to.extend_from_slice(self);
        }

        fn unpack(bytes: &[u8]) -> Option<Self> {
            Some(bytes.to_vec())
        }
    }

    type Naive = BTreeMap<String, Vec<u8>>;
    type Map = SortedMap<String, Vec<u8>>;

    /// Few keys, so that two maps have many in common; some values so long that a few fill a block.
    fn map() -> impl Strategy<Value = Naive> {
        let value = (prop_oneof![8 => 0..3_usize, 1 => 20_000..40_000_usize], 0..2_u8);
        prop::collection::btree_map("[a-c]{0,3}", value.prop_map(|(length, byte)| vec![byte; length]), 0..30)
    }

    fn of(naive: &Naive) -> Map {
        naive.clone().into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_map_in_files_is_the_map_in_memory(a in map(), b in map(), c in map(), key in "[a-c]{0,3}") {
            let (was, is, mut other) = (of(&a), of(&b), of(&c));
            prop_assert_eq!(was.iter().collect::<Naive>(), a.clone());
            prop_assert_eq!(was.get(&key), a.get(&key).cloned());
            prop_assert_eq!(was.range_from(&key).collect::<Naive>(), a.range(key.clone()..).map(|(k, v)| (k.clone(), v.clone())).collect());
            prop_assert_eq!(was == is, a == b);

            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let differences: Vec<_> = keys.into_iter().filter(|key| a.get(*key) != b.get(*key)).map(|key| {
                EntryChange { key: key.clone(), was: a.get(key).cloned(), is: b.get(key).cloned() }
            }).collect();
            prop_assert_eq!(was.differences(&is).collect::<Vec<_>>(), differences.clone());

            let mut naive = c.clone();
            for EntryChange { key, is, .. } in differences {
                match is {
                    Some(value) => drop(naive.insert(key, value)),
                    None => drop(naive.remove(&key)),
                }
            }
            prop_assert_eq!(other.take_over(&was, &is), a != b);
            prop_assert_eq!(other.iter().collect::<Naive>(), naive.clone());
            naive.retain(|key, _| !key.starts_with('a'));
            other.retain(|key, _| !key.starts_with('a'));
            prop_assert_eq!(&other, &of(&naive));
        }

        #[test]
        fn each_of_equal_keys_gets_a_key_of_its_own(keys in prop::collection::vec(("[ab]", 0..3_u8), 0..300), all: bool) {
            let mut builder = SortedMapBuilder::new();
            let mut naive = Naive::new();
            let mut sorted = keys.clone();
            sorted.sort();
            keys.iter().for_each(|(key, value)| builder.add(key, &vec![*value]));
            for (key, _) in &sorted {
                let mut free = (1..).map(|n| format!("{key} #{n}")).filter(|key| !naive.contains_key(key));
                let key = if all || naive.contains_key(key) { free.next().unwrap() } else { key.clone() };
                naive.insert(key, Vec::new());
            }
            let map = builder.finish_numbered(all);
            prop_assert_eq!(map.keys().collect::<Vec<_>>(), naive.into_keys().collect::<Vec<_>>());
            let mut values: Vec<u8> = map.values().flatten().collect();
            let mut given: Vec<u8> = keys.into_iter().map(|(_, value)| value).collect();
            values.sort_unstable();
            given.sort_unstable();
            prop_assert_eq!(values, given);
        }
    }

    #[test]
    fn maps_that_are_equal_share_their_content() {
        let one = of(&[("a".to_owned(), vec![1])].into());
        let mut other = of(&[("a".to_owned(), vec![1])].into());
        assert!(!other.is_one_with(&one));
        other.share_with(&one);
        assert!(other.is_one_with(&one));
        other.insert("b".to_owned(), vec![2]);
        other.remove("a");
        assert_eq!((one.len(), other.keys().collect::<Vec<_>>()), (1, vec!["b".to_owned()]));
    }
}
