//! pulp-drill run.
