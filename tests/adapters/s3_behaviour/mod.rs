//! How an S3 server must behave, as named cases against any endpoint. The embedded server has to pass
//! all of them, MinIO all but those of `only_s3`. Cases make buckets of their own and share nothing.

mod buckets;
mod lists;
mod multipart;
mod objects;
pub mod only_s3;
mod tags;
mod versions;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicU32, Ordering};

/// One behaviour.
pub struct Case {
    /// A sentence, with dashes.
    pub name: &'static str,
    /// Panics when the server behaves otherwise.
    pub run: fn(Client) -> BoxFuture<'static, ()>,
}

/// Makes a list of cases from async functions that take a client.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub const CASES: &[crate::s3_behaviour::Case] = &[
            $(crate::s3_behaviour::Case {
                name: stringify!($case),
                run: |client| Box::pin(async move { $case(&client).await }),
            }),*
        ];
    };
}
pub(crate) use cases;

/// What every S3 server does.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [buckets::CASES, tags::CASES, objects::CASES, lists::CASES, versions::CASES, multipart::CASES]
        .into_iter()
        .flatten()
}

/// A client of an endpoint, with path-style addresses.
pub fn client(endpoint: &str, access_key: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, secret, None, None, "test"))
        .force_path_style(true)
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// A new bucket.
pub async fn bucket(client: &Client) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("case-{}-{count}", uuid::Uuid::new_v4().simple());
    client.create_bucket().bucket(&name).send().await.expect("create bucket");
    name
}

/// A new bucket with versioning.
pub async fn versioned(client: &Client) -> String {
    let name = bucket(client).await;
    set_versioning(client, &name, BucketVersioningStatus::Enabled).await;
    name
}

pub async fn set_versioning(client: &Client, bucket: &str, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    client
        .put_bucket_versioning()
        .bucket(bucket)
        .versioning_configuration(configuration)
        .send()
        .await
        .expect("put bucket versioning");
}

/// Puts an object and gives its version id.
pub async fn put(client: &Client, bucket: &str, key: &str, body: &str) -> Option<String> {
    let body = ByteStream::from(body.as_bytes().to_vec());
    let output = client.put_object().bucket(bucket).key(key).body(body).send().await.expect("put");
    output.version_id
}

/// An object's text.
pub async fn get(client: &Client, bucket: &str, key: &str) -> String {
    let output = client.get_object().bucket(bucket).key(key).send().await.expect("get");
    text(output).await
}

pub async fn text(output: GetObjectOutput) -> String {
    let bytes = output.body.collect().await.expect("body").into_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Status and error code of a request that must be refused.
pub fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, SdkError<E>>,
) -> (u16, String) {
    match answer {
        Err(SdkError::ServiceError(error)) => {
            let code = error.err().code().unwrap_or_default().to_owned();
            (error.raw().status().as_u16(), code)
        }
        other => panic!("expected a refusal by the server, got {other:?}"),
    }
}

/// Whether a request was refused because a checksum does not fit the bytes. Servers agree on the
/// status and name it differently.
pub fn is_wrong_checksum(refusal: &(u16, String)) -> bool {
    let names = ["BadDigest", "XAmzContentChecksumMismatch"];
    refusal.0 == 400 && names.contains(&refusal.1.as_str())
}

/// A refusal as it is compared.
pub fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
