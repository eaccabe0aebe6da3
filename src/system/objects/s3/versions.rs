//! Versions by the S3 API: listed to their end, brought back, removed for good.

use super::errors::{failed, truncated};
use super::read::decoded;
use super::{S3Bucket, encoded};
use crate::base::error::Error;
use crate::base::ids::ObjectKey;
use crate::system::objects::versions::{ObjectVersion, newest_first};
use aws_sdk_s3::primitives::DateTime as Stamp;
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType, MetadataDirective};
use chrono::{DateTime, Utc};

impl S3Bucket {
    pub(in crate::system::objects) async fn versions(
        &self,
        prefix: &str,
    ) -> Result<Vec<ObjectVersion>, Error> {
        let context = || self.describe("list the versions in", "");
        let (mut all, mut markers) = (Vec::new(), (None, None));
        loop {
            let request = self.s3.client.list_object_versions().bucket(self.name.as_str());
            let page = request
                .encoding_type(EncodingType::Url)
                .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
                .set_key_marker(markers.0.clone())
                .set_version_id_marker(markers.1.clone())
                .send()
                .await
                .map_err(|error| failed(&error, context()))?;
            let is_encoded = page.encoding_type == Some(EncodingType::Url);
            let plain = |key: &str| if is_encoded { decoded(key) } else { key.to_owned() };
            let timeless = || Error::environment(context()).cause("a version has no time");
            let one = |key: Option<&str>, id: Option<&str>, at: Option<&Stamp>, marker, latest| {
                Ok::<ObjectVersion, Error>(ObjectVersion {
                    key: ObjectKey::new(plain(key.unwrap_or_default())),
                    id: id.unwrap_or("null").to_owned(),
                    modified: moment(at).ok_or_else(timeless)?,
                    marker,
                    latest: latest == Some(true),
                })
            };
            for v in page.versions() {
                let at = v.last_modified.as_ref();
                all.push(one(v.key(), v.version_id(), at, false, v.is_latest)?);
            }
            for m in page.delete_markers() {
                let at = m.last_modified.as_ref();
                all.push(one(m.key(), m.version_id(), at, true, m.is_latest)?);
            }
            if page.is_truncated != Some(true) {
                newest_first(&mut all);
                return Ok(all);
            }
            let next = (page.next_key_marker.as_deref().map(plain), page.next_version_id_marker);
            if next.0.is_none() || next == markers {
                return Err(truncated(context()));
            }
            markers = next;
        }
    }

    pub(in crate::system::objects) async fn bring_back(&self, version: &ObjectVersion) -> Result<(), Error> {
        let key = version.key.as_str();
        let source = format!("{}/{}?versionId={}", self.name, encoded(key), encoded(&version.id));
        let request = self.s3.client.copy_object().copy_source(source).bucket(self.name.as_str()).key(key);
        match request.metadata_directive(MetadataDirective::Copy).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("bring back a version of", key))),
        }
    }

    pub(in crate::system::objects) async fn remove_version(
        &self,
        version: &ObjectVersion,
    ) -> Result<(), Error> {
        let key = version.key.as_str();
        let request = self.s3.client.delete_object().bucket(self.name.as_str()).key(key);
        match request.version_id(&version.id).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("remove a version of", key))),
        }
    }

    pub(in crate::system::objects) async fn is_versioned(&self) -> Result<bool, Error> {
        match self.s3.client.get_bucket_versioning().bucket(self.name.as_str()).send().await {
            Ok(answer) => Ok(answer.status == Some(BucketVersioningStatus::Enabled)),
            Err(error) => Err(failed(&error, self.describe("ask for the versioning of", ""))),
        }
    }
}

/// The time of a version.
fn moment(stamp: Option<&Stamp>) -> Option<DateTime<Utc>> {
    stamp.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()))
}
