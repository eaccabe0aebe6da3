//! The engine adapter, against servers that answer as engines and their proxies do.

use pulp_drill::base::process::{Exit, Signal};
use pulp_drill::base::redact::Redactor;
use pulp_drill::model::profile::{ReadyCheck, run::DOCUMENTED_READINESS};
use pulp_drill::system::engine::{
    ApiKeys, CallError, Engine, EngineProcess, Launch, ProcessStart, UploadRequest,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;
use wiremock::matchers::{body_json, body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn keys() -> ApiKeys {
    ApiKeys { admin: Some("admin-key".into()), render: Some("render-key".into()), ..ApiKeys::default() }
}

fn client(server: &MockServer) -> Engine {
    Engine::new(&Url::parse(&server.uri()).unwrap(), &keys())
}

fn record(id: &str) -> Value {
    json!({"id": id, "filename": "k-1.png", "originalName": "logo.png", "mimeType": "image/png",
        "sizeBytes": 3, "url": "/assets/k-1.png", "createdAt": "2026-01-01T00:00:00Z", "new": {"x": 1}})
}

/// Answers every connection with these bytes, and closes it.
async fn raw(answer: &'static str) -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _head = stream.read(&mut buffer).await;
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    Url::parse(&url).unwrap()
}

#[tokio::test]
async fn an_upload_sends_the_form_and_the_admins_key() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/assets/upload"))
        .and(header("x-api-key", "admin-key"))
        .and(body_string_contains("name=\"file\"; filename=\"logo.png\""))
        .and(body_string_contains("image/png"))
        .and(body_string_contains("a,b"))
        .respond_with(ResponseTemplate::new(201).set_body_json(record("1")))
        .mount(&server)
        .await;
    let upload = UploadRequest {
        name: "logo.png".into(),
        bytes: b"abc".to_vec(),
        media_type: "image/png".into(),
        tags: vec!["a".into(), "b".into()],
        ..UploadRequest::default()
    };
    let asset = client(&server).upload(&upload).await.unwrap();
    assert_eq!((asset.id.as_str(), asset.filename.as_str(), asset.version), ("1", "k-1.png", 1));
}

#[tokio::test]
async fn lists_are_read_page_by_page_to_their_end() {
    let server = MockServer::start().await;
    // Whatever is asked for, pages are as long as the engine makes them.
    for (offset, ids) in [(0, 0..100), (100, 100..150)] {
        let items: Vec<_> = ids.map(|n| record(&n.to_string())).collect();
        Mock::given(method("GET"))
            .and(path("/assets/"))
            .and(query_param("offset", offset.to_string()))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_json(json!({"items": items, "total": 150, "limit": 100, "offset": offset})),
            )
            .mount(&server)
            .await;
    }
    let assets = client(&server).assets().await.unwrap();
    assert_eq!((assets.len(), assets[149].id.as_str()), (150, "149"));
}

#[tokio::test]
async fn a_short_list_has_a_second_page_and_one_without_end_is_refused() {
    let page = |ids: &[&str], total: u64| {
        let items: Vec<_> = ids.iter().map(|id| record(id)).collect();
        ResponseTemplate::new(200).set_body_json(json!({"items": items, "total": total}))
    };
    let server = MockServer::start().await;
    let at = |limit: &str, offset: &str| {
        Mock::given(path("/assets/")).and(query_param("limit", limit)).and(query_param("offset", offset))
    };
    at("2", "0").respond_with(page(&["1", "2"], 5)).mount(&server).await;
    at("2", "2").respond_with(page(&["3", "4"], 5)).mount(&server).await;
    at("4", "4").respond_with(page(&["5"], 5)).mount(&server).await;
    assert_eq!(client(&server).assets().await.unwrap().len(), 5);

    let server = MockServer::start().await;
    Mock::given(path("/assets/")).respond_with(page(&["1", "2"], 1_000_000_000_000)).mount(&server).await;
    let refused = client(&server).assets().await.unwrap_err().to_string();
    assert!(refused.contains("does not come to its end"), "{refused}");
}

