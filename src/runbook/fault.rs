//! Injects faults: into the live stores, into a backup's artefacts, or into how the next dump, copy
//! or restore is done. Each says what it changed; one that changed nothing says that.

use crate::{
    base::{
        ids::{AssetName, ObjectKey},
        trouble::Trouble,
    },
    model::fault::{Fault, Takes},
    procedure::{Armed, Backup},
    site::Handles,
};
use std::collections::BTreeMap;

pub mod archive;
pub mod artefacts;
pub mod blobs;
pub mod later;
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
pub struct Target<'a> {
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
}

/// Injects a fault; one that takes effect later is armed. Each module knows the faults of one place.
pub async fn inject(fault: &Fault, target: &Target<'_>, armed: &mut Armed) -> Result<Injected, Trouble> {
    let injected = match fault.takes() {
        Takes::Objects => blobs::inject(fault, target).await?,
        Takes::Rows => rows::inject(fault, target).await?,
        Takes::Backup => artefacts::inject(fault, target)?,
        Takes::Versions => versions::inject(fault, target).await?,
        Takes::Archive => archive::inject(fault, target)?,
        Takes::NextDump
        | Takes::NextCopy
        | Takes::NextRestore
        | Takes::NextBucketRecovery
        | Takes::NextDatabaseRecovery => later::inject(fault, target, armed),
    };
    injected.ok_or_else(|| Trouble::harness(format!("no injector knows the fault {}", fault.id())))
}
