//! RunRecord to files.

pub mod junit;
pub mod terminal;
