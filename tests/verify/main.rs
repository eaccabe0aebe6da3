//! The checks of the verify stage on data that is damaged in known ways, without stores.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod golden;
mod pdf_diff;
mod states;
