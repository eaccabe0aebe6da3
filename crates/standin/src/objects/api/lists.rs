//! Lists of objects and of versions, a page at a time.

use super::buckets::owner;
use super::{Answer, Api};
use crate::objects::checksum::decode;
use crate::objects::conditions::timestamp;
use crate::objects::listing::{Entry, Page, Query, page};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{Content, ObjectRecord, VersionId, VersionRecord};
use crate::objects::store::{self, quoted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::ops::Bound;

/// The most entries on a page, and the number when the client names none.
const PAGE: i32 = 1000;

/// What the list operations have in common.
pub(super) struct Asked {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// `encoding-type=url`: names are percent-encoded, for XML can't carry every character.
    pub(crate) url: bool,
    /// As the response tells it.
    pub(crate) limit: i32,
}

impl Asked {
    /// # Errors
    /// `InvalidArgument` for a negative limit or an unknown encoding.
    pub(super) fn read(
        prefix: Option<&String>,
        delimiter: Option<&String>,
        encoding: Option<&EncodingType>,
        limit: Option<i32>,
    ) -> S3Result<Self> {
        let limit = limit.unwrap_or(PAGE);
        if limit < 0 {
            return Err(s3_error!(InvalidArgument, "The number of entries a page may not be negative."));
        }
        if encoding.is_some_and(|encoding| encoding.as_str() != EncodingType::URL) {
            return Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"));
        }
        Ok(Self {
            prefix: prefix.cloned().unwrap_or_default(),
            delimiter: delimiter.cloned().filter(|delimiter| !delimiter.is_empty()),
            url: encoding.is_some(),
            limit: limit.min(PAGE),
        })
    }

    pub(super) fn query<'a>(&'a self, after: Option<&'a str>) -> Query<'a> {
        let limit = usize::try_from(self.limit).unwrap_or(0);
        Query { prefix: &self.prefix, delimiter: self.delimiter.as_deref(), after, limit }
    }

    /// A name as the response writes it.
    pub(super) fn shown(&self, name: &str) -> String {
        if !self.url {
            return name.to_owned();
        }
        let encode = |piece: &str| url::form_urlencoded::byte_serialize(piece.as_bytes()).collect::<String>();
        name.split('/').map(encode).collect::<Vec<_>>().join("/")
    }

    pub(super) fn shown_delimiter(&self) -> Option<String> {
        self.delimiter.as_deref().map(|delimiter| self.shown(delimiter))
    }

    /// The rolled-up prefixes of a page.
    pub(super) fn prefixes<T>(&self, page: &Page<T>) -> Vec<CommonPrefix> {
        let prefix = |entry: &Entry<T>| match entry {
            Entry::Prefix(prefix) => Some(CommonPrefix { prefix: Some(self.shown(prefix)) }),
            Entry::Item(_) => None,
        };
        page.entries.iter().filter_map(prefix).collect()
    }

    fn encoding(&self) -> Option<EncodingType> {
        self.url.then(|| EncodingType::from_static(EncodingType::URL))
    }
}

/// A page of current objects, and the name after which the next page starts.
struct Objects {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    next: Option<String>,
}

impl Api {
    pub(super) async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> Answer<ListObjectsOutput> {
        let input = request.input;
        let asked = Asked::read(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.encoding_type.as_ref(),
            input.max_keys,
        )?;
        let objects = self.objects(&input.bucket, &asked, input.marker.as_deref(), true)?;
        // S3 names the next marker only when there is a delimiter; else it is the last key.
        let next = objects.next.as_deref().filter(|_| asked.delimiter.is_some());
        Ok(S3Response::new(ListObjectsOutput {
            next_marker: next.map(|next| asked.shown(next)),
            is_truncated: Some(objects.next.is_some()),
            contents: Some(objects.contents),
            common_prefixes: Some(objects.prefixes),
            name: Some(input.bucket),
            prefix: Some(asked.shown(&asked.prefix)),
            marker: Some(asked.shown(input.marker.as_deref().unwrap_or_default())),
            max_keys: Some(asked.limit),
            delimiter: asked.shown_delimiter(),
            encoding_type: asked.encoding(),
            request_charged: None,
        }))
    }

    pub(super) async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        let asked = Asked::read(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.encoding_type.as_ref(),
            input.max_keys,
        )?;
        let after = match &input.continuation_token {
            Some(token) => Some(from_token(token)?),
            None => input.start_after.clone(),
        };
        let with_owner = input.fetch_owner == Some(true);
        let objects = self.objects(&input.bucket, &asked, after.as_deref(), with_owner)?;
        let count = objects.contents.len() + objects.prefixes.len();
        Ok(S3Response::new(ListObjectsV2Output {
            next_continuation_token: objects.next.as_deref().map(token),
            is_truncated: Some(objects.next.is_some()),
            contents: Some(objects.contents),
            common_prefixes: Some(objects.prefixes),
            key_count: i32::try_from(count).ok(),
            name: Some(input.bucket),
            prefix: Some(asked.shown(&asked.prefix)),
            max_keys: Some(asked.limit),
            delimiter: asked.shown_delimiter(),
            encoding_type: asked.encoding(),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|start| asked.shown(&start)),
            request_charged: None,
        }))
    }

    fn objects(
        &self,
        bucket: &str,
        asked: &Asked,
        after: Option<&str>,
        with_owner: bool,
    ) -> S3Result<Objects> {
        self.store.with_bucket(&BucketName(bucket.to_owned()), |bucket| {
            let current = bucket.keys.range(start(asked, after)).filter_map(|(key, versions)| {
                let version = versions.last()?;
                version.object().map(|object| (key.as_str(), (version, object)))
            });
            let page = page(current, &asked.query(after));
            let mut objects = Objects { contents: Vec::new(), prefixes: asked.prefixes(&page), next: None };
            for entry in &page.entries {
                if let Entry::Item((version, found)) = entry {
                    objects.contents.push(object(asked, version, found, with_owner));
                }
            }
            let last = page.entries.last().filter(|_| page.truncated);
            objects.next = last.map(|entry| match entry {
                Entry::Item((version, _)) => version.key.0.clone(),
                Entry::Prefix(prefix) => prefix.clone(),
            });
            objects
        })
    }

    pub(super) async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        let input = request.input;
        let asked = Asked::read(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.encoding_type.as_ref(),
            input.max_keys,
        )?;
        let key_marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
        let version_marker = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
        if version_marker.is_some() && key_marker.is_none() {
            let text = "A version-id marker cannot be specified without a key marker.";
            return Err(s3_error!(InvalidArgument, "{text}"));
        }
        let mut output = self.store.with_bucket(&BucketName(input.bucket.clone()), |bucket| {
            versions(bucket, &asked, key_marker.as_deref(), version_marker.map(VersionId))
        })?;
        output.name = Some(input.bucket);
        output.key_marker = Some(asked.shown(input.key_marker.as_deref().unwrap_or_default()));
        output.version_id_marker = Some(input.version_id_marker.unwrap_or_default());
        Ok(S3Response::new(output))
    }
}

