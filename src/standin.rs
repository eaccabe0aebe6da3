//! The stand-ins: child processes of our own binary, reached only over HTTP.
//! They import `base::ids` and nothing else of ours, so that no check can borrow their logic.

pub mod engine;
pub mod objects;
