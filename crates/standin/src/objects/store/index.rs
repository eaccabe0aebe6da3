//! The index in memory: what the store knows about its buckets without reading the disk.

use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{BucketRecord, PartRecord, UploadId, UploadRecord, VersionRecord};
use chrono::Utc;
use s3s::{S3Result, s3_error};
use std::collections::BTreeMap;

/// The index.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) last_order: u64,
    pub(crate) buckets: BTreeMap<BucketName, Bucket>,
}

/// A bucket in the index.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) record: BucketRecord,
    /// Each key's versions, oldest first. Never an empty list. `ObjectKey` sorts by its UTF-8 bytes,
    /// as S3 lists.
    pub(crate) keys: BTreeMap<ObjectKey, Vec<VersionRecord>>,
    pub(crate) uploads: BTreeMap<(ObjectKey, UploadId), Upload>,
}

impl Bucket {
    pub(crate) fn new(record: BucketRecord) -> Self {
        Self { record, keys: BTreeMap::new(), uploads: BTreeMap::new() }
    }

    /// The version a plain get reads; it may be a delete marker.
    pub(crate) fn current(&self, key: &ObjectKey) -> Option<&VersionRecord> {
        self.keys.get(key).and_then(|versions| versions.last())
    }
}

impl State {
    pub(crate) fn bucket(&self, name: &BucketName) -> S3Result<&Bucket> {
        self.buckets
            .get(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist: {name}"))
    }

    pub(crate) fn bucket_mut(&mut self, name: &BucketName) -> S3Result<&mut Bucket> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist: {name}"))
    }

    /// The next number in the order of versions. It follows the clock, so that a number is not used
    /// again after a restart even if its version is gone, and never goes back.
    pub(crate) fn next_order(&mut self) -> u64 {
        let now = u64::try_from(Utc::now().timestamp_micros()).unwrap_or(0);
        self.last_order = now.max(self.last_order + 1);
        self.last_order
    }
}

/// An upload in progress and its parts by number.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) record: UploadRecord,
    pub(crate) parts: BTreeMap<i32, PartRecord>,
}
