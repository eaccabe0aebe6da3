//! Tags of buckets: set, read, replaced as a whole, removed.

use super::{bucket, cases, refusal, refused};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Tag, Tagging};
use std::collections::BTreeMap;

cases![
    a_bucket_has_no_tags_until_it_is_given_some,
    tags_are_replaced_as_a_whole_and_removed,
    tags_that_break_the_rules_are_refused,
    tags_of_a_missing_bucket_are_not_there,
];

pub fn tagging<K: AsRef<str>, V: AsRef<str>>(tags: &[(K, V)]) -> Tagging {
    let tag = |(key, value): &(K, V)| Tag::builder().key(key.as_ref()).value(value.as_ref()).build().unwrap();
    Tagging::builder().set_tag_set(Some(tags.iter().map(tag).collect())).build().unwrap()
}

pub async fn tags(client: &Client, bucket: &str) -> BTreeMap<String, String> {
    let output = client.get_bucket_tagging().bucket(bucket).send().await.unwrap();
    output.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

async fn set(client: &Client, bucket: &str, pairs: &[(&str, &str)]) {
    client.put_bucket_tagging().bucket(bucket).tagging(tagging(pairs)).send().await.unwrap();
}

async fn a_bucket_has_no_tags_until_it_is_given_some(client: &Client) {
    let bucket = bucket(client).await;
    let none = client.get_bucket_tagging().bucket(&bucket).send().await;
    assert_eq!(refusal(none), refused(404, "NoSuchTagSet"));
    let pairs = [("owner", "drill one"), ("a.b/c:d=e+f-g@h_i", "")];
    set(client, &bucket, &pairs).await;
    let expected = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(tags(client, &bucket).await, BTreeMap::from(expected));
}

async fn tags_are_replaced_as_a_whole_and_removed(client: &Client) {
    let bucket = bucket(client).await;
    set(client, &bucket, &[("a", "1"), ("b", "2")]).await;
    set(client, &bucket, &[("b", "3")]).await;
    assert_eq!(tags(client, &bucket).await, BTreeMap::from([("b".to_owned(), "3".to_owned())]));
    for _ in 0..2 {
        client.delete_bucket_tagging().bucket(&bucket).send().await.unwrap();
        let none = client.get_bucket_tagging().bucket(&bucket).send().await;
        assert_eq!(refusal(none), refused(404, "NoSuchTagSet"));
    }
}

async fn tags_that_break_the_rules_are_refused(client: &Client) {
    let bucket = bucket(client).await;
    set(client, &bucket, &[("kept", "1")]).await;
    let attempt = |tagging| client.put_bucket_tagging().bucket(&bucket).tagging(tagging).send();
    assert_eq!(refusal(attempt(tagging(&[("k".repeat(129), "v")])).await).0, 400);
    assert_eq!(refusal(attempt(tagging(&[("k", "v".repeat(257))])).await).0, 400);
    assert_eq!(refusal(attempt(tagging(&[("k", "1"), ("k", "2")])).await).0, 400);
    let many: Vec<_> = (0..51).map(|number| (number.to_string(), "v")).collect();
    assert_eq!(refusal(attempt(tagging(&many)).await).0, 400);
    assert_eq!(tags(client, &bucket).await.len(), 1);
}

async fn tags_of_a_missing_bucket_are_not_there(client: &Client) {
    let missing = "there-is-no-such-bucket";
    let get = client.get_bucket_tagging().bucket(missing).send().await;
    assert_eq!(refusal(get).0, 404);
    let put = client.put_bucket_tagging().bucket(missing).tagging(tagging(&[("k", "v")])).send().await;
    assert_eq!(refusal(put), refused(404, "NoSuchBucket"));
}
