//! Pings of a dead man's switch and messages to a webhook: what is sent when, what is never shown, and that
//! a service that does not answer changes nothing.

use crate::support::harness::{Done, Sandbox, call, postgres};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::{fs, process::Command};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// A part of both URLs that must not be shown.
const TOKEN: &str = "5f2c1a84-token";

/// Signs the messages to the webhook.
const SECRET: &str = "a-webhook-secret";

async fn service(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
    server
}

fn notifying(mut command: Command, base: &str) -> Done {
    let url = |name: &str| format!("{base}/{name}/{TOKEN}");
    command
        .args(["--ping", &url("ping"), "--webhook", &url("hook")])
        .env("PULP_DRILL_WEBHOOK_SECRET", SECRET);
    let done = call(command);
    assert!(!done.all().contains(TOKEN) && !done.all().contains(SECRET), "{}", done.all());
    done
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

fn paths(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.url.path().replace(TOKEN, "TOKEN")).collect()
}

/// The message to the webhook, whose signature is right.
fn message(requests: &[Request]) -> Value {
    let request = requests.iter().find(|request| request.url.path().starts_with("/hook")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&request.body);
    let code: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(request.headers["x-pulp-drill-signature"].to_str().unwrap(), format!("sha256={code}"));
    serde_json::from_slice(&request.body).unwrap()
}

fn refused(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command();
    let (dump, reports) = (sandbox.path("no-such.dump"), sandbox.path("reports"));
    std::fs::create_dir_all(sandbox.path("assets")).unwrap();
    command.arg("restore-test").arg("--dump").arg(dump).arg("--assets").arg(sandbox.path("assets"));
    command.arg("--report-dir").arg(reports);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_test_that_does_not_begin_is_a_failure() {
    let (sandbox, server) = (Sandbox::new(), service(200).await);
    let done = notifying(refused(&sandbox), &server.uri());
    done.is(2, &["no-such.dump"]);
    assert!(!done.err.contains("warning"), "{}", done.err);
    let sent = requests(&server).await;
    assert_eq!(paths(&sent), ["/ping/TOKEN/start", "/hook/TOKEN", "/ping/TOKEN/fail"]);
    assert!(sent.iter().all(|request| request.method.as_str() == "POST"));
    let told = String::from_utf8_lossy(&sent[2].body);
    assert!(told.starts_with("no run: ") && told.contains("no-such.dump"), "{told}");
    let message = message(&sent);
    assert_eq!(message["exit_code"], 2);
    assert_eq!((&message["verdict"], &message["run"]), (&"unknown".into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_accept_is_a_warning_and_nothing_else() {
    let sandbox = Sandbox::new();
    // Refused for good: asked once. An error of the service: asked twice.
    for (status, asked) in [(404, 3), (500, 6)] {
        let server = service(status).await;
        notifying(refused(&sandbox), &server.uri())
            .is(2, &["warning: the ping was not delivered to http://127.0.0.1: HTTP ", "no-such.dump"]);
        assert_eq!(requests(&server).await.len(), asked);
    }
    // Nobody listens there.
    notifying(refused(&sandbox), "http://127.0.0.1:9")
        .is(2, &["warning: the message to the webhook was not delivered to http://127.0.0.1: "]);
    let done = call(refused(&sandbox).args(["--ping", "hc-ping.com/5f2c1a84"]));
    done.is(2, &["--ping takes the URL of a web service"]);
    assert!(!done.all().contains("5f2c1a84"), "{}", done.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_pings_success_or_failure_and_keeps_the_urls_to_itself() {
    if !postgres() {
        return;
    }
    let (sandbox, server) = (Sandbox::new(), service(200).await);
    let mut run = sandbox.small_run(&["--jobs", "1"]);
    run.arg(sandbox.faultless());
    notifying(run, &server.uri()).is(0, &[]);
    let sent = requests(&server).await;
    assert_eq!(paths(&sent), ["/ping/TOKEN/start", "/hook/TOKEN", "/ping/TOKEN"]);
    let (message, record) = (message(&sent), sandbox.record());
    assert_eq!((&message["verdict"], &message["exit_code"]), (&"pass".into(), &0.into()));
    assert_eq!(message["run"], record["started"]["run"]);
    assert_eq!(message["scenarios"]["passed"], record["scenarios"].as_array().unwrap().len());
    let folder = sandbox.path("reports").join(message["report"].as_str().unwrap());
    let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    assert!(!events.contains(TOKEN) && !events.contains(SECRET), "the journal has a secret");
    assert!(String::from_utf8_lossy(&sent[2].body).contains("Passed: 1 scenario"));

    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let mut run = sandbox.small_run(&["--jobs", "1", "--defect", "fail-open"]);
    run.arg(sandbox.missing());
    notifying(run, &server.uri()).is(1, &[]);
    let sent = requests(&server).await;
    assert_eq!(paths(&sent), ["/ping/TOKEN/start", "/hook/TOKEN", "/ping/TOKEN/fail"]);
    assert!(String::from_utf8_lossy(&sent[2].body).contains("Failed: "));
    sandbox.assert_empty();
}
