//! The restore stage.