#[tokio::test]
async fn an_update_shows_the_version_that_is_there() {
    let server = MockServer::start().await;
    let summary =
        json!({"key": "in/voice", "name": "Invoice", "currentVersion": "1.0.3", "definition": {"a": 1}});
    Mock::given(method("GET"))
        .and(path("/templates/in%2Fvoice"))
        .respond_with(ResponseTemplate::new(200).set_body_json(summary).insert_header("etag", "\"1.0.3\""))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path("/templates/in%2Fvoice"))
        .and(header("if-match", "\"1.0.3\""))
        .and(body_json(json!({"a": 2})))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"key": "in/voice", "currentVersion": "1.0.4"})),
        )
        .mount(&server)
        .await;
    let summary = client(&server).update_template("in/voice", &json!({"a": 2})).await.unwrap();
    assert_eq!(summary.current_version, "1.0.4");
}

#[tokio::test]
async fn a_refused_render_gives_every_code() {
    let server = MockServer::start().await;
    let envelope = json!({"error": "RenderError", "message": "no binary", "code": "A", "issues": [
        {"path": "x", "message": "m", "code": "ASSET_BINARY_MISSING"}, {"path": "y", "message": "m"}]});
    Mock::given(path("/render/pdf"))
        .and(header("x-api-key", "render-key"))
        .and(body_json(json!({"template": "t", "data": {"n": 1}})))
        .respond_with(ResponseTemplate::new(422).set_body_json(envelope))
        .mount(&server)
        .await;
    let answer = client(&server).render("t", &json!({"n": 1})).await.unwrap();
    assert_eq!((answer.status, answer.whole), (422, true));
    assert_eq!(answer.codes, ["A", "ASSET_BINARY_MISSING"]);
    assert_eq!(answer.message.as_deref(), Some("no binary"));
}

#[tokio::test]
async fn a_page_of_html_is_a_refusal_and_shown_in_part() {
    let server = MockServer::start().await;
    let html = format!("<html>502 Bad\nGateway{}</html>", "x".repeat(100_000));
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(502).set_body_raw(html, "text/html"))
        .mount(&server)
        .await;
    let engine = client(&server);
    let error = engine.create_template(&json!({})).await.unwrap_err();
    let CallError::Refused { status, codes, body_start, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*status, codes.len()), (502, 0));
    assert!(body_start.starts_with("<html>502 Bad Gateway") && body_start.len() < 400, "{body_start}");
    assert!(!error.to_string().contains("admin-key"));
    let answer = engine.render("t", &json!({})).await.unwrap();
    assert_eq!((answer.status, answer.content_type.as_deref()), (502, Some("text/html")));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_answer() {
    let url =
        raw("HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: 100\r\n\r\n%PDF-1.7").await;
    let engine = Engine::new(&url, &keys());
    let answer = engine.render("t", &json!({})).await.unwrap();
    assert_eq!((answer.status, answer.whole, answer.body.as_slice()), (200, false, &b"%PDF-1.7"[..]));
    assert!(matches!(engine.health().await.unwrap_err(), CallError::Unreachable(_)));
    let cut = raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n%PDF\r\n").await;
    assert!(!Engine::new(&cut, &keys()).render("t", &json!({})).await.unwrap().whole);
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_names_no_key() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = Url::parse(&format!("http://{}", free.local_addr().unwrap())).unwrap();
    drop(free);
    let gone = Engine::new(&url, &keys()).ready().await.unwrap_err();
    let text = pulp_drill::base::error::Error::from(gone).to_string();
    assert!(text.contains(&format!("GET {url}health/ready")) && text.contains("refused"), "{text}");
    assert!(!text.contains("admin-key"), "{text}");
}

