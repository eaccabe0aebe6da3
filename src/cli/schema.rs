//! pulp-drill schema.
