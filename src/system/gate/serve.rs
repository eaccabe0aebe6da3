//! The gate's traffic: connections in, requests through, as the mode of the moment says.

use crate::base::trouble::{OrTrouble, Trouble};
use crate::system::gate::Mode;
use crate::system::gate::refusal::refusal;
use crate::system::gate::request::S3Request;
use axum::body::Body;
use futures::StreamExt;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// The store behind the gate.
#[derive(Clone)]
pub(super) struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Incoming>,
}

impl Upstream {
    pub(super) fn at(url: &Url) -> Result<Self, Trouble> {
        let refuse = |why: &str| Err(Trouble::usage(format!("can't put a gate before {url}: {why}")));
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

/// Takes connections until it is aborted; those that are open go with it.
pub(super) async fn serve(listener: TcpListener, upstream: Upstream, modes: watch::Receiver<Mode>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, upstream.clone(), modes.clone()));
                }
                // No file handles are left; some come back when connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, upstream: Upstream, modes: watch::Receiver<Mode>) {
    // Small answers must not wait for the acknowledgement of the head; without it they are slower.
    drop(stream.set_nodelay(true));
    let mut refused = modes.clone();
    let service = service_fn(move |request| {
        let (upstream, mode) = (upstream.clone(), *modes.borrow());
        let answer: BoxFuture<'static, _> = Box::pin(answer(request, upstream, mode));
        answer
    });
    let mut http = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        _ = refused.wait_for(|mode| *mode == Mode::Refuse) => {
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
    upstream: Upstream,
    mode: Mode,
) -> Result<Response<Body>, io::Error> {
    let about = S3Request::read(request.method(), request.uri());
    match mode {
        Mode::Open => upstream.forward(request).await,
        Mode::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
        Mode::Deny => Ok(refuse(request, &about, 403).await),
        Mode::Fail(status) => Ok(refuse(request, &about, status).await),
    }
}

async fn refuse(request: Request<Incoming>, about: &S3Request, status: u16) -> Response<Body> {
    // A client that is still sending would find a closed connection instead of the answer.
    let mut body = Body::new(request.into_body()).into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
    refusal(about, status)
}
