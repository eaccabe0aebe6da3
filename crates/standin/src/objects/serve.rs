//! The listening side: accepts connections, gives them to s3s and ends them gracefully.

use crate::objects::api::Api;
use crate::objects::store::Store;
use crate::objects::{Keys, ObjectsArgs, ObjectsError};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::{S3Auth, SecretKey};
use s3s::region::Region;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long requests in flight may take after a stop was requested.
const GRACE: Duration = Duration::from_secs(5);

/// A server that takes requests. It stops when this is dropped, abruptly; [`EmbeddedStore::stop`] lets
/// requests in flight finish.
#[derive(Debug)]
pub struct EmbeddedStore {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new requests, finishes those in flight (for at most five seconds) and unlocks the
    /// folder.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // A panic in it has been printed and ends here.
        let _ = (&mut self.task).await;
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves until SIGTERM or SIGINT. Prints `listening on http://ADDRESS` on stdout, and nothing else,
/// once requests are taken.
///
/// # Errors
/// [`ObjectsError`] when the server can't start.
pub async fn serve(args: ObjectsArgs) -> Result<(), ObjectsError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ObjectsError::Process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ObjectsError::Process)?;
    let running = bind(args).await?;
    announce(running.address()).map_err(ObjectsError::Process)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    Ok(())
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// Opens the store and starts to serve it.
///
/// # Errors
/// [`ObjectsError`]: the folder can't be used, or the address can't be listened on.
pub async fn bind(args: ObjectsArgs) -> Result<EmbeddedStore, ObjectsError> {
    let region = Region::new(args.region.clone().into())
        .map_err(|_| ObjectsError::Region { region: args.region.clone() })?;
    let listener = listen(args.listen).await?;
    let address = listener.local_addr().map_err(ObjectsError::Process)?;
    let store = Arc::new(Store::open(&args.dir)?);
    let mut builder = S3ServiceBuilder::new(Api::new(store, region));
    builder.set_auth(Accepted(args.keys));
    let stop = CancellationToken::new();
    let task = tokio::spawn(accept(listener, builder.build(), stop.clone()));
    Ok(EmbeddedStore { address, stop, task })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ObjectsError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ObjectsError::Busy { address },
        _ => ObjectsError::Listen { address, source },
    })
}

async fn accept(listener: TcpListener, service: S3Service, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, service.clone(), stop.clone()));
                }
                // The client has disconnected, or no file descriptors are left until other connections end.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    // Past the grace the set is dropped, which ends the rest.
    let _ = tokio::time::timeout(GRACE, finish).await;
}

async fn converse(stream: TcpStream, service: S3Service, stop: CancellationToken) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let mut connection =
        pin!(http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // How a connection ended concerns its client.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The one access key there is.
struct Accepted(Keys);

#[async_trait::async_trait]
impl S3Auth for Accepted {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key_id {
            return Ok(SecretKey::from(self.0.secret_access_key.as_str()));
        }
        let text = "The AWS Access Key Id you provided does not exist in our records.";
        Err(s3_error!(InvalidAccessKeyId, "{text}"))
    }
}
