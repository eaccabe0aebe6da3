//! Adapters to external systems: the only places that talk to PostgreSQL, object stores, containers
//! and the engine.

pub mod cluster;
pub mod container_spec;
#[cfg(feature = "containers")]
pub mod containers;
#[cfg(not(feature = "containers"))]
#[path = "system/no_containers.rs"]
pub mod containers;
pub mod destroy;
pub mod engine;
pub mod gate;
pub mod external_site;
pub mod objects;
pub mod postgres;
pub mod programs;
pub mod row_files;
