//! The loop: the stages in runbook order.

pub mod provision;
pub mod seed;
pub mod fault;
pub mod backup;
pub mod restore;
pub mod verify;
