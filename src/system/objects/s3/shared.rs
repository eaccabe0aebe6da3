//! Reads with the tag of what was read, and writes on condition of it.

use super::S3Bucket;
use super::errors::{code, failed};
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::ObjectKey;
use crate::system::objects::shared::ReadText;
use aws_sdk_s3::primitives::ByteStream;

impl S3Bucket {
    /// An object's bytes and tag; nothing where it is not there.
    pub(in crate::system::objects) async fn read_tagged(
        &self,
        key: &ObjectKey,
        largest: u64,
    ) -> Result<Option<(Vec<u8>, String)>, Error> {
        let context = || self.describe("read", key.as_str());
        let hint = "let this access key read the object and list its bucket";
        let Some(mut object) = self.must_open(key, hint).await? else { return Ok(None) };
        let tag = object.e_tag.take();
        let tag = tag.ok_or_else(|| Error::environment(context()).cause("the store gives it no ETag"))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = object.body.try_next().await.or_environment(context)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > largest {
                let cause = format!("it is larger than {} MiB", largest >> 20);
                return Err(Error::environment(context()).cause(cause));
            }
        }
        Ok(Some((bytes, tag)))
    }

    /// Writes an object that is still the one that was seen; whether it was.
    pub(in crate::system::objects) async fn put_over(
        &self,
        key: &ObjectKey,
        bytes: Vec<u8>,
        seen: &ReadText,
    ) -> Result<bool, Error> {
        let put = self.s3.client.put_object().bucket(self.name.as_str()).key(key.as_str());
        let put = match &seen.0 {
            Some(tag) => put.if_match(tag),
            None => put.if_none_match("*"),
        };
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match code(&error).as_str() {
                // Amazon's second: two writes at the very same time. The third: what was seen is gone.
                "PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey" => Ok(false),
                _ => Err(failed(&error, self.describe("write", key.as_str()))),
            },
        }
    }
}
