//! What every driver of an object store answers with.

use crate::base::digest::Digest;
use crate::base::ids::ObjectKey;
use crate::base::sorted::{Iter, Packed, SortedMap, SortedMapBuilder};
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

/// What a listing shows of an object beside its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ListedFacts {
    size: u64,
    modified: Option<DateTime<Utc>>,
}

impl Packed for ListedFacts {
    /// Size, then seconds and nanoseconds of the time.
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.size.to_le_bytes());
        if let Some(at) = self.modified {
            to.extend_from_slice(&at.timestamp().to_le_bytes());
            to.extend_from_slice(&at.timestamp_subsec_nanos().to_le_bytes());
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (size, time) = bytes.split_first_chunk()?;
        let modified = time.split_first_chunk().and_then(|(seconds, nanos)| {
            let nanos = u32::from_le_bytes(nanos.try_into().ok()?);
            DateTime::from_timestamp(i64::from_le_bytes(*seconds), nanos)
        });
        Some(Self { size: u64::from_le_bytes(*size), modified })
    }
}

/// A listing by key, of any number of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing(SortedMap<ObjectKey, ListedFacts>);

impl Listing {
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The objects by key.
    pub fn iter(&self) -> ListedObjects {
        ListedObjects(self.0.iter())
    }
}

/// The objects of a listing, in order.
pub struct ListedObjects(Iter<ObjectKey, ListedFacts>);

impl Iterator for ListedObjects {
    type Item = ListedObject;

    fn next(&mut self) -> Option<ListedObject> {
        let (key, ListedFacts { size, modified }) = self.0.next()?;
        Some(ListedObject { key, size, modified })
    }
}

impl IntoIterator for &Listing {
    type Item = ListedObject;
    type IntoIter = ListedObjects;

    fn into_iter(self) -> ListedObjects {
        self.iter()
    }
}

impl IntoIterator for Listing {
    type Item = ListedObject;
    type IntoIter = ListedObjects;

    fn into_iter(self) -> ListedObjects {
        self.iter()
    }
}

impl FromIterator<ListedObject> for Listing {
    fn from_iter<I: IntoIterator<Item = ListedObject>>(objects: I) -> Self {
        let mut listing = ListingBuilder::default();
        objects.into_iter().for_each(|object| listing.add(object));
        listing.finish()
    }
}

/// A listing that is read, in any order.
#[derive(Default)]
pub struct ListingBuilder(SortedMapBuilder<ObjectKey, ListedFacts>);

impl ListingBuilder {
    /// Adds an object.
    pub fn add(&mut self, ListedObject { key, size, modified }: ListedObject) {
        self.0.add(&key, &ListedFacts { size, modified });
    }

    /// The listing.
    pub fn finish(self) -> Listing {
        Listing(self.0.finish())
    }
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
