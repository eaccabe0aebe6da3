//! The store: buckets, versions and uploads on disk with an index in memory. It keeps S3's rules about
//! what replaces what; it does not know HTTP. All of it blocks: callers run it off the event loop.
//!
//! One lock guards the index. A change is written to disk under it first and shown in the index after,
//! so that readers see either state and the order of versions is the order of the commits.

mod buckets;
mod disk;
mod index;
mod load;
mod uploads;
mod versions;

pub(crate) use index::{Bucket, Upload};
pub(crate) use versions::{Body, Found, Incoming, WriteGuard, quoted};

use crate::objects::ObjectsError;
use crate::objects::names::BucketName;
use disk::Layout;
use index::State;
use s3s::{S3Result, s3_error};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tempfile::NamedTempFile;

/// All buckets of one folder. Only one at a time can be open on a folder.
#[derive(Debug)]
pub(crate) struct Store {
    layout: Layout,
    state: RwLock<State>,
    /// Locked while the store is open; the system unlocks it when the process ends.
    _lock: File,
}

impl Store {
    /// Opens the store in a folder: takes its lock, clears what a killed server left unfinished and
    /// builds the index.
    ///
    /// # Errors
    /// [`ObjectsError`]: the folder can't be used, holds other files, is in use, or a record in it
    /// can't be read.
    pub(crate) fn open(root: &Path) -> Result<Self, ObjectsError> {
        let layout = Layout::open(root)?;
        let lock = load::lock(&layout)?;
        let state = load::load(&layout)?;
        Ok(Self { layout, state: RwLock::new(state), _lock: lock })
    }

    /// A new file for bytes that belong to no object yet; gone when dropped.
    ///
    /// # Errors
    /// The file system's error.
    pub(crate) fn spare(&self) -> S3Result<NamedTempFile> {
        self.layout.spare().map_err(stored)
    }

    /// Reads a bucket's index.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) fn with_bucket<R>(&self, bucket: &BucketName, read: impl FnOnce(&Bucket) -> R) -> S3Result<R> {
        self.read().bucket(bucket).map(read)
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
pub(crate) fn stored(error: io::Error) -> s3s::S3Error {
    let text = error.to_string();
    s3_error!(error, InternalError, "the store could not read or write its files: {text}")
}
