//! What can be checked without starting anything: the sources, the scenarios, the documents and the
//! workflows agree with each other.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod catalogue;
mod generated;
mod layering;
mod scenarios;
mod workflows;

#[path = "../support"]
mod support {
    pub mod bless;
}
