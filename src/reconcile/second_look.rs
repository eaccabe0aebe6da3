//! The second look at what did not match: the row, the object, and the row again. Only what is as wrong as
//! before, with the same row before and after, is a finding.

use crate::{
    base::{checksum::ChecksumAlgorithm, clock::Clock, error::Error, ids::ObjectKey},
    model::{finding::FindingKind, reference::ObjectReference, state::ObjectState},
    reconcile::{
        finding::{ReconcileFinding, Suspect, SuspectSide, is_unchanged, judge_again},
        observer::ReconcileObserver,
        options::ReconcileOptions,
        pace::Pace,
        progress::Tally,
    },
    system::{
        objects::{ListedObject, ObjectFacts, view::BucketView},
        postgres::Pointers,
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Suspicions that are looked at together.
const BATCH: usize = 2_000;

/// Suspicions that may wait. With more, the oldest ones are waited for, so that memory stays constant.
const WAITING: usize = 20_000;

/// Objects that are asked for at a time.
const ABREAST: usize = 8;

/// What waits for its second look.
pub(super) struct SecondLook<'a> {
    rows: &'a Pointers,
    objects: &'a BucketView,
    options: &'a ReconcileOptions,
    pace: &'a Pace,
    checksums: &'a BTreeSet<ChecksumAlgorithm>,
    clock: &'a Clock,
    waiting: VecDeque<Suspect>,
}

/// What an object is now.
struct ObjectLook {
    facts: ObjectFacts,
    /// Its bytes, if they were read.
    contents: Option<ObjectState>,
}

impl<'a> SecondLook<'a> {
    pub(super) fn new(
        rows: &'a Pointers,
        objects: &'a BucketView,
        options: &'a ReconcileOptions,
        pace: &'a Pace,
        checksums: &'a BTreeSet<ChecksumAlgorithm>,
        clock: &'a Clock,
    ) -> Self {
        Self { rows, objects, options, pace, checksums, clock, waiting: VecDeque::new() }
    }

    /// Puts suspicions in the queue.
    pub(super) fn suspect(&mut self, suspects: impl IntoIterator<Item = Suspect>) {
        self.waiting.extend(suspects);
    }

    /// Looks at a full batch of those whose time has come; waits for it where too many wait.
    pub(super) async fn due(
        &mut self,
        tally: &mut Tally,
        observer: &mut dyn ReconcileObserver,
    ) -> Result<(), Error> {
        let full = self.waiting.get(BATCH - 1).is_some_and(|last| last.seen.elapsed() >= self.options.settle);
        if full || self.waiting.len() >= WAITING {
            self.next_batch(tally, observer).await?;
        }
        Ok(())
    }

    /// Looks at all that wait, each when its time has come.
    pub(super) async fn finish(
        &mut self,
        tally: &mut Tally,
        observer: &mut dyn ReconcileObserver,
    ) -> Result<(), Error> {
        while !self.waiting.is_empty() {
            self.next_batch(tally, observer).await?;
        }
        Ok(())
    }

    async fn next_batch(
        &mut self,
        tally: &mut Tally,
        observer: &mut dyn ReconcileObserver,
    ) -> Result<(), Error> {
        let batch: Vec<Suspect> = self.waiting.drain(..self.waiting.len().min(BATCH)).collect();
        let Some(last) = batch.last() else { return Ok(()) };
        tokio::time::sleep_until((last.seen + self.options.settle).into()).await;
        let keys: Vec<&ObjectKey> =
            batch.iter().map(Suspect::key).collect::<BTreeSet<_>>().into_iter().collect();
        let before = self.rows.of_keys(&keys).await?;
        let read: BTreeSet<&ObjectKey> =
            batch.iter().filter(|s| s.kind == FindingKind::WrongContent).map(Suspect::key).collect();
        let of_prefix =
            |suspect: &&Suspect| matches!(&suspect.side, SuspectSide::Row(row, _) if row.is_prefix);
        let prefixes: BTreeSet<&ObjectKey> = batch.iter().filter(of_prefix).map(Suspect::key).collect();
        let seen: BTreeMap<&ObjectKey, ObjectLook> = stream::iter(keys.iter().copied())
            .map(|key| self.look(key, read.contains(key), prefixes.contains(key)))
            .buffer_unordered(ABREAST)
            .try_collect()
            .await?;
        let after = self.rows.of_keys(&keys).await?;
        let (before, after) = (by_key(&before), by_key(&after));
        for suspect in &batch {
            let Some(seen) = seen.get(suspect.key()) else { continue };
            match self.judge(suspect, seen, &before, &after) {
                Outcome::Confirmed(finding) => {
                    *tally.findings.entry(finding.kind).or_default() += 1;
                    observer.found(&finding)?;
                }
                Outcome::Again(suspect) => self.waiting.push_back(suspect),
                Outcome::Cleared => tally.cleared += 1,
                Outcome::Denied => tally.denied += 1,
            }
        }
        Ok(())
    }

    async fn look<'k>(
        &self,
        key: &'k ObjectKey,
        read: bool,
        is_prefix: bool,
    ) -> Result<(&'k ObjectKey, ObjectLook), Error> {
        self.pace.turn().await;
        if is_prefix {
            let first = self.objects.first_below(key).await?;
            let found =
                |o: ListedObject| ObjectFacts::Found { size: o.size, modified: o.modified, sha256: None };
            let facts = first.map_or(ObjectFacts::Missing, found);
            return Ok((key, ObjectLook { facts, contents: None }));
        }
        let facts = self.objects.facts(key).await?;
        let contents = if read {
            self.pace.turn().await;
            self.objects.contents(key, self.checksums).await?
        } else {
            None
        };
        Ok((key, ObjectLook { facts, contents }))
    }

    fn judge(
        &self,
        suspect: &Suspect,
        seen: &ObjectLook,
        before: &BTreeMap<&ObjectKey, Vec<&ObjectReference>>,
        after: &BTreeMap<&ObjectKey, Vec<&ObjectReference>>,
    ) -> Outcome {
        let none = Vec::new();
        let (before, after) =
            (before.get(suspect.key()).unwrap_or(&none), after.get(suspect.key()).unwrap_or(&none));
        let now = self.clock.now();
        if seen.facts == ObjectFacts::Denied {
            return Outcome::Denied;
        }
        match &suspect.side {
            SuspectSide::Row(row, object) => {
                // Of several rows with this name the very one, if it is still there.
                let same = |other: &&&ObjectReference| other.table == row.table && other.row == row.row;
                let very = after.iter().find(|other| **other == row);
                let Some(is) = very.or_else(|| after.iter().find(same)) else { return Outcome::Cleared };
                let Some(wrong) = judge_again(is, &seen.facts, seen.contents.as_ref()) else {
                    return Outcome::Cleared;
                };
                let stands = *is == row && before.contains(is) && is_unchanged(object.as_ref(), &seen.facts);
                if stands && wrong.kind == suspect.kind {
                    return Outcome::Confirmed(ReconcileFinding::of_row(is, wrong, now));
                }
                again(
                    suspect,
                    wrong.kind,
                    SuspectSide::Row((*is).clone(), listed(suspect.key(), &seen.facts)),
                )
            }
            SuspectSide::Object(object) => {
                let Some(is) = listed(suspect.key(), &seen.facts) else { return Outcome::Cleared };
                if !before.is_empty()
                    || !after.is_empty()
                    || !self.options.is_past_grace(is.modified, self.clock)
                {
                    Outcome::Cleared
                } else if is_unchanged(Some(object), &seen.facts) {
                    Outcome::Confirmed(ReconcileFinding::of_object(&is, now))
                } else {
                    again(suspect, suspect.kind, SuspectSide::Object(is))
                }
            }
        }
    }
}

