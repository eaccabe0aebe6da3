//! Adapter to object stores: one interface over a closed set of drivers.
//!
//! It reads what a store holds and never repairs it. Keys are taken byte for byte.

pub mod files;
mod kinds;
pub mod origin;
pub mod s3;
pub mod shared;
pub mod versions;
pub mod view;

pub use kinds::{Got, ListedObject, Listing, ListingBuilder, ObjectFacts, Tags};
pub use s3::S3Access;

use crate::base::checksum::ChecksumAlgorithm;
use crate::base::error::Error;
use crate::base::ids::{BucketName, ObjectKey};
use crate::model::state::{Metadata, Objects};
use crate::system::destroy::Destructible;
use files::{FolderStore, Folders};
use s3::{S3, S3Bucket};
use std::collections::{BTreeMap, BTreeSet};
use versions::ObjectVersion;

/// An object store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum ObjectStore {
    /// Reached by the S3 API.
    S3(S3),
    /// Folders on this machine.
    Files(Folders),
}

/// A bucket of a store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Bucket {
    /// Of an S3 store.
    S3(S3Bucket),
    /// A folder on this machine.
    Files(FolderStore),
}

impl ObjectStore {
    /// A store that speaks S3. Nothing is sent yet.
    pub fn s3(access: &S3Access) -> Self {
        Self::S3(S3::new(access))
    }

    /// One of its buckets, whether it is there or not.
    pub fn bucket(&self, name: &BucketName) -> Bucket {
        match self {
            Self::S3(s3) => Bucket::S3(s3.bucket(name)),
            Self::Files(folders) => Bucket::Files(folders.folder(name)),
        }
    }

    /// Makes a bucket.
    pub async fn create_bucket(&self, name: &BucketName) -> Result<(), Error> {
        match self {
            Self::S3(s3) => s3.bucket(name).create().await,
            Self::Files(folders) => folders.folder(name).create(),
        }
    }

    /// Removes a bucket with its objects, their versions and unfinished uploads. One that does
    /// not exist is no error.
    pub async fn delete_bucket(&self, bucket: Destructible<BucketName>) -> Result<(), Error> {
        match self {
            Self::S3(s3) => s3.bucket(bucket.what()).delete_whole().await,
            Self::Files(folders) => folders.folder(bucket.what()).delete_whole(),
        }
    }

    /// Removes all that is in a bucket, old versions and unfinished uploads included. The bucket
    /// stays, with its tags.
    pub async fn empty_bucket(&self, bucket: Destructible<BucketName>) -> Result<(), Error> {
        match self {
            Self::S3(s3) => s3.bucket(bucket.what()).empty().await,
            Self::Files(folders) => {
                folders.folder(bucket.what()).delete_whole()?;
                folders.folder(bucket.what()).create()
            }
        }
    }

    /// Whether it answers and takes the keys.
    pub async fn ping(&self) -> Result<(), Error> {
        match self {
            Self::S3(s3) => s3.ping().await,
            Self::Files(_) => Ok(()),
        }
    }
}

impl Bucket {
    /// Every object whose key starts so.
    pub async fn list(&self, prefix: &str) -> Result<Listing, Error> {
        match self {
            Self::S3(bucket) => bucket.list(prefix).await,
            Self::Files(folder) => folder.list(prefix),
        }
    }

    /// The first page of a listing with at most that many keys, and whether there is more: what a
    /// copy that forgets to ask for the next page sees.
    pub async fn first_page(&self, prefix: &str, max_keys: u16) -> Result<(Vec<ListedObject>, bool), Error> {
        match self {
            Self::S3(bucket) => bucket.first_page(prefix, max_keys).await,
            Self::Files(folder) => {
                let all = folder.list(prefix)?;
                let more = all.len() > usize::from(max_keys);
                Ok((all.into_iter().take(max_keys.into()).collect(), more))
            }
        }
    }

    /// An object with its bytes.
    pub async fn get(&self, key: &ObjectKey) -> Result<Got, Error> {
        match self {
            Self::S3(bucket) => bucket.get(key).await,
            Self::Files(folder) => folder.get(key),
        }
    }

