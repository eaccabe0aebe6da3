//! Rows against objects in stores that are in use: both directions, with constant memory, reading only.
//!
//! Both sides come in the byte order of their keys and are merged. What does not match is a suspicion: writes
//! are in flight. It is reported only after a second look, some time later, at the row, the object and the
//! row again: the row must be the same and the object still wrong.

mod finding;
mod join;
mod observer;
mod options;
mod pace;
mod pages;
mod prefetch;
mod progress;
mod reader;
mod second_look;

pub use finding::{ReconcileFinding, Suspect, SuspectSide};
pub use join::{Join, Joined};
pub use observer::ReconcileObserver;
pub use options::{Depth, ReconcileOptions};
pub use pace::Pace;
pub use pages::Pages;
pub use progress::{Position, Tally};

use crate::{
    base::{clock::Clock, error::Error},
    model::{finding::FindingKind, key_range::KeyRange},
    system::{
        objects::{ListedObject, view::BucketView},
        postgres::Pointers,
    },
};
use finding::judge;
use reader::Reader;
use second_look::SecondLook;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a position is saved: before that, every suspicion gets its second look.
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// Entries between two reports of progress.
const REPORTED_EVERY: u64 = 1_000;

/// One reconciliation of a database with a bucket.
pub struct Reconciliation<'a> {
    rows: &'a Pointers,
    objects: &'a BucketView,
    options: &'a ReconcileOptions,
    pace: &'a Arc<Pace>,
    clock: &'a Clock,
}

/// What is in progress.
struct Work<'a> {
    rows: &'a Pointers,
    options: &'a ReconcileOptions,
    clock: &'a Clock,
    tally: Tally,
    reader: Reader<'a>,
    look: SecondLook<'a>,
}

impl<'a> Reconciliation<'a> {
    /// Nothing is read yet.
    pub fn new(
        rows: &'a Pointers,
        objects: &'a BucketView,
        options: &'a ReconcileOptions,
        pace: &'a Arc<Pace>,
        clock: &'a Clock,
    ) -> Self {
        Self { rows, objects, options, pace, clock }
    }

    /// Reconciles a range of keys, from its start or from behind a position in it.
    ///
    /// # Errors
    /// A store can't be read, or answers out of order; the observer's.
    pub async fn run(
        self,
        range: &KeyRange,
        from: Option<Position>,
        observer: &mut dyn ReconcileObserver,
    ) -> Result<Tally, Error> {
        let whole = range;
        let (range, tally) = match from {
            Some(Position { after, tally }) => (KeyRange { after: Some(after), ..range.clone() }, tally),
            None => (range.clone(), Tally::default()),
        };
        let mut done = range.after.clone();
        let mut join = Join::new(
            self.rows.pages(&range).await?,
            self.objects.pages(range.after.as_ref()),
            Arc::clone(self.pace),
        );
        // Both sides are read ahead by now.
        let expected = self.rows.count(whole).await?;
        let keys = match self.options.depth {
            Depth::Sample(_) => self.rows.count_keys(whole).await?,
            Depth::Listing | Depth::Recorded | Depth::Full => expected,
        };
        let checksums = self.rows.checksums();
        let mut work = Work {
            rows: self.rows,
            options: self.options,
            clock: self.clock,
            tally,
            reader: Reader::new(self.options.depth, keys, self.objects, self.pace, &checksums),
            look: SecondLook::new(self.rows, self.objects, self.options, self.pace, &checksums, self.clock),
        };
        let mut saved = Instant::now();
        while let Some(joined) = join.next().await? {
            if range.is_before(joined.key()) {
                break;
            }
            // A row that refers to a prefix of keys in this range, and was looked at in another.
            if range.is_after(joined.key()) {
                continue;
            }
            if done.as_ref() != Some(joined.key()) {
                if saved.elapsed() >= SAVED_EVERY {
                    work.finish(observer).await?;
                    if let Some(after) = done {
                        observer.reached(&Position { after, tally: work.tally.clone() })?;
                    }
                    saved = Instant::now();
                }
                done = Some(joined.key().clone());
            }
            work.consider(joined, observer).await?;
            if (work.tally.rows + work.tally.objects).is_multiple_of(REPORTED_EVERY) {
                observer.progressed(&work.tally, expected);
            }
        }
        work.finish(observer).await?;
        work.tally.complete = true;
        Ok(work.tally)
    }
}

impl Work<'_> {
    /// The first look at an entry, and the second one at what waits for it.
    async fn consider(&mut self, joined: Joined, observer: &mut dyn ReconcileObserver) -> Result<(), Error> {
        match joined {
            Joined::Row(row, object) => {
                self.tally.rows += 1;
                self.tally.unreadable += u64::from(!row.unreadable.is_empty());
                match (judge(&row, object.as_ref().map(|object| object.size)), object) {
                    (None, Some(object)) => {
                        self.tally.matched += 1;
                        self.look.suspect(self.reader.consider(row, object, &mut self.tally).await?);
                    }
                    (Some(wrong), object) => {
                        self.look.suspect([Suspect::new(wrong.kind, SuspectSide::Row(row, object))]);
                    }
                    (None, None) => {}
                }
            }
            Joined::Object { object, referenced } => {
                self.tally.objects += 1;
                self.tally.bytes += object.size;
                if !referenced && self.may_be_orphan(&object) {
                    self.look.suspect([Suspect::new(FindingKind::OrphanBinary, SuspectSide::Object(object))]);
                }
            }
        }
        self.look.due(&mut self.tally, observer).await
    }

    /// Waits for everything that was begun.
    async fn finish(&mut self, observer: &mut dyn ReconcileObserver) -> Result<(), Error> {
        self.look.suspect(self.reader.finish(&mut self.tally).await?);
        self.look.finish(&mut self.tally, observer).await
    }

    fn may_be_orphan(&self, object: &ListedObject) -> bool {
        let key = object.key.as_str();
        // Consoles make an empty object for a folder.
        let is_folder = object.size == 0 && (key.is_empty() || key.ends_with('/'));
        !is_folder && !self.rows.ignores(key) && self.options.is_past_grace(object.modified, self.clock)
    }
}
