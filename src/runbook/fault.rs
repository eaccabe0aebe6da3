//! Injects faults.

pub mod artefacts;
pub mod blobs;
pub mod rows;
