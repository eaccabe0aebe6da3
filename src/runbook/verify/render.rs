//! Renders: identical to the known-good PDF, or refused as documented.
