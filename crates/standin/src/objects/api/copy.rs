//! Copying: a whole object to a new one, and a piece of an object to a part of an upload.

use super::fields::key;
use super::{Answer, Api};
use crate::objects::checksum::{Algorithm, Digested, Digests};
use crate::objects::conditions::{ReadGuard, piece, timestamp};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{Headers, ObjectRecord, UploadId, VersionId};
use crate::objects::store::{Body, Incoming, Store, WriteGuard, quoted, stored};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use tempfile::TempPath;

/// Where a copy reads, resolved.
struct Source {
    bucket: BucketName,
    key: ObjectKey,
    id: Option<VersionId>,
}

impl Source {
    /// # Errors
    /// `NotImplemented` for access points and outposts.
    fn of(source: CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket { bucket, key: name, version_id } => Ok(Self {
                bucket: BucketName(bucket.into()),
                key: key(name.into())?,
                id: version_id.map(|id| VersionId(id.into())),
            }),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(s3_error!(NotImplemented, "this server has neither access points nor outposts"))
            }
        }
    }

    fn open(&self, store: &Store, guard: &ReadGuard) -> S3Result<Body> {
        let body = store.open_body(&self.bucket, &self.key, self.id.as_ref())?;
        guard.check_source(&body.found)?;
        Ok(body)
    }
}

impl Api {
    pub(super) async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = request.input;
        let guard = ReadGuard {
            if_match: input.copy_source_if_match.clone(),
            if_none_match: input.copy_source_if_none_match.clone(),
            if_modified_since: input.copy_source_if_modified_since.clone(),
            if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
        };
        let source = Source::of(input.copy_source.clone())?;
        let replaced = replaced_headers(&input)?;
        let onto_itself = source.bucket.0 == input.bucket && source.key.0 == input.key && source.id.is_none();
        if onto_itself && replaced.is_none() && input.storage_class.is_none() {
            let text = "This copy request is illegal because it is trying to copy an object to itself \
                        without changing the object's metadata or storage class.";
            return Err(s3_error!(InvalidRequest, "{text}"));
        }
        let algorithm = input.checksum_algorithm.as_ref().and_then(|name| Algorithm::named(name.as_str()));
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let class = input.storage_class.map(|class| class.as_str().to_owned());
        let output = self
            .on_store(move |store| {
                store.with_bucket(&bucket, |_| ())?;
                let Body { found, file } = source.open(store, &guard)?;
                let algorithm = algorithm.unwrap_or(found.object.checksum.algorithm);
                let (body, digested) = duplicate(store, [Ok(file)], algorithm)?;
                let mut headers = replaced.unwrap_or(found.object.headers);
                headers.storage_class = class.filter(|class| class != "STANDARD");
                let object = whole(&digested, headers);
                let incoming = Incoming { key, object, body, guard: WriteGuard::default() };
                let copy = store.commit(&bucket, incoming)?;
                let mut result = CopyObjectResult {
                    e_tag: Some(quoted(&digested.etag())),
                    last_modified: Some(timestamp(copy.modified)),
                    checksum_type: Some(digested.checksum.coverage.name().to_owned().into()),
                    ..Default::default()
                };
                set_checksum!(result, digested.checksum);
                Ok(CopyObjectOutput {
                    copy_object_result: Some(result),
                    copy_source_version_id: found.shown_id,
                    version_id: copy.shown_id,
                    ..Default::default()
                })
            })
            .await?;
        Ok(S3Response::new(output))
    }

    pub(super) async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let input = request.input;
        super::parts::check_number(input.part_number)?;
        let guard = ReadGuard {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let source = Source::of(input.copy_source)?;
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range =
            range.map_err(|_| s3_error!(InvalidArgument, "The x-amz-copy-source-range is not valid."))?;
        let output = self
            .on_store(move |store| {
                let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
                let upload = store.upload(&bucket, &key, &UploadId(input.upload_id))?;
                let Body { found, mut file } = source.open(store, &guard)?;
                let piece = piece(&found, range, None)?;
                file.seek(SeekFrom::Start(piece.start)).map_err(stored)?;
                let algorithm =
                    upload.record.checksum.map_or(Algorithm::Crc64Nvme, |(algorithm, _)| algorithm);
                let (body, digested) = duplicate(store, [Ok(file.take(piece.length))], algorithm)?;
                let part = store.put_part(&bucket, &upload.record, input.part_number, digested, body)?;
                let mut result = CopyPartResult {
                    e_tag: Some(quoted(&part.etag)),
                    last_modified: Some(timestamp(part.modified)),
                    ..Default::default()
                };
                set_checksum!(result, part.checksum);
                Ok(UploadPartCopyOutput {
                    copy_part_result: Some(result),
                    copy_source_version_id: found.shown_id,
                    ..Default::default()
                })
            })
            .await?;
        Ok(S3Response::new(output))
    }
}

/// The request's own headers, when it asks for them to replace the source's.
fn replaced_headers(input: &CopyObjectInput) -> S3Result<Option<Headers>> {
    let headers: Headers = kept_headers!(input)?;
    match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        Some(MetadataDirective::REPLACE) => Ok(Some(headers)),
        Some(MetadataDirective::COPY) | None => Ok(None),
        Some(_) => Err(s3_error!(InvalidArgument, "The metadata directive must be COPY or REPLACE.")),
    }
}

/// The record of an object in one piece.
pub(super) fn whole(digested: &Digested, headers: Headers) -> ObjectRecord {
    ObjectRecord {
        size: digested.size,
        etag: digested.etag(),
        checksum: digested.checksum.clone(),
        headers,
        part_sizes: Vec::new(),
        upload: None,
    }
}

/// Copies bytes, one source after the other, to a new temporary file.
pub(super) fn duplicate<R: Read>(
    store: &Store,
    sources: impl IntoIterator<Item = S3Result<R>>,
    algorithm: Algorithm,
) -> S3Result<(TempPath, Digested)> {
    let (mut file, path) = store.spare()?.into_parts();
    let mut digests = Digests::new(algorithm);
    let mut buffer = vec![0; 128 * 1024];
    for source in sources {
        let mut source = source?;
        loop {
            let count = source.read(&mut buffer).map_err(stored)?;
            if count == 0 {
                break;
            }
            digests.update(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(stored)?;
        }
    }
    Ok((path, digests.finish()))
}
