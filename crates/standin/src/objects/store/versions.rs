//! Versions of keys: found, opened, committed and deleted, with S3's rules for buckets that never had
//! versioning, have it, or have it suspended (S3 User Guide, "How S3 Versioning works").

use super::{Bucket, Store, disk::Layout, stored};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{Content, ObjectRecord, VersionId, VersionRecord, Versioning};
use chrono::{DateTime, Utc};
use s3s::dto::{ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result, s3_error};
use std::fs::{self, File};
use std::io;
use tempfile::TempPath;

/// A version that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) object: ObjectRecord,
    pub(crate) modified: DateTime<Utc>,
    /// What responses show as version id: nothing in a bucket that never had versioning.
    pub(crate) shown_id: Option<String>,
}

/// A version and its bytes. The bytes stay readable when the version is replaced or deleted.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) found: Found,
    pub(crate) file: File,
}

/// A complete, verified object on its way in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) key: ObjectKey,
    pub(crate) object: ObjectRecord,
    pub(crate) body: TempPath,
    pub(crate) guard: WriteGuard,
}

/// What a commit made.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) modified: DateTime<Utc>,
    /// As in [`Found::shown_id`].
    pub(crate) shown_id: Option<String>,
}

/// What a delete did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The id of the delete marker that was made, or of the version that was removed.
    pub(crate) shown_id: Option<String>,
    /// Whether that version is a delete marker.
    pub(crate) marker: bool,
}

/// Conditions on a write, checked in the same instant as it becomes visible.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteGuard {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteGuard {
    /// # Errors
    /// `PreconditionFailed`, or `NoSuchKey` when `If-Match` finds nothing to match.
    fn check(&self, current: Option<&ObjectRecord>) -> S3Result<()> {
        let same = |condition: &ETagCondition, object: &ObjectRecord| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag,
        };
        match (&self.if_match, current) {
            (Some(_), None) => return Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(condition), Some(object)) if !same(condition, object) => return Err(failed("If-Match")),
            (Some(_) | None, _) => {}
        }
        match (&self.if_none_match, current) {
            (Some(condition), Some(object)) if same(condition, object) => Err(failed("If-None-Match")),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

fn failed(condition: &str) -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold: {condition}"
    )
}

impl Store {
    /// The version of a key that a read is about: the newest, or the one named.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, and `MethodNotAllowed` for a named delete marker;
    /// the last two with the headers that tell of the marker.
    pub(crate) fn find(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: Option<&VersionId>,
    ) -> S3Result<Found> {
        find(self.read().bucket(bucket)?, key, id).map(|(found, _)| found)
    }

    /// As [`Store::find`], with the bytes.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub(crate) fn open_body(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: Option<&VersionId>,
    ) -> S3Result<Body> {
        let state = self.read();
        let (found, order) = find(state.bucket(bucket)?, key, id)?;
        let file = File::open(self.layout.body(bucket, order)).map_err(stored)?;
        Ok(Body { found, file })
    }

    /// Makes an object visible.
    ///
    /// # Errors
    /// `NoSuchBucket`, and those of the [`WriteGuard`]; then nothing has changed.
    pub(crate) fn commit(&self, bucket: &BucketName, incoming: Incoming) -> S3Result<Stored> {
        let mut state = self.write();
        state.bucket(bucket)?;
        let order = state.next_order();
        commit(&self.layout, bucket, state.bucket_mut(bucket)?, order, incoming)
    }

    /// Deletes a key, or one version of it. A missing one counts as deleted.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) fn delete(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: Option<&VersionId>,
        guard: &WriteGuard,
    ) -> S3Result<Deleted> {
        let mut state = self.write();
        let current = state.bucket(bucket)?.current(key).and_then(VersionRecord::object);
        guard.check(current)?;
        let order = state.next_order();
        let held = state.bucket_mut(bucket)?;
        match (id, held.record.versioning) {
            (Some(id), _) => remove_version(&self.layout, bucket, held, key, id),
            (None, Versioning::Never) => {
                remove_version(&self.layout, bucket, held, key, &VersionId::null())?;
                Ok(Deleted::default())
            }
            (None, Versioning::Enabled | Versioning::Suspended) => {
                let id = new_id(held, order);
                let marker = VersionRecord {
                    key: key.clone(),
                    order,
                    id: id.clone(),
                    modified: Utc::now(),
                    content: Content::DeleteMarker,
                };
                push(&self.layout, bucket, held, marker)?;
                Ok(Deleted { shown_id: Some(id.0), marker: true })
            }
        }
    }
}

fn new_id(bucket: &Bucket, order: u64) -> VersionId {
    match bucket.record.versioning {
        Versioning::Enabled => VersionId::fresh(order),
        Versioning::Never | Versioning::Suspended => VersionId::null(),
    }
}

