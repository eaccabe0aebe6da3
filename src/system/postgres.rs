//! The door to PostgreSQL.
