//! The S3 driver: the only user of the S3 SDK in the harness.
//!
//! What a store holds is read as it is: checksums that the store keeps are not compared on the
//! way, because finding damage is the checks' business and not the transport's.

mod errors;
mod fetch;
mod pages;
mod read;
mod remove;
mod shared;
mod tags;
mod uploads;
mod versions;

use crate::base::error::Error;
use crate::base::ids::{BucketName, ObjectKey};
use crate::model::state::Metadata;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, MetadataDirective,
    VersioningConfiguration,
};
use errors::{code, failed};
pub use pages::ListingPages;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// Where an S3 store is and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Access {
    /// The base URL: `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key's id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// Whether the bucket stands in the path rather than in the host name.
    pub path_style: bool,
}

impl std::fmt::Debug for S3Access {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Access({})", self.endpoint)
    }
}

/// A store that speaks S3. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    endpoint: String,
    region: String,
}

/// A bucket of one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    s3: S3,
    name: BucketName,
}

impl S3 {
    pub(super) fn new(access: &S3Access) -> Self {
        Self::with_session(access, None)
    }

    /// As [`S3::new`], with the token of temporary credentials.
    pub(super) fn with_session(access: &S3Access, token: Option<String>) -> Self {
        let keys = Credentials::new(&access.access_key, &access.secret_key, token, None, "pulp-drill");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .read_timeout(Duration::from_secs(30))
            .operation_timeout(Duration::from_secs(300))
            .build();
        // A store that refuses connections is reported after a fraction of a second.
        let retries = RetryConfig::standard()
            .with_max_attempts(3)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(1));
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&access.endpoint)
            .region(Region::new(access.region.clone()))
            .credentials_provider(keys)
            .force_path_style(access.path_style)
            .http_client(http_client(&access.endpoint))
            .timeout_config(timeouts)
            .retry_config(retries)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let client = Client::from_conf(config);
        Self { client, endpoint: access.endpoint.clone(), region: access.region.clone() }
    }

    pub(super) fn bucket(&self, name: &BucketName) -> S3Bucket {
        S3Bucket { s3: self.clone(), name: name.clone() }
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        match self.client.list_buckets().send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, format!("the object store at {} won't answer", self.endpoint))),
        }
    }
}

impl S3Bucket {
    pub(super) async fn create(&self) -> Result<(), Error> {
        let mut request = self.s3.client.create_bucket().bucket(self.name.as_str());
        // The first region is the one that must not be named.
        if self.s3.region != "us-east-1" {
            let place = BucketLocationConstraint::from(self.s3.region.as_str());
            let place = CreateBucketConfiguration::builder().location_constraint(place).build();
            request = request.create_bucket_configuration(place);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("make", ""))),
        }
    }

    pub(super) async fn put(
        &self,
        key: &ObjectKey,
        bytes: Vec<u8>,
        metadata: &Metadata,
    ) -> Result<(), Error> {
        let request = self.s3.client.put_object().bucket(self.name.as_str()).key(key.as_str());
        let headers = metadata.clone();
        let request = request.body(ByteStream::from(bytes)).customize().map_request(move |mut request| {
            for (name, value) in &headers.0 {
                let set = request.headers_mut().try_insert(name.clone(), value.clone());
                set.map_err(std::io::Error::other)?;
            }
            Ok::<_, std::io::Error>(request)
        });
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("write", key.as_str()))),
        }
    }

    pub(super) async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        match self.s3.client.delete_object().bucket(self.name.as_str()).key(key.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == "NoSuchKey" => Ok(()),
            Err(error) => Err(failed(&error, self.describe("delete", key.as_str()))),
        }
    }

    pub(super) async fn copy_to(&self, from: &ObjectKey, to: &Self, key: &ObjectKey) -> Result<(), Error> {
        if self.copy_if_there(from, to, key).await? {
            return Ok(());
        }
        Err(Error::environment(self.describe("copy", from.as_str())).cause("NoSuchKey: it is not there"))
    }

    /// False where the object is not there.
    pub(super) async fn copy_if_there(
        &self,
        from: &ObjectKey,
        to: &Self,
        key: &ObjectKey,
    ) -> Result<bool, Error> {
        let request = to
            .s3
            .client
            .copy_object()
            .copy_source(format!("{}/{}", self.name, encoded(from.as_str())))
            .bucket(to.name.as_str())
            .key(key.as_str())
            .metadata_directive(MetadataDirective::Copy);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == "NoSuchKey" => Ok(false),
            Err(error) => {
                let target = format!("{}/{key}", to.name);
                Err(failed(&error, self.describe("copy", from.as_str()))
                    .cause(format!("it was to become {target}")))
            }
        }
    }

    pub(super) async fn set_versioning(&self, on: bool) -> Result<(), Error> {
        let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
        let request = self
            .s3
            .client
            .put_bucket_versioning()
            .bucket(self.name.as_str())
            .versioning_configuration(VersioningConfiguration::builder().status(status).build());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error, self.describe("set the versioning of", ""))),
        }
    }

    /// "can't write logo.png in bucket assets at http://…"; without a key, the bucket itself.
    fn describe(&self, verb: &str, key: &str) -> String {
        let place = format!("bucket {} at {}", self.name, self.s3.endpoint);
        if key.is_empty() {
            format!("can't {verb} {place}")
        } else {
            format!("can't {verb} {key:?} in {place}")
        }
    }
}

/// What must be encoded in a copy source: slashes stay.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, RESERVED).to_string()
}

fn http_client(endpoint: &str) -> aws_sdk_s3::config::SharedHttpClient {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let builder = aws_smithy_http_client::Builder::new();
    if endpoint.starts_with("https:") {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    } else {
        // No certificates are needed, and a bare machine may have none to load.
        builder.build_http()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_sources_are_encoded_and_keep_their_slashes() {
        assert_eq!(encoded("a b/c+d%é?"), "a%20b/c%2Bd%25%C3%A9%3F");
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_told_about_soon_and_without_secrets() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let access = S3Access {
            endpoint: endpoint.clone(),
            region: "us-east-1".to_owned(),
            access_key: "AKIAKEYID".to_owned(),
            secret_key: "very-secret-key".to_owned(),
            path_style: true,
        };
        let bucket = S3::new(&access).bucket(&BucketName::from("assets"));
        let started = std::time::Instant::now();
        let error = bucket.get(&ObjectKey::from("logo.png")).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(error.blame, crate::base::error::Blame::Environment);
        let text = format!("{error} {access:?}");
        assert!(text.contains(&format!("can't read \"logo.png\" in bucket assets at {endpoint}")), "{text}");
        assert!(text.contains("refused"), "{text}");
        assert!(!text.contains("very-secret-key") && !text.contains("AKIAKEYID"), "{text}");
    }
}
