//! The lowest ranks: nothing here imports a module above. Each module may import those declared before it.

pub mod input_file;

pub mod sanitize;

pub mod pattern;

pub mod sync;

pub mod shared;

pub mod sorted;
pub mod table;

pub mod ids;

pub mod digest;

pub mod checksum;
pub mod clock;

pub mod openmetrics;

pub mod error;

pub mod folder;

pub mod redact;

pub mod process;

pub mod shipped;
