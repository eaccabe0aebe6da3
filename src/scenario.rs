//! Scenario files: the types, with source spans.

pub mod diagnose;
pub mod parse;