fn shown_id(bucket: &Bucket, id: &VersionId) -> Option<String> {
    match bucket.record.versioning {
        Versioning::Never => None,
        Versioning::Enabled | Versioning::Suspended => Some(id.0.clone()),
    }
}

/// [`Store::commit`] for who holds the lock.
pub(super) fn commit(
    layout: &Layout,
    name: &BucketName,
    bucket: &mut Bucket,
    order: u64,
    incoming: Incoming,
) -> S3Result<Stored> {
    incoming.guard.check(bucket.current(&incoming.key).and_then(VersionRecord::object))?;
    let id = new_id(bucket, order);
    let modified = Utc::now();
    let shown_id = shown_id(bucket, &id);
    let body = layout.body(name, order);
    incoming.body.persist(&body).map_err(|kept| stored(kept.error))?;
    let content = Content::Object(Box::new(incoming.object));
    let version = VersionRecord { key: incoming.key, order, id, modified, content };
    push(layout, name, bucket, version).inspect_err(|_| {
        // Without a record the body does not count; at the latest the next start removes it.
        let _ = fs::remove_file(&body);
    })?;
    Ok(Stored { modified, shown_id })
}

/// Writes a version's record, which makes it the newest, and removes the `null` version it replaces.
fn push(layout: &Layout, name: &BucketName, bucket: &mut Bucket, version: VersionRecord) -> S3Result<()> {
    layout.write(&layout.version(name, version.order), &version).map_err(stored)?;
    let (key, is_null) = (version.key.clone(), version.id.is_null());
    let versions = bucket.keys.entry(key).or_default();
    let replaced = is_null.then(|| versions.iter().position(|old| old.id.is_null())).flatten();
    versions.push(version);
    if let Some(place) = replaced {
        let old = versions.remove(place);
        // The newer record is there, so a leftover loses against it at the next start.
        let _ = erase(layout, name, &old);
    }
    Ok(())
}

fn remove_version(
    layout: &Layout,
    name: &BucketName,
    bucket: &mut Bucket,
    key: &ObjectKey,
    id: &VersionId,
) -> S3Result<Deleted> {
    let mut deleted = Deleted { shown_id: shown_id(bucket, id), marker: false };
    let Some(versions) = bucket.keys.get_mut(key) else { return Ok(deleted) };
    let Some(place) = versions.iter().position(|version| version.id == *id) else { return Ok(deleted) };
    erase(layout, name, &versions[place]).map_err(stored)?;
    deleted.marker = versions.remove(place).object().is_none();
    if versions.is_empty() {
        bucket.keys.remove(key);
    }
    Ok(deleted)
}

/// The record goes first: a body without a record does not count.
fn erase(layout: &Layout, name: &BucketName, version: &VersionRecord) -> io::Result<()> {
    fs::remove_file(layout.version(name, version.order))?;
    match version.content {
        Content::Object(_) => fs::remove_file(layout.body(name, version.order)).or(Ok(())),
        Content::DeleteMarker => Ok(()),
    }
}

fn find(bucket: &Bucket, key: &ObjectKey, id: Option<&VersionId>) -> S3Result<(Found, u64)> {
    let version = match id {
        None => {
            bucket.current(key).ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))?
        }
        Some(id) => bucket
            .keys
            .get(key)
            .and_then(|versions| versions.iter().find(|version| version.id == *id))
            .ok_or_else(|| s3_error!(NoSuchVersion, "The specified version does not exist."))?,
    };
    match version.object() {
        Some(object) => {
            let shown_id = shown_id(bucket, &version.id);
            let found = Found { object: object.clone(), modified: version.modified, shown_id };
            Ok((found, version.order))
        }
        None => Err(marked(version, id.is_some())),
    }
}

/// The answer to a read that meets a delete marker: 404 for the key, 405 for the marker by its id
/// (S3 User Guide, "Working with delete markers").
fn marked(version: &VersionRecord, named: bool) -> S3Error {
    let mut error = if named {
        s3_error!(MethodNotAllowed, "The specified version is a delete marker.")
    } else {
        s3_error!(NoSuchKey, "The specified key does not exist.")
    };
    let mut headers = hyper::HeaderMap::new();
    headers.insert("x-amz-delete-marker", hyper::header::HeaderValue::from_static("true"));
    if let Ok(id) = version.id.0.parse() {
        headers.insert("x-amz-version-id", id);
    }
    if named {
        headers.insert(hyper::header::ALLOW, hyper::header::HeaderValue::from_static("DELETE"));
        let mut date = Vec::new();
        let modified = Timestamp::from(std::time::SystemTime::from(version.modified));
        if modified.format(TimestampFormat::HttpDate, &mut date).is_ok()
            && let Ok(value) = hyper::header::HeaderValue::from_bytes(&date)
        {
            headers.insert(hyper::header::LAST_MODIFIED, value);
        }
    }
    error.set_headers(headers);
    error
}

/// A stored ETag as headers and XML carry it.
pub(crate) fn quoted(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}
