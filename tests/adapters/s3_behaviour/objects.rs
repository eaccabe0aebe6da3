//! Objects: bytes, headers, conditions, ranges, digests and copies.

use super::{bucket, cases, get, is_wrong_checksum, put, refusal, refused, text};
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, MetadataDirective, ObjectIdentifier};
use std::time::{Duration, SystemTime};

cases![
    what_was_put_is_what_is_got,
    an_object_is_replaced_whole,
    an_odd_key_is_a_key_of_its_own,
    a_key_over_1024_bytes_is_refused,
    a_missing_key_is_named_as_such,
    a_deleted_object_is_gone_and_deleting_it_again_is_fine,
    many_are_deleted_at_once,
    a_range_gives_its_bytes,
    a_range_beyond_the_end_is_refused,
    conditions_hold_reads_back,
    a_put_that_must_not_replace_does_not,
    a_wrong_digest_leaves_nothing_behind,
    every_checksum_is_computed_and_given_back,
    a_copy_takes_the_headers_or_new_ones,
    a_copy_onto_itself_must_change_something,
    a_presigned_address_gives_the_object,
];

async fn what_was_put_is_what_is_got(client: &Client) {
    let bucket = bucket(client).await;
    let body: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let put = client
        .put_object()
        .bucket(&bucket)
        .key("k")
        .body(ByteStream::from(body.clone()))
        .content_type("image/png")
        .cache_control("max-age=60")
        .content_disposition("inline")
        .content_language("de")
        .content_encoding("identity")
        .metadata("owner", "someone")
        .metadata("tip", "grüße")
        .send()
        .await
        .unwrap();
    let got = client.get_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.cache_control(), Some("max-age=60"));
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!(got.content_language(), Some("de"));
    assert_eq!(got.content_encoding(), Some("identity"));
    assert_eq!(got.metadata().unwrap()["owner"], "someone");
    assert_eq!(got.content_length(), Some(1_200_000));
    assert_eq!(got.version_id(), None);
    assert!(got.body.collect().await.unwrap().into_bytes() == body);
    let head = client.head_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!(head.content_length(), Some(1_200_000));
    assert_eq!(head.e_tag(), put.e_tag());
    assert_eq!(head.metadata().unwrap().len(), 2);
}

async fn an_object_is_replaced_whole(client: &Client) {
    let bucket = bucket(client).await;
    let first = client.put_object().bucket(&bucket).key("k").metadata("a", "1").content_type("text/x-a");
    first.body(ByteStream::from_static(b"a long first body")).send().await.unwrap();
    put(client, &bucket, "k", "short").await;
    let got = client.get_object().bucket(&bucket).key("k").send().await.unwrap();
    assert!(got.metadata().is_none_or(|metadata| metadata.is_empty()));
    assert_ne!(got.content_type(), Some("text/x-a"));
    assert_eq!(text(got).await, "short");
    let listed = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
    assert_eq!(listed.contents().len(), 1);
}

async fn an_odd_key_is_a_key_of_its_own(client: &Client) {
    let long = ["k".repeat(200), "/".to_owned()].concat().repeat(5);
    let keys = [
        "a/b/c",
        "A",
        "a.",
        "trail/",
        "white space",
        "plus+plus",
        "pct%2Fpct",
        "q?a=b&c",
        "hash#hash",
        "ünï/cödé-日本",
        "u\u{308}",
        "ü",
        "\u{1F4C4} paper",
        "e-acute \u{e9}",
        "e-acute e\u{301}",
        "back\\slash",
        "star*",
        "quote'\"<>&",
        "versions/00.json",
        "~tilde",
        "a\tb",
        &format!("{long}end"),
    ];
    each_key_is_its_own(client, &keys).await;
}

/// Puts, gets, lists and deletes objects of these keys.
pub async fn each_key_is_its_own(client: &Client, keys: &[&str]) {
    let bucket = bucket(client).await;
    for key in keys {
        put(client, &bucket, key, &format!("body of {key}")).await;
    }
    for key in keys {
        assert_eq!(get(client, &bucket, key).await, format!("body of {key}"));
    }
    let listed = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
    let mut expected: Vec<&str> = keys.to_vec();
    expected.sort_unstable();
    let found: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(found, expected);
    for key in keys {
        client.delete_object().bucket(&bucket).key(*key).send().await.unwrap();
    }
    client.delete_bucket().bucket(&bucket).send().await.unwrap();
}

async fn a_key_over_1024_bytes_is_refused(client: &Client) {
    let bucket = bucket(client).await;
    let put = client.put_object().bucket(&bucket).key("k".repeat(1025)).send().await;
    assert_eq!(refusal(put), refused(400, "KeyTooLongError"));
}

