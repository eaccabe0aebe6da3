//! The stand-in engine over HTTP, on a private PostgreSQL cluster or on files, with binaries in a
//! folder or in a bucket. `tests/conformance` tests the wire format with the official client.

mod accounts;
mod assets;
mod buckets;
mod client;
mod defects;
mod files;
mod jobs;
mod schedules;
mod site;
mod startup;
mod templates;
mod writes;

#[path = "../support"]
mod support {
    pub mod private_postgres;
}
