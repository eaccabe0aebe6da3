//! Tags of buckets, and the rules for them (S3 User Guide, "Using cost allocation S3 bucket tags" and
//! API Reference, PutBucketTagging). Objects' tags are not kept.

use super::{Answer, Api};
use crate::objects::names::BucketName;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;

/// The most tags of a bucket.
const MOST_TAGS: usize = 50;

/// The longest key and value of a tag, in characters.
const LONGEST: (usize, usize) = (128, 256);

impl Api {
    pub(super) async fn get_bucket_tagging(
        &self,
        request: S3Request<GetBucketTaggingInput>,
    ) -> Answer<GetBucketTaggingOutput> {
        let tags =
            self.store.with_bucket(&BucketName(request.input.bucket), |bucket| bucket.record.tags.clone())?;
        let tags = tags.ok_or_else(|| s3_error!(NoSuchTagSet, "The TagSet does not exist"))?;
        let tag_set = tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
        Ok(S3Response::new(GetBucketTaggingOutput { tag_set: tag_set.collect() }))
    }

    pub(super) async fn put_bucket_tagging(
        &self,
        request: S3Request<PutBucketTaggingInput>,
    ) -> Answer<PutBucketTaggingOutput> {
        let input = request.input;
        let bucket = BucketName(input.bucket);
        self.store.with_bucket(&bucket, |_| ())?;
        let tags = checked(input.tagging.tag_set)?;
        self.on_store(move |store| store.set_tags(&bucket, Some(tags))).await?;
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    }

    pub(super) async fn delete_bucket_tagging(
        &self,
        request: S3Request<DeleteBucketTaggingInput>,
    ) -> Answer<DeleteBucketTaggingOutput> {
        self.on_store(move |store| store.set_tags(&BucketName(request.input.bucket), None)).await?;
        Ok(S3Response::with_status(DeleteBucketTaggingOutput::default(), hyper::StatusCode::NO_CONTENT))
    }
}

/// # Errors
/// `InvalidTag`.
fn checked(tags: Vec<Tag>) -> S3Result<BTreeMap<String, String>> {
    if tags.len() > MOST_TAGS {
        return Err(s3_error!(InvalidTag, "A bucket can have up to {MOST_TAGS} tags."));
    }
    let mut checked = BTreeMap::new();
    for tag in tags {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        if key.is_empty() || key.chars().count() > LONGEST.0 || key.starts_with("aws:") {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > LONGEST.1 {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if checked.insert(key, value).is_some() {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(checked)
}
