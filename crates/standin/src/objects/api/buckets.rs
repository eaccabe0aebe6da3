//! Operations on buckets.

use super::{Answer, Api};
use crate::objects::conditions::timestamp;
use crate::objects::names::BucketName;
use crate::objects::record::Versioning;
use s3s::dto::*;
use s3s::{S3Request, S3Response, s3_error};

impl Api {
    pub(super) async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> Answer<ListBucketsOutput> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.unwrap_or_default();
        let limit = usize::try_from(input.max_buckets.unwrap_or(10_000)).unwrap_or(0);
        let mut found = self.store.buckets();
        found.retain(|(name, _)| name.as_str().starts_with(&prefix) && *name.as_str() > *after);
        let more = found.len() > limit;
        found.truncate(limit);
        let buckets: Vec<Bucket> = found
            .into_iter()
            .map(|(name, record)| Bucket {
                name: Some(name.0),
                creation_date: Some(timestamp(record.created)),
                bucket_region: Some(self.region.as_str().to_owned()),
            })
            .collect();
        let token = more.then(|| buckets.last().and_then(|bucket| bucket.name.clone())).flatten();
        let owner = Some(owner());
        let output = ListBucketsOutput {
            continuation_token: token,
            buckets: Some(buckets),
            owner,
            prefix: input.prefix,
        };
        Ok(S3Response::new(output))
    }

    pub(super) async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> Answer<CreateBucketOutput> {
        let input = request.input;
        if input.object_lock_enabled_for_bucket == Some(true) {
            return Err(s3_error!(NotImplemented, "this server does not offer object lock"));
        }
        let location = format!("/{}", input.bucket);
        self.on_store(move |store| store.create_bucket(&BucketName(input.bucket))).await?;
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    pub(super) async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.store.with_bucket(&BucketName(request.input.bucket), |_| ())?;
        let bucket_region = Some(self.region.as_str().to_owned());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    pub(super) async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> Answer<DeleteBucketOutput> {
        self.on_store(move |store| store.delete_bucket(&BucketName(request.input.bucket))).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    pub(super) async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.store.with_bucket(&BucketName(request.input.bucket), |_| ())?;
        // S3 names every region but its first.
        let region = self.region.as_str();
        let location = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.to_owned()));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: location }))
    }

    pub(super) async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        let bucket = BucketName(request.input.bucket);
        let status = match self.store.with_bucket(&bucket, |bucket| bucket.record.versioning)? {
            Versioning::Never => None,
            Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
            Versioning::Suspended => {
                Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED))
            }
        };
        Ok(S3Response::new(GetBucketVersioningOutput { status, mfa_delete: None }))
    }

    pub(super) async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        let input = request.input;
        let status = input.versioning_configuration.status;
        let versioning = match status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            Some(_) | None => {
                let text = "The versioning status must be Enabled or Suspended.";
                return Err(s3_error!(IllegalVersioningConfigurationException, "{text}"));
            }
        };
        self.on_store(move |store| store.set_versioning(&BucketName(input.bucket), versioning)).await?;
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }
}

/// The one owner of everything.
pub(super) fn owner() -> Owner {
    Owner { display_name: Some("pulp-drill".to_owned()), id: Some("pulp-drill".to_owned()) }
}
