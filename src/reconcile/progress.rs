//! What has been done so far.

use crate::{base::ids::ObjectKey, model::finding::FindingKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of a reconciliation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tally {
    /// Rows that point at an object.
    pub rows: u64,
    /// Objects in the listing.
    pub objects: u64,
    /// Their bytes, by the listing.
    pub bytes: u64,
    /// Rows whose object is there with the recorded size.
    pub matched: u64,
    /// Objects with the checksums that their rows record, by their bytes or by the store's record.
    pub verified: u64,
    /// Rows without a checksum to compare, although that was asked for: the row or the store has none.
    pub without_digest: u64,
    /// Rows with values that are not what the profile says.
    pub unreadable: u64,
    /// Objects that the store refuses to show.
    pub denied: u64,
    /// Suspicions that the second look cleared.
    pub cleared: u64,
    /// Confirmed findings, by kind.
    pub findings: BTreeMap<FindingKind, u64>,
    /// Whether both stores were read to their ends.
    pub complete: bool,
}

/// How far a reconciliation has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Position {
    /// The last key that is done.
    pub after: ObjectKey,
    /// What was counted by then.
    pub tally: Tally,
}
