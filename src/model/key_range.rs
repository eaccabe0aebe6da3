//! Ranges of keys, so that several machines share one reconciliation.

use crate::base::ids::ObjectKey;
use serde::{Deserialize, Serialize};

/// The keys above `after`, up to and with `until`, in byte order; without a bound, to the first or last one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyRange {
    /// The range begins behind this key.
    pub after: Option<ObjectKey>,
    /// The last key that may be in the range.
    pub until: Option<ObjectKey>,
}

impl KeyRange {
    /// The ranges between these keys, which cover all keys without a gap. A key that is there twice makes no
    /// empty range.
    pub fn between(mut bounds: Vec<ObjectKey>) -> Vec<Self> {
        bounds.sort();
        bounds.dedup();
        let after = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
        let until = bounds.iter().cloned().map(Some).chain([None]);
        after.zip(until).map(|(after, until)| Self { after, until }).collect()
    }

    /// Whether a key comes before the range.
    pub fn is_after(&self, key: &ObjectKey) -> bool {
        self.after.as_ref().is_some_and(|after| key <= after)
    }

    /// Whether a key comes behind the range.
    pub fn is_before(&self, key: &ObjectKey) -> bool {
        self.until.as_ref().is_some_and(|until| key > until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_at_their_bounds_and_none_is_empty() {
        let ranges = KeyRange::between(["m", "c", "m"].map(ObjectKey::from).into());
        let bounds: Vec<_> = ranges
            .iter()
            .map(|range| [&range.after, &range.until].map(|key| key.as_ref().map_or("", ObjectKey::as_str)))
            .collect();
        assert_eq!(bounds, [["", "c"], ["c", "m"], ["m", ""]]);
        for key in ["a", "c", "d", "m", "z"].map(ObjectKey::from) {
            let within = |range: &&KeyRange| !range.is_after(&key) && !range.is_before(&key);
            assert_eq!(ranges.iter().filter(within).count(), 1, "{key}");
        }
        assert_eq!(KeyRange::between(Vec::new()), [KeyRange::default()]);
    }
}
