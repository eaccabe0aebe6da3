//! What an injector works on, and what it reports.

use crate::{
    base::ids::{AssetName, ObjectKey},
    journal::Logbook,
    procedure::Backup,
    site::Handles,
    system::objects::Bucket,
};
use std::collections::BTreeMap;

/// What a fault did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// Whether anything changed.
    pub changed: bool,
    /// What changed: before and after.
    pub detail: String,
}

impl Injected {
    pub(super) fn changed(detail: impl Into<String>) -> Self {
        Self { changed: true, detail: detail.into() }
    }

    pub(super) fn nothing(detail: impl Into<String>) -> Self {
        Self { changed: false, detail: detail.into() }
    }
}

/// The place where a fault is injected.
pub struct FaultSite<'a> {
    /// The site.
    pub site: &'a Handles,
    /// The storage keys of assets, by name.
    pub keys: BTreeMap<AssetName, ObjectKey>,
    /// All bytes ever sent for an asset, oldest first.
    pub sent: &'a BTreeMap<AssetName, Vec<Vec<u8>>>,
    /// The backup so far.
    pub backup: &'a Backup,
    /// Whether the fault goes into the backup's artefacts instead of the live stores.
    pub in_backup: bool,
    /// The bytes of a fixture, where the fault adds one.
    pub fixture: Option<Vec<u8>>,
    /// The binaries of the backup's archive, while it is unpacked.
    pub unpacked: Option<Bucket>,
    /// The log of commands.
    pub log: &'a Logbook,
}
