//! Back up and restore, side by side: the runbook's sections 2 and 3, one driver for each kind of
//! artefact. A command that fails is a finding about the procedure; only what keeps us from trying
//! is an error.

use crate::{
    base::{digest::Digest, ids::ObjectKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
    scenario::method::DurableStore,
    system::objects::Listing,
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeSet, path::PathBuf};

pub mod archive;
pub mod command;
pub mod foreign;
pub mod manifest;
pub mod pg_dump;
pub mod physical;
pub mod pitr;
pub mod s3;
pub mod schema;
pub mod throttle;

/// A base backup and the recovery target chosen for it.
#[derive(Clone, Debug)]
pub struct BaseBackup {
    /// The folder of the base backup.
    pub base: PathBuf,
    /// When it was begun, by PostgreSQL's clock.
    pub begun: DateTime<Utc>,
    /// The moment to recover to, by PostgreSQL's clock.
    pub target: Option<DateTime<Utc>>,
}

/// The artefacts of one backup so far.
#[derive(Clone, Debug, Default)]
pub struct Backup {
    /// The dump file, or folder in directory format (runbook 2.1).
    pub dump: Option<PathBuf>,
    /// Its SHA-256 when it was taken, where it is one file.
    pub dump_sha256: Option<Digest>,
    /// The dated prefix in the backup bucket (runbook 2.2).
    pub copy: Option<String>,
    /// What was listed and is not copied yet, where that is done in parts.
    pub listed: Listing,
    /// The dated prefix of the batch results in the backup bucket.
    pub results: Option<String>,
    /// The tarball of `TEMPLATES_DIR` (runbook 6).
    pub templates: Option<PathBuf>,
    /// The tarball of `ASSETS_DIR` (runbook 2.2, 6).
    pub assets: Option<PathBuf>,
    /// The files of an existing physical backup, once they are here.
    pub cluster: Option<physical::recovery::FetchedCluster>,
    /// The base backup, and the recovery target (runbook 2.3).
    pub point: Option<BaseBackup>,
    /// The places that it was to hold and does not, because somebody forgot them.
    pub forgotten: BTreeSet<DurableStore>,
    /// The manifest (runbook 2.4).
    pub manifest: Option<manifest::Manifest>,
    /// The names that were given so far.
    names: BTreeSet<String>,
}

impl Backup {
    /// A name for something of a backup that nothing of an earlier one has: of two within a second, the
    /// later one gets a number.
    pub fn fresh(&mut self, stamp: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{stamp}-{number}"));
        let mut names = std::iter::once(stamp.to_owned()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(name.clone());
        name
    }
}

/// What an armed fault makes a procedure do wrong.
#[derive(Clone, Debug, Default)]
pub struct PendingFaults {
    /// Further options of the next dump.
    pub dump_options: Vec<String>,
    /// The page size of the listing after whose first page the next copy stops.
    pub first_page: Option<u16>,
    /// Of how many requests of the next copy the store refuses one.
    pub throttle: Option<u64>,
    /// How many requests a store that throttled has refused, once it is over.
    pub refused: Option<usize>,
    /// Objects that the next copy leaves out.
    pub without_objects: Vec<ObjectKey>,
    /// Whether the next archive of `ASSETS_DIR` is forgotten.
    pub without_assets: bool,
    /// Whether the next copy of the batch results is forgotten.
    pub without_results: bool,
    /// Whether the next restore leaves out the sequences' positions.
    pub without_sequences: bool,
    /// Whether the next migration stops half way.
    pub half_migration: bool,
    /// What goes wrong when the stores are recovered next.
    pub recovery: BTreeSet<RecoveryFault>,
}

/// A way in which a recovery to a point in time goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoveryFault {
    /// The bucket is brought to where it was when the base backup was taken.
    BucketAtBaseBackup,
    /// Delete markers are passed over: every key comes back.
    MarkersPassedOver,
    /// The database's target is an hour after the real one.
    PastArchive,
    /// The database's target is an hour before the base backup.
    BeforeBaseBackup,
    /// What was committed at the very target is left out.
    Exclusive,
    /// The recovery looks for a timeline that nobody was ever on.
    WrongTimeline,
    /// The recovered server keeps the source's `archive_command`.
    Archiving,
}

impl RecoveryFault {
    /// Whether it is the bucket's recovery that goes wrong, and not the database's.
    pub fn is_of_bucket(self) -> bool {
        match self {
            Self::BucketAtBaseBackup | Self::MarkersPassedOver => true,
            Self::PastArchive
            | Self::BeforeBaseBackup
            | Self::Exclusive
            | Self::WrongTimeline
            | Self::Archiving => false,
        }
    }
}

/// The finding that a backup's step failed.
pub fn backup_failed(step: &str, actual: String) -> Finding {
    failed(FindingKind::BackupFailed, step, actual)
}

/// The finding that a restore's step failed.
pub fn restore_failed(step: &str, actual: String) -> Finding {
    failed(FindingKind::RestoreFailed, step, actual)
}

fn failed(kind: FindingKind, step: &str, actual: String) -> Finding {
    Finding::new(CheckId::Procedure, kind, Entity::Step(step.to_owned()), "every command succeeds", actual)
}
