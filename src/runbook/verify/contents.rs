//! Rows against the cut point.
