//! A bucket's tags, and whether there is anything in it, old versions and unfinished uploads
//! included.

use super::S3Bucket;
use super::errors::{code, failed};
use super::remove::is_unknown;
use crate::base::error::{Error, ErrorContext};
use crate::system::objects::kinds::Tags;
use aws_sdk_s3::types::{Tag, Tagging};
use std::collections::BTreeMap;

impl S3Bucket {
    pub(in crate::system::objects) async fn tags(&self) -> Result<Tags, Error> {
        let asked = self.s3.client.get_bucket_tagging().bucket(self.name.as_str()).send().await;
        let found = match asked {
            Ok(found) => found,
            Err(error) => {
                return match code(&error).as_str() {
                    // MinIO says so of a bucket that is not there, too.
                    "NoSuchTagSet" => self.untagged(Tags::Of(BTreeMap::new())).await,
                    "NoSuchBucket" | "NotFound" => Ok(Tags::NoBucket),
                    unknown if is_unknown(unknown) => self.untagged(Tags::Unknown).await,
                    _ => Err(failed(&error, self.describe("read the tags of", ""))),
                };
            }
        };
        Ok(Tags::Of(found.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }

    /// There are no tags: whether the bucket is there has to be asked in another way.
    async fn untagged(&self, there: Tags) -> Result<Tags, Error> {
        match self.s3.client.head_bucket().bucket(self.name.as_str()).send().await {
            Ok(_) => Ok(there),
            Err(error) if matches!(code(&error).as_str(), "NoSuchBucket" | "NotFound") => Ok(Tags::NoBucket),
            Err(error) => Err(failed(&error, self.describe("look at", ""))),
        }
    }

    pub(in crate::system::objects) async fn set_tags(
        &self,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let context = || self.describe("set the tags of", "");
        if tags.is_empty() {
            let gone = self.s3.client.delete_bucket_tagging().bucket(self.name.as_str()).send().await;
            return gone.map(|_| ()).map_err(|error| failed(&error, context()));
        }
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let set: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
        let tagging =
            Tagging::builder().set_tag_set(Some(set.or_harness(context)?)).build().or_harness(context)?;
        let request = self.s3.client.put_bucket_tagging().bucket(self.name.as_str()).tagging(tagging);
        request.send().await.map(|_| ()).map_err(|error| failed(&error, context()))
    }

    pub(in crate::system::objects) async fn something_in_it(&self) -> Result<Option<String>, Error> {
        if let Some(listed) = self.first_page("", 1).await?.0.first() {
            return Ok(Some(format!("object {:?}", listed.key.as_str())));
        }
        match self.s3.client.list_object_versions().bucket(self.name.as_str()).max_keys(1).send().await {
            Ok(page) if !page.versions().is_empty() => return Ok(Some("old versions of objects".to_owned())),
            Ok(page) if !page.delete_markers().is_empty() => return Ok(Some("delete markers".to_owned())),
            Ok(_) => {}
            Err(error) if is_unknown(&code(&error)) => {}
            Err(error) => return Err(failed(&error, self.describe("list the versions in", ""))),
        }
        match self.s3.client.list_multipart_uploads().bucket(self.name.as_str()).send().await {
            Ok(page) if !page.uploads().is_empty() => Ok(Some("uploads in flight".to_owned())),
            Ok(_) => Ok(None),
            Err(error) if is_unknown(&code(&error)) => Ok(None),
            Err(error) => Err(failed(&error, self.describe("list the uploads in", ""))),
        }
    }
}
