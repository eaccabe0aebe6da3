//! Back up and restore side by side.

pub mod manifest;
pub mod pg_dump;
pub mod s3;
