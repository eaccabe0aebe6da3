//! pulp-drill doctor.
