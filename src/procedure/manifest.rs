//! The manifest of the runbook's section 4.
