//! What the lists of assets and templates show, as often as they show it.

use crate::{base::error::Error, system::engine::Engine};
use std::collections::BTreeMap;

/// Findings of one look that are written out, at most.
const MOST: usize = 5;

/// The lists at a moment.
pub(super) struct Listed {
    pub(super) assets: Ids,
    pub(super) templates: Ids,
}

/// Ids, each with how often it is listed.
#[derive(Default)]
pub(super) struct Ids(BTreeMap<String, usize>);

impl Listed {
    /// Reads both lists.
    pub(super) async fn of(api: &Engine) -> Result<Self, Error> {
        let mut listed = Self { assets: Ids::default(), templates: Ids::default() };
        for asset in api.assets().await? {
            listed.assets.add(&asset.id);
        }
        for template in api.templates().await? {
            listed.templates.add(&template.key);
        }
        Ok(listed)
    }

    /// What differs from this in another look, a few of each list.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let assets = self.assets.differences(&now.assets, "asset");
        assets.chain(self.templates.differences(&now.templates, "template")).collect()
    }
}

impl Ids {
    pub(super) fn add(&mut self, id: &str) {
        *self.0.entry(id.to_owned()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    fn differences<'a>(&'a self, now: &'a Self, what: &'a str) -> impl Iterator<Item = String> + 'a {
        let lost = self.0.iter().filter_map(move |(id, times)| {
            let is = now.0.get(id).copied().unwrap_or_default();
            (is != *times).then(|| match is {
                0 => format!("{what} {id} is not listed"),
                is => format!("{what} {id} is listed {is} times"),
            })
        });
        let more = now.0.keys().filter(|id| !self.0.contains_key(*id));
        lost.chain(more.map(move |id| format!("{what} {id} is listed, which should not be there"))).take(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(of: &[&str]) -> Ids {
        let mut ids = Ids::default();
        of.iter().for_each(|id| ids.add(id));
        ids
    }

    #[test]
    fn lists_differ_by_what_is_lost_added_or_doubled() {
        let before = Listed { assets: ids(&["a", "b", "c"]), templates: ids(&["t"]) };
        let now = Listed { assets: ids(&["a", "c", "c", "d"]), templates: ids(&["t"]) };
        assert_eq!(
            before.differences(&now),
            [
                "asset b is not listed",
                "asset c is listed 2 times",
                "asset d is listed, which should not be there"
            ]
        );
        assert!(now.differences(&now).is_empty());
        let mut deleted = ids(&["t", "u"]);
        deleted.remove("u");
        assert_eq!(deleted.differences(&ids(&["t"]), "template").count(), 0);
    }
}
