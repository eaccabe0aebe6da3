//! A text in a bucket that several machines write to. Each writes only over what it has read: a store
//! refuses the write (`If-Match`, `If-None-Match`) where another came between.

use super::s3::{S3, S3Access, S3Bucket};
use crate::base::error::Error;
use crate::base::ids::{BucketName, ObjectKey};

/// A text that several write.
#[derive(Clone, Debug)]
pub struct SharedText {
    bucket: S3Bucket,
    key: ObjectKey,
    shown: String,
}

/// Which text it was that was read; none where there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadText(pub(super) Option<String>);

impl ReadText {
    /// Whether there was none.
    pub fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

impl SharedText {
    /// An object of a bucket. Nothing is sent yet.
    pub fn new(access: &S3Access, session: Option<String>, bucket: &BucketName, key: &ObjectKey) -> Self {
        let shown = format!("s3://{bucket}/{key}");
        Self { bucket: S3::with_session(access, session).bucket(bucket), key: key.clone(), shown }
    }

    /// Another text in the same bucket, whose key ends with `end`, too.
    #[must_use]
    pub fn beside(&self, end: &str) -> Self {
        let key = ObjectKey::new(format!("{}{end}", self.key));
        Self { bucket: self.bucket.clone(), key, shown: format!("{}{end}", self.shown) }
    }

    /// For people: its URL.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The key's last part.
    pub fn name(&self) -> &str {
        self.key.as_str().rsplit('/').next().unwrap_or_default()
    }

    /// The text, of at most `largest` bytes, or that there is none.
    ///
    /// # Errors
    /// The store's; also where reading is denied, or the object is larger or no text.
    pub async fn read(&self, largest: u64) -> Result<(Option<String>, ReadText), Error> {
        let Some((bytes, tag)) = self.bucket.read_tagged(&self.key, largest).await? else {
            return Ok((None, ReadText(None)));
        };
        let text =
            String::from_utf8(bytes).map_err(|_| Error::environment(format!("{} is no text", self.shown)))?;
        Ok((Some(text), ReadText(Some(tag))))
    }

    /// Writes over what was seen. False where another has written meanwhile: nothing is written then.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(&self, text: &str, seen: &ReadText) -> Result<bool, Error> {
        self.bucket.put_over(&self.key, text.as_bytes().to_vec(), seen).await
    }
}
