//! Notifications of a run: a ping of a dead man's switch at its start and its end, in the form that
//! healthchecks.io and compatible services accept, and a signed JSON message to a webhook.
//!
//! A notification never changes a verdict or an exit code: one that cannot be delivered is a warning. The
//! URLs may be secrets. They are registered with the redactor, and messages show scheme and host only.

use crate::{
    base::{clock::iso, error::Error, redact::Redactor, sanitize::one_line},
    model::{exit_code::ExitCode, record::RunRecord, verdict::Verdict},
    report::terminal::{self, notice},
    run::session::FinishedRun,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, RequestBuilder, header::CONTENT_TYPE, redirect::Policy};
use serde::Serialize;
use sha2::Sha256;
use std::time::Duration;
use url::Url;

/// The variable with the secret that webhooks are signed with.
pub const SECRET: &str = "PULP_DRILL_WEBHOOK_SECRET";

/// The header with the signature: `sha256=` and the hexadecimal HMAC-SHA256 of the body.
const SIGNATURE: &str = "X-Pulp-Drill-Signature";

/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How often a notification is sent until it is delivered.
const ATTEMPTS: usize = 2;

/// The most bytes of a ping's body; healthchecks.io keeps 100 kB.
const LONGEST: usize = 10_000;

/// The shortest path that is taken for a secret.
const SHORTEST_SECRET: usize = 8;

/// Sends the notifications of one command.
pub struct Notifier {
    ping: Option<Url>,
    webhook: Option<Url>,
    secret: Option<String>,
    redactor: Redactor,
}

/// What a webhook learns about a run.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    /// The run's id; none where no run began.
    run: Option<String>,
    verdict: Verdict,
    exit_code: ExitCode,
    scenarios: ScenarioCounts,
    /// The name of the run's folder.
    report: Option<String>,
    started: Option<String>,
    ended: Option<String>,
    /// Why no run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The summary for people.
    #[serde(skip)]
    text: String,
}

/// Scenarios by verdict, baseline drills included.
#[derive(Debug, Default, Serialize)]
struct ScenarioCounts {
    passed: usize,
    failed: usize,
    unknown: usize,
    skipped: usize,
}

impl ScenarioCounts {
    fn of(record: &RunRecord) -> Self {
        let with = |verdict| record.scenarios.iter().filter(|s| s.verdict() == verdict).count();
        Self {
            passed: with(Verdict::Pass),
            failed: with(Verdict::Fail),
            unknown: with(Verdict::Unknown),
            skipped: record.skipped.len(),
        }
    }
}

impl RunSummary {
    /// That of a run that has ended.
    pub fn of(run: &FinishedRun) -> Self {
        let FinishedRun { exit, record, dir, signed: _, representatives: _ } = run;
        Self {
            run: Some(record.id().to_string()),
            verdict: record.verdict(),
            exit_code: *exit,
            scenarios: ScenarioCounts::of(record),
            report: dir.file_name().map(|name| name.to_string_lossy().into_owned()),
            started: record.began.map(iso),
            ended: record.ended.map(iso),
            error: None,
            text: terminal::summary(record, dir, false, 80),
        }
    }

    /// That of a command that ended without a run.
    fn without_run(error: &Error) -> Self {
        let exit_code = ExitCode::from(error);
        Self {
            run: None,
            verdict: Verdict::Unknown,
            exit_code,
            scenarios: ScenarioCounts::default(),
            report: None,
            started: None,
            ended: None,
            error: Some(error.to_string()),
            text: format!("no run: {error}\n"),
        }
    }
}

impl Notifier {
    /// `secret` signs the messages to the webhook. Registers the URLs and the secret with `redactor`.
    ///
    /// # Errors
    /// Blames the user where a text is not the URL of a web service.
    pub fn new(
        ping: Option<&str>,
        webhook: Option<&str>,
        secret: Option<String>,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        let read = |option: &str, text: Option<&str>| {
            text.map(|text| endpoint(text, redactor).ok_or_else(|| not_a_url(option))).transpose()
        };
        let (ping, webhook) = (read("--ping", ping)?, read("--webhook", webhook)?);
        if let Some(secret) = &secret {
            redactor.add(secret);
        }
        Ok(Self { ping, webhook, secret, redactor: redactor.clone() })
    }

    /// Pings `URL/start`.
    pub async fn started(&self) {
        if let Some(url) = &self.ping {
            self.ping(&below(url, "start"), String::new()).await;
        }
    }

