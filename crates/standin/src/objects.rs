//! The embedded S3 server: an object store of our own for machines without MinIO. The protocol and the
//! signatures are the `s3s` crate's; what the operations do is written here. No ACLs, policies, tags,
//! object lock, encryption or lifecycle: requests that ask for what is not kept get `NotImplemented`.
//!
//! # On disk
//! ```text
//! DIR/lock                              held while a server runs; marks the folder as a store
//! DIR/unfinished/                       bodies and records being written; emptied at every start
//! DIR/buckets/BUCKET/bucket.json        creation time, versioning state
//! DIR/buckets/BUCKET/versions/N.body    the bytes of one version, N its number in the order of commits
//! DIR/buckets/BUCKET/versions/N.json    its key, id, time, ETag, checksum and headers
//! DIR/buckets/BUCKET/uploads/ID/…       a multipart upload: upload.json, and per part a record and a body
//! ```
//! Names on disk never come from keys, so any legal key is safe. A body is moved to its place complete
//! and verified, then its record: the record's rename is the commit. A body without a record is deleted
//! at the next start, so `kill -9` leaves either the old object or the new one, each with its own
//! metadata. The index in memory is rebuilt from the records.
//!
//! # Durability
//! Off by design: nothing is synced to the device. A killed process loses nothing that was confirmed;
//! a crash of the machine may. A drill's store lives in a temporary folder.

mod api;
mod checksum;
mod conditions;
mod keys;
mod listing;
mod names;
mod receive;
mod record;
mod serve;
mod store;

pub use keys::Keys;
pub use serve::{Running, bind};

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serve an S3 API from a folder.
///
/// The credentials come from the environment only: S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.
#[derive(clap::Args, Clone, Debug)]
pub struct ObjectsArgs {
    /// Folder that holds the objects; made when it is missing.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Address to listen on; port 0 takes a free port and prints it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Region that buckets are in.
    #[arg(long, value_name = "REGION", env = "S3_REGION", default_value = "us-east-1")]
    pub region: String,
    #[command(flatten)]
    pub keys: Keys,
}

/// Why the server could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("the object store's folder {} can't be used; hint: choose a folder you may write to with --dir", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the folder {} holds other files than an object store; hint: give --dir an empty or a new folder", path.display())]
    Foreign { path: PathBuf },
    #[error("the folder {} is in use by another object store; hint: stop that server or choose another --dir", path.display())]
    InUse { path: PathBuf },
    #[error("the record {} can't be read; hint: something else changed it, so restore it or delete it to give up what it describes", path.display())]
    Record { path: PathBuf, source: io::Error },
    #[error("the address {address} is in use; hint: stop the program that listens there, or use --listen {}:0 for a free port", address.ip())]
    Busy { address: SocketAddr },
    #[error(
        "can't listen on {address}; hint: use an address of this machine with --listen, for example 127.0.0.1:0"
    )]
    Listen { address: SocketAddr, source: io::Error },
    #[error(
        "the region {region:?} is not valid; hint: use lower-case letters, digits and dashes, for example us-east-1"
    )]
    Region { region: String },
    #[error("can't listen for signals or tell the address")]
    Process(#[source] io::Error),
}

/// Serves until SIGTERM or SIGINT. Prints `listening on http://ADDRESS` on stdout, and nothing else,
/// once requests are taken.
///
/// # Errors
/// [`ObjectsError`] when the server can't start.
pub async fn serve(args: ObjectsArgs) -> Result<(), ObjectsError> {
    use tokio::signal::unix::{SignalKind, signal};
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
