//! Multipart uploads: unseen until complete, checked when they are.

use super::{bucket, cases, get, is_wrong_checksum, put, refusal, refused, versioned};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

cases![
    an_upload_appears_when_it_is_complete,
    an_aborted_upload_is_gone,
    a_wrong_list_of_parts_is_refused,
    a_small_part_is_refused_in_the_middle,
    a_part_is_copied_from_an_object,
    a_part_sent_again_replaces_the_first,
    parts_and_uploads_are_listed_in_pages,
    a_composed_checksum_is_kept,
    a_wrong_whole_checksum_leaves_nothing,
    a_versioned_bucket_gets_a_version,
];

const LEAST: usize = 5 * 1024 * 1024;

async fn begun(client: &Client, bucket: &str, key: &str) -> String {
    let begun = client.create_multipart_upload().bucket(bucket).key(key).metadata("m", "1");
    begun.content_type("image/png").send().await.unwrap().upload_id.unwrap()
}

async fn part(
    client: &Client,
    bucket: &str,
    key: &str,
    id: &str,
    number: i32,
    body: Vec<u8>,
) -> CompletedPart {
    let part = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number);
    let output = part.body(ByteStream::from(body)).send().await.unwrap();
    CompletedPart::builder().part_number(number).set_e_tag(output.e_tag).build()
}

fn complete(
    client: &Client,
    bucket: &str,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id).multipart_upload(upload)
}

/// Uploads an object of two parts with these numbers: the least that a part may have, then `end`.
pub async fn uploaded(client: &Client, bucket: &str, key: &str, numbers: [i32; 2]) {
    let id = begun(client, bucket, key).await;
    let first = part(client, bucket, key, &id, numbers[0], vec![b'a'; LEAST]).await;
    let second = part(client, bucket, key, &id, numbers[1], b"end".to_vec()).await;
    complete(client, bucket, key, &id, vec![first, second]).send().await.unwrap();
    let head = client.head_object().bucket(bucket).key(key).send().await.unwrap();
    assert_eq!(head.content_length(), Some(LEAST as i64 + 3));
}

async fn an_upload_appears_when_it_is_complete(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "k", "old").await;
    let id = begun(client, &bucket, "k").await;
    let first = part(client, &bucket, "k", &id, 1, vec![b'a'; LEAST]).await;
    let second = part(client, &bucket, "k", &id, 2, b"end".to_vec()).await;
    assert_eq!(get(client, &bucket, "k").await, "old");
    let done = complete(client, &bucket, "k", &id, vec![first, second]).send().await.unwrap();
    // python3: md5(md5(b"a" * 5 MiB) + md5(b"end")), then the number of parts.
    assert_eq!(done.e_tag(), Some("\"cc8f6f16b44b75adde6349ab98aee432-2\""));
    let got = client.get_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.metadata().unwrap()["m"], "1");
    let bytes = got.body.collect().await.unwrap().into_bytes();
    assert_eq!((bytes.len(), &bytes[LEAST - 1..]), (LEAST + 3, &b"aend"[..]));
    let last = client.get_object().bucket(&bucket).key("k").part_number(2).send().await.unwrap();
    assert_eq!((last.parts_count(), last.content_length()), (Some(2), Some(3)));
    let again = complete(client, &bucket, "k", &id, vec![CompletedPart::builder().build()]).send().await;
    assert_eq!(refusal(again).0, 404);
}

