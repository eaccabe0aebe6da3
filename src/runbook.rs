//! The loop: performs plans on sites, in runbook order, and turns what it saw into events and a
//! verdict. Scenarios run side by side; each on its own site.

pub mod provision;

pub mod seed;

pub mod workload;

pub mod fault;

pub mod backup;

pub mod restore;

pub mod verify;

mod drill;
pub mod existing_backup;

pub use drill::{DrillOutcome, ProcedureFailed, RunContext, drill};
