//! One request, one answer: keys, limits and connections. What is asked for is `calls`' business.

use crate::base::error::Error;
use crate::system::engine::{
    answer::{CallError, HttpAnswer, Unreachable},
    ready::Readiness,
};
use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response, Url, header};
use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How much of a body is kept.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How long connecting may take, and then the whole request: a render starts a browser in a real
/// engine.
const CONNECT: Duration = Duration::from_secs(3);
const REQUEST: Duration = Duration::from_secs(60);

/// How long the waits of one request may be that an engine asks for (`Retry-After`), together.
const RETRIES: Duration = Duration::from_secs(60);

/// The keys for each scope; an engine without keys asks for none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiKeys {
    /// `API_KEY_ADMIN`: everything.
    pub admin: Option<String>,
    /// `API_KEY_RENDER`: rendering.
    pub render: Option<String>,
    /// `API_KEY_PREVIEW`: previews.
    pub preview: Option<String>,
    /// `API_KEY_EDITOR`: templates and assets.
    pub editor: Option<String>,
}

impl std::fmt::Debug for ApiKeys {
    /// Says which are there, not what they are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let there = [&self.admin, &self.render, &self.preview, &self.editor].map(Option::is_some);
        write!(f, "ApiKeys(admin, render, preview, editor: {there:?})")
    }
}

/// What a request is allowed to by its key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// No key is sent.
    Open,
    /// Templates, assets, schedules.
    Admin,
    /// Rendering.
    Render,
}

/// An engine at an address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    base: Url,
    keys: ApiKeys,
    readiness: Readiness,
    /// How long a request may take, where that is another time than [`REQUEST`].
    limit: Option<Duration>,
    client: Result<reqwest::Client, String>,
}

impl Engine {
    /// An engine at a base URL. Nothing is sent yet.
    pub fn new(base: &Url, keys: &ApiKeys) -> Self {
        let client = client_for(base).map_err(|error| chain(&error).join(": "));
        Self { base: base.clone(), keys: keys.clone(), readiness: Readiness::default(), limit: None, client }
    }

    /// The same, ready by another rule.
    #[must_use]
    pub(super) fn ready_by(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    /// The same server at another port.
    #[must_use]
    pub(super) fn at_port(&self, port: u16) -> Self {
        let mut other = self.clone();
        // Only a URL without a host takes no port.
        other.base.set_port(Some(port)).unwrap_or_default();
        other
    }

    /// The same, whose requests may take so long: for one that is held on its way.
    #[must_use]
    pub fn patient(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// What it must do to count as ready.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Where it is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether renders have a key of their own.
    pub(super) fn has_render_key(&self) -> bool {
        self.keys.render.is_some() && self.keys.render != self.keys.admin
    }

    /// The URL of a path given in segments, each encoded as one: an id can't leave its place.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Begins a request, with the scope's key or the admin's.
    pub(super) fn request(
        &self,
        method: Method,
        url: Url,
        scope: Scope,
    ) -> Result<RequestBuilder, Unreachable> {
        let client = self
            .client
            .as_ref()
            .map_err(|why| Unreachable { request: format!("{method} {url}"), causes: vec![why.clone()] })?;
        let key = match scope {
            Scope::Open => None,
            Scope::Admin => self.keys.admin.as_ref().or(self.keys.editor.as_ref()),
            Scope::Render => self.keys.render.as_ref().or(self.keys.admin.as_ref()),
        };
        let mut builder = client.request(method, url);
        if let Some(limit) = self.limit {
            builder = builder.timeout(limit);
        }
        Ok(match key {
            Some(key) => builder.header("x-api-key", key),
            None => builder,
        })
    }

    /// Sends it and reads the answer to its end, or to where it breaks off.
    pub(super) async fn answer(&self, builder: RequestBuilder) -> Result<(String, HttpAnswer), Unreachable> {
        let (client, request) = builder.build_split();
        let request = request.map_err(|error| Unreachable {
            request: self.base.to_string(),
            causes: chain(&error.without_url()),
        })?;
        let name = format!("{} {}", request.method(), request.url());
        let started = Instant::now();
        match client.execute(request).await {
            Ok(response) => {
                let mut answer = read(response).await;
                answer.ms = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
                Ok((name, answer))
            }
            Err(error) => Err(Unreachable { request: name, causes: chain(&error.without_url()) }),
        }
    }

    /// Sends it again as long as the engine answers that it should be, within [`RETRIES`], as the official
    /// client does. A body that is a stream, such as an upload, is sent once.
    async fn answer_when_due(
        &self,
        mut builder: RequestBuilder,
    ) -> Result<(String, HttpAnswer), Unreachable> {
        let mut left = RETRIES;
        loop {
            let again = builder.try_clone();
            let (name, answer) = self.answer(builder).await?;
            let delay = answer.retry_after.filter(|delay| *delay <= left);
            match (delay, again) {
                (Some(delay), Some(next)) if matches!(answer.status, 429 | 503) => {
                    left -= delay;
                    tokio::time::sleep(delay).await;
                    builder = next;
                }
                _ => return Ok((name, answer)),
            }
        }
    }

    /// The same, where only a whole success will do.
    pub(super) async fn success(&self, builder: RequestBuilder) -> Result<(String, HttpAnswer), CallError> {
        let (name, answer) = self.answer_when_due(builder).await?;
        if !answer.is_success() {
            return Err(CallError::refused(&name, &answer));
        }
        if !answer.whole {
            let causes = vec!["the answer broke off".to_owned()];
            return Err(Unreachable { request: name, causes }.into());
        }
        Ok((name, answer))
    }
}

/// Makes ring the process's provider of cryptography for TLS, once; whoever was first stays.
fn install_crypto() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

fn client_for(base: &Url) -> reqwest::Result<reqwest::Client> {
    install_crypto();
    let home = (base.scheme().to_owned(), base.host_str().map(str::to_owned), base.port_or_known_default());
    let stay = reqwest::redirect::Policy::custom(move |attempt| {
        let url = attempt.url();
        let there = (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
        // Elsewhere the key would go to a stranger, and the answer would not be the engine's.
        if there == home && attempt.previous().len() < 5 { attempt.follow() } else { attempt.stop() }
    });
    let mut builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(REQUEST).redirect(stay);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // No certificates are needed, and a bare machine may have none to load.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

async fn read(response: Response) -> HttpAnswer {
    let text = |name: &str| {
        let value = response.headers().get(name)?.as_bytes();
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let mut answer = HttpAnswer {
        status: response.status().as_u16(),
        content_type: text(header::CONTENT_TYPE.as_str()),
        body: Vec::new(),
        whole: true,
        codes: Vec::new(),
        message: None,
        resolved_version: text("x-pulpengine-resolved-version"),
        ms: 0,
        etag: text(header::ETAG.as_str()),
        retry_after: text(header::RETRY_AFTER.as_str())
            .and_then(|seconds| seconds.trim().parse().ok())
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        location: text(header::LOCATION.as_str()).filter(|_| response.status().is_redirection()),
    };
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) if answer.body.len() + chunk.len() <= BODY_LIMIT => {
                answer.body.extend_from_slice(&chunk)
            }
            Ok(_) | Err(_) => {
                answer.whole = false;
                break;
            }
        }
    }
    if !answer.is_success() {
        answer.read_envelope();
    }
    answer
}

/// An error's text and those of its sources, without repetition.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    Error::environment("").because(error).causes
}
