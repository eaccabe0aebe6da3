//! What every driver of an object store answers with.

use crate::base::digest::Digest;
use crate::base::ids::ObjectKey;
use crate::model::state::Metadata;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key.
    pub key: ObjectKey,
    /// Bytes, by the store's listing.
    pub size: u64,
    /// When it was last written, by the store's clock.
    pub modified: Option<DateTime<Utc>>,
}

/// A bucket's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// There is no such bucket.
    NoBucket,
    /// The bucket is there; the store keeps no tags.
    Unknown,
    /// All of them.
    Of(BTreeMap<String, String>),
}

/// What came of asking for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// It is there.
    Found {
        /// Its bytes.
        bytes: Vec<u8>,
        /// What the store keeps beside them.
        metadata: Metadata,
    },
    /// There is no such object, or no such bucket.
    Missing,
    /// The store won't give it to us.
    Denied,
}

/// What a store reports of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectFacts {
    /// It is there.
    Found {
        /// Bytes.
        size: u64,
        /// When it was last written, by the store's clock.
        modified: Option<DateTime<Utc>>,
        /// The SHA-256 that the store has recorded of all its bytes.
        sha256: Option<Digest>,
    },
    /// There is no such object.
    Missing,
    /// The store refuses to tell.
    Denied,
}

/// What was read into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256, as they came.
    pub sha256: Digest,
    /// What the store keeps beside them.
    pub metadata: Metadata,
}
