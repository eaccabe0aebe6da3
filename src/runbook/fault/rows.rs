//! Faults in rows.
