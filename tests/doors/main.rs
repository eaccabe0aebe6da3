//! The doors to the outside against real neighbours: PostgreSQL with its own dump and restore, the
//! embedded S3 server, and small HTTP servers that misbehave as asked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod engine;
mod gate;
mod gate_rules;
mod objects;
mod postgres;
mod store;
