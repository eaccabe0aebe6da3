//! What must be there at a cut point.
