//! The target profile: how durable entities map to tables, keys and binaries.
