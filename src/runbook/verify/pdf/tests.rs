//! What the parts promise together, on documents made in code.
