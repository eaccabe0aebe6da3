//! Digests of objects against those that rows record: by the store's own record or by reading, a few at a time.

use crate::{
    base::{
        checksum::{ChecksumAlgorithm, Checksums},
        digest::Hasher,
        error::Error,
        ids::ObjectKey,
    },
    model::{
        finding::FindingKind,
        reference::ObjectReference,
        state::{Metadata, ObjectState},
    },
    reconcile::{
        finding::{Suspect, SuspectSide},
        options::Depth,
        pace::Pace,
        progress::Tally,
    },
    system::objects::{ListedObject, ObjectFacts, view::BucketView},
};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::collections::BTreeSet;

/// Objects that are read at a time.
const ABREAST: usize = 8;

/// Rows of one object that one reading is for; more wait for the next.
const ROWS: usize = 1_000;

/// An object and the rows that point at it.
struct Group {
    object: ListedObject,
    rows: Vec<ObjectReference>,
}

/// What a reading gave: none where the object went away, or the store has no SHA-256 of it.
type ReadObject = Result<(Group, Option<ObjectState>), Error>;

/// Reads the objects that the depth asks for, each once for its rows.
pub(super) struct Reader<'a> {
    depth: Depth,
    /// Of a sample: objects whose hash is below this are read.
    below: u64,
    objects: &'a BucketView,
    pace: &'a Pace,
    /// What rows record.
    checksums: &'a BTreeSet<ChecksumAlgorithm>,
    /// The rows of the last key, until another comes.
    group: Option<Group>,
    running: FuturesUnordered<BoxFuture<'a, ReadObject>>,
}

impl<'a> Reader<'a> {
    /// A sample is taken of so many expected keys.
    pub(super) fn new(
        depth: Depth,
        expected: u64,
        objects: &'a BucketView,
        pace: &'a Pace,
        checksums: &'a BTreeSet<ChecksumAlgorithm>,
    ) -> Self {
        let below = match depth {
            Depth::Sample(wanted) => threshold(wanted.get(), expected),
            Depth::Listing | Depth::Recorded | Depth::Full => u64::MAX,
        };
        Self { depth, below, objects, pace, checksums, group: None, running: FuturesUnordered::new() }
    }

    /// Takes a row whose object is to be read, where that is asked for. Gives what other readings found wrong.
    pub(super) async fn consider(
        &mut self,
        row: ObjectReference,
        object: ListedObject,
        tally: &mut Tally,
    ) -> Result<Vec<Suspect>, Error> {
        let wanted = match self.depth {
            Depth::Listing => false,
            Depth::Recorded | Depth::Full => true,
            Depth::Sample(_) => place(&row.key) < self.below,
        };
        if !wanted {
            return Ok(Vec::new());
        }
        let has_digest = match self.depth {
            Depth::Recorded => row.checksums.contains_key(&ChecksumAlgorithm::Sha256),
            Depth::Listing | Depth::Sample(_) | Depth::Full => !row.checksums.is_empty(),
        };
        if row.is_prefix || !has_digest {
            tally.without_digest += 1;
            return Ok(Vec::new());
        }
        let fits = |group: &Group| group.object.key == row.key && group.rows.len() < ROWS;
        if let Some(group) = self.group.as_mut().filter(|group| fits(group)) {
            group.rows.push(row);
            return Ok(Vec::new());
        }
        self.begin(Some(Group { object, rows: vec![row] }));
        if self.running.len() < ABREAST { Ok(Vec::new()) } else { self.next(tally).await }
    }

    /// Waits for all readings. Gives what they found wrong.
    pub(super) async fn finish(&mut self, tally: &mut Tally) -> Result<Vec<Suspect>, Error> {
        self.begin(None);
        let mut suspects = Vec::new();
        while !self.running.is_empty() {
            suspects.extend(self.next(tally).await?);
        }
        Ok(suspects)
    }

    /// Begins to read the object of the last rows.
    fn begin(&mut self, next: Option<Group>) {
        let Some(group) = std::mem::replace(&mut self.group, next) else { return };
        let (objects, pace, checksums) = (self.objects, self.pace, self.checksums);
        let recorded = self.depth == Depth::Recorded;
        self.running.push(Box::pin(async move {
            pace.turn().await;
            let contents = match recorded {
                true => by_record(&objects.facts(&group.object.key).await?),
                false => objects.contents(&group.object.key, checksums).await?,
            };
            Ok((group, contents))
        }));
    }

    async fn next(&mut self, tally: &mut Tally) -> Result<Vec<Suspect>, Error> {
        let Some(read) = self.running.next().await else { return Ok(Vec::new()) };
        let (Group { object, rows }, contents) = read?;
        let Some(contents) = contents else {
            tally.without_digest += rows.len() as u64;
            return Ok(Vec::new());
        };
        // The store's record may be wrong and the bytes right: the second look reads them.
        let wrong = rows.into_iter().filter(|row| row.other_checksum(&contents).is_some());
        let suspect =
            |row| Suspect::new(FindingKind::WrongContent, SuspectSide::Row(row, Some(object.clone())));
        let wrong: Vec<Suspect> = wrong.map(suspect).collect();
        tally.verified += u64::from(wrong.is_empty());
        Ok(wrong)
    }
}

/// An object as the store's own record describes it.
fn by_record(facts: &ObjectFacts) -> Option<ObjectState> {
    match facts {
        ObjectFacts::Found { size, sha256, .. } => Some(ObjectState {
            size: *size,
            sha256: (*sha256)?,
            checksums: Checksums::default(),
            metadata: Metadata::default(),
        }),
        ObjectFacts::Missing | ObjectFacts::Denied => None,
    }
}

/// The share of all keys' places that gives about so many of the expected ones.
fn threshold(wanted: u64, expected: u64) -> u64 {
    if wanted >= expected {
        return u64::MAX;
    }
    let share = u128::from(wanted) * u128::from(u64::MAX) / u128::from(expected);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Where a key is among all possible ones: evenly spread, and the same in each run, so that a run that
/// continues has the same sample.
fn place(key: &ObjectKey) -> u64 {
    let mut hasher = Hasher::new();
    hasher.update(key.as_str());
    let digest = hasher.finish().0;
    digest.iter().take(8).fold(0, |place, byte| place << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_about_as_large_as_it_is_asked_to_be() {
        let chosen = |wanted| {
            let below = threshold(wanted, 20_000);
            (0..20_000).filter(|n| place(&ObjectKey::new(format!("assets/{n}.png"))) < below).count()
        };
        assert!((900..1_100).contains(&chosen(1_000)), "{}", chosen(1_000));
        assert_eq!(chosen(20_000), 20_000);
        assert_eq!(chosen(u64::MAX), 20_000);
    }
}
