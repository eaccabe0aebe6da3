//! The checks after a restore.

pub mod catalog;
pub mod contents;
pub mod pdf;
pub mod reconcile;
pub mod render;
pub mod runtime;
