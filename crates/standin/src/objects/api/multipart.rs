//! Multipart uploads: begun, completed and aborted.

use super::copy::duplicate;
use super::{Answer, Api};
use crate::objects::checksum::{Algorithm, Checksum, Coverage, Digested, multipart_etag};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::receive::claimed;
use crate::objects::record::{ObjectRecord, PartRecord, UploadId};
use crate::objects::store::{Incoming, Store, Upload, WriteGuard, quoted};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use tempfile::TempPath;

/// The least size of every part but the last, in bytes (S3 User Guide, "Multipart upload limits").
const LEAST_PART: u64 = 5 * 1024 * 1024;

impl Api {
    pub(super) async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        let checksum = asked_checksum(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
        let headers = kept_headers!(input)?;
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let (place, name) = (bucket.clone(), key.clone());
        let id = self.on_store(move |store| store.begin_upload(&place, name, headers, checksum)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket.0),
            key: Some(key.0),
            upload_id: Some(id.0),
            checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().to_owned().into()),
            checksum_type: checksum.map(|(_, coverage)| coverage.name().to_owned().into()),
            ..Default::default()
        }))
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let claimed = claimed(&request.headers)?;
        let input = request.input;
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let id = UploadId(input.upload_id);
        let wanted = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let guard = WriteGuard { if_match: input.if_match, if_none_match: input.if_none_match };
        let size = input.mpu_object_size;
        let output = self
            .on_store(move |store| {
                let upload = store.upload(&bucket, &key, &id)?;
                let parts = chosen(&upload, &wanted)?;
                let (body, object) = assembled(store, &bucket, &upload, &parts)?;
                verify(&object, claimed.as_ref(), size)?;
                let (etag, checksum) = (object.etag.clone(), object.checksum.clone());
                let incoming = Incoming { key: key.clone(), object, body, guard };
                let stored = store.complete_upload(&bucket, &upload.record, incoming)?;
                let mut output = CompleteMultipartUploadOutput {
                    location: Some(format!("/{bucket}/{key}")),
                    bucket: Some(bucket.0),
                    key: Some(key.0),
                    e_tag: Some(quoted(&etag)),
                    checksum_type: Some(checksum.coverage.name().to_owned().into()),
                    version_id: stored.shown_id,
                    ..Default::default()
                };
                set_checksum!(output, checksum);
                Ok(output)
            })
            .await?;
        Ok(S3Response::new(output))
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let input = request.input;
        self.on_store(move |store| {
            store.abort_upload(&BucketName(input.bucket), &ObjectKey(input.key), &UploadId(input.upload_id))
        })
        .await?;
        let output = AbortMultipartUploadOutput::default();
        Ok(S3Response::with_status(output, hyper::StatusCode::NO_CONTENT))
    }
}

/// # Errors
/// `InvalidRequest` for an unknown algorithm, or one that can't be used that way.
fn asked_checksum(
    algorithm: Option<&ChecksumAlgorithm>,
    coverage: Option<&ChecksumType>,
) -> S3Result<Option<(Algorithm, Coverage)>> {
    let Some(name) = algorithm else { return Ok(None) };
    let algorithm = Algorithm::named(name.as_str())
        .ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported."))?;
    let coverage = match coverage.map(ChecksumType::as_str) {
        None => algorithm.usual_coverage(),
        Some(ChecksumType::COMPOSITE) => Coverage::Composite,
        Some(ChecksumType::FULL_OBJECT) => Coverage::FullObject,
        Some(_) => return Err(s3_error!(InvalidRequest, "The checksum type is not valid.")),
    };
    let possible = match algorithm {
        Algorithm::Crc32 | Algorithm::Crc32c => true,
        Algorithm::Crc64Nvme => coverage == Coverage::FullObject,
        Algorithm::Sha1 | Algorithm::Sha256 => coverage == Coverage::Composite,
    };
    if possible {
        return Ok(Some((algorithm, coverage)));
    }
    let (coverage, name) = (coverage.name(), algorithm.name());
    Err(s3_error!(InvalidRequest, "The {coverage} checksum type cannot be used with the {name} algorithm."))
}

