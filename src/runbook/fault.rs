//! Injects faults: into the live stores, into a backup's artefacts, or into how the next dump, copy
//! or restore is done. Each says what it changed; one that changed nothing says that.

use crate::{
    base::{
        ids::{AssetName, ObjectKey},
        trouble::Trouble,
    },
    model::fault::Fault,
    procedure::{Armed, Backup},
    site::Handles,
};
use std::collections::BTreeMap;

pub mod artefacts;
pub mod blobs;
pub mod loss;
pub mod rows;

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

/// Injects a fault; one that takes effect later is armed.
pub async fn inject(fault: &Fault, target: &Target<'_>, armed: &mut Armed) -> Result<Injected, Trouble> {
    match fault {
        Fault::OrphanBinary(name) => blobs::plant(target, name).await,
        Fault::LoseBinary(name) => blobs::lose(target, name).await,
        Fault::EmptyBinary(name) => blobs::rewrite(target, name, |_| Vec::new()).await,
        Fault::TruncateBinary(name) => {
            blobs::rewrite(target, name, |bytes| bytes[..bytes.len() / 2].to_vec()).await
        }
        Fault::FlipBit(name) => blobs::rewrite(target, name, blobs::flip_bit).await,
        Fault::SwapBinaries([one, other]) => blobs::swap(target, one, other).await,
        Fault::PreviousVersion(name) => blobs::previous(target, name).await,
        Fault::LoseRow(name) => rows::lose(target, name).await,
        Fault::RepointRow([one, other]) => rows::repoint(target, one, other).await,
        Fault::ChangeDefinition(key) => rows::change_definition(target, key).await,
        Fault::TruncateDump => artefacts::truncate_dump(target),
        Fault::LeaveTableOut(table) => {
            armed.without_tables.push(table.clone());
            Ok(Injected::changed(format!("the next dump leaves out {table}")))
        }
        Fault::CopyFirstPage(size) => {
            armed.first_page = Some(*size);
            Ok(Injected::changed(format!("the next copy stops after a listing's first {size} keys")))
        }
        Fault::CopyLeavesOut(start) => {
            let keys: Vec<ObjectKey> = target
                .keys
                .iter()
                .filter(|(n, _)| n.as_str().starts_with(start))
                .map(|(_, k)| k.clone())
                .collect();
            if keys.is_empty() {
                return Ok(Injected::nothing(format!("no asset's name starts with {start}")));
            }
            let detail = format!("the next copy leaves out {} objects", keys.len());
            armed.without_objects.extend(keys);
            Ok(Injected::changed(detail))
        }
        Fault::LeaveSequencesOut => {
            armed.without_sequences = true;
            Ok(Injected::changed("the next restore leaves out sequence data"))
        }
    }
}
