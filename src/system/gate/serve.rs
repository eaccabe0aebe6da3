//! The gate's traffic: connections in, requests through, as the current mode and the rules decide.

use crate::base::error::{Error, ErrorContext};
use crate::system::gate::mode::Mode;
use crate::system::gate::refusal::refusal;
use crate::system::gate::request::S3Request;
use crate::system::gate::requests::{End, Log};
use crate::system::gate::rules::{Due, GateFailure, GatePoint, Rules, Way};
use crate::system::gate::truncate::truncate;
use axum::body::Body;
use futures::StreamExt;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use url::Url;

/// The store behind the gate.
#[derive(Clone)]
pub(super) struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Incoming>,
}

impl Upstream {
    pub(super) fn at(url: &Url) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::usage(format!("can't put a gate before {url}: {why}")));
        if url.scheme() != "http" {
            return refuse("only http:// goes through a gate");
        }
        if !matches!(url.path(), "" | "/") {
            return refuse("a path in front of the bucket would break signatures");
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refuse("it names no host");
        };
        let authority =
            format!("{host}:{port}").parse().or_usage(|| format!("can't put a gate before {url}"))?;
        // The Host header stays the one that was signed.
        let client = Client::builder(TokioExecutor::new()).set_host(false).build_http();
        Ok(Self { authority, client })
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (mut parts, body) = request.into_parts();
        let mut uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone());
        uri = uri.path_and_query(
            parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
        );
        parts.uri = uri.build().map_err(io::Error::other)?;
        // What is between two neighbours only (RFC 9110, 7.6.1).
        for name in [header::CONNECTION.as_str(), "keep-alive", "proxy-connection"] {
            parts.headers.remove(name);
        }
        let mut response =
            self.client.request(Request::from_parts(parts, body)).await.map_err(io::Error::other)?;
        for name in [header::CONNECTION.as_str(), "keep-alive"] {
            response.headers_mut().remove(name);
        }
        Ok(response.map(Body::new))
    }
}

/// What a request goes through.
#[derive(Clone)]
pub(super) struct Through {
    pub(super) upstream: Upstream,
    pub(super) modes: watch::Receiver<Mode>,
    pub(super) rules: Arc<Rules>,
    pub(super) log: Arc<Log>,
}

/// Why a request gets no answer.
enum NoAnswer {
    /// Its connection is to be reset.
    Reset,
    /// Its connection is closed: the store could not be reached, or broke off.
    Closed(io::Error),
}

/// Takes connections until it is aborted; those that are open go with it.
pub(super) async fn serve(listener: TcpListener, through: Through) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, through.clone()));
                }
                // No file handles are left; some come back when connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, through: Through) {
    // Small answers must not wait for the acknowledgement of the head; without it they are slower.
    drop(stream.set_nodelay(true));
    let mut refused = through.modes.clone();
    let reset = Arc::new(Notify::new());
    let resets = Arc::clone(&reset);
    let service = service_fn(move |request| {
        let answer: BoxFuture<'static, _> = Box::pin(answer(request, through.clone(), Arc::clone(&resets)));
        answer
    });
    let mut http = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        () = async {
            tokio::select! {
                _ = refused.wait_for(|mode| *mode == Mode::Refuse) => {}
                () = reset.notified() => {}
            }
        } => {
            // With no time to linger, closing sends a reset.
            drop(http.into_parts().io.into_inner().set_zero_linger());
        }
        // Either end may break off; the other then learns it by its own connection.
        _ended = &mut http => {}
    }
}

/// An error closes the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    through: Through,
    reset: Arc<Notify>,
) -> Result<Response<Body>, io::Error> {
    let about = S3Request::read(request.method(), request.uri(), request.headers());
    let number = through.log.came(&about);
    let answered = pass(request, &about, &through).await;
    let end = answered.as_ref().map_or(End::Broken, |response| End::Answered(response.status().as_u16()));
    through.log.ended(number, end);
    match answered {
        Ok(response) => Ok(response),
        Err(NoAnswer::Closed(error)) => Err(error),
        Err(NoAnswer::Reset) => {
            reset.notify_one();
            std::future::pending().await
        }
    }
}

async fn pass(
    request: Request<Incoming>,
    about: &S3Request,
    through: &Through,
) -> Result<Response<Body>, NoAnswer> {
    let mode = *through.modes.borrow();
    match mode {
        Mode::Open => by_rules(request, about, through).await,
        Mode::Refuse => Err(NoAnswer::Closed(io::ErrorKind::ConnectionRefused.into())),
        Mode::Deny => Ok(refuse(request, about, 403).await),
        Mode::Fail(status) => Ok(refuse(request, about, status).await),
    }
}

async fn by_rules(
    request: Request<Incoming>,
    about: &S3Request,
    through: &Through,
) -> Result<Response<Body>, NoAnswer> {
    let (mut before_answer, mut failure) = (Vec::new(), None);
    for due in through.rules.due(about) {
        match due {
            Due::Hold(GatePoint::BeforeForward, waiting) => go_on(waiting.hold(about).await)?,
            Due::Hold(GatePoint::BeforeAnswer, waiting) => before_answer.push(waiting),
            Due::Fail(GateFailure::Delay(time), _) => tokio::time::sleep(time).await,
            Due::Fail(other, way) => failure = failure.or(Some((other, way))),
        }
    }
    let mut after = None;
    match failure {
        None | Some((GateFailure::Delay(_), _)) => {}
        Some((GateFailure::Status(status), _)) => return Ok(refuse(request, about, status).await),
        Some((GateFailure::Reset, _)) => return Err(NoAnswer::Reset),
        Some((GateFailure::NoAnswer, mut way)) => {
            swallow(request).await;
            // An error says that the handle is gone, which is what it waits for.
            let _gone = way.wait_for(|way| *way != Way::Wait).await;
            return Err(NoAnswer::Reset);
        }
        Some((failure @ (GateFailure::LostAnswer | GateFailure::Truncate(_)), _)) => after = Some(failure),
    }
    let response = through.upstream.forward(request).await.map_err(NoAnswer::Closed)?;
    for waiting in before_answer {
        go_on(waiting.hold(about).await)?;
    }
    match after {
        // The length in an answer to HEAD is not that of its own body.
        Some(GateFailure::Truncate(_)) if about.method == Method::HEAD => Err(NoAnswer::Reset),
        Some(GateFailure::Truncate(bytes)) => truncate(response, bytes).ok_or(NoAnswer::Reset),
        Some(_) => Err(NoAnswer::Reset),
        None => Ok(response),
    }
}

fn go_on(may: bool) -> Result<(), NoAnswer> {
    if may { Ok(()) } else { Err(NoAnswer::Reset) }
}

async fn refuse(request: Request<Incoming>, about: &S3Request, status: u16) -> Response<Body> {
    swallow(request).await;
    refusal(about, status)
}

/// Reads what the client sends: one that is still sending would find a closed connection instead of
/// the answer.
async fn swallow(request: Request<Incoming>) {
    let mut body = Body::new(request.into_body()).into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
}
