//! pulp-drill check.
