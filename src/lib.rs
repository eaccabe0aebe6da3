//! pulp-drill proves whether backups restore when rows live in Postgres and binaries in S3.
//!
//! The folders are the operator's runbook. A scenario file is read (`scenario`), made into a plan
//! (`plan`), and the loop (`runbook`) performs it: provision, seed, fault, back up, destroy,
//! restore, verify. Every fact becomes an event in the journal (`journal`); the stored events fold
//! into a record (`model::record`), and every report (`report`) is a pure function of that record.
//!
//! Modules are declared in import order: each may import those above it only
//! (`tests/static/layering.rs` holds that).

pub mod base;

pub mod model;

pub mod window;

pub mod journal;
pub mod scenario;
pub mod system;

pub mod history;
pub mod plan;
pub mod report;
pub mod site;

pub mod draft;

pub mod evidence;
pub mod procedure;
pub mod reconcile;

pub mod runbook;

pub mod run;

pub mod cli;