async fn a_missing_key_is_named_as_such(client: &Client) {
    let bucket = bucket(client).await;
    let got = client.get_object().bucket(&bucket).key("nothing").send().await;
    assert_eq!(refusal(got), refused(404, "NoSuchKey"));
    let head = client.head_object().bucket(&bucket).key("nothing").send().await;
    assert_eq!(refusal(head).0, 404);
    let copy = client.copy_object().bucket(&bucket).key("b").copy_source(format!("{bucket}/nothing"));
    assert_eq!(refusal(copy.send().await), refused(404, "NoSuchKey"));
}

async fn a_deleted_object_is_gone_and_deleting_it_again_is_fine(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "v").await;
    for _ in 0..2 {
        client.delete_object().bucket(&bucket).key("k").send().await.unwrap();
    }
    assert_eq!(refusal(client.head_object().bucket(&bucket).key("k").send().await).0, 404);
}

async fn many_are_deleted_at_once(client: &Client) {
    let bucket = bucket(client).await;
    for key in ["a", "b", "c"] {
        put(client, &bucket, key, key).await;
    }
    let id = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete =
        Delete::builder().objects(id("a")).objects(id("c")).objects(id("never-there")).build().unwrap();
    let output = client.delete_objects().bucket(&bucket).delete(delete).send().await.unwrap();
    assert_eq!(output.deleted().len(), 3);
    assert!(output.errors().is_empty());
    let listed = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
    assert_eq!(listed.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["b"]);
}

async fn a_range_gives_its_bytes(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "0123456789").await;
    let expected = [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ];
    for (range, body, content_range) in expected {
        let got = client.get_object().bucket(&bucket).key("k").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(content_range));
        assert_eq!(got.content_length(), Some(body.len() as i64));
        assert_eq!(text(got).await, body);
    }
}

async fn a_range_beyond_the_end_is_refused(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "0123456789").await;
    put(client, &bucket, "empty", "").await;
    for (key, range) in [("k", "bytes=10-"), ("k", "bytes=-0"), ("empty", "bytes=0-")] {
        let got = client.get_object().bucket(&bucket).key(key).range(range).send().await;
        assert_eq!(refusal(got), refused(416, "InvalidRange"), "{key} {range}");
    }
}

async fn conditions_hold_reads_back(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "v").await;
    let head = client.head_object().bucket(&bucket).key("k").send().await.unwrap();
    let etag = head.e_tag().unwrap();
    let read = || client.get_object().bucket(&bucket).key("k");
    read().if_match(etag).send().await.unwrap();
    read().if_none_match("\"other\"").send().await.unwrap();
    assert_eq!(refusal(read().if_match("\"other\"").send().await), refused(412, "PreconditionFailed"));
    assert_eq!(refusal(read().if_none_match(etag).send().await).0, 304);
    let hour = Duration::from_secs(3600);
    let (before, after) = (SystemTime::now() - hour, SystemTime::now() + hour);
    read().if_modified_since(DateTime::from(before)).send().await.unwrap();
    assert_eq!(refusal(read().if_modified_since(DateTime::from(after)).send().await).0, 304);
    assert_eq!(refusal(read().if_unmodified_since(DateTime::from(before)).send().await).0, 412);
    let modified = *head.last_modified().unwrap();
    let head = client.head_object().bucket(&bucket).key("k").if_modified_since(modified).send().await;
    assert_eq!(refusal(head).0, 304);
}

async fn a_put_that_must_not_replace_does_not(client: &Client) {
    let bucket = bucket(client).await;
    let fresh = |body: &'static [u8]| {
        let put = client.put_object().bucket(&bucket).key("k").if_none_match("*");
        put.body(ByteStream::from_static(body)).send()
    };
    let first = fresh(b"first").await.unwrap();
    assert_eq!(refusal(fresh(b"second").await), refused(412, "PreconditionFailed"));
    assert_eq!(get(client, &bucket, "k").await, "first");
    let exchange = |etag: String| client.put_object().bucket(&bucket).key("k").if_match(etag).send();
    assert_eq!(refusal(exchange("\"other\"".to_owned()).await), refused(412, "PreconditionFailed"));
    exchange(first.e_tag().unwrap().to_owned()).await.unwrap();
    assert_eq!(get(client, &bucket, "k").await, "");
}

