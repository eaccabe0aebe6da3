//! Uploads by parts that nobody completes. What they have stored takes room until somebody aborts them
//! (S3 User Guide, "Configuring a bucket lifecycle configuration to delete incomplete multipart uploads").

use super::S3Bucket;
use super::errors::{failed, truncated};
use crate::base::error::Error;
use crate::base::ids::ObjectKey;
use aws_sdk_s3::primitives::ByteStream;

impl S3Bucket {
    /// Begins one and stores a part.
    pub(in crate::system::objects) async fn begin_upload(
        &self,
        key: &ObjectKey,
        part: Vec<u8>,
    ) -> Result<(), Error> {
        let context = || self.describe("upload by parts", key.as_str());
        let client = &self.s3.client;
        let begun =
            client.create_multipart_upload().bucket(self.name.as_str()).key(key.as_str()).send().await;
        let begun = begun.map_err(|error| failed(&error, context()))?;
        let sent = client
            .upload_part()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .set_upload_id(begun.upload_id)
            .part_number(1)
            .body(ByteStream::from(part))
            .send()
            .await;
        sent.map(drop).map_err(|error| failed(&error, context()))
    }

    /// How many of a key are there, on all pages. MinIO lists those of a whole key only.
    pub(in crate::system::objects) async fn uploads(&self, key: &ObjectKey) -> Result<usize, Error> {
        let context = || self.describe("list the uploads in", "");
        let list = self.s3.client.list_multipart_uploads().bucket(self.name.as_str()).prefix(key.as_str());
        let (mut count, mut markers) = (0, (None, None));
        loop {
            let request =
                list.clone().set_key_marker(markers.0.clone()).set_upload_id_marker(markers.1.clone());
            let page = request.send().await.map_err(|error| failed(&error, context()))?;
            count += page.uploads().iter().filter(|upload| upload.key() == Some(key.as_str())).count();
            if page.is_truncated != Some(true) {
                return Ok(count);
            }
            let next = (page.next_key_marker, page.next_upload_id_marker);
            if next.0.is_none() || next == markers {
                return Err(truncated(context()));
            }
            markers = next;
        }
    }
}
