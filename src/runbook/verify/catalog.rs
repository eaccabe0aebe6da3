//! Tables, columns, constraints, indexes and sequences against the source.