fn versions(
    bucket: &store::Bucket,
    asked: &Asked,
    key_marker: Option<&str>,
    version_marker: Option<VersionId>,
) -> ListObjectVersionsOutput {
    let start = match (&version_marker, key_marker) {
        // The marker's key has versions left to show.
        (Some(_), Some(key)) => (Bound::Included(ObjectKey::from(key)), Bound::Unbounded),
        (Some(_) | None, _) => start(asked, key_marker),
    };
    let items = bucket.keys.range(start).flat_map(|(key, versions)| {
        let marked = version_marker.as_ref().filter(|_| key_marker == Some(key.as_str()));
        let skipped = marked.map_or(0, |marker| shown_before(versions, marker));
        let latest = versions.len() - 1;
        let newest_first = versions.iter().enumerate().rev().skip(skipped);
        newest_first.map(move |(index, version)| (key.as_str(), (version, index == latest)))
    });
    let page = page(items, &asked.query(key_marker));
    let mut output = ListObjectVersionsOutput {
        is_truncated: Some(page.truncated),
        common_prefixes: Some(asked.prefixes(&page)),
        prefix: Some(asked.shown(&asked.prefix)),
        max_keys: Some(asked.limit),
        delimiter: asked.shown_delimiter(),
        encoding_type: asked.encoding(),
        ..Default::default()
    };
    match page.entries.last().filter(|_| page.truncated) {
        Some(Entry::Item((version, _))) => {
            output.next_key_marker = Some(asked.shown(version.key.as_str()));
            output.next_version_id_marker = Some(version.id.0.clone());
        }
        Some(Entry::Prefix(prefix)) => output.next_key_marker = Some(asked.shown(prefix)),
        None => {}
    }
    let (mut objects, mut markers) = (Vec::new(), Vec::new());
    for entry in &page.entries {
        let Entry::Item((version, latest)) = entry else { continue };
        match &version.content {
            Content::Object(object) => objects.push(object_version(asked, version, object, *latest)),
            Content::DeleteMarker => markers.push(delete_marker(asked, version, *latest)),
        }
    }
    output.versions = Some(objects);
    output.delete_markers = Some(markers);
    output
}

