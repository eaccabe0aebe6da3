//! The program as a user meets it: the real binary in temporary folders, on the real PostgreSQL of
//! this machine. Exit codes, messages, and what is left behind, which is nothing.
//!
//! Where PostgreSQL isn't found, what needs a run is skipped and says so.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

#[path = "cli/defects.rs"]
mod defects;
#[path = "cli/elsewhere.rs"]
mod elsewhere;
#[path = "cli/engines.rs"]
mod engines;
#[path = "cli/lifecycle.rs"]
mod lifecycle;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/reports.rs"]
mod reports;
#[path = "cli/surroundings.rs"]
mod surroundings;
#[path = "cli/targets.rs"]
mod targets;
#[path = "cli/yard.rs"]
mod yard;
