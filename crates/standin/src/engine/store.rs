//! Where binaries are stored: a folder or a bucket, behind one closed enum. It moves bytes and
//! distinguishes why it could not; what a failure means to a client is decided elsewhere.

mod bucket;
mod failure;
mod folder;
mod settings;

pub(crate) use failure::StoreFailure;
pub(crate) use settings::{BucketSettings, StoreSettings};

use bucket::Bucket;
use folder::Folder;

/// A place for binaries under keys.
pub(crate) enum Store {
    Folder(Folder),
    Bucket(Bucket),
}

impl Store {
    /// Opens the place and proves that it can be used: makes a missing folder, asks HeadBucket.
    pub(crate) async fn open(settings: &StoreSettings) -> Result<Self, StoreFailure> {
        match settings {
            StoreSettings::Folder(path) => {
                let folder = Folder::new(path.clone());
                folder.make().await?;
                Ok(Self::Folder(folder))
            }
            StoreSettings::Bucket(settings) => {
                let bucket = Bucket::new(settings);
                bucket.probe().await?;
                Ok(Self::Bucket(bucket))
            }
        }
    }

    /// Names the place in messages and keys the cache of the `stale-cache` defect.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.name(),
            Self::Bucket(bucket) => bucket.name(),
        }
    }

    /// Whether the store as a whole can be used: the folder exists, HeadBucket succeeds.
    pub(crate) async fn probe(&self) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.probe().await,
            Self::Bucket(bucket) => bucket.probe().await,
        }
    }

    /// All bytes under a key.
    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, StoreFailure> {
        match self {
            Self::Folder(folder) => folder.get(key).await,
            Self::Bucket(bucket) => bucket.get(key).await,
        }
    }

    /// Writes or overwrites a key.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>, mime_type: &str) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.put(key, &bytes).await,
            Self::Bucket(bucket) => bucket.put(key, bytes, mime_type).await,
        }
    }

    /// Removes a key; a missing one is not a failure.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.delete(key).await,
            Self::Bucket(bucket) => bucket.delete(key).await,
        }
    }
}
