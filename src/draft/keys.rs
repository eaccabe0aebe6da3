//! The keys of a store, indexed by what values of columns may have in common with them. A value is only found in a
//! key where it is a whole part of it: `upload` is not found in `uploads/a.png`.

use crate::system::objects::origin::Item;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Keys that are compared with one value, at most: a name like `index.html` may end thousands.
const MOST: usize = 8;

/// The keys of a store and their sizes.
pub struct KeyIndex {
    sizes: BTreeMap<String, u64>,
    /// By the part after the last slash.
    by_name: HashMap<String, Vec<String>>,
    /// By the same without the ending after the last dot.
    by_stem: HashMap<String, Vec<String>>,
}

impl KeyIndex {
    /// Indexes them.
    pub fn new(items: &[Item]) -> Self {
        let sizes: BTreeMap<String, u64> = items.iter().map(|item| (item.key.0.clone(), item.size)).collect();
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        let mut by_stem: HashMap<String, Vec<String>> = HashMap::new();
        for key in sizes.keys() {
            let stem = name(key).rsplit_once('.').map(|(stem, _)| by_stem.entry(stem.to_owned()));
            for same in [Some(by_name.entry(name(key).to_owned())), stem].into_iter().flatten() {
                let same = same.or_default();
                if same.len() < MOST {
                    same.push(key.clone());
                }
            }
        }
        Self { sizes, by_name, by_stem }
    }

    /// The size of an object.
    pub fn size(&self, key: &str) -> Option<u64> {
        self.sizes.get(key).copied()
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.sizes.contains_key(key)
    }

    /// Whether there are other keys than these.
    pub fn has_others(&self, keys: &BTreeSet<String>) -> bool {
        self.sizes.len() > keys.len()
    }

    /// Whether a key begins so and goes on.
    pub fn has_below(&self, prefix: &str) -> bool {
        self.sizes
            .range(prefix.to_owned()..)
            .find(|(key, _)| *key != prefix)
            .is_some_and(|(key, _)| key.starts_with(prefix))
    }

    /// What stands before a folder in the first key that has it.
    pub fn root_of(&self, folder: &str) -> Option<&str> {
        let inside = format!("/{}/", folder.trim_end_matches('/'));
        let find = |key: &'_ String| key.find(&inside);
        // One name alone is a folder somewhere by chance.
        folder
            .trim_end_matches('/')
            .contains('/')
            .then(|| self.sizes.keys().find_map(|key| Some(&key[..=find(key)?])))
            .flatten()
    }

    /// What stands before a value in keys that end with it.
    pub fn prefixes_of<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        let same = self.by_name.get(name(value)).into_iter().flatten();
        same.filter_map(move |key| key.strip_suffix(value)).filter(|prefix| ends_apart(prefix))
    }

    /// What stands before and after a value in keys that end with it and an ending such as `.png`.
    pub fn around<'a>(&'a self, value: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let same = self.by_stem.get(name(value)).into_iter().flatten();
        let parts = same.filter_map(move |key| {
            let dot = key.rfind('.')?;
            Some((key[..dot].strip_suffix(value)?, &key[dot..]))
        });
        parts.filter(|(prefix, _)| ends_apart(prefix))
    }

    /// What stands before a key in a value that ends with the key: of an absolute path, of a URL.
    pub fn surplus_of<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        let same = self.by_name.get(name(value)).into_iter().flatten();
        same.filter_map(move |key| value.strip_suffix(key.as_str())).filter(|rest| !rest.is_empty())
    }

    /// What follows a value in keys that begin with it.
    pub fn rests_of<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.sizes.range(value.to_owned()..).map(|(key, _)| key.as_str());
        let begins_apart = |rest: &&str| rest.chars().next().is_some_and(|c| !c.is_alphanumeric());
        from.take(MOST).map_while(move |key| key.strip_prefix(value)).filter(begins_apart)
    }
}

/// Whether what follows this text begins a part of a key.
fn ends_apart(text: &str) -> bool {
    text.chars().next_back().is_some_and(|c| !c.is_alphanumeric())
}

fn name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}
