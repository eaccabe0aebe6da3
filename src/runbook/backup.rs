//! The backup stage.
