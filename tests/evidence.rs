//! Evidence from outside: what a run leaves can be verified by us, by OpenSSH, by OpenSSL and by a
//! script in another language, and nothing of it can be changed without somebody noticing.
//!
//! Most runs here are made by the library, without stores: a journal with a few events. What needs
//! PostgreSQL, Python or OpenSSH is skipped where it is missing, and says so.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

#[path = "evidence/bundles.rs"]
mod bundles;
#[path = "evidence/chained.rs"]
mod chained;
#[path = "evidence/hostile.rs"]
mod hostile;
#[path = "evidence/keys.rs"]
mod keys;
#[path = "evidence/made.rs"]
mod made;
#[path = "evidence/others.rs"]
mod others;
#[path = "evidence/results.rs"]
mod results;
#[path = "evidence/rewritten.rs"]
mod rewritten;
#[path = "evidence/runs.rs"]
mod runs;
#[path = "evidence/tampered.rs"]
mod tampered;
#[expect(dead_code, reason = "another test uses the rest of it")]
#[path = "cli/yard.rs"]
mod yard;
