//! Buckets: made, found, refused and removed.

use super::{bucket, cases, put, refusal, refused, set_versioning, versioned};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::BucketVersioningStatus;

cases![
    a_bucket_is_made_listed_and_removed,
    a_bucket_of_ones_own_is_not_made_twice,
    a_missing_bucket_is_named_as_such,
    a_bucket_with_versions_left_stays,
    versioning_is_unset_until_it_is_set,
];

async fn a_bucket_is_made_listed_and_removed(client: &Client) {
    let name = bucket(client).await;
    let names = |output: aws_sdk_s3::operation::list_buckets::ListBucketsOutput| {
        output.buckets().iter().filter_map(|bucket| bucket.name().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert!(names(client.list_buckets().send().await.unwrap()).contains(&name));
    client.head_bucket().bucket(&name).send().await.unwrap();
    client.get_bucket_location().bucket(&name).send().await.unwrap();
    client.delete_bucket().bucket(&name).send().await.unwrap();
    assert!(!names(client.list_buckets().send().await.unwrap()).contains(&name));
    assert_eq!(refusal(client.head_bucket().bucket(&name).send().await).0, 404);
}

async fn a_bucket_of_ones_own_is_not_made_twice(client: &Client) {
    let name = bucket(client).await;
    let again = client.create_bucket().bucket(&name).send().await;
    assert_eq!(refusal(again), refused(409, "BucketAlreadyOwnedByYou"));
}

async fn a_missing_bucket_is_named_as_such(client: &Client) {
    let missing = "there-is-no-such-bucket";
    let get = client.get_object().bucket(missing).key("k").send().await;
    assert_eq!(refusal(get), refused(404, "NoSuchBucket"));
    let list = client.list_objects_v2().bucket(missing).send().await;
    assert_eq!(refusal(list), refused(404, "NoSuchBucket"));
    let put = client.put_object().bucket(missing).key("k").send().await;
    assert_eq!(refusal(put), refused(404, "NoSuchBucket"));
}

async fn a_bucket_with_versions_left_stays(client: &Client) {
    let name = versioned(client).await;
    let id = put(client, &name, "k", "v").await.unwrap();
    let marker = client.delete_object().bucket(&name).key("k").send().await.unwrap().version_id.unwrap();
    for version in [marker, id] {
        let delete = client.delete_bucket().bucket(&name).send().await;
        assert_eq!(refusal(delete), refused(409, "BucketNotEmpty"));
        client.delete_object().bucket(&name).key("k").version_id(version).send().await.unwrap();
    }
    client.delete_bucket().bucket(&name).send().await.unwrap();
}

async fn versioning_is_unset_until_it_is_set(client: &Client) {
    let name = bucket(client).await;
    let status = || async { client.get_bucket_versioning().bucket(&name).send().await.unwrap().status };
    assert_eq!(status().await, None);
    for wanted in [BucketVersioningStatus::Enabled, BucketVersioningStatus::Suspended] {
        set_versioning(client, &name, wanted.clone()).await;
        assert_eq!(status().await, Some(wanted));
    }
}
