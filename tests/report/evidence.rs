//! Evidence from outside: what a run leaves can be verified by us, by OpenSSH, by OpenSSL and by a
//! script in another language, and nothing of it can be changed without somebody noticing.
//!
//! Most runs here are made by the library, without stores: a journal with a few events. What needs
//! PostgreSQL, Python or OpenSSH is skipped where it is missing, and says so.

mod bundles;
mod chained;
mod hostile;
mod keys;
mod made;
mod others;
mod refused;
mod results;
mod rewritten;
mod runs;
mod tampered;
