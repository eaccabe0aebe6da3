//! The local substrate: a private PostgreSQL cluster and an S3 server.
