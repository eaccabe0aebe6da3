//! Reading: listings to their end, objects whole, and the inventory that digests every byte.

use super::S3Bucket;
use super::errors::{code, failed, is_denied};
use crate::base::checksum::{ChecksumAlgorithm, ChecksumHasher};
use crate::base::digest::Hasher;
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::ObjectKey;
use crate::base::sorted::SortedMapBuilder;
use crate::model::state::{Metadata, ObjectState, Objects};
use crate::system::objects::kinds::{Got, ListedObject, Listing, ListingBuilder};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder;
use aws_sdk_s3::types::EncodingType;
use chrono::DateTime;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;

/// How many objects are read at a time.
const AT_A_TIME: usize = 8;

impl S3Bucket {
    pub(in crate::system::objects) async fn list(&self, prefix: &str) -> Result<Listing, Error> {
        let (mut pages, mut all) = (self.pages(prefix, None), ListingBuilder::default());
        while let Some(page) = pages.next().await? {
            page.into_iter().for_each(|object| all.add(object));
        }
        Ok(all.finish())
    }

    pub(in crate::system::objects) async fn first_page(
        &self,
        prefix: &str,
        max_keys: u16,
    ) -> Result<(Vec<ListedObject>, bool), Error> {
        let page = self.list_request(prefix).max_keys(max_keys.into()).send().await;
        let page = page.map_err(|error| failed(&error, self.describe("list", "")))?;
        Ok((listed(&page)?, page.is_truncated == Some(true)))
    }

    pub(super) fn list_request(&self, prefix: &str) -> ListObjectsV2FluentBuilder {
        let request = self.s3.client.list_objects_v2().bucket(self.name.as_str());
        // XML can't hold every character that a key may.
        request.set_prefix((!prefix.is_empty()).then(|| prefix.to_owned())).encoding_type(EncodingType::Url)
    }

    pub(in crate::system::objects) async fn get(&self, key: &ObjectKey) -> Result<Got, Error> {
        let object = match self.open(key).await? {
            Opened::Found(object) => object,
            Opened::Missing => return Ok(Got::Missing),
            Opened::Denied => return Ok(Got::Denied),
        };
        let metadata = kept(&object);
        let context = || self.describe("read", key.as_str());
        let bytes = object.body.collect().await.or_environment(context)?.to_vec();
        Ok(Got::Found { bytes, metadata })
    }

    /// Asks for an object whose bytes are yet to come.
    pub(super) async fn open(&self, key: &ObjectKey) -> Result<Opened, Error> {
        match self.s3.client.get_object().bucket(self.name.as_str()).key(key.as_str()).send().await {
            Ok(object) => Ok(Opened::Found(Box::new(object))),
            Err(error) => match code(&error).as_str() {
                "NoSuchKey" | "NoSuchBucket" | "NotFound" => Ok(Opened::Missing),
                denied if is_denied(denied) => Ok(Opened::Denied),
                _ => Err(failed(&error, self.describe("read", key.as_str()))),
            },
        }
    }

    /// The same where a denied read is an error with this hint. None where there is no
    /// such object.
    pub(super) async fn must_open(
        &self,
        key: &ObjectKey,
        hint: &str,
    ) -> Result<Option<Box<GetObjectOutput>>, Error> {
        match self.open(key).await? {
            Opened::Found(object) => Ok(Some(object)),
            Opened::Missing => Ok(None),
            Opened::Denied => Err(Error::environment(self.describe("read", key.as_str()))
                .cause("the store denies reading it")
                .hint(hint)),
        }
    }

    pub(in crate::system::objects) async fn inventory(
        &self,
        prefix: &str,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Objects, Error> {
        let pages = stream::try_unfold(self.pages(prefix, None), |mut pages| async {
            let page = pages.next().await?;
            Ok::<_, Error>(page.map(|page| (stream::iter(page.into_iter().map(Ok::<_, Error>)), pages)))
        });
        let mut read = pages
            .try_flatten()
            .map_ok(|listed: ListedObject| async move {
                let object = self.digest(&listed.key, checksums).await?;
                Ok((listed.key, object))
            })
            .try_buffer_unordered(AT_A_TIME)
            .boxed();
        let mut objects = SortedMapBuilder::new();
        while let Some((key, object)) = read.try_next().await? {
            let short = key.as_str().strip_prefix(prefix).unwrap_or(key.as_str());
            objects.add(&ObjectKey::from(short), &object);
        }
        Ok(objects.finish())
    }

    pub(super) async fn digest(
        &self,
        key: &ObjectKey,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<ObjectState, Error> {
        let opened = self.open(key).await?;
        self.digest_of(key, opened, checksums).await
    }

    /// The same of an object that was asked for.
    pub(super) async fn digest_of(
        &self,
        key: &ObjectKey,
        opened: Opened,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<ObjectState, Error> {
        let context = || self.describe("read", key.as_str());
        let mut object = match opened {
            Opened::Found(object) => object,
            Opened::Missing => {
                return Err(Error::environment(context()).cause("it was listed, and then it was gone"));
            }
            Opened::Denied => {
                return Err(Error::environment(context())
                    .cause("it is listed, and the store denies reading it")
                    .hint("let this access key read every object of the bucket"));
            }
        };
        let (mut hasher, mut size, metadata) = (Hasher::new(), 0, kept(&object));
        let mut others = ChecksumHasher::new(checksums);
        while let Some(chunk) = object.body.try_next().await.or_environment(context)? {
            size += chunk.len() as u64;
            hasher.update(&chunk);
            others.update(&chunk);
        }
        Ok(ObjectState { size, sha256: hasher.finish(), checksums: others.finish(), metadata })
    }
}

/// An object whose bytes are yet to come.
pub(super) enum Opened {
    Found(Box<GetObjectOutput>),
    Missing,
    Denied,
}

/// What came with an object beside its bytes. Tags, locks and the storage class are no part of it: S3
/// answers them elsewhere, or moves them by rules of the bucket.
pub(super) fn kept(object: &GetObjectOutput) -> Metadata {
    let headers = [
        ("cache-control", &object.cache_control),
        ("content-disposition", &object.content_disposition),
        ("content-encoding", &object.content_encoding),
        ("content-language", &object.content_language),
        ("content-type", &object.content_type),
        ("expires", &object.expires_string),
        ("x-amz-website-redirect-location", &object.website_redirect_location),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let users = object.metadata.iter().flatten();
    let users = users.map(|(name, value)| (format!("{}{name}", Metadata::USER), value.clone()));
    Metadata(headers.chain(users).collect())
}

pub(super) fn listed(page: &ListObjectsV2Output) -> Result<Vec<ListedObject>, Error> {
    // A store that does not know the parameter does not return it, and encodes nothing.
    let is_encoded = page.encoding_type == Some(EncodingType::Url);
    let one = |object: &aws_sdk_s3::types::Object| {
        let key = object.key.as_deref().unwrap_or_default();
        let key = if is_encoded { decoded(key) } else { key.to_owned() };
        let size = object.size.unwrap_or_default().try_into();
        Ok(ListedObject {
            size: size.or_environment(|| format!("the store gives {key:?} a size below 0"))?,
            key: key.into(),
            modified: object
                .last_modified()
                .and_then(|at| DateTime::from_timestamp_millis(at.to_millis().ok()?)),
        })
    };
    page.contents().iter().map(one).collect()
}

/// The inverse of S3's URL encoding: percent-encoded UTF-8, `+` for a space.
pub(super) fn decoded(key: &str) -> String {
    percent_encoding::percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(decoded("a+b%2Bc/%C3%A9&=%00"), "a b+c/é&=\0");
    }
}
