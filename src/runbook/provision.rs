//! The substrate: started once a run, gone at its end.

pub mod leftovers;
pub mod processes;
