//! Faults in binaries.
