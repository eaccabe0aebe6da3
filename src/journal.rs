//! The single writer of a run's events.
