//! The embedded S3 server: an object store for machines without MinIO. The `s3s` crate provides the
//! protocol and the signatures; this module provides the operations. ACLs, policies, object tags, object
//! lock, encryption and lifecycle rules are not supported: requests for them get `NotImplemented`.
//!
//! # On disk
//! ```text
//! DIR/lock                              locked while a server runs; marks the folder as a store
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
pub use serve::{EmbeddedStore, bind, serve};

use std::io;
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
    /// Credentials that are accepted.
    #[command(flatten)]
    pub keys: Keys,
}

/// Why the server could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The folder cannot be used.
    #[error("the object store's folder {} can't be used; hint: choose a folder you may write to with --dir", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The folder has files, but not those of an object store.
    #[error("the folder {} holds other files than an object store; hint: give --dir an empty or a new folder", path.display())]
    Foreign {
        /// Which one.
        path: PathBuf,
    },
    /// Another server uses the folder.
    #[error("the folder {} is in use by another object store; hint: stop that server or choose another --dir", path.display())]
    InUse {
        /// Which one.
        path: PathBuf,
    },
    /// A record of a bucket, a version or an upload cannot be read.
    #[error("the record {} can't be read; hint: something else changed it, so restore it or delete it to give up what it describes", path.display())]
    Record {
        /// Which one.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another program listens on the address.
    #[error("the address {address} is in use; hint: stop the program that listens there, or use --listen {}:0 for a free port", address.ip())]
    Busy {
        /// Which one.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error(
        "can't listen on {address}; hint: use an address of this machine with --listen, for example 127.0.0.1:0"
    )]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The name of the region is not valid.
    #[error(
        "the region {region:?} is not valid; hint: use lower-case letters, digits and dashes, for example us-east-1"
    )]
    Region {
        /// The name.
        region: String,
    },
    /// The process could not handle signals or print its address.
    #[error("can't listen for signals or print the address")]
    Process(#[source] io::Error),
}
