//! The embedded S3 server: all behaviour that any S3 server must have, and what is its own: keys,
//! restarts, what a killed server leaves, and the messages when it can't start. MinIO, where it is
//! there (`make minio`), is held against the same list, so that the list is no invention of ours;
//! and clients that others wrote are driven against both.

use crate::s3_behaviour::{Case, bucket, client, get, only_s3, put, refusal, refused, versioned};
use futures::FutureExt as _;
use pulp_drill::base::{
    process::{Base, RunDir},
    redact::Redactor,
};
use pulp_drill::runbook::provision::processes::{ObjectKind, ObjectProgram, ObjectServer};
use standin::objects::{EmbeddedStore, Keys, ObjectsArgs, ObjectsError, bind};
use std::collections::BTreeMap;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

fn args(dir: &Path) -> ObjectsArgs {
    ObjectsArgs {
        dir: dir.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        region: "us-east-1".to_owned(),
        keys: Keys { access_key_id: KEY.to_owned(), secret_access_key: SECRET.to_owned() },
    }
}

async fn start(dir: &Path) -> (EmbeddedStore, aws_sdk_s3::Client) {
    let running = bind(args(dir)).await.unwrap();
    let client = client(&format!("http://{}", running.address()), KEY, SECRET);
    (running, client)
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Those of the cases that the server behind a client does not pass.
async fn failures(
    client: &aws_sdk_s3::Client,
    cases: impl Iterator<Item = &'static Case>,
) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in cases {
        let run = AssertUnwindSafe((case.run)(client.clone()));
        if run.catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    failed
}

/// A MinIO server below a folder, or `None` and a word why it is skipped.
async fn minio(temp: &Path) -> Option<(RunDir, ObjectServer)> {
    let program = match ObjectProgram::choose(Some(ObjectKind::Minio)).await {
        Ok(program) => program,
        Err(error) => {
            println!("skipped, because {error}");
            return None;
        }
    };
    let run_dir = RunDir::create(&Base::below(temp).unwrap(), "minio", false).unwrap();
    let server = ObjectServer::start(&run_dir, &program, &Redactor::new()).await.unwrap();
    Some((run_dir, server))
}

#[tokio::test(flavor = "multi_thread")]
async fn minio_behaves_as_the_list_says() {
    let temp = tempfile::tempdir().unwrap();
    let Some((_run_dir, server)) = minio(temp.path()).await else { return };
    let client = client(&server.endpoint, &server.access_key, &server.secret_key);
    let failed = failures(&client, crate::s3_behaviour::all()).await;
    let departs = failures(&client, only_s3::CASES.iter()).await;
    server.stop().await;
    assert!(failed.is_empty(), "{failed:#?}");
    let known: Vec<_> = only_s3::CASES.iter().map(|case| case.name).collect();
    assert_eq!(departs, known, "it does now what S3 does: move the case to the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves_like_s3() {
    let dir = tempfile::tempdir().unwrap();
    let (running, client) = start(dir.path()).await;
    let failed = failures(&client, crate::s3_behaviour::all().chain(only_s3::CASES)).await;
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(files(&dir.path().join("unfinished")), Vec::<PathBuf>::new());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = start(dir.path()).await;
    let endpoint = format!("http://{}", running.address());
    let wrong_secret = client(&endpoint, KEY, "other").list_buckets().send().await;
    assert_eq!(refusal(wrong_secret), refused(403, "SignatureDoesNotMatch"));
    let unknown_key = client(&endpoint, "other", SECRET).list_buckets().send().await;
    assert_eq!(refusal(unknown_key), refused(403, "InvalidAccessKeyId"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    assert_eq!(reqwest::get(&endpoint).await.unwrap().status(), 403);
}

/// Everything a client can see: versions in order with their bytes, and uploads.
async fn seen(client: &aws_sdk_s3::Client, bucket: &str) -> BTreeMap<String, Vec<String>> {
    let listed = client.list_object_versions().bucket(bucket).send().await.unwrap();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for version in listed.versions() {
        let (key, id) = (version.key().unwrap(), version.version_id().unwrap());
        let got = client.get_object().bucket(bucket).key(key).version_id(id).send().await.unwrap();
        let line = format!("{id} {:?} {:?} {:?}", got.e_tag(), got.metadata(), version.last_modified());
        let line = format!("{line} {}", crate::s3_behaviour::text(got).await);
        seen.entry(key.to_owned()).or_default().push(line);
    }
    let markers = listed.delete_markers().iter().map(|marker| format!("{marker:?}")).collect();
    seen.insert("markers".to_owned(), markers);
    let uploads = client.list_multipart_uploads().bucket(bucket).send().await.unwrap();
    seen.insert("uploads".to_owned(), uploads.uploads().iter().map(|upload| format!("{upload:?}")).collect());
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (running, client) = start(dir.path()).await;
    let (plain, kept) = (bucket(&client).await, versioned(&client).await);
    put(&client, &plain, "a/../b", "plain").await;
    for body in ["1", "2", "3"] {
        put(&client, &kept, "k", body).await;
    }
    client.delete_object().bucket(&kept).key("k").send().await.unwrap();
    put(&client, &kept, "k", "4").await;
    let upload = client.create_multipart_upload().bucket(&kept).key("big").metadata("m", "1");
    let upload = upload.send().await.unwrap().upload_id.unwrap();
    let part = client.upload_part().bucket(&kept).key("big").upload_id(&upload).part_number(1);
    let etag = part.body(b"part".to_vec().into()).send().await.unwrap().e_tag;
    let before = (seen(&client, &plain).await, seen(&client, &kept).await);
    assert_eq!(before.1["k"].len(), 4);
    running.stop().await;

    let (_running, client) = start(dir.path()).await;
    assert_eq!((seen(&client, &plain).await, seen(&client, &kept).await), before);
    put(&client, &kept, "k", "5").await;
    assert_eq!(get(&client, &kept, "k").await, "5");
    let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).set_e_tag(etag).build();
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
    let done = client.complete_multipart_upload().bucket(&kept).key("big").upload_id(&upload);
    done.multipart_upload(parts).send().await.unwrap();
    assert_eq!(get(&client, &kept, "big").await, "part");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let (running, client) = start(dir.path()).await;
    let bucket = bucket(&client).await;
    put(&client, &bucket, "k", "old").await;
    let versions = dir.path().join("buckets").join(&bucket).join("versions");
    let old: Vec<(PathBuf, Vec<u8>)> =
        files(&versions).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    put(&client, &bucket, "k", "new").await;
    running.stop().await;

    // Killed while a body came in, after a body was moved and before its record, and after a record
    // and before the version it replaces was removed.
    fs::write(dir.path().join("unfinished/half"), "half a bo").unwrap();
    fs::write(versions.join("7fffffffffffffff.body"), "no record names this").unwrap();
    for (path, bytes) in &old {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(files(&versions).len(), 5);

    let (_running, client) = start(dir.path()).await;
    assert_eq!(get(&client, &bucket, "k").await, "new");
    assert_eq!(files(&versions).len(), 2);
    assert_eq!(files(&dir.path().join("unfinished")).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = start(dir.path()).await;
    let address = running.address();
    let other = tempfile::tempdir().unwrap();
    let busy = bind(ObjectsArgs { listen: address, ..args(other.path()) }).await.unwrap_err();
    assert!(matches!(busy, ObjectsError::Busy { .. }), "{busy:?}");
    assert!(busy.to_string().contains(&address.to_string()) && busy.to_string().contains("hint:"), "{busy}");
    let in_use = bind(args(dir.path())).await.unwrap_err();
    assert!(matches!(in_use, ObjectsError::InUse { .. }), "{in_use:?}");
    fs::write(other.path().join("precious.txt"), "mine").unwrap();
    let foreign = bind(args(other.path())).await.unwrap_err();
    assert!(matches!(foreign, ObjectsError::Foreign { .. }), "{foreign:?}");
    assert_eq!(files(other.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_key_leave_one_of_their_objects() {
    let dir = tempfile::tempdir().unwrap();
    let (_running, client) = start(dir.path()).await;
    let bucket = bucket(&client).await;
    let puts = (0..32).map(|number| {
        let body = vec![b'a' + number; 40_000];
        let put = client.put_object().bucket(&bucket).key("k").metadata("by", number.to_string());
        put.body(body.into()).send()
    });
    let puts = futures::future::join_all(puts);
    let gets = async {
        for _ in 0..64 {
            let Ok(got) = client.get_object().bucket(&bucket).key("k").send().await else { continue };
            let by: u8 = got.metadata().unwrap()["by"].parse().unwrap();
            let bytes = got.body.collect().await.unwrap().into_bytes();
            assert!(bytes.len() == 40_000 && bytes.iter().all(|byte| *byte == b'a' + by), "mixed objects");
        }
    };
    let (puts, ()) = tokio::join!(puts, gets);
    assert!(puts.iter().all(Result::is_ok));
    let versions = dir.path().join("buckets").join(&bucket).join("versions");
    assert_eq!(files(&versions).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_cut_short_leaves_nothing() {
    use aws_sdk_s3::presigning::PresigningConfig;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let dir = tempfile::tempdir().unwrap();
    let (running, client) = start(dir.path()).await;
    let bucket = bucket(&client).await;
    let expiry = PresigningConfig::expires_in(std::time::Duration::from_secs(60)).unwrap();
    let request = client.put_object().bucket(&bucket).key("k").presigned(expiry).await.unwrap();
    let address = running.address();
    let path = request.uri().split_once(&address.to_string()).unwrap().1;
    for (length, lands) in [(10, false), (5, true)] {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all(format!("{head}01234").as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 200"), lands, "{answer}");
        let head = client.head_object().bucket(&bucket).key("k").send().await;
        assert_eq!(head.is_ok(), lands);
    }
    running.stop().await;
    assert_eq!(files(&dir.path().join("unfinished")), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_finishes_what_is_in_flight() {
    use tokio::io::AsyncReadExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (running, client) = start(dir.path()).await;
    let address = running.address();
    let bucket = bucket(&client).await;
    let body = vec![7; 8_000_000];
    client.put_object().bucket(&bucket).key("k").body(body.clone().into()).send().await.unwrap();
    let got = client.get_object().bucket(&bucket).key("k").send().await.unwrap();
    let mut reader = got.body.into_async_read();
    let mut bytes = vec![0; 1];
    reader.read_exact(&mut bytes).await.unwrap();
    let read_rest = async { reader.read_to_end(&mut bytes).await.unwrap() };
    let (_, count) = tokio::join!(running.stop(), read_rest);
    assert_eq!(count, body.len() - 1);
    assert!(bytes == body);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    bind(args(dir.path())).await.expect("the folder is free again");
}
