//! The bucket copied into a dated prefix and back (runbook 2.2 and 3.2).
