//! The keys of a store, indexed by what values of columns may have in common with them.

use crate::system::objects::ListedObject;
use std::collections::{BTreeMap, HashMap};

/// KeyIndex that are compared with one value, at most: a name like `index.html` may end thousands.
const MOST: usize = 8;

/// The keys of a store and their sizes.
pub struct KeyIndex {
    sizes: BTreeMap<String, u64>,
    /// By the part after the last slash.
    by_name: HashMap<String, Vec<String>>,
}

impl KeyIndex {
    /// Indexes them.
    pub fn new(items: &[ListedObject]) -> Self {
        let sizes: BTreeMap<String, u64> = items.iter().map(|item| (item.key.0.clone(), item.size)).collect();
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        for key in sizes.keys() {
            let same = by_name.entry(name(key).to_owned()).or_default();
            if same.len() < MOST {
                same.push(key.clone());
            }
        }
        Self { sizes, by_name }
    }

    /// The size of an object.
    pub fn size(&self, key: &str) -> Option<u64> {
        self.sizes.get(key).copied()
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.sizes.contains_key(key)
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
        same.filter_map(move |key| key.strip_suffix(value)).filter(|prefix| !prefix.is_empty())
    }

    /// What stands before a key in a value that ends with the key: of an absolute path, of a URL.
    pub fn surplus_of<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        let same = self.by_name.get(name(value)).into_iter().flatten();
        same.filter_map(move |key| value.strip_suffix(key.as_str())).filter(|rest| !rest.is_empty())
    }

    /// What follows a value in keys that begin with it.
    pub fn rests_of<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.sizes.range(value.to_owned()..).map(|(key, _)| key.as_str());
        from.take(MOST).map_while(move |key| key.strip_prefix(value)).filter(|rest| !rest.is_empty())
    }
}

fn name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}
