//! Removing a bucket: everything in it has to go first.

use super::S3Bucket;
use super::errors::{code, failed, truncated};
use super::read::decoded;
use crate::base::error::Error;
use crate::base::ids::ObjectKey;
use aws_sdk_s3::types::EncodingType;
use futures::{StreamExt, TryStreamExt, stream};

/// How many deletions are in flight at a time. One request each: every store knows it, while
/// `DeleteObjects` wants checksums that stores disagree on.
const AT_A_TIME: usize = 16;

impl S3Bucket {
    /// Everything in it: the bucket stays, with its tags.
    pub(in crate::system::objects) async fn empty(&self) -> Result<(), Error> {
        self.delete_uploads().await?;
        self.delete_versions().await
    }

    pub(in crate::system::objects) async fn delete_whole(&self) -> Result<(), Error> {
        self.empty().await?;
        match self.s3.client.delete_bucket().bucket(self.name.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&code(&error)) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("remove", ""))),
        }
    }

    /// Every version and delete marker; just the objects in a store that knows no versions.
    async fn delete_versions(&self) -> Result<(), Error> {
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let request = self.s3.client.list_object_versions().bucket(self.name.as_str());
            let request = request
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker);
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) if is_gone(&code(&error)) => return Ok(()),
                Err(error) if is_unknown(&code(&error)) => return self.delete_objects().await,
                Err(error) => return Err(failed(&error, self.describe("list the versions in", ""))),
            };
            let is_encoded = page.encoding_type == Some(EncodingType::Url);
            let plain = |key: Option<&str>| {
                let key = key.unwrap_or_default();
                if is_encoded { decoded(key) } else { key.to_owned() }
            };
            let versions = page.versions().iter().map(|v| (plain(v.key()), v.version_id.clone()));
            let markers = page.delete_markers().iter().map(|m| (plain(m.key()), m.version_id.clone()));
            self.delete_each(versions.chain(markers).collect::<Vec<_>>()).await?;
            if page.is_truncated != Some(true) || page.next_key_marker.is_none() {
                return Ok(());
            }
            key_marker = page.next_key_marker.as_deref().map(|key| plain(Some(key)));
            version_marker = page.next_version_id_marker;
        }
    }

    async fn delete_objects(&self) -> Result<(), Error> {
        let objects = self.list("").await?;
        self.delete_each(objects.into_iter().map(|listed| (listed.key.0, None))).await
    }

    async fn delete_each(
        &self,
        versions: impl IntoIterator<Item = (String, Option<String>)>,
    ) -> Result<(), Error> {
        stream::iter(versions)
            .map(|(key, version)| async move {
                let key = ObjectKey(key);
                let request = self.s3.client.delete_object().bucket(self.name.as_str()).key(key.as_str());
                match request.set_version_id(version).send().await {
                    Ok(_) => Ok(()),
                    Err(error) if is_gone(&code(&error)) => Ok(()),
                    Err(error) => Err(failed(&error, self.describe("delete", key.as_str()))),
                }
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await
    }

    async fn delete_uploads(&self) -> Result<(), Error> {
        let context = || self.describe("list the uploads in", "");
        loop {
            // What was listed is gone by the next time: the first page is always the next one.
            let listed = self.s3.client.list_multipart_uploads().bucket(self.name.as_str()).send().await;
            let page = match listed {
                Ok(page) => page,
                Err(error) if is_gone(&code(&error)) || is_unknown(&code(&error)) => return Ok(()),
                Err(error) => return Err(failed(&error, context())),
            };
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
                let request = self.s3.client.abort_multipart_upload().bucket(self.name.as_str());
                match request.key(key).upload_id(id).send().await {
                    Ok(_) => {}
                    Err(error) if is_gone(&code(&error)) => {}
                    Err(error) => return Err(failed(&error, self.describe("end the upload of", key))),
                }
            }
            if page.is_truncated != Some(true) {
                return Ok(());
            }
            if page.uploads().is_empty() {
                return Err(truncated(context()));
            }
        }
    }
}

/// There is nothing left to remove.
fn is_gone(code: &str) -> bool {
    matches!(code, "NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" | "NotFound")
}

/// The store does not know this request at all.
pub(super) fn is_unknown(code: &str) -> bool {
    matches!(code, "NotImplemented" | "MethodNotAllowed" | "HTTP status 405" | "HTTP status 501")
}
