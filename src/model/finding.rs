//! The catalogue of what can be found wrong, and a finding.
