//! pulp-drill report.
