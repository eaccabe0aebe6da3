//! Binaries as objects in one bucket of any S3 server.

use super::failure::StoreFailure;
use super::settings::BucketSettings;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::{Client, Config, primitives::ByteStream};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(15);
const WRITTEN: Duration = Duration::from_secs(300);

/// A bucket of binaries.
pub(crate) struct Bucket {
    client: Client,
    bucket: String,
    endpoint: String,
}

impl Bucket {
    pub(crate) fn new(settings: &BucketSettings) -> Self {
        let http = aws_smithy_http_client::Builder::new();
        // Loading the system's certificates takes longer than all else at the start.
        let http = match &settings.endpoint {
            Some(endpoint) if endpoint.starts_with("http:") => http.build_http(),
            Some(_) | None => http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
        };
        let credentials = Credentials::new(
            &settings.access_key_id,
            &settings.secret_access_key,
            None,
            None,
            "environment variables",
        );
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(settings.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(settings.path_style)
            // Checksums beyond what an operation demands are an extension that older servers refuse.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            // A render waits for the store: better a quick "unreachable" than a minute of retries.
            .retry_config(
                RetryConfig::standard().with_max_attempts(2).with_max_backoff(Duration::from_millis(200)),
            )
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(READ).build(),
            );
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(config.build()),
            bucket: settings.bucket.clone(),
            endpoint: settings.endpoint.clone().unwrap_or_else(|| settings.region.clone()),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{} at {}", self.bucket, self.endpoint)
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreFailure> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            // HeadBucket has no body: 404 can only mean the bucket.
            Err(error) => Err(match explain(&error) {
                StoreFailure::Missing => {
                    StoreFailure::Unreachable(format!("there is no bucket `{}`", self.bucket))
                }
                failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_)) => failure,
            }),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, StoreFailure> {
        let object = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let body = object.map_err(|error| explain(&error))?.body.collect().await;
        body.map(|bytes| bytes.to_vec())
            .map_err(|error| StoreFailure::Unreachable(format!("the body broke off: {error}")))
    }

    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>, mime_type: &str) -> Result<(), StoreFailure> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(mime_type);
        // A binary is replaced under the same address, so caches must revalidate it.
        let put = put
            .cache_control("no-cache")
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(patient());
        put.send().await.map(drop).map_err(|error| explain(&error))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreFailure> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key);
        let deleted = delete.customize().config_override(patient()).send().await;
        match deleted.map_err(|error| explain(&error)) {
            Ok(_) | Err(StoreFailure::Missing) => Ok(()),
            Err(failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_))) => Err(failure),
        }
    }
}

/// Writes get a longer limit: an abandoned one would leave its outcome unknown.
fn patient() -> Builder {
    let limits = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(WRITTEN).build();
    Config::builder().timeout_config(limits)
}

/// By the server's answer: 404 without `NoSuchBucket` is missing, 401 and 403 are denied, the rest
/// (no answer, 5xx, a lost bucket) is an outage.
fn explain<E>(error: &SdkError<E, HttpResponse>) -> StoreFailure
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(|service| service.code());
    match (status, code) {
        (Some(404), Some("NoSuchBucket")) => StoreFailure::Unreachable("the bucket does not exist".into()),
        (Some(404), _) => StoreFailure::Missing,
        (Some(401 | 403), code) => StoreFailure::Denied(code.unwrap_or("access denied").to_owned()),
        (_, _) => StoreFailure::Unreachable(DisplayErrorContext(error).to_string()),
    }
}
