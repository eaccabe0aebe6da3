//! Whole drills on real stores: shipped scenarios, writes in flight, replayed schedules, existing
//! backups, and systems under test that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod damage;
mod existing_backup;
mod feature_zoo;
mod held_writes;
mod misbehaving;
mod readme;
mod references;
mod replay;
mod shipped;
mod workload;

#[path = "../support"]
mod support {
    pub mod bless;
    pub mod consistency;
    pub mod document_part;
    pub mod private_postgres;
}
