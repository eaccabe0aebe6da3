//! Rank 0: imports nothing of ours. Each module may import those declared before it.

pub mod given;

pub mod legible;

pub mod ids;

pub mod digest;

pub mod clock;

pub mod trouble;

pub mod redact;

pub mod process;
