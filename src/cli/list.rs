//! pulp-drill list.
