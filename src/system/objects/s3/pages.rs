//! Listings page by page, and the facts of one object: what is too large to be held at once.

use super::S3Bucket;
use super::errors::{code, failed, is_denied, truncated};
use super::read::{Opened, listed};
use crate::base::checksum::ChecksumAlgorithm;
use crate::base::digest::Digest;
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::ObjectKey;
use crate::model::state::ObjectState;
use crate::system::objects::kinds::{ListedObject, ObjectFacts};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
use aws_sdk_s3::types::ChecksumMode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::BTreeSet;

/// A listing that is read page by page.
pub struct ListingPages {
    pages: BoxStream<'static, Result<ListObjectsV2Output, SdkError<ListObjectsV2Error, HttpResponse>>>,
    is_truncated: bool,
    describe: String,
}

impl ListingPages {
    /// The next page; none at the end.
    pub(in crate::system::objects) async fn next(&mut self) -> Result<Option<Vec<ListedObject>>, Error> {
        let Some(page) = self.pages.next().await else {
            // The paginator also stops where a store repeats its continuation token or gives none.
            return if self.is_truncated { Err(truncated(self.describe.clone())) } else { Ok(None) };
        };
        let page = page.map_err(|error| failed(&error, self.describe.clone()))?;
        self.is_truncated = page.is_truncated == Some(true);
        listed(&page).map(Some)
    }
}

impl S3Bucket {
    /// The objects below a prefix whose keys come after this one.
    pub(in crate::system::objects) fn pages(&self, prefix: &str, after: Option<&ObjectKey>) -> ListingPages {
        let request = self.list_request(prefix).set_start_after(after.map(|key| key.as_str().to_owned()));
        let pages = stream::unfold(request.into_paginator().send(), |mut pages| async move {
            let page = pages.next().await?;
            Some((page, pages))
        });
        ListingPages { pages: pages.boxed(), is_truncated: false, describe: self.describe("list", "") }
    }

    /// What the store reports of an object without its bytes.
    pub(in crate::system::objects) async fn facts(&self, key: &ObjectKey) -> Result<ObjectFacts, Error> {
        let request = self.s3.client.head_object().bucket(self.name.as_str()).key(key.as_str());
        let head = match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(head) => head,
            Err(error) => {
                return match code(&error).as_str() {
                    "NoSuchKey" | "NotFound" => Ok(ObjectFacts::Missing),
                    denied if is_denied(denied) => Ok(ObjectFacts::Denied),
                    _ => Err(failed(&error, self.describe("ask for", key.as_str()))),
                };
            }
        };
        let size = head.content_length.unwrap_or_default().try_into();
        Ok(ObjectFacts::Found {
            size: size.or_environment(|| format!("the store gives {key} a size below 0"))?,
            modified: head.last_modified.and_then(|at| DateTime::from_timestamp_millis(at.to_millis().ok()?)),
            // That of an upload by parts is a checksum of checksums, and marked with a dash.
            sha256: head
                .checksum_sha256
                .and_then(|text| Some(Digest(STANDARD.decode(text).ok()?.try_into().ok()?))),
        })
    }

    /// What an object's bytes are, read as a stream; none where it is gone.
    pub(in crate::system::objects) async fn contents(
        &self,
        key: &ObjectKey,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Option<ObjectState>, Error> {
        match self.open(key).await? {
            Opened::Missing => Ok(None),
            opened => self.digest_of(key, opened, checksums).await.map(Some),
        }
    }
}
