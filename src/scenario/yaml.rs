//! YAML files as a located tree, and typed values out of it: what scenarios, seeds and profiles have
//! in common. What their words mean is not known here. Each module may import those before it.

pub mod files;

pub mod tree;

pub mod typed;

pub mod fields;
