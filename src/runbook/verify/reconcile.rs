//! Rows against objects, both ways.
