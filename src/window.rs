//! The consistency window (runbook 2.3) in a model: every interleaving of writes with a backup, the
//! result of a restore, and the conditions under which none is harmful. No I/O.
//!
//! The model's backup is a list of atomic sub-steps. A dump is one snapshot; a copy of the objects lists
//! the keys and then copies them one by one, each as it is at that moment.

pub mod advice;
mod conditions;
mod judge;
mod scenario;
mod schedule;
mod search;
mod shrink;
mod table;
mod vocabulary;
mod world;

pub mod picture;
pub mod render;

pub use conditions::{Safe, safe};
pub use judge::{AssetOutcome, Outcomes};
pub use scenario::Script;
pub use schedule::Schedule;
pub use search::Limits;
pub use shrink::shrink;
pub use table::{Cell, Example, Question, WindowTable};
pub use vocabulary::{MOST_WRITES, ModelObject, ModelStep, Part, PartsOf, Setting, WriteNo};

#[cfg(test)]
mod tests;