async fn an_aborted_upload_is_gone(client: &Client) {
    let bucket = bucket(client).await;
    let id = begun(client, &bucket, "k").await;
    part(client, &bucket, "k", &id, 1, b"x".to_vec()).await;
    client.abort_multipart_upload().bucket(&bucket).key("k").upload_id(&id).send().await.unwrap();
    let parts = client.list_parts().bucket(&bucket).key("k").upload_id(&id).send().await;
    assert_eq!(refusal(parts), refused(404, "NoSuchUpload"));
    let uploads = client.list_multipart_uploads().bucket(&bucket).send().await.unwrap();
    assert!(uploads.uploads().is_empty());
    let late = client.upload_part().bucket(&bucket).key("k").upload_id(&id).part_number(1).send().await;
    assert_eq!(refusal(late), refused(404, "NoSuchUpload"));
    assert_eq!(refusal(client.head_object().bucket(&bucket).key("k").send().await).0, 404);
    client.delete_bucket().bucket(&bucket).send().await.unwrap();
}

async fn a_wrong_list_of_parts_is_refused(client: &Client) {
    let bucket = bucket(client).await;
    let id = begun(client, &bucket, "k").await;
    let first = part(client, &bucket, "k", &id, 1, vec![b'a'; LEAST]).await;
    let second = part(client, &bucket, "k", &id, 2, b"end".to_vec()).await;
    let attempt = |parts| complete(client, &bucket, "k", &id, parts).send();
    let backwards = attempt(vec![second.clone(), first.clone()]).await;
    assert_eq!(refusal(backwards), refused(400, "InvalidPartOrder"));
    let other = CompletedPart::builder().part_number(1).set_e_tag(second.e_tag.clone()).build();
    assert_eq!(refusal(attempt(vec![other]).await), refused(400, "InvalidPart"));
    let missing = CompletedPart::builder().part_number(3).set_e_tag(second.e_tag.clone()).build();
    assert_eq!(refusal(attempt(vec![first.clone(), missing]).await), refused(400, "InvalidPart"));
    assert_eq!(refusal(client.head_object().bucket(&bucket).key("k").send().await).0, 404);
    attempt(vec![first, second]).await.unwrap();
}

async fn a_small_part_is_refused_in_the_middle(client: &Client) {
    let bucket = bucket(client).await;
    let id = begun(client, &bucket, "k").await;
    let first = part(client, &bucket, "k", &id, 1, b"small".to_vec()).await;
    let second = part(client, &bucket, "k", &id, 2, b"end".to_vec()).await;
    let done = complete(client, &bucket, "k", &id, vec![first.clone(), second]).send().await;
    assert_eq!(refusal(done), refused(400, "EntityTooSmall"));
    complete(client, &bucket, "k", &id, vec![first]).send().await.unwrap();
    assert_eq!(get(client, &bucket, "k").await, "small");
}

async fn a_part_is_copied_from_an_object(client: &Client) {
    let bucket = bucket(client).await;
    put(client, &bucket, "source", "0123456789").await;
    let id = begun(client, &bucket, "k").await;
    let copy = client.upload_part_copy().bucket(&bucket).key("k").upload_id(&id).part_number(1);
    let copy = copy.copy_source(format!("{bucket}/source")).copy_source_range("bytes=3-6");
    let result = copy.send().await.unwrap().copy_part_result.unwrap();
    let copied = CompletedPart::builder().part_number(1).set_e_tag(result.e_tag).build();
    complete(client, &bucket, "k", &id, vec![copied]).send().await.unwrap();
    assert_eq!(get(client, &bucket, "k").await, "3456");
}

async fn a_part_sent_again_replaces_the_first(client: &Client) {
    let bucket = bucket(client).await;
    let id = begun(client, &bucket, "k").await;
    let old = part(client, &bucket, "k", &id, 1, b"old".to_vec()).await;
    let new = part(client, &bucket, "k", &id, 1, b"new".to_vec()).await;
    let refused_old = complete(client, &bucket, "k", &id, vec![old]).send().await;
    assert_eq!(refusal(refused_old), refused(400, "InvalidPart"));
    complete(client, &bucket, "k", &id, vec![new]).send().await.unwrap();
    assert_eq!(get(client, &bucket, "k").await, "new");
}

