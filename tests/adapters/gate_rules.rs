//! Holds and failures of the gate, with requests that are signed by the SDK, before both object
//! stores: the embedded one, and MinIO where `MINIO_BIN` names it.

use crate::support::embedded_s3::start;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Builder as HttpBuilder;
use futures::FutureExt;
use pulp_drill::base::ids::{BucketName, ObjectKey};
use pulp_drill::system::gate::{End, Gate, GateFailure, GatePoint, Rule, S3Operation};
use pulp_drill::system::objects::{Bucket, Got, ObjectStore, S3Access};
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use url::Url;

const LIMIT: Duration = Duration::from_secs(20);

/// A bucket behind a gate of its own, and the way around it.
struct Case {
    gate: Gate,
    name: String,
    /// Signs for the gate's address and never tries again.
    client: Client,
    /// The store itself.
    around: Bucket,
}

impl Case {
    async fn new(access: &S3Access, name: &str) -> Self {
        let gate = Gate::start(&Url::parse(&access.endpoint).unwrap()).await.unwrap();
        let store = ObjectStore::s3(access);
        let bucket = BucketName::from(name);
        store.create_bucket(&bucket).await.unwrap();
        let keys = Credentials::new(&access.access_key, &access.secret_key, None, None, "test");
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(gate.url().as_str().trim_end_matches('/'))
            .region(Region::new(access.region.clone()))
            .credentials_provider(keys)
            .force_path_style(true)
            .http_client(HttpBuilder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(config);
        Self { gate, name: name.to_owned(), client, around: store.bucket(&bucket) }
    }

    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), String> {
        let body = ByteStream::from(bytes.to_vec());
        let sent = self.client.put_object().bucket(&self.name).key(key).body(body).send().await;
        sent.map(drop).map_err(|error| format!("{error:?}"))
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>, String> {
        let got = self.client.get_object().bucket(&self.name).key(key).send().await;
        let body = got.map_err(|error| format!("{error:?}"))?.body.collect().await;
        body.map(|body| body.to_vec()).map_err(|error| format!("in the body: {error:?}"))
    }

    async fn stored(&self, key: &str) -> Option<Vec<u8>> {
        match self.around.get(&ObjectKey::from(key)).await.unwrap() {
            Got::Found { bytes, .. } => Some(bytes.to_vec()),
            Got::Missing => None,
            other => panic!("{other:?}"),
        }
    }

    fn put_rule(&self, key: &str) -> Rule {
        Rule::on(S3Operation::PutObject).bucket(&self.name).key(key)
    }

    fn ends(&self) -> Vec<(S3Operation, String, End)> {
        self.gate.seen().into_iter().map(|s| (s.request.operation, s.request.key, s.end)).collect()
    }
}

async fn held_before_it_is_forwarded_it_is_not_in_the_store(access: &S3Access) {
    let case = Case::new(access, "held-before").await;
    let mut held = case.gate.hold(case.put_rule("a b/ü+.bin"), GatePoint::BeforeForward);
    case.put("another", b"passes by").await.unwrap();
    let big = vec![7; 3_000_000];
    let put = case.put("a b/ü+.bin", &big);
    tokio::pin!(put);
    let reached = tokio::select! {
        done = &mut put => panic!("{done:?}"),
        reached = timeout(LIMIT, held.reached()) => reached.unwrap().unwrap(),
    };
    assert_eq!((reached.operation, reached.key.as_str()), (S3Operation::PutObject, "a b/ü+.bin"));
    assert_eq!(case.stored("a b/ü+.bin").await, None);
    assert!(put.as_mut().now_or_never().is_none(), "the client still waits");
    assert_eq!(case.ends()[1].2, End::InFlight);
    held.release();
    put.await.unwrap();
    assert!(case.stored("a b/ü+.bin").await.as_ref() == Some(&big));
    assert_eq!(case.ends()[1].2, End::Answered(200));
    case.put("a b/ü+.bin", b"no longer held").await.unwrap();
}

async fn held_before_its_answer_it_is_in_the_store(access: &S3Access) {
    let case = Case::new(access, "held-after").await;
    let mut held = case.gate.hold(case.put_rule("k"), GatePoint::BeforeAnswer);
    let put = case.put("k", b"there");
    tokio::pin!(put);
    tokio::select! {
        done = &mut put => panic!("{done:?}"),
        reached = timeout(LIMIT, held.reached()) => assert_eq!(reached.unwrap().unwrap().key, "k"),
    }
    assert_eq!(case.stored("k").await.as_deref(), Some(&b"there"[..]));
    assert!(put.as_mut().now_or_never().is_none(), "the client still waits");
    drop(held);
    put.await.unwrap();
}

async fn broken_off_it_never_reaches_the_store(access: &S3Access) {
    let case = Case::new(access, "broken-off").await;
    let mut held = case.gate.hold(case.put_rule("k"), GatePoint::BeforeForward);
    let put = case.put("k", b"never");
    tokio::pin!(put);
    tokio::select! {
        done = &mut put => panic!("{done:?}"),
        reached = timeout(LIMIT, held.reached()) => assert!(reached.unwrap().is_some()),
    }
    held.break_off();
    put.await.unwrap_err();
    assert_eq!(case.stored("k").await, None);
    assert_eq!(case.ends()[0].2, End::Broken);
}

async fn holds_stand_side_by_side_and_count_for_themselves(access: &S3Access) {
    let case = Case::new(access, "side-by-side").await;
    let mut second = case.gate.hold(Rule::on(S3Operation::PutObject).nth(2), GatePoint::BeforeForward);
    let mut like = case.gate.hold(Rule::any().key_like("x/*"), GatePoint::BeforeAnswer);
    case.put("a", b"1").await.unwrap();
    let put = case.put("x/b", b"2");
    tokio::pin!(put);
    tokio::select! {
        done = &mut put => panic!("{done:?}"),
        reached = timeout(LIMIT, second.reached()) => assert_eq!(reached.unwrap().unwrap().key, "x/b"),
    }
    // Held by the first, it has not come to the other's point.
    assert!(like.reached().now_or_never().is_none());
    assert_eq!(case.stored("x/b").await, None);
    second.release();
    tokio::select! {
        done = &mut put => panic!("{done:?}"),
        reached = timeout(LIMIT, like.reached()) => assert_eq!(reached.unwrap().unwrap().key, "x/b"),
    }
    assert!(case.stored("x/b").await.is_some());
    like.release();
    put.await.unwrap();
    let gate = Gate::start(&Url::parse(&access.endpoint).unwrap()).await.unwrap();
    let mut late = gate.hold(Rule::any(), GatePoint::BeforeForward);
    drop(gate);
    assert!(timeout(LIMIT, late.reached()).await.unwrap().is_none(), "the gate is closed");
}

async fn failures_are_what_they_are_called(access: &S3Access) {
    let case = Case::new(access, "failures").await;
    for (failure, wanted) in [
        (GateFailure::Status(500), "InternalError"),
        (GateFailure::Status(503), "SlowDown"),
        (GateFailure::Reset, "DispatchFailure"),
    ] {
        let failing = case.gate.fail(case.put_rule("k"), failure);
        let error = case.put("k", &vec![1; 200_000]).await.unwrap_err();
        assert!(error.contains(wanted), "{failure:?}: {error}");
        assert_eq!(failing.hits(), 1);
        assert_eq!(case.stored("k").await, None, "{failure:?}");
    }
    case.put("k", b"the failures are gone").await.unwrap();
    let lost = case.gate.fail(case.put_rule("lost"), GateFailure::LostAnswer);
    assert!(case.put("lost", b"done all the same").await.unwrap_err().contains("DispatchFailure"));
    assert_eq!(case.stored("lost").await.as_deref(), Some(&b"done all the same"[..]));
    drop(lost);
    let ends: Vec<End> = case.ends().into_iter().map(|(_, _, end)| end).collect();
    let wanted = [End::Answered(500), End::Answered(503), End::Broken, End::Answered(200), End::Broken];
    assert_eq!(ends, wanted);
    let times: Vec<_> = case.gate.seen().into_iter().map(|seen| seen.at).collect();
    assert!(times.is_sorted() && times[0] < times[4]);
}

async fn no_answer_comes_until_the_failure_ends(access: &S3Access) {
    let case = Case::new(access, "no-answer").await;
    let failing = case.gate.fail(case.put_rule("k"), GateFailure::NoAnswer);
    let put = case.put("k", &[1; 100_000]);
    tokio::pin!(put);
    assert!(timeout(Duration::from_millis(300), &mut put).await.is_err(), "nothing comes");
    assert_eq!((failing.hits(), case.ends()[0].2), (1, End::InFlight));
    drop(failing);
    timeout(LIMIT, put).await.unwrap().unwrap_err();
    assert_eq!(case.stored("k").await, None);
}

async fn a_truncated_answer_is_noticed(access: &S3Access) {
    let case = Case::new(access, "truncated").await;
    let big: Vec<u8> = (0..2_000_000_u32).map(|n| n as u8).collect();
    case.put("big", &big).await.unwrap();
    for bytes in [0, 1_000, 1_500_000, u64::MAX] {
        let failing =
            case.gate.fail(Rule::on(S3Operation::GetObject).key("big"), GateFailure::Truncate(bytes));
        let error = timeout(LIMIT, case.get("big")).await.unwrap().unwrap_err();
        assert!(error.starts_with("in the body"), "{bytes}: {error}");
        assert_eq!(failing.hits(), 1);
    }
    assert!(case.get("big").await.unwrap() == big);
    // What a client has that doesn't look at the length.
    let _failing = case.gate.fail(Rule::on(S3Operation::GetObject), GateFailure::Truncate(1_000));
    let mut body = case.client.get_object().bucket(&case.name).key("big").send().await.unwrap().body;
    let mut got = Vec::new();
    while let Ok(Some(chunk)) = body.try_next().await {
        got.extend_from_slice(&chunk);
    }
    assert!(got == big[..1_000], "{} bytes", got.len());
}

async fn throttled_and_delayed(access: &S3Access) {
    let case = Case::new(access, "throttled").await;
    let throttled = case.gate.fail(Rule::any().every(3), GateFailure::Status(503));
    let mut went = Vec::new();
    for n in 0..7 {
        went.push(case.put(&format!("{n}"), b"x").await.is_ok());
    }
    assert_eq!(went, [true, true, false, true, true, false, true]);
    assert_eq!(throttled.hits(), 2);
    drop(throttled);
    let time = Duration::from_millis(250);
    let _delayed = case.gate.fail(Rule::on(S3Operation::GetObject), GateFailure::Delay(time));
    let begun = Instant::now();
    assert_eq!(case.get("0").await.unwrap(), b"x");
    assert!(begun.elapsed() >= time);
}

/// Runs every case, also after one that failed.
async fn all(access: &S3Access) {
    let mut failed = Vec::new();
    macro_rules! cases {
        ($($case:ident),* $(,)?) => {$(
            let run = timeout(3 * LIMIT, AssertUnwindSafe($case(access)).catch_unwind()).await;
            if !matches!(run, Ok(Ok(()))) {
                failed.push(stringify!($case));
            }
        )*};
    }
    cases!(
        held_before_it_is_forwarded_it_is_not_in_the_store,
        held_before_its_answer_it_is_in_the_store,
        broken_off_it_never_reaches_the_store,
        holds_stand_side_by_side_and_count_for_themselves,
        failures_are_what_they_are_called,
        no_answer_comes_until_the_failure_ends,
        a_truncated_answer_is_noticed,
        throttled_and_delayed,
    );
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_and_failures_before_the_embedded_store() {
    let server = start().await;
    all(&server.access).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_and_failures_before_minio() {
    let Some(minio) = std::env::var_os("MINIO_BIN").filter(|path| !path.is_empty()) else {
        println!("skipped: MINIO_BIN names no MinIO server");
        return;
    };
    let server = Minio::start(Path::new(&minio)).await;
    all(&server.access).await;
}

/// A MinIO server that ends with the test.
struct Minio {
    access: S3Access,
    process: Child,
    _data: tempfile::TempDir,
}

impl Minio {
    async fn start(program: &Path) -> Self {
        let data = tempfile::tempdir().unwrap();
        // MinIO takes no port 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(program)
            .args(["server", "--address", &address.to_string()])
            .arg(data.path())
            .envs([("MINIO_ROOT_USER", "test-key"), ("MINIO_ROOT_PASSWORD", "test-secret")])
            .envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let access = S3Access {
            endpoint: format!("http://{address}"),
            region: "us-east-1".to_owned(),
            access_key: "test-key".to_owned(),
            secret_key: "test-secret".to_owned(),
            path_style: true,
        };
        let server = Self { access, process, _data: data };
        let begun = Instant::now();
        while let Err(error) = ObjectStore::s3(&server.access).ping().await {
            assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }
}

impl Drop for Minio {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
