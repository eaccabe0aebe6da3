//! Lists: order, pages, prefixes and delimiters.

use super::{bucket, cases, put, refusal, refused};
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use futures::future::join_all;

cases![
    pages_add_up_to_everything_in_byte_order,
    a_page_has_at_most_a_thousand_keys,
    a_delimiter_rolls_keys_up,
    the_first_version_of_lists_goes_on_by_marker,
    start_after_skips,
    keys_are_encoded_on_request,
    an_invalid_list_is_refused,
];

fn keys(output: &ListObjectsV2Output) -> Vec<String> {
    output.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

fn prefixes(output: &ListObjectsV2Output) -> Vec<String> {
    output.common_prefixes().iter().filter_map(|prefix| prefix.prefix().map(str::to_owned)).collect()
}

async fn filled(client: &Client, keys: &[&str]) -> String {
    let bucket = bucket(client).await;
    for key in keys {
        put(client, &bucket, key, key).await;
    }
    bucket
}

async fn pages_add_up_to_everything_in_byte_order(client: &Client) {
    let expected = ["B", "a", "a!", "a0", "b", "c/d", "z", "é", "日"];
    let bucket = filled(client, &expected).await;
    for limit in [1, 2, 3, 8, 9, 10] {
        let mut found = Vec::new();
        let mut pages = client.list_objects_v2().bucket(&bucket).max_keys(limit).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert!(page.contents().len() <= limit as usize);
            assert_eq!(page.key_count(), Some(page.contents().len() as i32));
            found.extend(keys(&page));
        }
        assert_eq!(found, expected, "{limit} a page");
    }
    let page = client.list_objects_v2().bucket(&bucket).prefix("c/").send().await.unwrap();
    let object = &page.contents()[0];
    assert_eq!((object.size(), object.e_tag()), (Some(3), Some("\"c5c11f9d0569537b98bbb99b251b5813\"")));
    assert!(object.last_modified().is_some());
}

async fn a_page_has_at_most_a_thousand_keys(client: &Client) {
    let bucket = bucket(client).await;
    let names: Vec<String> = (0..1005).map(|number| format!("k{number:05}")).collect();
    for some in names.chunks(16) {
        join_all(some.iter().map(|name| put(client, &bucket, name, ""))).await;
    }
    let page = client.list_objects_v2().bucket(&bucket).prefix("k").max_keys(5000).send().await.unwrap();
    assert_eq!((page.contents().len(), page.is_truncated()), (1000, Some(true)));
    let token = page.next_continuation_token().unwrap();
    let rest = client.list_objects_v2().bucket(&bucket).prefix("k").continuation_token(token).send().await;
    let rest = rest.unwrap();
    assert_eq!((rest.contents().len(), rest.is_truncated()), (5, Some(false)));
    assert_eq!(keys(&rest)[0], "k01000");
}

async fn a_delimiter_rolls_keys_up(client: &Client) {
    let bucket = filled(client, &["a/1", "a/2", "a/b/3", "b", "c/4", "d/"]).await;
    let page = client.list_objects_v2().bucket(&bucket).delimiter("/").send().await.unwrap();
    assert_eq!(keys(&page), ["b"]);
    assert_eq!(prefixes(&page), ["a/", "c/", "d/"]);
    let page = client.list_objects_v2().bucket(&bucket).delimiter("/").prefix("a/").send().await.unwrap();
    assert_eq!((keys(&page), prefixes(&page)), (vec!["a/1".into(), "a/2".into()], vec!["a/b/".into()]));
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let list = client.list_objects_v2().bucket(&bucket).delimiter("/").max_keys(1);
        let page = list.set_continuation_token(token).send().await.unwrap();
        found.extend(keys(&page).into_iter().chain(prefixes(&page)));
        assert_eq!(page.key_count(), Some(1));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a/", "b", "c/", "d/"]);
}

async fn the_first_version_of_lists_goes_on_by_marker(client: &Client) {
    let bucket = filled(client, &["a", "b/1", "b/2", "c"]).await;
    let list = || client.list_objects().bucket(&bucket).delimiter("/").max_keys(2);
    let page = list().send().await.unwrap();
    assert_eq!((page.contents().len(), page.common_prefixes().len()), (1, 1));
    assert_eq!(page.is_truncated(), Some(true));
    let rest = list().marker(page.next_marker().unwrap()).send().await.unwrap();
    assert_eq!((rest.contents()[0].key(), rest.is_truncated()), (Some("c"), Some(false)));
    assert!(rest.common_prefixes().is_empty());
}

async fn start_after_skips(client: &Client) {
    let bucket = filled(client, &["a", "b", "c"]).await;
    for (after, expected) in [("a", vec!["b", "c"]), ("aa", vec!["b", "c"]), ("c", vec![])] {
        let page = client.list_objects_v2().bucket(&bucket).start_after(after).send().await.unwrap();
        assert_eq!(keys(&page), expected);
    }
}

async fn keys_are_encoded_on_request(client: &Client) {
    let bucket = filled(client, &["a b/ü+%"]).await;
    let list = client.list_objects_v2().bucket(&bucket).encoding_type(EncodingType::Url);
    let page = list.send().await.unwrap();
    let key = keys(&page)[0].replace('+', "%20");
    assert_eq!(key, "a%20b/%C3%BC%2B%25");
}

async fn an_invalid_list_is_refused(client: &Client) {
    let bucket = bucket(client).await;
    let negative = client.list_objects_v2().bucket(&bucket).max_keys(-1).send().await;
    assert_eq!(refusal(negative), refused(400, "InvalidArgument"));
    let token = client.list_objects_v2().bucket(&bucket).continuation_token("?").send().await;
    assert_eq!(refusal(token), refused(400, "InvalidArgument"));
    let none = client.list_objects_v2().bucket(&bucket).max_keys(0).send().await.unwrap();
    assert_eq!((none.contents().len(), none.is_truncated()), (0, Some(false)));
}
