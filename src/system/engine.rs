//! The door to the engine: its HTTP client.
