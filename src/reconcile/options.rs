//! How a reconciliation is done.

use crate::base::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use std::{num::NonZeroU64, time::Duration};

/// How much of the objects is compared with the digests that rows record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: keys and sizes, by the listing.
    Listing,
    /// The SHA-256 that the store has recorded with each object, without its bytes.
    Recorded,
    /// About so many objects, chosen by a hash of their keys, are read.
    Sample(NonZeroU64),
    /// All objects are read.
    Full,
}

/// How it is done.
#[derive(Clone, Debug)]
pub struct ReconcileOptions {
    /// How much of the objects is read.
    pub depth: Depth,
    /// How long a suspicion waits for its second look: longer than any write takes.
    pub settle: Duration,
    /// Objects that were written less long ago are no orphans yet.
    pub grace: Duration,
}

impl ReconcileOptions {
    /// Whether something was written long enough ago to be an orphan; what has no time is old.
    pub(super) fn is_past_grace(&self, modified: Option<DateTime<Utc>>, clock: &Clock) -> bool {
        let grace = TimeDelta::from_std(self.grace).unwrap_or(TimeDelta::MAX);
        modified.is_none_or(|at| clock.now().signed_duration_since(at) >= grace)
    }
}
