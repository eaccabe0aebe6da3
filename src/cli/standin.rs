//! pulp-drill standin.
