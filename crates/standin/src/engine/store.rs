//! Where binaries live: a folder or a bucket, behind one closed enum. It moves bytes and tells
//! apart why it could not; what a failure means to a client is decided elsewhere.

mod bucket;
mod folder;

use super::settings::StoreSettings;
use bucket::Bucket;
use folder::Folder;

/// Why the store did not answer with the bytes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreFailure {
    /// The store answered: there is no such object.
    #[error("the object does not exist")]
    Missing,
    /// The store answered: not for you.
    #[error("access to the store is denied: {0}")]
    Denied(String),
    /// The store did not answer, or its bucket or folder as a whole is gone.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
}

/// A place for binaries under keys.
pub enum Store {
    Folder(Folder),
    Bucket(Bucket),
}

impl Store {
    /// Opens the place and proves that it can be used: makes a missing folder, asks HeadBucket.
    pub async fn open(settings: &StoreSettings) -> Result<Self, StoreFailure> {
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
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.name(),
            Self::Bucket(bucket) => bucket.name(),
        }
    }

    /// Whether the store as a whole can be used: the folder exists, HeadBucket succeeds.
    pub async fn probe(&self) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.probe().await,
            Self::Bucket(bucket) => bucket.probe().await,
        }
    }

    /// All bytes under a key.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, StoreFailure> {
        match self {
            Self::Folder(folder) => folder.get(key).await,
            Self::Bucket(bucket) => bucket.get(key).await,
        }
    }

    /// Writes or overwrites a key.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, mime_type: &str) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.put(key, &bytes).await,
            Self::Bucket(bucket) => bucket.put(key, bytes, mime_type).await,
        }
    }

    /// Removes a key; one that is not there is no failure.
    pub async fn delete(&self, key: &str) -> Result<(), StoreFailure> {
        match self {
            Self::Folder(folder) => folder.delete(key).await,
            Self::Bucket(bucket) => bucket.delete(key).await,
        }
    }
}