/// What the second look gave.
enum Outcome {
    /// Nothing moved, and it is still wrong.
    Confirmed(ReconcileFinding),
    /// It is in motion, and wrong in the present state too: it is looked at once more.
    Again(Suspect),
    /// It is right now, or gone.
    Cleared,
    /// The store refuses to tell.
    Denied,
}

/// What never stands still is written to all the time.
const LOOKS: u32 = 5;

fn again(suspect: &Suspect, kind: FindingKind, side: SuspectSide) -> Outcome {
    match suspect.looks + 1 {
        LOOKS => Outcome::Cleared,
        looks => Outcome::Again(Suspect { looks, ..Suspect::new(kind, side) }),
    }
}

/// An object as a listing would give it.
fn listed(key: &ObjectKey, facts: &ObjectFacts) -> Option<ListedObject> {
    match facts {
        ObjectFacts::Found { size, modified, .. } => {
            Some(ListedObject { key: key.clone(), size: *size, modified: *modified })
        }
        ObjectFacts::Missing | ObjectFacts::Denied => None,
    }
}

fn by_key(rows: &[ObjectReference]) -> BTreeMap<&ObjectKey, Vec<&ObjectReference>> {
    let mut all: BTreeMap<&ObjectKey, Vec<&ObjectReference>> = BTreeMap::new();
    for row in rows {
        all.entry(&row.key).or_default().push(row);
    }
    all
}
