//! One run, from its options to the sealed record: `options` -> `plans` (everything that can be
//! refused before anything is started) -> `schedule` (drills in parallel, each by
//! `runbook::drill`) -> `session` (header, teardown, reports, evidence). It prints nothing but
//! notices, and knows nothing of the command line.

pub mod notify;
pub mod options;
pub mod signing;
pub mod site_variables;

mod session;
mod signals;

mod plans;

pub mod schedule;

mod backup_place;
pub mod ledger;
pub mod existing_backup;
pub mod merge;
pub mod replay;
pub mod scratch;

pub use session::FinishedRun;
