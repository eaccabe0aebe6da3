//! Versions: kept, listed, read by id, marked as deleted and brought back.

use super::{bucket, cases, get, put, refusal, refused, set_versioning, text, versioned};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier};
use futures::future::join_all;

cases![
    every_write_is_a_version_of_its_own,
    a_deleted_key_comes_back_without_its_marker,
    a_marker_can_not_be_read,
    versions_of_one_instant_stay_in_order,
    a_deleted_version_uncovers_the_one_before,
    a_suspended_bucket_replaces_its_null_version_only,
    what_was_there_before_versioning_is_the_null_version,
    pages_of_versions_add_up,
    more_than_a_page_of_versions_is_listed_and_deleted,
    versions_are_listed_below_a_prefix,
    an_old_version_is_copied_back,
    many_versions_are_deleted_at_once,
];

/// Key, version id, latest?, marker? of all versions in the order of the list: objects and markers
/// come as two lists, so each is in order by itself.
async fn listed(client: &Client, bucket: &str) -> (Vec<(String, String, bool)>, Vec<(String, String, bool)>) {
    let output = client.list_object_versions().bucket(bucket).send().await.unwrap();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let objects = output.versions().iter().map(|version| {
        (text(version.key()), text(version.version_id()), version.is_latest().unwrap_or_default())
    });
    let markers = output.delete_markers().iter().map(|marker| {
        (text(marker.key()), text(marker.version_id()), marker.is_latest().unwrap_or_default())
    });
    (objects.collect(), markers.collect())
}

async fn get_version(client: &Client, bucket: &str, key: &str, id: &str) -> String {
    text(client.get_object().bucket(bucket).key(key).version_id(id).send().await.unwrap()).await
}

async fn every_write_is_a_version_of_its_own(client: &Client) {
    let bucket = versioned(client).await;
    let first = put(client, &bucket, "k", "first").await.unwrap();
    let second = put(client, &bucket, "k", "second").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(get(client, &bucket, "k").await, "second");
    assert_eq!(get_version(client, &bucket, "k", &first).await, "first");
    let head = client.head_object().bucket(&bucket).key("k").version_id(&first).send().await.unwrap();
    assert_eq!((head.version_id(), head.content_length()), (Some(&*first), Some(5)));
    let (objects, markers) = listed(client, &bucket).await;
    assert_eq!(objects, [("k".to_owned(), second, true), ("k".to_owned(), first, false)]);
    assert!(markers.is_empty());
    let unknown = client.get_object().bucket(&bucket).key("k").version_id("0123456789abcdef").send().await;
    assert!([400, 404].contains(&refusal(unknown).0));
}

async fn a_deleted_key_comes_back_without_its_marker(client: &Client) {
    let bucket = versioned(client).await;
    put(client, &bucket, "k", "v").await;
    let deleted = client.delete_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id().unwrap();
    let got = client.get_object().bucket(&bucket).key("k").send().await.unwrap_err();
    let headers = got.raw_response().unwrap().headers();
    assert_eq!(headers.get("x-amz-delete-marker"), Some("true"));
    assert_eq!(headers.get("x-amz-version-id"), Some(marker));
    assert_eq!(refusal::<(), _>(Err(got)), refused(404, "NoSuchKey"));
    assert!(client.list_objects_v2().bucket(&bucket).send().await.unwrap().contents().is_empty());
    let undone = client.delete_object().bucket(&bucket).key("k").version_id(marker).send().await.unwrap();
    assert_eq!((undone.delete_marker(), undone.version_id()), (Some(true), Some(marker)));
    assert_eq!(get(client, &bucket, "k").await, "v");
}

async fn a_marker_can_not_be_read(client: &Client) {
    let bucket = versioned(client).await;
    put(client, &bucket, "k", "v").await;
    let deleted = client.delete_object().bucket(&bucket).key("k").send().await.unwrap();
    let marker = deleted.version_id().unwrap();
    let got = client.get_object().bucket(&bucket).key("k").version_id(marker).send().await;
    let got = got.unwrap_err();
    let headers = got.raw_response().unwrap().headers();
    assert_eq!(headers.get("x-amz-delete-marker"), Some("true"));
    assert_eq!(refusal::<(), _>(Err(got)), refused(405, "MethodNotAllowed"));
}

