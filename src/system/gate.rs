//! A proxy between engine and object store that can be told to fail.
