//! Reading objects: GET and HEAD.

use super::{Answer, Api};
use crate::objects::conditions::{Piece, ReadGuard, piece};
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::VersionId;
use crate::objects::store::{Body, Found, stored};
use hyper::StatusCode;
use s3s::dto::*;
use s3s::{S3Request, S3Response};
use std::io::{Seek as _, SeekFrom};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 128 * 1024;

impl Api {
    pub(super) async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        let guard = ReadGuard {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (bucket, key) = (BucketName(input.bucket), ObjectKey(input.key));
        let id = input.version_id.map(VersionId);
        let (range, part) = (input.range, input.part_number);
        let (found, piece, file) = self
            .on_store(move |store| {
                let Body { found, mut file } = store.open_body(&bucket, &key, id.as_ref())?;
                guard.check(&found)?;
                let piece = piece(&found, range, part)?;
                file.seek(SeekFrom::Start(piece.start)).map_err(stored)?;
                Ok((found, piece, file))
            })
            .await?;
        let mut output = described!(GetObjectOutput, found, piece, part);
        if shows_checksum(input.checksum_mode.as_ref(), &found, &piece) {
            set_checksum!(output, found.object.checksum);
            output.checksum_type = Some(found.object.checksum.coverage.name().to_owned().into());
        }
        let bytes = tokio::fs::File::from_std(file).take(piece.length);
        output.body = Some(StreamingBlob::wrap(ReaderStream::with_capacity(bytes, CHUNK)));
        Ok(S3Response::new(output))
    }

    pub(super) async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        let guard = ReadGuard {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let id = input.version_id.map(VersionId);
        let found = self.store.find(&BucketName(input.bucket), &ObjectKey(input.key), id.as_ref())?;
        guard.check(&found)?;
        let piece = piece(&found, input.range, input.part_number)?;
        let mut output = described!(HeadObjectOutput, found, piece, input.part_number);
        if shows_checksum(input.checksum_mode.as_ref(), &found, &piece) {
            set_checksum!(output, found.object.checksum);
            output.checksum_type = Some(found.object.checksum.coverage.name().to_owned().into());
        }
        let partial = piece.content_range.is_some();
        let status = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        Ok(S3Response::with_status(output, status))
    }
}

/// The stored checksum is about all of the object, so a part of it goes without.
fn shows_checksum(mode: Option<&ChecksumMode>, found: &Found, piece: &Piece) -> bool {
    let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    asked && piece.length == found.object.size
}
