//! Buckets: made, listed, versioned, tagged and removed.

use super::{Bucket, Store, disk, stored};
use crate::objects::names::BucketName;
use crate::objects::record::{BucketRecord, Versioning};
use chrono::Utc;
use s3s::{S3Result, s3_error};
use std::{collections::BTreeMap, fs};

impl Store {
    /// All buckets, by name.
    pub(crate) fn buckets(&self) -> Vec<(BucketName, BucketRecord)> {
        self.read().buckets.iter().map(|(name, bucket)| (name.clone(), bucket.record.clone())).collect()
    }

    /// Makes an empty bucket without versioning.
    ///
    /// # Errors
    /// `BucketAlreadyOwnedByYou`.
    pub(crate) fn create_bucket(&self, name: &BucketName) -> S3Result<()> {
        if !s3s::path::check_bucket_name(name.as_str()) {
            return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
        }
        let mut state = self.write();
        if state.buckets.contains_key(name) {
            let text = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(s3_error!(BucketAlreadyOwnedByYou, "{text}"));
        }
        let record = BucketRecord { created: Utc::now(), versioning: Versioning::Never, tags: None };
        let draft = self.layout.unfinished().join(uuid::Uuid::new_v4().to_string());
        let make = || {
            fs::create_dir_all(draft.join("versions"))?;
            fs::create_dir_all(draft.join("uploads"))?;
            self.layout.write(&draft.join(disk::BUCKET), &record)?;
            fs::rename(&draft, self.layout.bucket(name))
        };
        make().map_err(stored)?;
        state.buckets.insert(name.clone(), Bucket::new(record));
        Ok(())
    }

    /// Removes an empty bucket; its unfinished uploads go with it.
    ///
    /// # Errors
    /// `NoSuchBucket`, and `BucketNotEmpty` as long as any version or delete marker is left.
    pub(crate) fn delete_bucket(&self, name: &BucketName) -> S3Result<()> {
        let mut state = self.write();
        if !state.bucket(name)?.keys.is_empty() {
            let text = "The bucket you tried to delete is not empty. Delete all its versions first.";
            return Err(s3_error!(BucketNotEmpty, "{text}"));
        }
        self.layout.discard(&self.layout.bucket(name)).map_err(stored)?;
        state.buckets.remove(name);
        Ok(())
    }

    /// Enables or suspends versioning.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) fn set_versioning(&self, name: &BucketName, versioning: Versioning) -> S3Result<()> {
        self.change(name, |record| BucketRecord { versioning, ..record })
    }

    /// Sets all of the bucket's tags, or takes them away.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) fn set_tags(&self, name: &BucketName, tags: Option<BTreeMap<String, String>>) -> S3Result<()> {
        self.change(name, |record| BucketRecord { tags, ..record })
    }

    fn change(&self, name: &BucketName, change: impl FnOnce(BucketRecord) -> BucketRecord) -> S3Result<()> {
        let mut state = self.write();
        let bucket = state.bucket_mut(name)?;
        let record = change(bucket.record.clone());
        self.layout.write(&self.layout.bucket(name).join(disk::BUCKET), &record).map_err(stored)?;
        bucket.record = record;
        Ok(())
    }
}
