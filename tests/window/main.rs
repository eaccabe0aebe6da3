//! The model of the consistency window.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod explore;

#[path = "../support"]
mod support {
    pub mod bless;
}