#[tokio::test]
async fn readiness_is_what_status_and_body_say() {
    for (status, body, ok) in [(200, "ok", true), (503, "degraded", false), (200, "degraded", false)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(json!({"status": body}));
        Mock::given(path("/health/ready")).respond_with(answer).mount(&server).await;
        let ready = client(&server).ready().await.unwrap();
        assert_eq!(ready.ok, ok, "{}", ready.answer);
    }
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect_to_another_host() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let answer = ResponseTemplate::new(307).insert_header("location", other.uri().as_str());
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let error = client(&server).template("t").await.unwrap_err();
    assert!(matches!(error, CallError::Refused { status: 307, .. }), "{error:?}");
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

/// Makes this test binary play an engine in a process of its own; the value is its part.
const ROLE: &str = "DOORS_ENGINE_ROLE";

/// No test: the engine that the tests below start. Listens on `$PORT` and is always ready.
#[test]
fn plays_its_part() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    if role == "dies" {
        eprintln!("{} is no good", variable("API_KEY_ADMIN"));
        std::process::exit(3);
    }
    if let Some(flag) = role.strip_prefix("port taken once ").filter(|flag| !Path::new(flag).exists()) {
        std::fs::write(flag, "").unwrap();
        eprintln!("Error: listen EADDRINUSE: address already in use");
        std::process::exit(1);
    }
    eprintln!("secret is {}", variable("API_KEY_ADMIN"));
    let port: u16 = variable("PORT").parse().unwrap();
    let listener = std::net::TcpListener::bind((variable("HOST").as_str(), port)).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _head = stream.read(&mut [0; 4096]);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"status\":\"ok\"}";
        let _sent = stream.write_all(answer.as_bytes());
    }
}

struct Fixture {
    env: BTreeMap<String, String>,
    dir: tempfile::TempDir,
    redactor: Redactor,
}

impl Fixture {
    fn new() -> Self {
        let redactor = Redactor::new();
        redactor.add("admin-key");
        let env = BTreeMap::from([("API_KEY_ADMIN".to_owned(), "admin-key".to_owned())]);
        Self { env, dir: tempfile::tempdir().unwrap(), redactor }
    }

    /// An engine that plays this part.
    fn role(&mut self, role: &str) -> Launch {
        self.env.insert(ROLE.to_owned(), role.to_owned());
        let binary = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
        let description = ["--exact", "engine::plays_its_part", "--nocapture"].map(str::to_owned);
        Launch::Command([vec![binary], description.to_vec()].concat())
    }

    async fn start(
        &self,
        launch: &Launch,
        within: Duration,
    ) -> Result<EngineProcess, pulp_drill::base::error::Error> {
        self.start_until(launch, within, &DOCUMENTED_READINESS).await
    }

    async fn start_until(
        &self,
        launch: &Launch,
        within: Duration,
        ready: &ReadyCheck,
    ) -> Result<EngineProcess, pulp_drill::base::error::Error> {
        let log = self.dir.path().join("engine.log");
        let with = ProcessStart {
            env: &self.env,
            log: &log,
            children: None,
            redactor: &self.redactor,
            ready_within: within,
            ready,
            cwd: None,
            stop_signal: Signal::SIGTERM,
        };
        EngineProcess::start(launch, &with).await
    }
}

#[tokio::test]
async fn an_engine_of_ours_is_started_paused_and_stopped() {
    let mut fixture = Fixture::new();
    let launch = fixture.role("serves");
    let process = fixture.start(&launch, Duration::from_secs(20)).await.unwrap();
    let engine = process.client(&keys());
    assert!(engine.ready().await.unwrap().ok);
    let log = process.log_text();
    assert!(log.contains("secret is [redacted]") && !log.contains("admin-key"), "{log}");
    assert!(process.pause().await);
    let waits = tokio::time::timeout(Duration::from_millis(300), engine.ready()).await;
    assert!(waits.is_err(), "a paused engine answers");
    assert!(process.resume().await);
    assert!(engine.ready().await.unwrap().ok);
    assert_eq!(process.stop(Duration::from_secs(10)).await, Some(Exit::Signal(15)));
    assert!(engine.ready().await.is_err());
}

