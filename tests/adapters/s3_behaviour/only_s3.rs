//! What S3 documents and MinIO does otherwise. The embedded server keeps to S3; that MinIO does not is
//! looked at too, so that a case moves to the others when MinIO mends it.

use super::objects::each_key_is_its_own;
use super::tags::{tagging, tags};
use super::{bucket, cases, put, refusal, refused, set_versioning, versioned};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::BucketVersioningStatus;

cases![
    a_tag_may_have_any_letters,
    tags_are_refused_by_name,
    a_key_that_looks_like_a_path_is_a_key,
    a_key_may_begin_with_another,
    a_segment_of_a_key_may_be_long,
    a_key_that_never_was_gets_a_marker_too,
    a_delete_in_a_suspended_bucket_tells_of_its_marker,
    a_version_marker_needs_a_key_marker,
    a_page_goes_on_after_a_version_that_is_gone,
    an_upload_is_aborted_once,
    parts_are_counted_when_they_are_read,
];

async fn a_tag_may_have_any_letters(client: &Client) {
    let bucket = bucket(client).await;
    let set = client.put_bucket_tagging().bucket(&bucket).tagging(tagging(&[("größe", "日本")]));
    set.send().await.unwrap();
    assert_eq!(tags(client, &bucket).await["größe"], "日本");
}

async fn tags_are_refused_by_name(client: &Client) {
    let bucket = bucket(client).await;
    let long = client.put_bucket_tagging().bucket(&bucket).tagging(tagging(&[("k".repeat(129), "v")]));
    assert_eq!(refusal(long.send().await), refused(400, "InvalidTag"));
    let missing = client.get_bucket_tagging().bucket("there-is-no-such-bucket").send().await;
    assert_eq!(refusal(missing), refused(404, "NoSuchBucket"));
}

/// MinIO keeps keys as paths of files.
async fn a_key_that_looks_like_a_path_is_a_key(client: &Client) {
    each_key_is_its_own(client, &["../../etc/passwd", "..", ".", "a//b", "a/./b", "a/../b", "/lead"]).await;
}

/// In MinIO `a` and `a/b` hide each other in lists.
async fn a_key_may_begin_with_another(client: &Client) {
    each_key_is_its_own(client, &["a", "a/b", "a/b/c"]).await;
    let bucket = bucket(client).await;
    for key in ["a", "a/1"] {
        put(client, &bucket, key, key).await;
    }
    let page = client.list_objects_v2().bucket(&bucket).delimiter("/").send().await.unwrap();
    assert_eq!((page.contents()[0].key(), page.common_prefixes().len()), (Some("a"), 1));
}

async fn a_segment_of_a_key_may_be_long(client: &Client) {
    each_key_is_its_own(client, &[&"k".repeat(1024)]).await;
}

async fn a_key_that_never_was_gets_a_marker_too(client: &Client) {
    let bucket = versioned(client).await;
    let deleted = client.delete_object().bucket(&bucket).key("never-there").send().await.unwrap();
    assert!(deleted.delete_marker() == Some(true) && deleted.version_id().is_some(), "{deleted:?}");
}

async fn a_delete_in_a_suspended_bucket_tells_of_its_marker(client: &Client) {
    let bucket = versioned(client).await;
    set_versioning(client, &bucket, BucketVersioningStatus::Suspended).await;
    put(client, &bucket, "k", "null").await;
    let deleted = client.delete_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!((deleted.delete_marker(), deleted.version_id()), (Some(true), Some("null")));
}

async fn a_version_marker_needs_a_key_marker(client: &Client) {
    let bucket = versioned(client).await;
    let orphan = client.list_object_versions().bucket(&bucket).version_id_marker("x").send().await;
    assert_eq!(refusal(orphan), refused(400, "InvalidArgument"));
}

async fn a_page_goes_on_after_a_version_that_is_gone(client: &Client) {
    let bucket = versioned(client).await;
    let mut ids = Vec::new();
    for body in ["1", "2", "3"] {
        ids.push(put(client, &bucket, "k", body).await.unwrap());
    }
    let page = client.list_object_versions().bucket(&bucket).max_keys(2).send().await.unwrap();
    let marker = page.next_version_id_marker().unwrap();
    assert_eq!(marker, ids[1]);
    client.delete_object().bucket(&bucket).key("k").version_id(marker).send().await.unwrap();
    let rest = client.list_object_versions().bucket(&bucket).key_marker("k").version_id_marker(marker);
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.versions().iter().filter_map(|v| v.version_id()).collect::<Vec<_>>(), [&ids[0]]);
}

async fn an_upload_is_aborted_once(client: &Client) {
    let bucket = bucket(client).await;
    let begun = client.create_multipart_upload().bucket(&bucket).key("k").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let abort = || client.abort_multipart_upload().bucket(&bucket).key("k").upload_id(id).send();
    abort().await.unwrap();
    assert_eq!(refusal(abort().await), refused(404, "NoSuchUpload"));
}

/// Parts 1 and 7 of an upload are parts 1 and 2 of the object.
async fn parts_are_counted_when_they_are_read(client: &Client) {
    let bucket = bucket(client).await;
    super::multipart::uploaded(client, &bucket, "k", [1, 7]).await;
    let last = client.get_object().bucket(&bucket).key("k").part_number(2).send().await.unwrap();
    assert_eq!((last.parts_count(), last.content_length()), (Some(2), Some(3)));
}