    /// Pings `URL` where the exit code is 0, and `URL/fail` otherwise; sends each run to the webhook.
    pub async fn ended(&self, result: &Result<ExitCode, Error>, mut runs: Vec<RunSummary>) {
        if let Err(error) = result {
            runs.push(RunSummary::without_run(error));
        }
        if let Some(url) = &self.webhook {
            for run in &runs {
                self.send_summary(url, run).await;
            }
        }
        let Some(url) = &self.ping else { return };
        let text: String = runs.iter().map(|run| run.text.as_str()).collect();
        let held = matches!(result, Ok(ExitCode::AllHeld));
        let url = if held { url.clone() } else { below(url, "fail") };
        self.ping(&url, text).await;
    }

    async fn ping(&self, url: &Url, text: String) {
        let mut text = self.redactor.clean(&text);
        text.truncate(text.floor_char_boundary(LONGEST));
        self.deliver("ping", url, |client| {
            client.post(url.clone()).header(CONTENT_TYPE, "text/plain; charset=utf-8").body(text.clone())
        })
        .await;
    }

    async fn send_summary(&self, url: &Url, run: &RunSummary) {
        // Its texts are digits, names and messages: cleaning cannot break the JSON.
        let body = serde_json::to_string(run).map(|body| self.redactor.clean(&body));
        let body = match body {
            Ok(body) => body,
            Err(error) => return notice(&format!("warning: no message for the webhook: {error}\n")),
        };
        let signature = self.secret.as_deref().and_then(|secret| sign(secret, &body));
        self.deliver("message to the webhook", url, |client| {
            let request =
                client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone());
            match &signature {
                Some(signature) => request.header(SIGNATURE, signature),
                None => request,
            }
        })
        .await;
    }

    /// Sends a request until it is accepted, at most [`ATTEMPTS`] times. Otherwise prints a warning.
    async fn deliver(&self, what: &str, url: &Url, request: impl Fn(&Client) -> RequestBuilder) {
        let why = match client(url) {
            Ok(client) => attempts(|| request(&client)).await.err(),
            Err(error) => Some(reason(error)),
        };
        if let Some(why) = why {
            let place = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
            let text =
                self.redactor.clean(&one_line(&format!("the {what} was not delivered to {place}: {why}")));
            notice(&format!("warning: {text}\n"));
        }
    }
}

async fn attempts(request: impl Fn() -> RequestBuilder) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match request().send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            // The service does not know the URL: another attempt gets the same answer.
            Ok(answer) if !answer.status().is_server_error() => {
                return Err(format!("HTTP {}", answer.status()));
            }
            Ok(answer) => last = format!("HTTP {}", answer.status()),
            Err(error) => last = reason(error),
        }
    }
    Err(last)
}

/// The innermost cause, without the URL.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ATTEMPT.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn client(url: &Url) -> reqwest::Result<Client> {
    // Whoever was first stays.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    // A redirected POST would arrive as a GET, without its body.
    let builder = Client::builder().timeout(ATTEMPT).redirect(Policy::none());
    // Without TLS no certificates are needed, and a bare machine may have none to load.
    if url.scheme() == "http" { builder.tls_certs_only([]).build() } else { builder.build() }
}

/// The URL of a web service, known to the redactor.
fn endpoint(text: &str, redactor: &Redactor) -> Option<Url> {
    redactor.add(text);
    let url: Url = text.parse().ok()?;
    redactor.add(url.as_str());
    let path = url.path().trim_matches('/');
    if path.len() >= SHORTEST_SECRET {
        redactor.add(path);
    }
    url.query().filter(|query| query.len() >= SHORTEST_SECRET).inspect(|query| redactor.add(query));
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The text may hold a secret and is not repeated.
fn not_a_url(option: &str) -> Error {
    Error::usage(format!("{option} takes the URL of a web service"))
        .hint("it begins with https:// or http://")
}

/// A path below that of a URL; its query stays.
fn below(url: &Url, name: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(name);
    }
    url
}

fn sign(secret: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body.as_bytes());
    let code = mac.finalize().into_bytes();
    Some(format!("sha256={}", code.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_fail_are_below_the_path_and_before_the_query() {
        let below = |text: &str| below(&text.parse().unwrap(), "start").to_string();
        assert_eq!(below("https://hc-ping.com/uuid"), "https://hc-ping.com/uuid/start");
        assert_eq!(
            below("https://hc-ping.com/key/slug/?create=1"),
            "https://hc-ping.com/key/slug/start?create=1"
        );
    }

    /// The example of GitHub's documentation on webhooks.
    #[test]
    fn a_body_is_signed_as_other_webhooks_are() {
        assert_eq!(
            sign("It's a Secret to Everybody", "Hello, World!").unwrap(),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn only_web_services_are_endpoints() {
        let redactor = Redactor::new();
        assert!(endpoint("https://hc-ping.com/d5c0", &redactor).is_some());
        for text in ["", "hc-ping.com/d5c0", "file:///etc/passwd", "mailto:a@b.c"] {
            assert!(endpoint(text, &redactor).is_none(), "{text}");
        }
    }
}