async fn versions_of_one_instant_stay_in_order(client: &Client) {
    let bucket = versioned(client).await;
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.insert(0, put(client, &bucket, "k", &number.to_string()).await.unwrap());
    }
    let (objects, _) = listed(client, &bucket).await;
    assert_eq!(objects.iter().map(|(_, id, _)| id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(objects.iter().filter(|(_, _, latest)| *latest).count(), 1);
}

async fn a_deleted_version_uncovers_the_one_before(client: &Client) {
    let bucket = versioned(client).await;
    put(client, &bucket, "k", "first").await;
    let second = put(client, &bucket, "k", "second").await.unwrap();
    let deleted = client.delete_object().bucket(&bucket).key("k").version_id(&second).send().await.unwrap();
    assert_eq!((deleted.delete_marker(), deleted.version_id()), (None, Some(&*second)));
    assert_eq!(get(client, &bucket, "k").await, "first");
    let gone = client.get_object().bucket(&bucket).key("k").version_id(&second).send().await;
    assert_eq!(refusal(gone), refused(404, "NoSuchVersion"));
}

async fn a_suspended_bucket_replaces_its_null_version_only(client: &Client) {
    let bucket = versioned(client).await;
    let kept = put(client, &bucket, "k", "kept").await.unwrap();
    set_versioning(client, &bucket, BucketVersioningStatus::Suspended).await;
    for body in ["null one", "null two"] {
        put(client, &bucket, "k", body).await;
    }
    let null = |latest| ("k".to_owned(), "null".to_owned(), latest);
    let (objects, _) = listed(client, &bucket).await;
    assert_eq!(objects, [null(true), ("k".to_owned(), kept.clone(), false)]);
    assert_eq!(get_version(client, &bucket, "k", "null").await, "null two");
    client.delete_object().bucket(&bucket).key("k").send().await.unwrap();
    let (objects, markers) = listed(client, &bucket).await;
    assert_eq!((objects.len(), markers), (1, vec![null(true)]));
    assert_eq!(get_version(client, &bucket, "k", &kept).await, "kept");
}

async fn what_was_there_before_versioning_is_the_null_version(client: &Client) {
    let bucket = bucket(client).await;
    assert_eq!(put(client, &bucket, "k", "before").await, None);
    set_versioning(client, &bucket, BucketVersioningStatus::Enabled).await;
    put(client, &bucket, "k", "after").await;
    assert_eq!(get_version(client, &bucket, "k", "null").await, "before");
    let (objects, _) = listed(client, &bucket).await;
    assert_eq!(objects[1], ("k".to_owned(), "null".to_owned(), false));
}

async fn pages_of_versions_add_up(client: &Client) {
    let bucket = versioned(client).await;
    let mut written = 0;
    for key in ["a", "b/1", "b/2", "c"] {
        for _ in 0..3 {
            put(client, &bucket, key, key).await;
            written += 1;
        }
        client.delete_object().bucket(&bucket).key(key).send().await.unwrap();
        written += 1;
    }
    let (objects, markers) = listed(client, &bucket).await;
    assert_eq!(objects.len() + markers.len(), written);
    for limit in [1, 2, 3, 5, 16] {
        let (mut found, mut key, mut id) = (Vec::new(), None, None);
        loop {
            let list = client.list_object_versions().bucket(&bucket).max_keys(limit);
            let list = list.set_key_marker(key).set_version_id_marker(id);
            let page = list.send().await.unwrap();
            assert!(page.versions().len() + page.delete_markers().len() <= limit as usize);
            found
                .extend(page.versions().iter().filter_map(|version| version.version_id().map(str::to_owned)));
            key = page.next_key_marker().map(str::to_owned);
            id = page.next_version_id_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) {
                break;
            }
        }
        assert_eq!(found, objects.iter().map(|(_, id, _)| id.clone()).collect::<Vec<_>>(), "{limit} a page");
    }
    let rolled = client.list_object_versions().bucket(&bucket).delimiter("/").send().await.unwrap();
    assert_eq!((rolled.versions().len(), rolled.common_prefixes().len()), (6, 1));
}

