//! Data types without I/O. Each module may import those declared before it.

pub mod write;

pub mod key_range;

pub mod blast_radius;
pub mod figures;

pub mod check;

pub mod workload;

pub mod control;

pub mod fault;

pub mod finding;

pub mod verdict;

pub mod exit_code;

pub mod level;

pub mod state;

pub mod profile;

pub mod reference;

pub mod page_images;
pub mod fit;

pub mod event;

pub mod record;

pub mod detection;

pub mod tool_proof;

pub mod budget;
