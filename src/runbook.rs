//! The loop: the stages in runbook order.

pub mod backup;
pub mod fault;
pub mod provision;
pub mod restore;
pub mod seed;
pub mod verify;
