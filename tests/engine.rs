//! The stand-in engine on a private PostgreSQL cluster or on files, with binaries in a folder or a
//! bucket, over real HTTP.
//! The wire format itself is held by `tests/conformance`, with the official client.

#[path = "engine/accounts.rs"]
mod accounts;
#[path = "engine/assets.rs"]
mod assets;
#[path = "engine/buckets.rs"]
mod buckets;
#[path = "engine/client.rs"]
mod client;
#[path = "engine/defects.rs"]
mod defects;
#[path = "engine/files.rs"]
mod files;
#[path = "engine/jobs.rs"]
mod jobs;
#[path = "engine/schedules.rs"]
mod schedules;
#[path = "engine/site.rs"]
mod site;
#[path = "engine/startup.rs"]
mod startup;
#[path = "engine/templates.rs"]
mod templates;
#[path = "engine/writes.rs"]
mod writes;

#[path = "support/private_postgres.rs"]
mod private_postgres;