/// The status, the port and the command are the profile's.
#[tokio::test]
async fn readiness_is_what_the_profile_says() {
    let mut fixture = Fixture::new();
    let launch = fixture.role("serves");
    let words = |text: &str| ["sh", "-c", text].map(str::to_owned).to_vec();
    let command =
        words("test \"$API_KEY_ADMIN\" = admin-key && test ${PORT} != ${PORT2} && test $PORT = ${PORT}");
    let by_command = ReadyCheck { command, ..ReadyCheck::default() };
    let process = fixture.start_until(&launch, Duration::from_secs(20), &by_command).await.unwrap();
    assert!(process.client(&keys()).ready().await.unwrap().ok);
    process.kill().await;
    for (ready, why) in [
        (r#"{"path": "/up?x", "status": 204}"#, "GET /up?x answers 204: 200 {\"status\":\"ok\"}"),
        (r#"{"path": "/", "port": "PORT2"}"#, "refused"),
        (r#"{"command": ["false"]}"#, "the command false ends with exit code 0: false: exit code 1"),
    ] {
        let ready: ReadyCheck = serde_json::from_str(ready).unwrap();
        let error = fixture.start_until(&launch, Duration::from_secs(2), &ready).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// Within a bound, as the official client does.
#[tokio::test]
async fn a_request_is_sent_again_when_the_engine_asks_for_it() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "1");
    Mock::given(method("POST")).respond_with(busy).up_to_n_times(1).mount(&server).await;
    let made =
        ResponseTemplate::new(201).set_body_json(json!({"key": "t", "name": "T", "currentVersion": "1"}));
    Mock::given(method("POST")).respond_with(made).mount(&server).await;
    assert_eq!(client(&server).create_template(&json!({})).await.unwrap().key, "t");
    let later = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(method("GET")).respond_with(busy).expect(1).mount(&later).await;
    let error = client(&later).template("t").await.unwrap_err();
    assert!(matches!(error, CallError::Refused { status: 429, .. }), "{error:?}");
}

/// A presigned URL of a store is followed; the key for the application stays with it.
#[tokio::test]
async fn a_download_follows_redirects_without_its_headers() {
    let (server, store) = (MockServer::start().await, MockServer::start().await);
    let to =
        ResponseTemplate::new(302).insert_header("location", format!("{}/o?sig=1", store.uri()).as_str());
    Mock::given(header("authorization", "secret")).respond_with(to).mount(&server).await;
    Mock::given(path("/o"))
        .respond_with(ResponseTemplate::new(200).set_body_string("bytes"))
        .mount(&store)
        .await;
    let headers = [("authorization".to_owned(), "secret".to_owned())];
    let answer = client(&server).download("/files/1", &headers).await.unwrap();
    assert_eq!(answer.body, b"bytes");
    let asked = store.received_requests().await.unwrap();
    assert!(asked.len() == 1 && !asked[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn one_that_dies_early_is_reported_with_its_words() {
    let mut fixture = Fixture::new();
    let launch = fixture.role("dies");
    let error = fixture.start(&launch, Duration::from_secs(20)).await.unwrap_err().to_string();
    assert!(error.contains("the engine ended before it was ready: exit code 3"), "{error}");
    assert!(error.contains("[redacted] is no good"), "{error}");
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_tried_again() {
    let mut fixture = Fixture::new();
    let flag = fixture.dir.path().join("tried");
    let launch = fixture.role(&format!("port taken once {}", flag.display()));
    let process = fixture.start(&launch, Duration::from_secs(20)).await.unwrap();
    assert!(flag.exists());
    assert_eq!(process.kill().await, Some(Exit::Signal(9)));
}

#[tokio::test]
async fn one_elsewhere_is_waited_for_and_not_ours_to_stop() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"status": "ok"}));
    Mock::given(path("/health/ready")).respond_with(answer).mount(&server).await;
    let fixture = Fixture::new();
    let launch = Launch::Url(Url::parse(&server.uri()).unwrap());
    let process = fixture.start(&launch, Duration::from_secs(5)).await.unwrap();
    assert!(!process.is_ours() && !process.pause().await);
    assert_eq!(process.stop(Duration::from_secs(1)).await, None);
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = Launch::Url(Url::parse(&format!("http://{}", free.local_addr().unwrap())).unwrap());
    drop(free);
    let error = fixture.start(&nobody, Duration::from_millis(200)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
