//! Engine readiness, schedules and the manifest drift.