/// The parts that a completion names, checked against those uploaded.
///
/// # Errors
/// `MalformedXML` without parts, `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`.
fn chosen(upload: &Upload, wanted: &[CompletedPart]) -> S3Result<Vec<PartRecord>> {
    let Some(last) = wanted.len().checked_sub(1) else {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    };
    if !wanted.is_sorted_by(|one, next| one.part_number < next.part_number) {
        return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
    }
    let mut chosen: Vec<PartRecord> = Vec::with_capacity(wanted.len());
    for (index, want) in wanted.iter().enumerate() {
        let number = want.part_number.unwrap_or(0);
        let part = upload.parts.get(&number).filter(|part| is_same(part, want)).ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "Part {number} could not be found. It may not have been uploaded, or its entity tag or \
                 checksum may not match."
            )
        })?;
        if index < last && part.size < LEAST_PART {
            return Err(s3_error!(
                EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size: part {number} has {} bytes, \
                 {LEAST_PART} are needed in every part but the last.",
                part.size
            ));
        }
        chosen.push(part.clone());
    }
    Ok(chosen)
}

/// Whether the client means the part that we have: its ETag, and the checksum of the part's algorithm
/// where it sends one.
fn is_same(part: &PartRecord, want: &CompletedPart) -> bool {
    let sent = match part.checksum.algorithm {
        Algorithm::Crc32 => &want.checksum_crc32,
        Algorithm::Crc32c => &want.checksum_crc32c,
        Algorithm::Crc64Nvme => &want.checksum_crc64nvme,
        Algorithm::Sha1 => &want.checksum_sha1,
        Algorithm::Sha256 => &want.checksum_sha256,
    };
    want.e_tag.as_ref().is_some_and(|etag| etag.value() == part.etag)
        && sent.as_ref().is_none_or(|sent| part.checksum.is(sent))
}

/// The parts' bytes in one file, and their records.
fn assembled(
    store: &Store,
    bucket: &BucketName,
    upload: &Upload,
    parts: &[PartRecord],
) -> S3Result<(TempPath, ObjectRecord)> {
    let (algorithm, coverage) =
        upload.record.checksum.unwrap_or((Algorithm::Crc64Nvme, Coverage::FullObject));
    let files = parts.iter().map(|part| store.open_part(bucket, &upload.record.id, part));
    let (body, Digested { size, checksum, .. }) = duplicate(store, files, algorithm)?;
    let checksum = match coverage {
        Coverage::FullObject => checksum,
        Coverage::Composite => {
            let sums: Vec<Checksum> = parts.iter().map(|part| part.checksum.clone()).collect();
            Checksum::composed(algorithm, &sums)
        }
    };
    let object = ObjectRecord {
        size,
        etag: multipart_etag(parts.iter().map(|part| part.etag.as_str())),
        checksum,
        headers: upload.record.headers.clone(),
        part_sizes: parts.iter().map(|part| part.size).collect(),
        upload: Some(upload.record.id.clone()),
    };
    Ok((body, object))
}

/// # Errors
/// `BadDigest`, and `InvalidRequest` when the size is not the one that the client claims.
fn verify(object: &ObjectRecord, claimed: Option<&(Algorithm, String)>, size: Option<i64>) -> S3Result<()> {
    if size.is_some_and(|size| u64::try_from(size) != Ok(object.size)) {
        let text = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
        return Err(s3_error!(InvalidRequest, "{text}"));
    }
    match claimed {
        Some((algorithm, value)) if *algorithm == object.checksum.algorithm && !object.checksum.is(value) => {
            let name = algorithm.name();
            Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."))
        }
        Some(_) | None => Ok(()),
    }
}
