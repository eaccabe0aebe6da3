//! RunRecord: the fold of a run's events.
