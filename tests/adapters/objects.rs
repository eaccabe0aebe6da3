//! The adapter of object stores, on the embedded server and on servers that answer wrongly.

use crate::support::embedded_s3::start;
use pulp_drill::base::checksum::Checksums;
use pulp_drill::base::digest::Digest;
use pulp_drill::base::error::Blame;
use pulp_drill::base::ids::{BucketName, ObjectKey};
use pulp_drill::model::state::{Metadata, ObjectState, Objects};
use pulp_drill::system::destroy::Guard;
use pulp_drill::system::objects::{Bucket, Got, ObjectStore, S3Access, Tags};
use std::collections::{BTreeMap, BTreeSet};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn key(text: &str) -> ObjectKey {
    ObjectKey::from(text)
}

/// A bucket at a server whose answers the test decides.
fn bucket_of(server: &MockServer) -> Bucket {
    let access = S3Access {
        endpoint: server.uri(),
        region: "us-east-1".to_owned(),
        access_key: "test-key".to_owned(),
        secret_key: "test-secret".to_owned(),
        path_style: true,
    };
    ObjectStore::s3(&access).bucket(&BucketName::from("assets"))
}

#[tokio::test]
async fn what_is_put_is_listed_read_copied_and_taken_into_the_inventory() {
    let server = start().await;
    server.store.ping().await.unwrap();
    let (assets, backup) = (server.bucket("assets").await, server.bucket("backup").await);
    let nasty = ["logo.png", "a b/ü+&=%2F'\"<x>?#.bin", "zero", "line\nbreak\u{1}"];
    let metadata = Metadata(
        [
            ("cache-control", "no-cache"),
            ("content-disposition", "inline; filename=\"a.png\""),
            ("content-encoding", "gzip"),
            ("content-language", "de"),
            ("content-type", "image/png"),
            ("expires", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("x-amz-meta-owner", "me & co"),
            ("x-amz-website-redirect-location", "/elsewhere.png"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    );
    for name in nasty {
        let bytes = if name == "zero" { Vec::new() } else { name.repeat(3).into_bytes() };
        assets.put(&key(name), bytes, &metadata).await.unwrap();
    }
    for name in nasty {
        let to = key(&format!("2026/x y/{name}"));
        assets.copy_to(&key(name), &backup, &to).await.unwrap();
    }
    let object = |name: &str| {
        let bytes = if name == "zero" { String::new() } else { name.repeat(3) };
        ObjectState {
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            checksums: Checksums::default(),
            metadata: metadata.clone(),
        }
    };
    let wanted: Objects = nasty.iter().map(|name| (key(name), object(name))).collect();
    assert_eq!(assets.inventory("", &BTreeSet::new()).await.unwrap(), wanted);
    assert_eq!(backup.inventory("2026/x y/", &BTreeSet::new()).await.unwrap(), wanted);
    let listed: Vec<_> = assets.list("").await.unwrap().into_iter().map(|l| (l.key, l.size)).collect();
    let mut sizes: Vec<_> = wanted.iter().map(|(key, object)| (key.clone(), object.size)).collect();
    sizes.sort_by(|a, b| a.0.as_str().as_bytes().cmp(b.0.as_str().as_bytes()));
    assert_eq!(listed, sizes);

    let found = Got::Found { bytes: b"logo.png".repeat(3), metadata: metadata.clone() };
    assert_eq!(assets.get(&key("logo.png")).await.unwrap(), found);
    assets.delete(&key("logo.png")).await.unwrap();
    assets.delete(&key("logo.png")).await.unwrap();
    assert_eq!(assets.get(&key("logo.png")).await.unwrap(), Got::Missing);
    let copied = assets.copy_to(&key("logo.png"), &backup, &key("x")).await.unwrap_err().to_string();
    assert!(copied.contains("\"logo.png\" in bucket assets") && copied.contains("NoSuchKey"), "{copied}");
}

#[tokio::test]
async fn lists_go_to_their_end_and_a_first_page_does_not() {
    let server = start().await;
    let bucket = server.bucket("many").await;
    let puts = (0..1003).map(|n| {
        let bucket = bucket.clone();
        async move { bucket.put(&key(&format!("p/{n:04}")), vec![b'x'], &Metadata::default()).await.unwrap() }
    });
    futures::future::join_all(puts).await;
    bucket.put(&key("q"), vec![b'x'], &Metadata::default()).await.unwrap();
    let all: Vec<_> = bucket.list("p/").await.unwrap().into_iter().collect();
    assert_eq!(all.len(), 1003);
    assert_eq!((all[0].key.as_str(), all[1002].key.as_str()), ("p/0000", "p/1002"));
    let (first, more) = bucket.first_page("p/", 10).await.unwrap();
    assert_eq!((first.len(), first[9].key.as_str(), more), (10, "p/0009", true));
    let (one, more) = bucket.first_page("q", 10).await.unwrap();
    assert_eq!((one.len(), more), (1, false));
}

#[tokio::test]
async fn a_bucket_goes_with_versions_and_markers_and_may_be_gone_already() {
    let server = start().await;
    let bucket = server.bucket("versioned").await;
    bucket.set_versioning(true).await.unwrap();
    for text in ["one", "two"] {
        bucket.put(&key("a/ b+"), text.into(), &Metadata::default()).await.unwrap();
    }
    bucket.delete(&key("a/ b+")).await.unwrap();
    let name = BucketName::from("versioned");
    server.store.delete_bucket(Guard::own().bucket(&name).await.unwrap()).await.unwrap();
    server.store.delete_bucket(Guard::own().bucket(&name).await.unwrap()).await.unwrap();
    let error = server.store.bucket(&name).list("").await.unwrap_err().to_string();
    assert!(error.contains("NoSuchBucket") && error.contains("hint: make the bucket"), "{error}");
}

#[tokio::test]
async fn wrong_keys_are_an_environment_error_and_are_not_shown() {
    let server = start().await;
    let wrong = S3Access { secret_key: "wrong-secret-key".to_owned(), ..server.access.clone() };
    let error = ObjectStore::s3(&wrong).ping().await.unwrap_err();
    assert_eq!(error.blame, Blame::Environment);
    let text = error.to_string();
    assert!(text.contains(&server.access.endpoint) && text.contains("SignatureDoesNotMatch"), "{text}");
    assert!(!text.contains("wrong-secret-key") && !text.contains("test-key"), "{text}");
}

#[tokio::test]
async fn a_bucket_without_tags_may_not_be_there() {
    // As MinIO answers, of buckets that it has never heard of.
    let minio = MockServer::start().await;
    let none = "<Error><Code>NoSuchTagSet</Code><Message>The TagSet does not exist</Message></Error>";
    let none = ResponseTemplate::new(404).set_body_string(none);
    Mock::given(method("GET")).respond_with(none).mount(&minio).await;
    let bucket = bucket_of(&minio);
    assert_eq!(bucket.tags().await.unwrap(), Tags::NoBucket);
    Mock::given(method("HEAD")).respond_with(ResponseTemplate::new(200)).mount(&minio).await;
    assert_eq!(bucket.tags().await.unwrap(), Tags::Of(BTreeMap::new()));
}

#[tokio::test]
async fn a_listing_that_a_store_cuts_short_is_an_error() {
    for pointer in ["<NextContinuationToken>again</NextContinuationToken>", ""] {
        let page = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated>{pointer}\
             <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>"
        );
        let store = always(&page).await;
        let error = bucket_of(&store).list("").await.unwrap_err();
        assert_eq!(error.blame, Blame::Environment);
        assert!(error.to_string().contains("reports a further page"), "{error}");
    }
    for pointer in ["<NextKeyMarker>a</NextKeyMarker>", ""] {
        let page = format!(
            "<ListVersionsResult><IsTruncated>true</IsTruncated>{pointer}<Version><Key>a</Key>\
             <VersionId>1</VersionId><LastModified>2026-10-21T07:28:00Z</LastModified></Version>\
             </ListVersionsResult>"
        );
        let store = always(&page).await;
        let error = bucket_of(&store).versions("").await.unwrap_err();
        assert!(error.to_string().contains("reports a further page"), "{error}");
    }
}

/// A server that answers every request with the same page.
async fn always(page: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string(page))
        .mount(&server)
        .await;
    server
}
