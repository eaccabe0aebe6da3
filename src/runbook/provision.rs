//! The substrate, started once a run and removed at its end, and the sites on it: each scenario gets a
//! database, two buckets and an engine of its own, so that scenarios run side by side.

pub mod attached;
mod binaries;
pub mod containers;
mod engine_choice;
pub mod external;
mod keep;
pub mod leftovers;
pub mod processes;
mod restrict_role;
mod site;
mod stores;
mod substrate;
mod variables;

pub use engine_choice::EngineChoice;
pub use substrate::{ServerChoice, Substrate};
