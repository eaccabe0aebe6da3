//! Writing and deleting objects: PUT, DELETE and the deletion of many.

use super::copy::whole;
use super::fields::key;
use super::{Answer, Api};
use crate::objects::checksum::Algorithm;
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::receive::{Claims, receive};
use crate::objects::record::VersionId;
use crate::objects::store::{Incoming, Store, WriteGuard, quoted};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The most keys that one DeleteObjects takes.
const MOST_DELETES: usize = 1000;

impl Api {
    pub(super) async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let trailers = request.trailing_headers.take();
        // S3 computes CRC64NVME when the client asks for nothing.
        let claims = Claims::read(&request.headers, trailers, Algorithm::Crc64Nvme)?;
        let mut input = request.input;
        let bucket = BucketName(input.bucket.clone());
        self.store.with_bucket(&bucket, |_| ())?;
        let headers = kept_headers!(input)?;
        let (body, digested) = receive(&self.store, input.body.take(), &claims).await?;
        let object = whole(&digested, headers);
        let guard = WriteGuard { if_match: input.if_match, if_none_match: input.if_none_match };
        let incoming = Incoming { key: ObjectKey(input.key), object, body, guard };
        let stored = self.on_store(move |store| store.commit(&bucket, incoming)).await?;
        let mut output = PutObjectOutput {
            e_tag: Some(quoted(&digested.etag())),
            checksum_type: Some(digested.checksum.coverage.name().to_owned().into()),
            version_id: stored.shown_id,
            ..Default::default()
        };
        set_checksum!(output, digested.checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        let guard = WriteGuard { if_match: input.if_match, if_none_match: None };
        let deleted = self
            .on_store(move |store| {
                let id = input.version_id.map(VersionId);
                store.delete(&BucketName(input.bucket), &ObjectKey(input.key), id.as_ref(), &guard)
            })
            .await?;
        let output = DeleteObjectOutput {
            delete_marker: deleted.marker.then_some(true),
            version_id: deleted.shown_id,
            request_charged: None,
        };
        Ok(S3Response::with_status(output, hyper::StatusCode::NO_CONTENT))
    }

    pub(super) async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.is_empty() || delete.objects.len() > MOST_DELETES {
            return Err(s3_error!(MalformedXML, "Give from one to {MOST_DELETES} keys to delete."));
        }
        let quiet = delete.quiet == Some(true);
        let bucket = BucketName(bucket);
        self.store.with_bucket(&bucket, |_| ())?;
        let (deleted, errors) = self
            .on_store(move |store| {
                let (mut deleted, mut errors) = (Vec::new(), Vec::new());
                for object in delete.objects {
                    match delete_one(store, &bucket, &object) {
                        Ok(one) => deleted.push(one),
                        Err(error) => errors.push(Error {
                            code: Some(error.code().as_str().to_owned()),
                            key: Some(object.key),
                            message: error.message().map(str::to_owned),
                            version_id: object.version_id,
                        }),
                    }
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: Some(errors),
            request_charged: None,
        }))
    }
}

fn delete_one(store: &Store, bucket: &BucketName, object: &ObjectIdentifier) -> S3Result<DeletedObject> {
    let id = object.version_id.clone().map(VersionId);
    let etag = object.e_tag.clone().map(ETagCondition::ETag);
    let guard = WriteGuard { if_match: etag, if_none_match: None };
    let deleted = store.delete(bucket, &key(object.key.clone())?, id.as_ref(), &guard)?;
    Ok(DeletedObject {
        delete_marker: deleted.marker.then_some(true),
        delete_marker_version_id: deleted.shown_id.filter(|_| deleted.marker),
        key: Some(object.key.clone()),
        version_id: object.version_id.clone(),
    })
}
