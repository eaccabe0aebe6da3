//! The door to an object store.

pub mod s3;
