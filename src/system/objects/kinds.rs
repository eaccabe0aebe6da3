//! What every driver of an object store answers with.

use crate::base::ids::ObjectKey;
use std::collections::BTreeMap;

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The whole key.
    pub key: ObjectKey,
    /// Bytes, as the store says.
    pub size: u64,
}

/// What a store says of a bucket's tags.
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
        /// The content type that the store keeps.
        content_type: Option<String>,
        /// The user's metadata.
        metadata: BTreeMap<String, String>,
    },
    /// There is no such object, or no such bucket.
    Missing,
    /// The store won't give it to us.
    Denied,
}
