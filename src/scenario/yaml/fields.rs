//! The keys of a mapping, each read by itself, so that all mistakes are found at once and not the
//! first only.

use super::{
    tree::{Data, Key, YamlNode},
    typed::{not_keys, read},
};
use crate::scenario::{
    diagnose::Mistake,
    source::{At, SourcePosition},
};
use serde::Deserialize;

/// The keys of a mapping.
pub struct Fields<'a> {
    entries: &'a [(Key, YamlNode)],
    /// Where the mapping begins.
    pub place: SourcePosition,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The keys of `what`: `a scenario`.
    pub fn of(node: &'a YamlNode, what: &'static str, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        if let Data::Map(entries) = &node.data {
            return Some(Self { entries, place: node.place, what, asked: Vec::new() });
        }
        mistakes.push(not_keys(node, what));
        None
    }

    /// A key's value, if the key is there.
    pub fn node(&mut self, key: &'static str) -> Option<(&'a Key, &'a YamlNode)> {
        self.asked.push(key);
        self.entries.iter().find(|(known, _)| known.text == key).map(|(key, node)| (key, node))
    }

    /// A key's value that must be there.
    pub fn needed(
        &mut self,
        key: &'static str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(&'a Key, &'a YamlNode)> {
        let found = self.node(key);
        if found.is_none() {
            let message = format!("missing key `{key}`");
            mistakes.push(
                Mistake::at(self.place, message)
                    .label(format!("{} begins here", self.what))
                    .help(format!("add `{key}: …`")),
            );
        }
        found
    }

    /// A typed value that must be there.
    pub fn required<T: Deserialize<'a>>(
        &mut self,
        key: &'static str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<At<T>> {
        let (_, node) = self.needed(key, mistakes)?;
        read(node).map_err(|mistake| mistakes.push(mistake)).ok()
    }

    /// A typed value that may be there.
    pub fn optional<T: Deserialize<'a>>(
        &mut self,
        key: &'static str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<At<T>> {
        let (_, node) = self.node(key)?;
        read(node).map_err(|mistake| mistakes.push(mistake)).ok()
    }

    /// The entries of a list that may be there.
    pub fn list(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> &'a [YamlNode] {
        self.node(key).map_or(&[], |(_, node)| items(node, mistakes))
    }

    /// The entries of a list, each typed.
    pub fn each<T: Deserialize<'a>>(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<At<T>> {
        let nodes = self.list(key, mistakes);
        nodes.iter().filter_map(|node| read(node).map_err(|m| mistakes.push(m)).ok()).collect()
    }

    /// The keys that nobody asked for are mistakes.
    pub fn finish(self, mistakes: &mut Vec<Mistake>) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.asked.contains(&key.text.as_str())) {
            let mistake = Mistake::unknown(Some(key.place), "key", &key.text, self.asked.iter().copied());
            mistakes.push(mistake.label(format!("{} has no such key", self.what)));
        }
    }
}

/// The entries of a list.
pub fn items<'a>(node: &'a YamlNode, mistakes: &mut Vec<Mistake>) -> &'a [YamlNode] {
    match &node.data {
        Data::List(items) => items,
        Data::Scalar { .. } | Data::Map(_) => {
            let mistake = Mistake::at(node.place, "expected a list").label("expected a list");
            mistakes.push(mistake.help("write each entry on a line of its own that begins with `- `"));
            &[]
        }
    }
}
