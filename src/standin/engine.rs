//! The stand-in engine: keeps Pulp Engine's contract on Postgres and an object store.

pub mod render;
