//! Binaries in a bucket: what each answer of an S3 server means. The server is a mock that says what
//! it is told; real servers are met elsewhere.

use crate::site::{Site, png, site_with};
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
