//! Where a binary store is. No type here prints itself completely: a bucket has a secret key.

use std::{fmt, path::PathBuf};

/// One place for binaries.
#[derive(Clone)]
pub(crate) enum StoreSettings {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketSettings),
}

impl fmt::Display for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "folder {}", path.display()),
            Self::Bucket(to) => {
                write!(f, "bucket {} at {}", to.bucket, to.endpoint.as_deref().unwrap_or(&to.region))
            }
        }
    }
}

/// How to reach a bucket. Holds the secret key.
#[derive(Clone)]
pub(crate) struct BucketSettings {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) path_style: bool,
}
