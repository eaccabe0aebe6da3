//! Multipart uploads in progress. No listing or read of objects sees them before they are complete.

use super::versions::{self, Incoming, Stored};
use super::{Store, Upload, disk, stored};
use crate::objects::checksum::{Algorithm, Coverage, Digested};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{Headers, PartRecord, UploadId, UploadRecord};
use chrono::Utc;
use s3s::{S3Error, S3Result, s3_error};
use std::collections::BTreeMap;
use std::fs::{self, File};
use tempfile::TempPath;

impl Store {
    /// Begins an upload.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) fn begin_upload(
        &self,
        bucket: &BucketName,
        key: ObjectKey,
        headers: Headers,
        checksum: Option<(Algorithm, Coverage)>,
    ) -> S3Result<UploadId> {
        let mut state = self.write();
        state.bucket(bucket)?;
        let id = UploadId::fresh(state.next_order());
        let record =
            UploadRecord { key: key.clone(), id: id.clone(), initiated: Utc::now(), headers, checksum };
        let draft = self.layout.unfinished().join(&id.0);
        let make = || {
            fs::create_dir(&draft)?;
            self.layout.write(&draft.join(disk::UPLOAD), &record)?;
            fs::rename(&draft, self.layout.upload(bucket, &id))
        };
        make().map_err(stored)?;
        let upload = Upload { record, parts: BTreeMap::new() };
        state.bucket_mut(bucket)?.uploads.insert((key, id.clone()), upload);
        Ok(id)
    }

    /// An upload in progress as it is now.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchUpload`.
    pub(crate) fn upload(&self, bucket: &BucketName, key: &ObjectKey, id: &UploadId) -> S3Result<Upload> {
        let state = self.read();
        let upload = state.bucket(bucket)?.uploads.get(&(key.clone(), id.clone()));
        upload.cloned().ok_or_else(no_such_upload)
    }

    /// Takes a verified part in, in place of an earlier one of the same number.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchUpload`.
    pub(crate) fn put_part(
        &self,
        bucket: &BucketName,
        upload: &UploadRecord,
        number: i32,
        digested: Digested,
        body: TempPath,
    ) -> S3Result<PartRecord> {
        let mut state = self.write();
        let parts = &mut state
            .bucket_mut(bucket)?
            .uploads
            .get_mut(&(upload.key.clone(), upload.id.clone()))
            .ok_or_else(no_such_upload)?
            .parts;
        let part = PartRecord {
            number,
            body: format!("{}.body", uuid::Uuid::new_v4()),
            size: digested.size,
            etag: digested.etag(),
            checksum: digested.checksum,
            modified: Utc::now(),
        };
        let folder = self.layout.upload(bucket, &upload.id);
        body.persist(folder.join(&part.body)).map_err(|kept| stored(kept.error))?;
        self.layout.write(&folder.join(format!("{number}.json")), &part).map_err(stored)?;
        if let Some(old) = parts.insert(number, part.clone()) {
            // A body that no record names is removed at the next start.
            let _ = fs::remove_file(folder.join(old.body));
        }
        Ok(part)
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// `NoSuchUpload` when the upload ended, or the part was replaced, in the meantime.
    pub(crate) fn open_part(
        &self,
        bucket: &BucketName,
        upload: &UploadId,
        part: &PartRecord,
    ) -> S3Result<File> {
        let path = self.layout.upload(bucket, upload).join(&part.body);
        File::open(path).map_err(|_| no_such_upload())
    }

    /// Makes the assembled object visible and ends the upload, in one step for every reader.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchUpload`, and those of the write guard.
    pub(crate) fn complete_upload(
        &self,
        bucket: &BucketName,
        upload: &UploadRecord,
        incoming: Incoming,
    ) -> S3Result<Stored> {
        let mut state = self.write();
        state.bucket(bucket)?;
        let order = state.next_order();
        let held = state.bucket_mut(bucket)?;
        let place = (upload.key.clone(), upload.id.clone());
        if !held.uploads.contains_key(&place) {
            return Err(no_such_upload());
        }
        let stored = versions::commit(&self.layout, bucket, held, order, incoming)?;
        held.uploads.remove(&place);
        // The version's record names the upload: the next start clears what may be left of it.
        let _ = self.layout.discard(&self.layout.upload(bucket, &upload.id));
        Ok(stored)
    }

    /// Drops an upload and its parts.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchUpload`.
    pub(crate) fn abort_upload(&self, bucket: &BucketName, key: &ObjectKey, id: &UploadId) -> S3Result<()> {
        let mut state = self.write();
        let uploads = &mut state.bucket_mut(bucket)?.uploads;
        let place = (key.clone(), id.clone());
        if !uploads.contains_key(&place) {
            return Err(no_such_upload());
        }
        self.layout.discard(&self.layout.upload(bucket, id)).map_err(stored)?;
        uploads.remove(&place);
        Ok(())
    }
}

fn no_such_upload() -> S3Error {
    let text = "The specified multipart upload does not exist. The upload ID might be invalid, or the \
                multipart upload might have been aborted or completed.";
    s3_error!(NoSuchUpload, "{text}")
}