async fn parts_and_uploads_are_listed_in_pages(client: &Client) {
    let bucket = bucket(client).await;
    let (first, second) = (begun(client, &bucket, "a").await, begun(client, &bucket, "a").await);
    let third = begun(client, &bucket, "b").await;
    for number in [3, 1, 2] {
        part(client, &bucket, "a", &first, number, vec![0; number as usize]).await;
    }
    let list = || client.list_parts().bucket(&bucket).key("a").upload_id(&first).max_parts(2);
    let page = list().send().await.unwrap();
    let sizes: Vec<_> = page.parts().iter().map(|part| (part.part_number(), part.size())).collect();
    assert_eq!(sizes, [(Some(1), Some(1)), (Some(2), Some(2))]);
    let rest = list().part_number_marker(page.next_part_number_marker().unwrap()).send().await.unwrap();
    assert_eq!((rest.parts()[0].part_number(), rest.is_truncated()), (Some(3), Some(false)));
    let (mut found, mut key, mut id) = (Vec::new(), None, None);
    loop {
        let list = client.list_multipart_uploads().bucket(&bucket).max_uploads(1);
        let page = list.set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
        found.extend(page.uploads().iter().filter_map(|upload| upload.upload_id().map(str::to_owned)));
        key = page.next_key_marker().map(str::to_owned);
        id = page.next_upload_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(found, [first, second, third]);
}

async fn a_composed_checksum_is_kept(client: &Client) {
    let bucket = bucket(client).await;
    let begun = client.create_multipart_upload().bucket(&bucket).key("k");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let id = begun.upload_id.unwrap();
    let sent = client.upload_part().bucket(&bucket).key("k").upload_id(&id).part_number(1);
    let sent = sent.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from_static(b"123456789"));
    let sent = sent.send().await.unwrap();
    let one = CompletedPart::builder().part_number(1).set_e_tag(sent.e_tag);
    let one = one.set_checksum_sha256(sent.checksum_sha256).build();
    complete(client, &bucket, "k", &id, vec![one]).send().await.unwrap();
    let head = client.head_object().bucket(&bucket).key("k").checksum_mode(ChecksumMode::Enabled);
    // python3: sha256(sha256(b"123456789")) in base64.
    assert_eq!(
        head.send().await.unwrap().checksum_sha256(),
        Some("KSsNAHVmgy25S/rmic1w0at3KBH9RLn0nYVQ7p6mpJQ=-1")
    );
    assert_eq!(get(client, &bucket, "k").await, "123456789");
}

async fn a_wrong_whole_checksum_leaves_nothing(client: &Client) {
    let bucket = bucket(client).await;
    let begun = client.create_multipart_upload().bucket(&bucket).key("k");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32).checksum_type(ChecksumType::FullObject);
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let one = part(client, &bucket, "k", &id, 1, b"123456789".to_vec()).await;
    let one = CompletedPart::builder().part_number(1).set_e_tag(one.e_tag).checksum_crc32("y/Q5Jg==").build();
    let attempt = |sum: &str| {
        let whole = complete(client, &bucket, "k", &id, vec![one.clone()]);
        whole.checksum_crc32(sum).checksum_type(ChecksumType::FullObject).send()
    };
    let wrong = refusal(attempt("AAAAAA==").await);
    assert!(is_wrong_checksum(&wrong), "{wrong:?}");
    assert_eq!(refusal(client.head_object().bucket(&bucket).key("k").send().await).0, 404);
    attempt("y/Q5Jg==").await.unwrap();
}

async fn a_versioned_bucket_gets_a_version(client: &Client) {
    let bucket = versioned(client).await;
    let old = put(client, &bucket, "k", "old").await.unwrap();
    let id = begun(client, &bucket, "k").await;
    let one = part(client, &bucket, "k", &id, 1, b"new".to_vec()).await;
    let done = complete(client, &bucket, "k", &id, vec![one]).send().await.unwrap();
    assert!(done.version_id().is_some_and(|version| version != old));
    assert_eq!(get(client, &bucket, "k").await, "new");
}