    /// Writes an object; a folder keeps its bytes only.
    pub async fn put(&self, key: &ObjectKey, bytes: Vec<u8>, metadata: &Metadata) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.put(key, bytes, metadata).await,
            Self::Files(folder) => folder.put(key, &bytes),
        }
    }

    /// Removes an object. One that does not exist is no error.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.delete(key).await,
            Self::Files(folder) => folder.delete(key),
        }
    }

    /// Copies an object within the store, with its metadata; up to 5 GiB, which is
    /// what S3 copies in one request.
    pub async fn copy_to(&self, from: &ObjectKey, to: &Self, key: &ObjectKey) -> Result<(), Error> {
        match (self, to) {
            (Self::S3(source), Self::S3(target)) => source.copy_to(from, target, key).await,
            (source, target) => match source.get(from).await? {
                Got::Found { bytes, metadata } => target.put(key, bytes, &metadata).await,
                Got::Missing => Err(Error::environment(format!("can't copy {from}: it is not there"))),
                Got::Denied => Err(Error::environment(format!("can't copy {from}: reading it is denied"))),
            },
        }
    }

    /// The same; false where the object is not there.
    pub async fn copy_if_there(&self, from: &ObjectKey, to: &Self, key: &ObjectKey) -> Result<bool, Error> {
        match (self, to) {
            (Self::S3(source), Self::S3(target)) => source.copy_if_there(from, target, key).await,
            (source, _) if source.get(from).await? == Got::Missing => Ok(false),
            (source, target) => source.copy_to(from, target, key).await.map(|()| true),
        }
    }

    /// What every object whose key starts so holds, by key without the prefix. Reads every byte,
    /// and computes these checksums besides SHA-256.
    ///
    /// # Errors
    /// Also when an object goes away or is denied between listing and reading: it is named.
    pub async fn inventory(
        &self,
        prefix: &str,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Objects, Error> {
        match self {
            Self::S3(bucket) => bucket.inventory(prefix, checksums).await,
            Self::Files(folder) => folder.inventory(prefix, checksums),
        }
    }

    /// Its tags. Folders have none.
    pub async fn tags(&self) -> Result<Tags, Error> {
        match self {
            Self::S3(bucket) => bucket.tags().await,
            Self::Files(_) => Ok(Tags::Unknown),
        }
    }

    /// Replaces all its tags.
    pub async fn set_tags(&self, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.set_tags(tags).await,
            Self::Files(_) => Err(Error::usage("a folder has no tags")),
        }
    }

    /// Something that is in it, if there is anything: an object, an old version, an upload.
    pub async fn something_in_it(&self) -> Result<Option<String>, Error> {
        match self {
            Self::S3(bucket) => bucket.something_in_it().await,
            Self::Files(folder) => {
                Ok(folder.list("")?.iter().next().map(|listed| format!("file {}", listed.key)))
            }
        }
    }

    /// Begins an upload by parts, with one part, and does not complete it.
    pub async fn begin_upload(&self, key: &ObjectKey, part: Vec<u8>) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.begin_upload(key, part).await,
            Self::Files(_) => Err(Error::usage("a folder knows no uploads by parts")),
        }
    }

    /// How many uploads by parts of a key are begun and not completed.
    pub async fn uploads(&self, key: &ObjectKey) -> Result<usize, Error> {
        match self {
            Self::S3(bucket) => bucket.uploads(key).await,
            Self::Files(_) => Ok(0),
        }
    }

    /// Turns versioning on, or suspends it.
    pub async fn set_versioning(&self, on: bool) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.set_versioning(on).await,
            Self::Files(_) => Err(Error::usage("a folder keeps no versions")),
        }
    }

    /// Whether versioning is on.
    pub async fn is_versioned(&self) -> Result<bool, Error> {
        match self {
            Self::S3(bucket) => bucket.is_versioned().await,
            Self::Files(_) => Ok(false),
        }
    }

    /// Every version and delete marker of the keys that start so, by key, newest first.
    pub async fn versions(&self, prefix: &str) -> Result<Vec<ObjectVersion>, Error> {
        match self {
            Self::S3(bucket) => bucket.versions(prefix).await,
            Self::Files(_) => Err(Error::usage("a folder keeps no versions")),
        }
    }

    /// Copies a version over what is there now, with its metadata.
    pub async fn bring_back(&self, version: &ObjectVersion) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.bring_back(version).await,
            Self::Files(_) => Err(Error::usage("a folder keeps no versions")),
        }
    }

    /// Removes a version for good, as a lifecycle rule does.
    pub async fn remove_version(&self, version: &ObjectVersion) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.remove_version(version).await,
            Self::Files(_) => Err(Error::usage("a folder keeps no versions")),
        }
    }
}
