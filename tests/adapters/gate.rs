//! The gate between engine and object store.

use crate::support::embedded_s3::start;
use axum::body::Body;
use axum::extract::Request;
use futures::StreamExt;
use pulp_drill::base::ids::{BucketName, ObjectKey};
use pulp_drill::model::state::Metadata;
use pulp_drill::system::gate::{End, Gate, GateFailure, GatePoint, Mode, Rule};
use pulp_drill::system::objects::{Got, ObjectStore, S3Access};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Answers with the request's first line, its `Host` and its body; `/slow` never ends its answer.
async fn echo() -> Url {
    let app = axum::Router::new().fallback(|request: Request| async move {
        if request.uri().path() == "/slow" {
            let first = futures::stream::once(async { Ok::<_, std::io::Error>("first") });
            return Body::from_stream(first.chain(futures::stream::pending()));
        }
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let range = request.headers().get("range").map_or("", |range| range.to_str().unwrap()).to_owned();
        let line = format!("{} {} {host} {range}", request.method(), request.uri());
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        Body::from([line.as_bytes(), &body].concat())
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Url::parse(&url).unwrap()
}

async fn connect(gate: &Gate) -> TcpStream {
    TcpStream::connect(("127.0.0.1", gate.url().port().unwrap())).await.unwrap()
}

/// Sends on a connection that stays open, and reads until this text has come.
async fn ask(stream: &mut TcpStream, request: &str, until: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(until) {
        let n = stream.read_buf(&mut got).await.unwrap();
        assert!(n > 0, "ended after {:?}", String::from_utf8_lossy(&got));
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn open_it_changes_neither_path_nor_host_nor_body() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let mut stream = connect(&gate).await;
    let request =
        "PUT /b/a%20b%2Fc+d?x=%2F&y HTTP/1.1\r\nHost: signed.example:9\r\nContent-Length: 5\r\n\r\nhello";
    let got = ask(&mut stream, request, "hello").await;
    assert!(got.contains("PUT /b/a%20b%2Fc+d?x=%2F&y signed.example:9 hello"), "{got}");
}

/// What S3 clients send beside plain requests, all on one connection, each held and let go: nothing of it
/// may be changed, or make the connection useless for the next.
#[tokio::test]
async fn chunks_trailers_expectations_ranges_and_heads_pass_a_hold_on_one_connection() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let mut stream = connect(&gate).await;
    // The outer chunks are the connection's; those of `aws-chunked`, with its trailer, are the body's.
    let inner =
        "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let chunks = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    let put = |more: &str| format!("PUT /b/k HTTP/1.1\r\nHost: h\r\n{more}\r\n\r\n");
    let aws =
        "Transfer-Encoding: chunked\r\nContent-Encoding: aws-chunked\r\nx-amz-trailer: x-amz-checksum-crc32";
    let requests = [
        (format!("{}{chunks}", put(aws)), inner),
        (format!("{}{inner}", put(&format!("Content-Length: {}", inner.len()))), inner),
        (format!("{}abc", put("Expect: 100-continue\r\nContent-Length: 3")), "/b/k h abc"),
        ("GET /b/k HTTP/1.1\r\nHost: h\r\nRange: bytes=2-3\r\n\r\n".to_owned(), "bytes=2-3"),
        ("HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "\r\n\r\n"),
        ("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "GET /b/k h "),
    ];
    for (request, wanted) in requests {
        let mut held = gate.hold(Rule::any(), GatePoint::BeforeForward);
        let let_go = async {
            held.reached().await.unwrap();
            held.release();
        };
        let (got, ()) = tokio::join!(ask(&mut stream, &request, wanted), let_go);
        assert!(got.contains("HTTP/1.1 200"), "{request:?}: {got:?}");
    }
}

/// A body that ends too early can't be followed by another answer; an answer without one has nothing to cut.
#[tokio::test]
async fn after_a_truncated_answer_the_connection_is_gone() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let _failing = gate.fail(Rule::any(), GateFailure::Truncate(4));
    let mut ends = Vec::new();
    for (method, more) in [("GET", ""), ("GET", "Range: bytes=2-3\r\n"), ("HEAD", "")] {
        let mut stream = connect(&gate).await;
        // The second is in the pipe already.
        let request = format!("{method} /b/k HTTP/1.1\r\nHost: h\r\n{more}\r\n");
        stream.write_all(request.repeat(2).as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut got)).await;
        let ended = ended.expect("the connection stays open");
        let got = String::from_utf8(got).unwrap();
        let body = got.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        ends.push((body.to_owned(), got.matches("HTTP/1.1").count(), ended.is_ok()));
    }
    let cut = ("GET ".to_owned(), 1);
    assert_eq!(
        ends.iter().map(|(body, answers, _)| (body.clone(), *answers)).collect::<Vec<_>>(),
        [cut.clone(), cut, (String::new(), 0)]
    );
    assert!(!ends[2].2, "reset");
}

/// A client that goes while its request is held takes nothing with it: its request is never answered,
/// however long it said that it would be, and the gate works on.
#[tokio::test]
async fn a_client_that_resets_in_a_hold_leaves_nothing_behind() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let mut held = gate.hold(Rule::any().nth(1), GatePoint::BeforeForward);
    let mut client = connect(&gate).await;
    let put = "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5368709120\r\n\r\nsome";
    client.write_all(put.as_bytes()).await.unwrap();
    held.reached().await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    held.release();
    let mut next = connect(&gate).await;
    ask(&mut next, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "GET /x h ").await;
    let ends: Vec<End> = gate.seen().iter().map(|seen| seen.end).collect();
    assert!(matches!(ends[..], [End::InFlight | End::Broken, End::Answered(200)]), "{ends:?}");
}

#[tokio::test]
async fn a_connection_that_is_open_obeys_the_next_mode_with_its_next_request() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let mut stream = connect(&gate).await;
    let get = "GET /b/k%3C HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(ask(&mut stream, get, "/b/k%3C h ").await.starts_with("HTTP/1.1 200"));
    gate.set(Mode::Deny);
    let denied = ask(&mut stream, get, "</Error>").await;
    assert!(denied.starts_with("HTTP/1.1 403") && denied.contains("<Code>AccessDenied</Code>"), "{denied}");
    assert!(denied.contains("<Resource>/b/k&lt;</Resource>"), "{denied}");
    gate.set(Mode::Fail(503));
    let put = "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    let slow = ask(&mut stream, put, "</Error>").await;
    assert!(slow.starts_with("HTTP/1.1 503") && slow.contains("<Code>SlowDown</Code>"), "{slow}");
    let head = ask(&mut stream, "HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    gate.set(Mode::Open);
    assert!(ask(&mut stream, get, "/b/k%3C h ").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn refusing_resets_connections_old_and_new_and_those_in_flight() {
    let gate = Gate::start(&echo().await).await.unwrap();
    let mut idle = connect(&gate).await;
    ask(&mut idle, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "/x h ").await;
    let mut busy = connect(&gate).await;
    ask(&mut busy, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", "first").await;
    gate.set(Mode::Refuse);
    let mut fresh = connect(&gate).await;
    for stream in [&mut idle, &mut busy, &mut fresh] {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
    gate.set(Mode::Open);
    let mut again = connect(&gate).await;
    ask(&mut again, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "/x h ").await;
}

#[tokio::test]
async fn signatures_hold_through_it_and_a_client_sees_what_the_mode_says() {
    let server = start().await;
    let gate = Gate::start(&Url::parse(&server.access.endpoint).unwrap()).await.unwrap();
    let endpoint = gate.url().as_str().trim_end_matches('/').to_owned();
    let through = ObjectStore::s3(&S3Access { endpoint, ..server.access.clone() });
    let (name, key) = (BucketName::from("assets"), ObjectKey::from("a b/ü+.bin"));
    through.create_bucket(&name).await.unwrap();
    let bucket = through.bucket(&name);
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    bucket.put(&key, big.clone(), &Metadata::of_type("image/png")).await.unwrap();
    let Got::Found { bytes, .. } = bucket.get(&key).await.unwrap() else { panic!("it is there") };
    assert!(bytes == big);
    gate.set(Mode::Deny);
    assert_eq!(bucket.get(&key).await.unwrap(), Got::Denied);
    let put = bucket.put(&key, big, &Metadata::default()).await.unwrap_err().to_string();
    assert!(put.contains("AccessDenied"), "{put}");
    gate.set(Mode::Fail(503));
    let slow = bucket.get(&key).await.unwrap_err().to_string();
    assert!(slow.contains("SlowDown"), "{slow}");
    gate.set(Mode::Refuse);
    let refused = bucket.get(&key).await.unwrap_err().to_string();
    assert!(refused.contains("can't read"), "{refused}");
    gate.set(Mode::Open);
    assert!(matches!(bucket.get(&key).await.unwrap(), Got::Found { .. }));
}

#[tokio::test]
async fn a_gate_stands_before_plain_http_only() {
    for upstream in ["https://s3.example", "http://s3.example/path"] {
        let error = Gate::start(&Url::parse(upstream).unwrap()).await.unwrap_err();
        assert!(error.what.contains("can't put a gate before"), "{error}");
    }
}
