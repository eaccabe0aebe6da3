//! The operations of S3 that we offer, as `s3s` names them. Each method only hands over; the work is in
//! the modules below, one a kind of operation.

#[macro_use]
mod fields;
mod buckets;
mod copy;
mod lists;
mod multipart;
mod parts;
mod read;
mod tags;
mod write;

use crate::objects::store::Store;
use s3s::dto::*;
use s3s::region::Region;
use s3s::{S3, S3Request, S3Response, S3Result};
use std::sync::Arc;

/// The operations, on a store.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    store: Arc<Store>,
    region: Region,
}

impl Api {
    /// Offers a store as buckets in a region.
    pub(crate) fn new(store: Arc<Store>, region: Region) -> Self {
        Self { store, region }
    }

    /// Runs work on the store where blocking is allowed.
    async fn on_store<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> S3Result<R> + Send + 'static,
    ) -> S3Result<R> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(s3s::S3Error::internal_error)?
    }
}

type Answer<T> = S3Result<S3Response<T>>;

macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Api {
            $(
                async fn $name(&self, request: S3Request<$input>) -> Answer<$output> {
                    // The method of the same name in a module below.
                    Api::$name(self, request).await
                }
            )*
        }
    };
}

operations! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput;
    put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput;
    delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    list_parts(ListPartsInput) -> ListPartsOutput;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
}
