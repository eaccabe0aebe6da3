//! The store: buckets, versions and uploads on disk with an index in memory. It keeps S3's rules about
//! what replaces what; it does not know HTTP. All of it blocks: callers run it off the event loop.
//!
//! One lock guards the index. A change is written to disk under it first and shown in the index after,
//! so that readers see either state and the order of versions is the order of the commits.

mod buckets;
mod disk;
mod load;
mod uploads;
mod versions;

pub use uploads::Upload;
pub use versions::{Body, Found, Incoming, WriteGuard, quoted};

use crate::objects::ObjectsError;
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{BucketRecord, UploadId, VersionRecord};
use chrono::Utc;
use disk::Layout;
use s3s::{S3Result, s3_error};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tempfile::NamedTempFile;

/// All buckets of one folder. Only one at a time can be open on a folder.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    state: RwLock<State>,
    /// Locked as long as it is open; the system lets go of it when the process dies.
    _lock: File,
}

/// The index.
#[derive(Debug, Default)]
struct State {
    last_order: u64,
    buckets: BTreeMap<BucketName, Bucket>,
}

/// What the index knows of a bucket.
#[derive(Debug)]
pub struct Bucket {
    pub record: BucketRecord,
    /// Each key's versions, oldest first. Never an empty list. `ObjectKey` sorts by its UTF-8 bytes,
    /// as S3 lists.
    pub keys: BTreeMap<ObjectKey, Vec<VersionRecord>>,
    pub uploads: BTreeMap<(ObjectKey, UploadId), Upload>,
}

impl Bucket {
    fn new(record: BucketRecord) -> Self {
        Self { record, keys: BTreeMap::new(), uploads: BTreeMap::new() }
    }

    /// The version a plain get reads; it may be a delete marker.
    fn current(&self, key: &ObjectKey) -> Option<&VersionRecord> {
        self.keys.get(key).and_then(|versions| versions.last())
    }
}

impl State {
    fn bucket(&self, name: &BucketName) -> S3Result<&Bucket> {
        self.buckets
            .get(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist: {name}"))
    }

    fn bucket_mut(&mut self, name: &BucketName) -> S3Result<&mut Bucket> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist: {name}"))
    }

    /// The next number in the order of versions. It follows the clock, so that a number is not used
    /// again after a restart even if its version is gone, and never goes back.
    fn next_order(&mut self) -> u64 {
        let now = u64::try_from(Utc::now().timestamp_micros()).unwrap_or(0);
        self.last_order = now.max(self.last_order + 1);
        self.last_order
    }
}

impl Store {
    /// Opens the store in a folder: takes its lock, clears what a killed server left unfinished and
    /// builds the index.
    ///
    /// # Errors
    /// [`ObjectsError`]: the folder can't be used, holds other files, is in use, or a record in it
    /// can't be read.
    pub fn open(root: &Path) -> Result<Self, ObjectsError> {
        let layout = Layout::open(root)?;
        let lock = load::lock(&layout)?;
        let state = load::load(&layout)?;
        Ok(Self { layout, state: RwLock::new(state), _lock: lock })
    }

    /// A new file for bytes that belong to no object yet; gone when dropped.
    ///
    /// # Errors
    /// What the file system says.
    pub fn spare(&self) -> S3Result<NamedTempFile> {
        self.layout.spare().map_err(stored)
    }

    /// Looks at a bucket's index.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub fn look<R>(&self, bucket: &BucketName, look: impl FnOnce(&Bucket) -> R) -> S3Result<R> {
        self.read().bucket(bucket).map(look)
    }

    // A panic can't leave the index half changed: each change to it is one insertion or removal, made
    // after everything that can fail. So a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of the file system as the client sees it: a 500 that names the cause.
pub fn stored(error: io::Error) -> s3s::S3Error {
    let text = error.to_string();
    s3_error!(error, InternalError, "the store could not read or write its files: {text}")
}
