//! What all drills of a run share.

use crate::{
    base::clock::Clock,
    journal::Journal,
    runbook::{backup::Examination, provision::Substrate},
    scenario::{library::FixtureLibrary, seed::Seed},
};
use std::{collections::BTreeMap, path::PathBuf};

/// What all drills of a run share.
pub struct RunContext {
    /// PostgreSQL and the object store.
    pub substrate: Substrate,
    /// The seeds of all plans, by name.
    pub seeds: BTreeMap<String, Seed>,
    /// Loose fixtures.
    pub library: FixtureLibrary,
    /// The folder with known-good PDFs of a seed, where there is one.
    pub golden: BTreeMap<String, PathBuf>,
    /// The journal.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Whether sites are kept.
    pub keep: bool,
    /// Which other programs examine each backup.
    pub examination: Examination,
}
