//! The catalogue of faults: what a scenario can do to a store or to a backup. How each is done is
//! in `runbook::fault`; each has a page in `docs/faults/`.

use crate::{
    base::ids::{AssetName, TableName, TemplateKey},
    model::check::CheckId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault, in the words of a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Fault {
    /// An object that no row points at appears in the bucket.
    #[serde(rename = "plant orphan binary")]
    OrphanBinary(AssetName),
    /// The object behind an asset is deleted; its row stays.
    #[serde(rename = "lose binary")]
    LoseBinary(AssetName),
    /// The object behind an asset becomes zero bytes long.
    #[serde(rename = "empty binary")]
    EmptyBinary(AssetName),
    /// The object behind an asset loses its second half.
    #[serde(rename = "truncate binary")]
    TruncateBinary(AssetName),
    /// One bit of the object behind an asset is flipped; its size stays.
    #[serde(rename = "flip one bit in binary")]
    FlipBit(AssetName),
    /// The objects behind two assets change places.
    #[serde(rename = "swap binaries")]
    SwapBinaries([AssetName; 2]),
    /// The object behind an asset goes back to what it was before it was last replaced.
    #[serde(rename = "bring back previous version of binary")]
    PreviousVersion(AssetName),
    /// The row of an asset is deleted; its object stays.
    #[serde(rename = "lose row of asset")]
    LoseRow(AssetName),
    /// The row of the first asset is made to point at the object of the second.
    #[serde(rename = "point row at another binary")]
    RepointRow([AssetName; 2]),
    /// One character of a template's current definition is changed; counts and lengths stay.
    #[serde(rename = "change one character in definition")]
    ChangeDefinition(TemplateKey),
    /// The dump file loses its second half.
    #[serde(rename = "truncate dump")]
    TruncateDump,
    /// The dump is taken without one table.
    #[serde(rename = "leave table out of dump")]
    LeaveTableOut(TableName),
    /// The copy of the bucket lists with pages of this many keys and stops after the first.
    #[serde(rename = "stop copy after first page of")]
    CopyFirstPage(u16),
    /// The copy of the bucket leaves out the objects of assets whose names start like this.
    #[serde(rename = "leave out of copy assets named like")]
    CopyLeavesOut(String),
    /// The rows come back without the positions of their sequences.
    #[serde(rename = "leave out sequence data")]
    LeaveSequencesOut,
}

/// Where in time a fault takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// At once, in the stores.
    Stores,
    /// At once, in the backup's artefacts.
    Backup,
    /// When the next step of this kind is done.
    NextDump,
    /// When the bucket is copied next.
    NextCopy,
    /// When the rows are restored next.
    NextRestore,
}

