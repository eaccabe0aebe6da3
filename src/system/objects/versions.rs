//! Versions of objects, and which of them was there at a moment. Bringing one back is the drivers'.

use crate::base::ids::ObjectKey;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// A version of a key, or a delete marker (S3 User Guide, "How S3 Versioning works").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The whole key.
    pub key: ObjectKey,
    /// The store's id of it; `null` where it was written without versioning.
    pub id: String,
    /// When it was written, as precisely as the store records it: S3 in whole seconds, others in
    /// milliseconds, always rounded down.
    pub modified: DateTime<Utc>,
    /// Whether it is a delete marker: from here on the key is not there.
    pub marker: bool,
    /// Whether it is what a read without a version's id finds.
    pub latest: bool,
}

/// What is to be done with a key, so that it is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionChange {
    /// Copy this version over what is there.
    Bring(ObjectVersion),
    /// Delete the key: it was not there.
    Delete(ObjectKey),
}

/// Orders versions as they came, newest first within a key.
///
/// S3 lists them so, but versions and delete markers in lists of their own; between the lists only
/// the time is left. Of a version and a marker of the same tick the one that is the latest is the
/// newer, else the marker: a key is written and then deleted. Versions of the same tick stay in the
/// store's order.
pub fn newest_first(versions: &mut [ObjectVersion]) {
    versions.sort_by(|a, b| {
        let order = (&b.modified, b.latest, b.marker).cmp(&(&a.modified, a.latest, a.marker));
        a.key.cmp(&b.key).then(order)
    });
}

/// What brings every key to where it was at the moment: its newest version that is not later. A
/// version's time is rounded down, so one that was written within the tick of the moment counts as
/// written before it. With `heed_markers` off, delete markers count for nothing.
pub fn changes(versions: &[ObjectVersion], at: DateTime<Utc>, heed_markers: bool) -> Vec<VersionChange> {
    let mut keys: BTreeMap<&ObjectKey, Vec<&ObjectVersion>> = BTreeMap::new();
    for version in versions {
        keys.entry(&version.key).or_default().push(version);
    }
    let of_key = |(key, versions): (&ObjectKey, Vec<&ObjectVersion>)| {
        let then = versions.iter().find(|v| v.modified <= at && (heed_markers || !v.marker));
        let now = versions.iter().find(|v| v.latest).filter(|v| !v.marker);
        match (then.filter(|v| !v.marker), now) {
            (Some(then), now) if now.is_none_or(|now| now.id != then.id) => {
                Some(VersionChange::Bring((*then).clone()))
            }
            (None, Some(_)) => Some(VersionChange::Delete(key.clone())),
            (Some(_), _) | (None, None) => None,
        }
    };
    keys.into_iter().filter_map(of_key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The versions that writes leave: a key, how many ticks after the one before, whether it is a
    /// delete. Ids count up.
    fn history(writes: &[(u8, u8, bool)]) -> Vec<ObjectVersion> {
        let mut tick = 0;
        let mut versions: Vec<ObjectVersion> = Vec::new();
        for (i, (key, later, marker)) in writes.iter().enumerate() {
            tick += i64::from(*later);
            let key = ObjectKey::new(format!("k{key}"));
            for older in versions.iter_mut().filter(|v| v.key == key) {
                older.latest = false;
            }
            let modified = DateTime::from_timestamp(tick, 0).unwrap();
            versions.push(ObjectVersion { key, id: i.to_string(), modified, marker: *marker, latest: true });
        }
        versions
    }

    /// What a reader finds: the ids by key.
    fn visible<'a>(versions: impl Iterator<Item = &'a ObjectVersion>) -> BTreeMap<ObjectKey, String> {
        let mut there = BTreeMap::new();
        for version in versions {
            there.insert(version.key.clone(), (!version.marker).then(|| version.id.clone()));
        }
        there.into_iter().filter_map(|(key, id)| Some((key, id?))).collect()
    }

    proptest! {
        #[test]
        fn every_key_comes_to_where_it_was(
            writes in prop::collection::vec((0_u8..4, 1_u8..3, any::<bool>()), 0..30),
            at in 0_i64..60,
        ) {
            let versions = history(&writes);
            let at = DateTime::from_timestamp(at, 0).unwrap();
            let then = visible(versions.iter().filter(|v| v.modified <= at));
            let mut now = visible(versions.iter());
            // As a store lists them: versions first, then markers, either newest first.
            let (markers, mut listed): (Vec<_>, Vec<_>) = versions.into_iter().rev().partition(|v| v.marker);
            listed.extend(markers);
            newest_first(&mut listed);
            for change in changes(&listed, at, true) {
                match change {
                    VersionChange::Bring(version) => { now.insert(version.key, version.id); }
                    VersionChange::Delete(key) => { prop_assert!(now.remove(&key).is_some(), "deleted in vain"); }
                }
            }
            prop_assert_eq!(now, then);
        }
    }

    #[test]
    fn within_a_tick_the_latest_is_newest_and_a_marker_follows_its_version() {
        let mut listed = history(&[(1, 1, false), (1, 0, true), (1, 5, false), (2, 0, true), (2, 0, false)]);
        listed.sort_by_key(|v| v.marker);
        newest_first(&mut listed);
        let ids: Vec<&str> = listed.iter().map(|v| v.id.as_str()).collect();
        assert_eq!(ids, ["2", "1", "0", "4", "3"]);
    }
}
