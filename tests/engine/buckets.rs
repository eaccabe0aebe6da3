//! Binaries in a bucket: what each answer of an S3 server means, by a mock that says what it is told,
//! and one life of an asset on a server that keeps what it is given.

use crate::site::{Site, file_site_with, launch, png, send, site_with};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use reqwest::{Method, multipart};
use standin::objects::{Keys, ObjectsArgs, bind};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn answer(server: &MockServer, verb: &str, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path_regex("^/pulp-assets.*")).respond_with(response).mount(server).await;
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

/// A site with its template seeded, the mock then emptied but for HeadBucket.
async fn seeded(server: &MockServer) -> Option<Site> {
    answer(server, "HEAD", ResponseTemplate::new(200)).await;
    answer(server, "PUT", ResponseTemplate::new(200)).await;
    let uri = server.uri();
    let variables = [
        ("ASSET_BINARY_STORE", "s3"),
        ("S3_BUCKET", "pulp-assets"),
        ("S3_REGION", "eu-central-1"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
        ("S3_ENDPOINT", uri.as_str()),
        ("S3_PATH_STYLE", "true"),
        ("S3_PUBLIC_URL", "https://cdn.example/a/"),
    ];
    let site = site_with(&variables, &[]).await?;
    let asset = site.invoice().await;
    let key = asset["filename"].as_str().expect("key");
    assert_eq!(asset["url"], format!("https://cdn.example/a/{key}"));
    let put = server.received_requests().await.expect("recorded").pop().expect("one");
    assert_eq!((put.method.as_str(), put.url.path()), ("PUT", format!("/pulp-assets/{key}").as_str()));
    assert_eq!(put.headers["content-type"], "image/png");
    assert_eq!(put.body, png([200, 0, 0]), "the binary as it is, in no chunks of a protocol");
    server.reset().await;
    Some(site)
}

#[tokio::test]
async fn every_answer_of_a_bucket_has_its_own_meaning() {
    // Not from the pool of `start`: dropping it must close its port.
    let server = MockServer::builder().start().await;
    let Some(site) = seeded(&server).await else { return };
    for (response, status, code) in [
        (error(404, "NoSuchKey"), 422, "ASSET_BINARY_MISSING"),
        (ResponseTemplate::new(404), 422, "ASSET_BINARY_MISSING"),
        (error(404, "NoSuchBucket"), 503, "ASSET_STORE_UNAVAILABLE"),
        (error(403, "AccessDenied"), 500, "ASSET_STORE_DENIED"),
        (error(403, "SignatureDoesNotMatch"), 500, "ASSET_STORE_DENIED"),
        (error(503, "SlowDown"), 503, "ASSET_STORE_UNAVAILABLE"),
        (error(500, "InternalError"), 503, "ASSET_STORE_UNAVAILABLE"),
    ] {
        server.reset().await;
        answer(&server, "GET", response).await;
        assert_eq!(site.render("invoice").await.refusal(), (status, code.to_owned()));
    }
    server.reset().await;
    answer(&server, "GET", ResponseTemplate::new(200).set_body_bytes(png([1, 2, 3]))).await;
    assert_eq!(site.render("invoice").await.status, 200);
    assert_eq!(site.render("invoice").await.status, 200);
    assert_eq!(server.received_requests().await.expect("recorded").len(), 2, "fetched for every render");
    drop(server);
    assert_eq!(site.render("invoice").await.refusal(), (503, "ASSET_STORE_UNAVAILABLE".into()));
}

#[tokio::test]
async fn a_bucket_that_refuses_or_is_not_there_shows_in_readiness_and_at_start() {
    let server = MockServer::start().await;
    let Some(site) = seeded(&server).await else { return };
    for (status, word) in [(403, "denied"), (404, "no bucket")] {
        server.reset().await;
        answer(&server, "HEAD", ResponseTemplate::new(status)).await;
        let check = site.get("/health/ready").await.ok(503)["checks"]["assetBinaryStore"].to_string();
        assert!(check.contains(word), "{check}");
        let refused = crate::site::launch(&site.variables, &[]).await.err().expect("refused").to_string();
        assert!(refused.contains(word) && refused.contains("pulp-assets"), "{refused}");
    }
}

/// Talks to the bucket behind the engine's back.
fn client(endpoint: &str) -> Client {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .force_path_style(true)
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

#[tokio::test]
async fn an_asset_lives_in_a_bucket_of_a_real_server() {
    for file_mode in [false, true] {
        asset_in_a_bucket(file_mode).await;
    }
}

async fn asset_in_a_bucket(file_mode: bool) {
    let folder = tempfile::tempdir().expect("tempdir");
    let keys = Keys { access_key_id: "id".into(), secret_access_key: "secret".into() };
    let listen = "127.0.0.1:0".parse().expect("address");
    let objects =
        ObjectsArgs { dir: folder.path().join("objects"), listen, region: "eu-central-1".into(), keys };
    let objects = bind(objects).await.expect("bind");
    let endpoint = format!("http://{}", objects.address());
    let bucket = client(&endpoint);
    bucket.create_bucket().bucket("pulp-assets").send().await.expect("bucket");
    let variables = [
        ("ASSET_BINARY_STORE", "s3"),
        ("S3_BUCKET", "pulp-assets"),
        ("S3_REGION", "eu-central-1"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
        ("S3_ENDPOINT", endpoint.as_str()),
        ("S3_PATH_STYLE", "true"),
    ];
    let site = if file_mode {
        Some(file_site_with(&variables, &[]).await)
    } else {
        site_with(&variables, &[]).await
    };
    let Some(site) = site else { return };
    let asset = site.invoice().await;
    let key = asset["filename"].as_str().expect("key");
    assert!(!site.binary(&asset).exists());
    let good = site.render("invoice").await;
    assert_eq!(good.status, 200);
    let stored = bucket.get_object().bucket("pulp-assets").key(key).send().await.expect("stored");
    assert_eq!((stored.content_type(), stored.cache_control()), (Some("image/png"), Some("no-cache")));

    let path = format!("/assets/{}", asset["id"].as_str().expect("id"));
    let part = multipart::Part::bytes(png([0, 0, 9])).file_name("new.png");
    let form = multipart::Form::new().part("file", part);
    send(site.request(Method::PUT, &format!("{path}/content")).multipart(form)).await.ok(200);
    assert_ne!(site.render("invoice").await.bytes, good.bytes);
    site.post(&format!("{path}/versions/1/restore"), serde_json::json!({})).await.ok(200);
    assert_eq!(site.render("invoice").await.bytes, good.bytes);
    let objects_now = bucket.list_objects_v2().bucket("pulp-assets").send().await.expect("list");
    assert_eq!(objects_now.contents().len(), 3, "the binary and two earlier ones");

    bucket.delete_object().bucket("pulp-assets").key(key).send().await.expect("deleted");
    assert_eq!(site.render("invoice").await.refusal(), (422, "ASSET_BINARY_MISSING".into()));
    let mut stranger = site.variables.clone();
    stranger.push(("S3_SECRET_ACCESS_KEY".into(), "wrong".into()));
    let refused = launch(&stranger, &[]).await.err().expect("refused").to_string();
    assert!(refused.contains("denied"), "{refused}");
    assert_eq!(site.delete(&format!("{path}?force=true")).await.status, 204);
    let left = bucket.list_objects_v2().bucket("pulp-assets").send().await.expect("list");
    assert!(left.contents().is_empty(), "{:?}", left.contents());
    objects.stop().await;
    site.get("/health/ready").await.ok(503);
}
