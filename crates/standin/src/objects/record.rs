//! What the store writes down about buckets, versions, uploads and parts. Plain data: no disk access
//! and no rules of S3 live here.

use crate::objects::checksum::{Algorithm, Checksum, Coverage};
use crate::objects::names::ObjectKey;
use chrono::{DateTime, Utc};
use s3s::dto::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A bucket's versioning state. Once enabled it can only be suspended, never taken back (S3 User
/// Guide, "Using versioning in S3 buckets").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Versioning {
    /// Never configured: one version a key, and responses carry no version id.
    Never,
    /// Every write makes a new version.
    Enabled,
    /// Writes replace the version whose id is `null`; the others stay.
    Suspended,
}

/// `bucket.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) created: DateTime<Utc>,
    pub(crate) versioning: Versioning,
    /// The bucket's tags, by key; `None` until it is given some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A version's name as clients see it: opaque, or `null` for what was written without versioning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct VersionId(pub(crate) String);

impl VersionId {
    /// The id of what is written while versioning is off or suspended.
    pub(crate) fn null() -> Self {
        Self("null".to_owned())
    }

    /// A new id. It begins with the order number, so that a listing can be continued after a version
    /// that was deleted between two pages.
    pub(crate) fn fresh(order: u64) -> Self {
        Self(unique(order))
    }

    /// Whether this is the `null` version.
    pub(crate) fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// The order number inside an id made by [`VersionId::fresh`].
    pub(crate) fn order(&self) -> Option<u64> {
        self.0.get(..16).and_then(|text| u64::from_str_radix(text, 16).ok())
    }
}

/// The name of a multipart upload in progress; sorts by the time of its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UploadId(pub(crate) String);

impl UploadId {
    /// A new id.
    pub(crate) fn fresh(order: u64) -> Self {
        Self(unique(order))
    }
}

fn unique(order: u64) -> String {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    format!("{order:016x}{random:016x}")
}

/// One version of one key: `versions/<order>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) key: ObjectKey,
    /// Later versions have higher numbers, also within one millisecond. Names the files on disk.
    pub(crate) order: u64,
    pub(crate) id: VersionId,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) content: Content,
}

impl VersionRecord {
    /// The object, unless this is a delete marker.
    pub(crate) fn object(&self) -> Option<&ObjectRecord> {
        match &self.content {
            Content::Object(object) => Some(object),
            Content::DeleteMarker => None,
        }
    }
}

/// What a version is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// The key was deleted while versioning was on; there are no bytes.
    DeleteMarker,
    /// Bytes, in the file beside the record.
    Object(Box<ObjectRecord>),
}

/// Everything about an object except its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    /// In bytes.
    pub(crate) size: u64,
    /// Without quotes: MD5 in hex, or `md5-n` after a multipart upload.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) headers: Headers,
    /// Sizes in bytes of the parts it was uploaded in; empty when it was put in one piece.
    pub(crate) part_sizes: Vec<u64>,
    /// The multipart upload that made it: at a restart that upload is known to be over.
    pub(crate) upload: Option<UploadId>,
}

/// The headers that S3 keeps with an object and gives back with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Headers {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) website_redirect_location: Option<String>,
    /// `None` is STANDARD.
    pub(crate) storage_class: Option<String>,
    /// User metadata, names without `x-amz-meta-`.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// `uploads/<id>/upload.json`: a multipart upload that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) key: ObjectKey,
    pub(crate) id: UploadId,
    pub(crate) initiated: DateTime<Utc>,
    pub(crate) headers: Headers,
    /// What the client asked the object's checksum to be; `None` leaves it to us.
    pub(crate) checksum: Option<(Algorithm, Coverage)>,
}

/// `uploads/<id>/<number>.json`: one part of an upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    /// 1 to 10000.
    pub(crate) number: i32,
    /// The name of the file with its bytes; a part that is sent again gets another.
    pub(crate) body: String,
    pub(crate) size: u64,
    /// MD5 in hex.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) modified: DateTime<Utc>,
}
