//! A bucket that is only read: its listing page by page, one object's facts, one object's digest. It has no
//! method that writes, and its fields are private: it sends `ListObjectsV2`, `HeadObject` and `GetObject`.

use super::kinds::{ListedObject, ObjectFacts};
use super::s3::{ListingPages, S3, S3Access, S3Bucket};
use crate::base::checksum::ChecksumAlgorithm;
use crate::base::error::Error;
use crate::base::ids::{BucketName, ObjectKey};
use crate::model::state::ObjectState;
use std::collections::BTreeSet;

/// The objects below a prefix of a bucket, by their keys without it.
#[derive(Clone, Debug)]
pub struct BucketView {
    bucket: S3Bucket,
    prefix: String,
    shown: String,
}

/// A listing, in the byte order of the keys.
pub struct ViewPages {
    pages: ListingPages,
    prefix: String,
}

impl BucketView {
    /// Nothing is sent yet.
    pub fn new(access: &S3Access, session: Option<String>, bucket: &BucketName, prefix: &str) -> Self {
        let shown = format!("s3://{bucket}/{prefix}");
        Self { bucket: S3::with_session(access, session).bucket(bucket), prefix: prefix.to_owned(), shown }
    }

    /// For people: its URL.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The objects whose keys come after this one.
    pub fn pages(&self, after: Option<&ObjectKey>) -> ViewPages {
        let after = after.map(|key| self.whole(key));
        ViewPages { pages: self.bucket.pages(&self.prefix, after.as_ref()), prefix: self.prefix.clone() }
    }

    /// What the store reports of an object now.
    pub async fn facts(&self, key: &ObjectKey) -> Result<ObjectFacts, Error> {
        let key = self.whole(key);
        if key.as_str().is_empty() {
            // The request would ask for the bucket.
            return Ok(ObjectFacts::Missing);
        }
        self.bucket.facts(&key).await
    }

    /// What an object's bytes are; none where it is gone.
    pub async fn contents(
        &self,
        key: &ObjectKey,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Option<ObjectState>, Error> {
        self.bucket.contents(&self.whole(key), checksums).await
    }

    /// The first object whose key begins so.
    pub async fn first_below(&self, start: &ObjectKey) -> Result<Option<ListedObject>, Error> {
        let (page, _) = self.bucket.first_page(self.whole(start).as_str(), 1).await?;
        Ok(page.into_iter().next().map(|object| below(&self.prefix, object)))
    }

    fn whole(&self, key: &ObjectKey) -> ObjectKey {
        ObjectKey::new(format!("{}{key}", self.prefix))
    }
}

impl ViewPages {
    /// The next page; none at the end. One request.
    pub async fn next(&mut self) -> Result<Option<Vec<ListedObject>>, Error> {
        let Some(page) = self.pages.next().await? else { return Ok(None) };
        Ok(Some(page.into_iter().map(|object| below(&self.prefix, object)).collect()))
    }
}

/// The object by its key without the prefix.
fn below(prefix: &str, mut object: ListedObject) -> ListedObject {
    let short = object.key.as_str().strip_prefix(prefix).map(ObjectKey::from);
    object.key = short.unwrap_or(object.key);
    object
}
