//! The adapters to external systems against real ones: PostgreSQL with its own dump and restore, S3
//! servers, containers, and small HTTP servers that misbehave on request.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod containers;
mod draft;
mod embedded_s3;
mod engine;
mod external;
mod faults;
mod gate;
mod gate_rules;
mod local_substrate;
mod objects;
mod postgres;
mod reconcile;
mod references;
mod s3_behaviour;
mod s3_clients;
mod zoo;

#[path = "../support"]
mod support {
    pub mod embedded_s3;
    pub mod private_postgres;
}
