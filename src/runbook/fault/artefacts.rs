//! Faults in backup artefacts.