/// How many of a key's versions, newest first, come before the place right after `marker`. A marker
/// that has since been deleted is placed by the order number in its id; a deleted `null` one tells
/// nothing, and showing versions twice is better than leaving some out.
fn shown_before(versions: &[VersionRecord], marker: &VersionId) -> usize {
    match versions.iter().rposition(|version| version.id == *marker) {
        Some(index) => versions.len() - index,
        None => {
            marker.order().map_or(0, |order| versions.iter().filter(|version| version.order >= order).count())
        }
    }
}

/// Where in the sorted keys a page begins.
fn start(asked: &Asked, after: Option<&str>) -> (Bound<ObjectKey>, Bound<ObjectKey>) {
    let prefix = asked.prefix.as_str();
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(ObjectKey::from(after)),
        Some(_) | None => Bound::Included(ObjectKey::from(prefix)),
    };
    (from, Bound::Unbounded)
}

fn object(asked: &Asked, version: &VersionRecord, found: &ObjectRecord, with_owner: bool) -> Object {
    Object {
        key: Some(asked.shown(version.key.as_str())),
        e_tag: Some(quoted(&found.etag)),
        size: i64::try_from(found.size).ok(),
        last_modified: Some(timestamp(version.modified)),
        checksum_algorithm: Some(vec![found.checksum.algorithm.name().to_owned().into()]),
        checksum_type: Some(found.checksum.coverage.name().to_owned().into()),
        storage_class: Some(class(found).into()),
        owner: with_owner.then(owner),
        restore_status: None,
    }
}

fn object_version(
    asked: &Asked,
    version: &VersionRecord,
    found: &ObjectRecord,
    latest: bool,
) -> ObjectVersion {
    ObjectVersion {
        key: Some(asked.shown(version.key.as_str())),
        version_id: Some(version.id.0.clone()),
        is_latest: Some(latest),
        e_tag: Some(quoted(&found.etag)),
        size: i64::try_from(found.size).ok(),
        last_modified: Some(timestamp(version.modified)),
        checksum_algorithm: Some(vec![found.checksum.algorithm.name().to_owned().into()]),
        checksum_type: Some(found.checksum.coverage.name().to_owned().into()),
        storage_class: Some(class(found).into()),
        owner: Some(owner()),
        restore_status: None,
    }
}

fn delete_marker(asked: &Asked, version: &VersionRecord, latest: bool) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(asked.shown(version.key.as_str())),
        version_id: Some(version.id.0.clone()),
        is_latest: Some(latest),
        last_modified: Some(timestamp(version.modified)),
        owner: Some(owner()),
    }
}

fn class(found: &ObjectRecord) -> String {
    found.headers.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
}

/// Where a list goes on, as clients carry it.
fn token(after: &str) -> String {
    BASE64.encode(after)
}

fn from_token(token: &str) -> S3Result<String> {
    decode(token)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