async fn more_than_a_page_of_versions_is_listed_and_deleted(client: &Client) {
    let bucket = versioned(client).await;
    let keys: Vec<String> = (0..520).map(|number| format!("k{number:04}")).collect();
    for some in keys.chunks(16) {
        join_all(some.iter().map(|key| put(client, &bucket, key, "1"))).await;
        let delete = |key| client.delete_object().bucket(&bucket).key(key).send();
        assert!(join_all(some.iter().map(delete)).await.iter().all(Result::is_ok));
    }
    let page = client.list_object_versions().bucket(&bucket).send().await.unwrap();
    assert_eq!(page.versions().len() + page.delete_markers().len(), 1000);
    assert_eq!(page.is_truncated(), Some(true));
    let rest = client.list_object_versions().bucket(&bucket);
    let rest = rest.key_marker(page.next_key_marker().unwrap());
    let rest = rest.version_id_marker(page.next_version_id_marker().unwrap()).send().await.unwrap();
    assert_eq!((rest.versions().len(), rest.delete_markers().len()), (20, 20));
    for page in [page, rest] {
        let named =
            |key: &str, id: &str| ObjectIdentifier::builder().key(key).version_id(id).build().unwrap();
        let objects = page.versions().iter().map(|v| named(v.key().unwrap(), v.version_id().unwrap()));
        let markers = page.delete_markers().iter().map(|m| named(m.key().unwrap(), m.version_id().unwrap()));
        let all = Delete::builder().set_objects(Some(objects.chain(markers).collect())).build().unwrap();
        let deleted = client.delete_objects().bucket(&bucket).delete(all).send().await.unwrap();
        assert!(deleted.errors().is_empty());
    }
    client.delete_bucket().bucket(&bucket).send().await.expect("nothing is left in it");
}

async fn versions_are_listed_below_a_prefix(client: &Client) {
    let bucket = versioned(client).await;
    for key in ["a/1", "b/1", "b/1", "b/2", "c"] {
        put(client, &bucket, key, key).await;
    }
    let page = client.list_object_versions().bucket(&bucket).prefix("b/").send().await.unwrap();
    let found: Vec<_> = page.versions().iter().map(|v| (v.key().unwrap(), v.is_latest().unwrap())).collect();
    assert_eq!(found, [("b/1", true), ("b/1", false), ("b/2", true)]);
    let after = client.list_object_versions().bucket(&bucket).key_marker("b/1").send().await.unwrap();
    assert_eq!(after.versions().iter().map(|v| v.key().unwrap()).collect::<Vec<_>>(), ["b/2", "c"]);
}

async fn an_old_version_is_copied_back(client: &Client) {
    let bucket = versioned(client).await;
    let first = put(client, &bucket, "k", "first").await.unwrap();
    put(client, &bucket, "k", "second").await;
    let source = format!("{bucket}/k?versionId={first}");
    let copy = client.copy_object().bucket(&bucket).key("k").copy_source(source).send().await.unwrap();
    assert_eq!(copy.copy_source_version_id(), Some(&*first));
    assert!(copy.version_id().is_some_and(|id| id != first));
    assert_eq!(get(client, &bucket, "k").await, "first");
    assert_eq!(listed(client, &bucket).await.0.len(), 3);
}

async fn many_versions_are_deleted_at_once(client: &Client) {
    let bucket = versioned(client).await;
    let first = put(client, &bucket, "k", "first").await.unwrap();
    put(client, &bucket, "k", "second").await;
    let exact = ObjectIdentifier::builder().key("k").version_id(&first).build().unwrap();
    let plain = ObjectIdentifier::builder().key("k").build().unwrap();
    let delete = Delete::builder().objects(exact).objects(plain).build().unwrap();
    let output = client.delete_objects().bucket(&bucket).delete(delete).send().await.unwrap();
    let made: Vec<_> = output.deleted().iter().filter_map(|one| one.delete_marker_version_id()).collect();
    assert_eq!(made.len(), 1);
    let (objects, markers) = listed(client, &bucket).await;
    assert_eq!((objects.len(), markers[0].1.as_str()), (1, made[0]));
}
