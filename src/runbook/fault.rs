//! Injects faults: into the live stores, into a backup's artefacts, or into how the next dump, copy
//! or restore is done. Each says what it changed; one that changed nothing says that.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey},
    },
    journal::Logbook,
    model::fault::{Fault, FaultTarget},
    procedure::{Backup, PendingFaults},
    site::Handles,
    system::objects::Bucket,
};
use std::collections::BTreeMap;

pub mod wal;
pub mod tarball;
pub mod dump;
pub mod objects;
pub mod pending;
pub mod loss;
pub mod rows;
pub mod versions;

/// What a fault did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// Whether anything is another than before.
    pub changed: bool,
    /// What: before and after.
    pub detail: String,
}

impl Injected {
    fn changed(detail: impl Into<String>) -> Self {
        Self { changed: true, detail: detail.into() }
    }

    fn nothing(detail: impl Into<String>) -> Self {
        Self { changed: false, detail: detail.into() }
    }
}

/// What a fault is aimed at.
pub struct FaultSite<'a> {
    /// The site.
    pub site: &'a Handles,
    /// The storage keys of assets, by name.
    pub keys: BTreeMap<AssetName, ObjectKey>,
    /// All bytes ever sent for an asset, oldest first.
    pub sent: &'a BTreeMap<AssetName, Vec<Vec<u8>>>,
    /// The backup so far.
    pub backup: &'a Backup,
    /// Whether the fault goes into the backup's artefacts.
    pub in_backup: bool,
    /// A loose fixture's bytes, where the fault plants one.
    pub fixture: Option<Vec<u8>>,
    /// The binaries of the backup's archive, while it is unpacked.
    pub unpacked: Option<Bucket>,
    /// Where commands are kept.
    pub log: &'a Logbook,
}

/// Injects a fault; one that takes effect later is armed. Each module knows the faults of one place.
pub async fn inject(
    fault: &Fault,
    target: &mut FaultSite<'_>,
    armed: &mut PendingFaults,
) -> Result<Injected, Error> {
    let injected = match fault.takes() {
        FaultTarget::Objects if target.in_backup && matches!(target.site.objects, Bucket::Files(_)) => {
            tarball::inject_in_binaries(fault, target).await?
        }
        FaultTarget::Objects => objects::inject(fault, target).await?,
        FaultTarget::RowFiles => tarball::inject_in_rows(fault, target).await?,
        FaultTarget::Rows => rows::inject(fault, target).await?,
        FaultTarget::Backup => dump::inject(fault, target)?,
        FaultTarget::Versions => versions::inject(fault, target).await?,
        FaultTarget::Archive => wal::inject(fault, target)?,
        FaultTarget::NextDump
        | FaultTarget::NextCopy
        | FaultTarget::NextTransfer
        | FaultTarget::NextArchive
        | FaultTarget::NextResults
        | FaultTarget::NextRestore
        | FaultTarget::NextMigration
        | FaultTarget::NextBucketRecovery
        | FaultTarget::NextDatabaseRecovery => pending::inject(fault, target, armed),
    };
    injected.ok_or_else(|| Error::harness(format!("no injector knows the fault {}", fault.id())))
}
