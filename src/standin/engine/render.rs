//! Definition, data and assets to a deterministic PDF.