async fn a_wrong_digest_leaves_nothing_behind(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "old").await;
    for key in ["k", "new"] {
        let put = || client.put_object().bucket(&bucket).key(key).body(ByteStream::from_static(b"body"));
        let md5 = put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
        assert_eq!(refusal(md5), refused(400, "BadDigest"));
        let none = put().content_md5("bm8gbWQ1").send().await;
        assert_eq!(refusal(none), refused(400, "InvalidDigest"));
        let crc = refusal(put().checksum_crc32("AAAAAA==").send().await);
        assert!(is_wrong_checksum(&crc), "{crc:?}");
        let sha = put().checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").send().await;
        let sha = refusal(sha);
        assert!(is_wrong_checksum(&sha), "{sha:?}");
    }
    assert_eq!(get(client, &bucket, "k").await, "old");
    assert_eq!(refusal(client.head_object().bucket(&bucket).key("new").send().await).0, 404);
    let right = client.put_object().bucket(&bucket).key("new").content_md5("hBotaJrYa9FhFEdFPCLG/A==");
    right.body(ByteStream::from_static(b"body")).send().await.unwrap();
}

async fn every_checksum_is_computed_and_given_back(client: &Client) {
    let bucket = bucket(client).await;
    let algorithms = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in algorithms {
        let put = client.put_object().bucket(&bucket).key("k").checksum_algorithm(algorithm.clone());
        put.body(ByteStream::from_static(b"123456789")).send().await.unwrap();
        let head = client.head_object().bucket(&bucket).key("k").checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        // The check values of the CRC catalogue and of sha1sum and sha256sum, in base64.
        let found = match algorithm {
            ChecksumAlgorithm::Crc32 => (head.checksum_crc32(), "y/Q5Jg=="),
            ChecksumAlgorithm::Crc32C => (head.checksum_crc32_c(), "4waSgw=="),
            ChecksumAlgorithm::Crc64Nvme => (head.checksum_crc64_nvme(), "rosUhgp5mIg="),
            ChecksumAlgorithm::Sha1 => (head.checksum_sha1(), "98O8HYCOBHMq32eZZczDTKeuNEE="),
            _ => (head.checksum_sha256(), "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        };
        assert_eq!(found.0, Some(found.1), "{algorithm}");
        // The client compares the bytes with the checksum that comes with them.
        assert_eq!(get(client, &bucket, "k").await, "123456789");
    }
}

async fn a_copy_takes_the_headers_or_new_ones(client: &Client) {
    let (from, to) = (bucket(client).await, bucket(client).await);
    let source =
        client.put_object().bucket(&from).key("a b/ü").metadata("kept", "1").content_type("image/png");
    source.body(ByteStream::from_static(b"bytes")).send().await.unwrap();
    let copy = || client.copy_object().bucket(&to).key("k").copy_source(format!("{from}/a%20b/%C3%BC"));
    copy().send().await.unwrap();
    let got = client.get_object().bucket(&to).key("k").send().await.unwrap();
    assert_eq!((got.content_type(), got.metadata().unwrap().len()), (Some("image/png"), 1));
    assert_eq!(text(got).await, "bytes");
    let replace = copy().metadata_directive(MetadataDirective::Replace).metadata("new", "2");
    replace.content_type("text/plain").send().await.unwrap();
    let got = client.get_object().bucket(&to).key("k").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/plain"));
    assert_eq!(got.metadata().unwrap().keys().collect::<Vec<_>>(), ["new"]);
    let wrong = copy().copy_source_if_match("\"other\"").send().await;
    assert_eq!(refusal(wrong), refused(412, "PreconditionFailed"));
}

async fn a_copy_onto_itself_must_change_something(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "v").await;
    let copy = || client.copy_object().bucket(&bucket).key("k").copy_source(format!("{bucket}/k"));
    assert_eq!(refusal(copy().send().await), refused(400, "InvalidRequest"));
    copy().metadata_directive(MetadataDirective::Replace).metadata("a", "b").send().await.unwrap();
    assert_eq!(get(client, &bucket, "k").await, "v");
}

async fn a_presigned_address_gives_the_object(client: &Client) {
    // The harness's choice of crypto; a second installation in this process is refused and fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = bucket(client).await;
    put(client, &bucket, "a b", "presigned").await;
    let expiry = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let request = client.get_object().bucket(&bucket).key("a b").presigned(expiry).await.unwrap();
    let got = reqwest::get(request.uri()).await.unwrap();
    assert_eq!(got.status(), 200);
    assert_eq!(got.text().await.unwrap(), "presigned");
    let forged = reqwest::get(request.uri().replace("a%20b", "other")).await.unwrap();
    assert_eq!(forged.status(), 403);
}
