//! Parts of multipart uploads: taken in and listed; and the list of uploads.

use super::buckets::owner;
use super::lists::Asked;
use super::{Answer, Api};
use crate::objects::checksum::Algorithm;
use crate::objects::conditions::timestamp;
use crate::objects::listing::{Entry, page};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::receive::{Claims, receive};
use crate::objects::record::{PartRecord, UploadId};
use crate::objects::store::quoted;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The most parts of an upload (S3 User Guide, "Multipart upload limits").
const MOST_PARTS: i32 = 10_000;

/// # Errors
/// `InvalidArgument` unless it is from 1 to 10000.
pub(super) fn check_number(number: i32) -> S3Result<()> {
    if (1..=MOST_PARTS).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and {MOST_PARTS}, inclusive"))
}

impl Api {
    pub(super) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> Answer<UploadPartOutput> {
        let number = request.input.part_number;
        check_number(number)?;
        let trailers = request.trailing_headers.take();
        let mut input = request.input;
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let upload = self.store.upload(&bucket, &key, &UploadId(input.upload_id))?.record;
        let wanted = upload.checksum.map(|(algorithm, _)| algorithm);
        let claims = Claims::read(&request.headers, trailers, wanted.unwrap_or(Algorithm::Crc64Nvme))?;
        let (body, digested) = receive(&self.store, input.body.take(), &claims).await?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != digested.checksum.algorithm) {
            let (wanted, sent) = (wanted.name(), digested.checksum.algorithm.name());
            let text = "Checksum Type mismatch occurred";
            return Err(s3_error!(
                InvalidRequest,
                "{text}, expected checksum Type: {wanted}, actual: {sent}"
            ));
        }
        let part =
            self.on_store(move |store| store.put_part(&bucket, &upload, number, digested, body)).await?;
        let mut output = UploadPartOutput { e_tag: Some(quoted(&part.etag)), ..Default::default() };
        set_checksum!(output, part.checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let marker = input.part_number_marker.unwrap_or(0);
        let limit = input.max_parts.unwrap_or(1000).clamp(0, 1000);
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let upload = self.store.upload(&bucket, &key, &UploadId(input.upload_id))?;
        let rest: Vec<&PartRecord> = upload.parts.values().filter(|part| part.number > marker).collect();
        let shown = rest.len().min(usize::try_from(limit).unwrap_or(0));
        let truncated = shown < rest.len() && limit > 0;
        let parts: Vec<Part> = rest[..shown].iter().map(|part| listed(part)).collect();
        let last = parts.last().and_then(|part| part.part_number);
        let checksum = upload.record.checksum;
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(bucket.0),
            key: Some(key.0),
            upload_id: Some(upload.record.id.0),
            part_number_marker: Some(marker),
            next_part_number_marker: last.filter(|_| truncated),
            max_parts: Some(limit),
            is_truncated: Some(truncated),
            parts: Some(parts),
            checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().to_owned().into()),
            checksum_type: checksum.map(|(_, coverage)| coverage.name().to_owned().into()),
            owner: Some(owner()),
            initiator: Some(initiator()),
            storage_class: upload.record.headers.storage_class.map(Into::into),
            ..Default::default()
        }))
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let input = request.input;
        let asked = Asked::read(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.encoding_type.as_ref(),
            input.max_uploads,
        )?;
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        // S3 ignores an upload-id marker that comes without a key marker.
        let passed = |key: &ObjectKey, id: &UploadId| {
            key.as_str() < key_marker.as_str()
                || (key.as_str() == key_marker && (id_marker.is_empty() || id.0 <= id_marker))
        };
        let mut output = self.store.with_bucket(&BucketName(input.bucket.clone()), |bucket| {
            let items = bucket
                .uploads
                .iter()
                .filter(|((key, id), _)| key_marker.is_empty() || !passed(key, id))
                .map(|((key, _), upload)| (key.as_str(), &upload.record));
            let page = page(items, &asked.query(Some(&key_marker)));
            let mut output = ListMultipartUploadsOutput {
                is_truncated: Some(page.truncated),
                common_prefixes: Some(asked.prefixes(&page)),
                ..Default::default()
            };
            match page.entries.last().filter(|_| page.truncated) {
                Some(Entry::Item(upload)) => {
                    output.next_key_marker = Some(asked.shown(upload.key.as_str()));
                    output.next_upload_id_marker = Some(upload.id.0.clone());
                }
                Some(Entry::Prefix(prefix)) => output.next_key_marker = Some(asked.shown(prefix)),
                None => {}
            }
            let upload = |entry: &Entry<&crate::objects::record::UploadRecord>| match entry {
                Entry::Prefix(_) => None,
                Entry::Item(upload) => Some(MultipartUpload {
                    key: Some(asked.shown(upload.key.as_str())),
                    upload_id: Some(upload.id.0.clone()),
                    initiated: Some(timestamp(upload.initiated)),
                    initiator: Some(initiator()),
                    owner: Some(owner()),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    checksum_algorithm: upload.checksum.map(|(found, _)| found.name().to_owned().into()),
                    checksum_type: upload.checksum.map(|(_, found)| found.name().to_owned().into()),
                }),
            };
            output.uploads = Some(page.entries.iter().filter_map(upload).collect());
            output
        })?;
        output.bucket = Some(input.bucket);
        output.prefix = Some(asked.shown(&asked.prefix));
        output.delimiter = asked.shown_delimiter();
        output.encoding_type = input.encoding_type;
        output.max_uploads = Some(asked.limit);
        output.key_marker = Some(asked.shown(&key_marker));
        output.upload_id_marker = Some(id_marker);
        Ok(S3Response::new(output))
    }
}

fn listed(part: &PartRecord) -> Part {
    let mut listed = Part {
        part_number: Some(part.number),
        e_tag: Some(quoted(&part.etag)),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(timestamp(part.modified)),
        ..Default::default()
    };
    set_checksum!(listed, part.checksum);
    listed
}

fn initiator() -> Initiator {
    let Owner { display_name, id } = owner();
    Initiator { display_name, id }
}