impl Fault {
    /// The id in the catalogue, and the name of its page in `docs/faults/`.
    pub fn id(&self) -> &'static str {
        match self {
            Self::OrphanBinary(_) => "orphan-binary",
            Self::LoseBinary(_) => "binary-missing",
            Self::EmptyBinary(_) => "binary-zero-length",
            Self::TruncateBinary(_) => "binary-truncated",
            Self::FlipBit(_) => "binary-bit-flipped",
            Self::SwapBinaries(_) => "binaries-swapped",
            Self::PreviousVersion(_) => "binary-previous-version",
            Self::LoseRow(_) => "row-lost",
            Self::RepointRow(_) => "row-repointed",
            Self::ChangeDefinition(_) => "definition-changed",
            Self::TruncateDump => "dump-truncated",
            Self::LeaveTableOut(_) => "dump-without-table",
            Self::CopyFirstPage(_) => "copy-first-page-only",
            Self::CopyLeavesOut(_) => "copy-without-prefix",
            Self::LeaveSequencesOut => "sequences-left-out",
        }
    }

    /// The ids of all faults, for lists and for the tests that hold pages and scenarios together.
    pub const IDS: &[&str] = &[
        "orphan-binary",
        "binary-missing",
        "binary-zero-length",
        "binary-truncated",
        "binary-bit-flipped",
        "binaries-swapped",
        "binary-previous-version",
        "row-lost",
        "row-repointed",
        "definition-changed",
        "dump-truncated",
        "dump-without-table",
        "copy-first-page-only",
        "copy-without-prefix",
        "sequences-left-out",
    ];

    /// Where and when it takes effect.
    pub fn takes(&self) -> Takes {
        match self {
            Self::OrphanBinary(_)
            | Self::LoseBinary(_)
            | Self::EmptyBinary(_)
            | Self::TruncateBinary(_)
            | Self::FlipBit(_)
            | Self::SwapBinaries(_)
            | Self::PreviousVersion(_)
            | Self::LoseRow(_)
            | Self::RepointRow(_)
            | Self::ChangeDefinition(_) => Takes::Stores,
            Self::TruncateDump => Takes::Backup,
            Self::LeaveTableOut(_) => Takes::NextDump,
            Self::CopyFirstPage(_) | Self::CopyLeavesOut(_) => Takes::NextCopy,
            Self::LeaveSequencesOut => Takes::NextRestore,
        }
    }

    /// The check that must notice it (fault catalogue, last column).
    pub fn caught_by(&self) -> CheckId {
        match self {
            Self::OrphanBinary(_)
            | Self::LoseBinary(_)
            | Self::EmptyBinary(_)
            | Self::TruncateBinary(_)
            | Self::FlipBit(_)
            | Self::SwapBinaries(_)
            | Self::PreviousVersion(_)
            | Self::CopyFirstPage(_)
            | Self::CopyLeavesOut(_) => CheckId::Reconcile,
            Self::LoseRow(_) | Self::RepointRow(_) | Self::ChangeDefinition(_) => CheckId::Contents,
            Self::TruncateDump => CheckId::Procedure,
            Self::LeaveTableOut(_) => CheckId::Catalog,
            Self::LeaveSequencesOut => CheckId::Sequences,
        }
    }

    /// The assets that it names, for the checks of scenario files.
    pub fn assets(&self) -> Vec<&AssetName> {
        match self {
            Self::OrphanBinary(a)
            | Self::LoseBinary(a)
            | Self::EmptyBinary(a)
            | Self::TruncateBinary(a)
            | Self::FlipBit(a)
            | Self::PreviousVersion(a)
            | Self::LoseRow(a) => vec![a],
            Self::SwapBinaries([a, b]) | Self::RepointRow([a, b]) => vec![a, b],
            Self::ChangeDefinition(_)
            | Self::TruncateDump
            | Self::LeaveTableOut(_)
            | Self::CopyFirstPage(_)
            | Self::CopyLeavesOut(_)
            | Self::LeaveSequencesOut => vec![],
        }
    }

    /// The templates that it names, for the checks of scenario files.
    pub fn templates(&self) -> Vec<&TemplateKey> {
        match self {
            Self::ChangeDefinition(key) => vec![key],
            Self::OrphanBinary(_)
            | Self::LoseBinary(_)
            | Self::EmptyBinary(_)
            | Self::TruncateBinary(_)
            | Self::FlipBit(_)
            | Self::SwapBinaries(_)
            | Self::PreviousVersion(_)
            | Self::LoseRow(_)
            | Self::RepointRow(_)
            | Self::TruncateDump
            | Self::LeaveTableOut(_)
            | Self::CopyFirstPage(_)
            | Self::CopyLeavesOut(_)
            | Self::LeaveSequencesOut => vec![],
        }
    }

    /// Whether it damages rows; a backup holds rows as a dump only, so it needs a live database.
    pub fn is_on_rows(&self) -> bool {
        match self {
            Self::LoseRow(_) | Self::RepointRow(_) | Self::ChangeDefinition(_) => true,
            Self::OrphanBinary(_)
            | Self::LoseBinary(_)
            | Self::EmptyBinary(_)
            | Self::TruncateBinary(_)
            | Self::FlipBit(_)
            | Self::SwapBinaries(_)
            | Self::PreviousVersion(_)
            | Self::TruncateDump
            | Self::LeaveTableOut(_)
            | Self::CopyFirstPage(_)
            | Self::CopyLeavesOut(_)
            | Self::LeaveSequencesOut => false,
        }
    }
}
