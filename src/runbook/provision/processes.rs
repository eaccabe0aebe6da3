//! The local substrate: a private PostgreSQL cluster and an S3 server, both plain processes in the
//! run's folder. An existing cluster is never touched. Databases and buckets are made elsewhere.

mod discovery;
mod objects;
mod postgres;

pub use crate::system::cluster::Durability;
pub use discovery::{Discovery, OLDEST, Places, WantedMajor, discover};
pub use objects::{ObjectKind, ObjectProgram, ObjectServer, minio_answers};
pub use postgres::PostgresServer;
