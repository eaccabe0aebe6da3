//! The catalogue of faults: what a scenario can do to a store or to a backup. All that is said of a
//! fault stands in one line of the table below. How each is done is in `runbook::fault`; each has a
//! page in `docs/faults/` and a scenario.

use crate::{
    base::ids::{AssetName, TableName, TemplateKey},
    model::check::CheckId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where and when a fault takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultTarget {
    /// At once, in the live bucket or in the backup's copy of it.
    Objects,
    /// At once, in the live database: a backup holds rows as a dump only.
    Rows,
    /// At once, in the files that hold rows in file mode, live or in the backup's archive of them.
    RowFiles,
    /// At once, in the backup's files.
    Backup,
    /// When the database is dumped next.
    NextDump,
    /// When the bucket is listed for a copy next.
    NextCopy,
    /// When the bucket's objects are copied next, all at once or what is left of a list.
    NextTransfer,
    /// When `ASSETS_DIR` is archived next.
    NextArchive,
    /// When the results of batch jobs are copied next.
    NextResults,
    /// When the rows are restored next.
    NextRestore,
    /// When the schema is brought forward next.
    NextMigration,
    /// At once, in the bucket's versions.
    Versions,
    /// At once, in the archive of WAL.
    Archive,
    /// When the bucket is recovered to a point in time next.
    NextBucketRecovery,
    /// When the database is recovered to a point in time next.
    NextDatabaseRecovery,
}

/// How much a store throttles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Of how many requests it refuses one; 1 is all of them.
    #[schemars(range(min = 1))]
    pub every: u16,
}

/// A row of an entity of the profile, by the name that people know it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedRow {
    /// The profile's entity: `schedule`.
    pub entity: String,
    /// Its label: `Weekly reminder`.
    pub named: String,
}

/// A tarball of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    /// Of `TEMPLATES_DIR`.
    Templates,
    /// Of `ASSETS_DIR`.
    Assets,
}

/// What a fault's value names, for the checks of scenario files.
trait Names {
    fn assets(&self) -> &[AssetName] {
        &[]
    }

    fn templates(&self) -> &[TemplateKey] {
        &[]
    }
}

impl Names for AssetName {
    fn assets(&self) -> &[AssetName] {
        std::slice::from_ref(self)
    }
}

impl Names for [AssetName; 2] {
    fn assets(&self) -> &[AssetName] {
        self
    }
}

impl Names for TemplateKey {
    fn templates(&self) -> &[TemplateKey] {
        std::slice::from_ref(self)
    }
}

impl Names for TableName {}
impl Names for String {}
impl Names for u16 {}
impl Names for Archive {}
impl Names for NamedRow {}
impl Names for Throttle {}

/// A fault in lists and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultEntry {
    /// The id in the catalogue.
    pub id: &'static str,
    /// The words of a scenario file, without the value.
    pub description: &'static str,
    /// Where and when it takes effect.
    pub takes: FaultTarget,
    /// The check that must notice it; none where it does no harm.
    pub caught_by: Option<CheckId>,
    /// What it does, in a sentence.
    pub meaning: &'static str,
}

// One fault: its variant with the value that a scenario gives, its id, its words, where it takes
// effect, the check that must notice it (`Nobody` where it does no harm), and what it does.
macro_rules! faults {
    ($($variant:ident $(($value:ident: $type:ty))? $id:literal $description:literal $takes:ident $check:ident $meaning:literal),* $(,)?) => {
        /// A fault, in the words of a scenario file.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Fault { $(#[doc = $meaning] #[serde(rename = $description)] $variant $(($type))?),* }

        impl Fault {
            /// The ids of all faults.
            pub const IDS: &[&str] = &[$($id),*];

            /// All faults, for lists and tables.
            pub const ALL: &[FaultEntry] = &[$(FaultEntry {
                id: $id,
                description: $description,
                takes: FaultTarget::$takes,
                caught_by: faults!(@check $check),
                meaning: $meaning,
            }),*];

            /// The id in the catalogue, and the name of its page in `docs/faults/`.
            pub fn id(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $id),* }
            }

            /// The words of a scenario file, without the value.
            pub fn describe(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $description),* }
            }

            /// Where and when it takes effect.
            pub fn takes(&self) -> FaultTarget {
                match self { $(Self::$variant { .. } => FaultTarget::$takes),* }
            }

            /// The check that must notice it; none where it does no harm.
            pub fn caught_by(&self) -> Option<CheckId> {
                match self { $(Self::$variant { .. } => faults!(@check $check)),* }
            }

            /// The assets that it names.
            pub fn assets(&self) -> &[AssetName] {
                match self { $(Self::$variant $(($value))? => faults!(@names assets $($value)?)),* }
            }

            /// The templates that it names.
            pub fn templates(&self) -> &[TemplateKey] {
                match self { $(Self::$variant $(($value))? => faults!(@names templates $($value)?)),* }
            }
        }
    };
    (@check Nobody) => { None };
    (@check $check:ident) => { Some(CheckId::$check) };
    (@names $of:ident) => { &[] };
    (@names $of:ident $value:ident) => { Names::$of($value) };
}

faults! {
    OrphanBinary(asset: AssetName) "orphan-binary" "plant orphan binary" Objects Reconcile
        "An object that no row points at appears in the bucket.",
    LoseBinary(asset: AssetName) "binary-missing" "lose binary" Objects Reconcile
        "The object behind an asset is deleted; its row stays.",
    EmptyBinary(asset: AssetName) "binary-zero-length" "empty binary" Objects Reconcile
        "The object behind an asset becomes zero bytes long.",
    TruncateBinary(asset: AssetName) "binary-truncated" "truncate binary" Objects Reconcile
        "The object behind an asset loses its second half.",
    FlipBit(asset: AssetName) "binary-bit-flipped" "flip one bit in binary" Objects Reconcile
        "One bit of the object behind an asset is flipped; its size stays.",
    SwapBinaries(assets: [AssetName; 2]) "binaries-swapped" "swap binaries" Objects Reconcile
        "The objects behind two assets change places.",
    PreviousVersion(asset: AssetName) "binary-previous-version" "bring back previous version of binary" Objects Reconcile
        "The object behind an asset goes back to what it was before it was last replaced.",
    LoseMetadata(asset: AssetName) "binary-metadata-lost" "lose metadata of binary" Objects Reconcile
        "The object behind an asset keeps its bytes and loses the headers that its store kept with them.",
    AbandonUpload "abandoned-multipart" "abandoned multipart upload" Objects Nobody
        "An upload by parts is begun in the bucket and never completed: its parts take room, and no list shows them.",
    LoseRow(asset: AssetName) "row-lost" "lose row of asset" Rows Contents
        "The row of an asset is deleted; its object stays.",
    LoseNamedRow(row: NamedRow) "named-row-lost" "lose row" Rows Contents
        "The row of any entity of the profile is deleted, and with it what the database deletes by itself.",
    RepointRow(assets: [AssetName; 2]) "row-repointed" "point row at another binary" Rows Contents
        "The row of the first asset is made to point at the object of the second.",
    ChangeDefinition(template: TemplateKey) "definition-changed" "change one character in definition" Rows Contents
        "One character of a template's current definition is changed; counts and lengths stay.",
    TruncateDump "dump-truncated" "truncate dump" Backup Procedure
        "The dump file loses its second half.",
    TruncateArchive(archive: Archive) "archive-truncated" "truncate archive" Backup Procedure
        "The tarball of a folder loses its second half.",
    TruncateRowFile(table: TableName) "row-file-truncated" "truncate file with rows of" RowFiles Contents
        "A file that holds a table's rows in file mode loses its second half.",
    ForgetAssets "assets-folder-forgotten" "forget assets folder" NextArchive Contents
        "`TEMPLATES_DIR` is archived and `ASSETS_DIR` is not.",
    ForgetResults "results-forgotten" "forget results" NextResults Reconcile
        "The results of batch jobs are not copied.",
    LeaveTableOut(table: TableName) "dump-without-table" "leave table out of dump" NextDump Catalog
        "The dump is taken without one table.",
    CopyFirstPage(keys: u16) "copy-first-page-only" "stop copy after first page of" NextCopy Reconcile
        "The copy of the bucket lists with pages of this many keys and stops after the first.",
    CopyLeavesOut(start: String) "copy-without-prefix" "leave out of copy assets named like" NextCopy Reconcile
        "The copy of the bucket leaves out the objects of assets whose names start like this.",
    ThrottleStore(throttle: Throttle) "store-throttles" "store throttles" NextTransfer Procedure
        "The object store answers every so manyth request of the copy with 503 `SlowDown`.",
    LeaveSequencesOut "sequences-left-out" "leave out sequence data" NextRestore Sequences
        "The rows come back without the positions of their sequences.",
    StopMigration "migration-stopped" "stop migration in the middle" NextMigration Procedure
        "The next migration is stopped half way: some of its statements are applied, the others are not.",
    SuspendVersioning "versioning-off" "suspend versioning" Versions Procedure
        "The bucket's versioning is suspended: what is replaced or deleted from now on is lost.",
    ExpireVersions(asset: AssetName) "version-expired" "expire versions of binary" Versions Reconcile
        "Every version of the object behind an asset is removed for good; delete markers stay.",
    LoseSegment "wal-gap" "lose WAL segment" Archive Procedure
        "The last WAL segment but one is gone from the archive.",
    CorruptSegment "wal-corrupt" "corrupt WAL segment" Archive Procedure
        "A byte in the middle of the last WAL segment but one is changed in the archive.",
    BucketAtBaseBackup "bucket-at-another-time" "recover bucket as of base backup" NextBucketRecovery Reconcile
        "The bucket is brought to the moment of the base backup, the rows to the recovery target.",
    PassOverMarkers "delete-markers-ignored" "pass over delete markers" NextBucketRecovery Reconcile
        "The newest version of every key comes back, deleted or not.",
    TargetPastArchive "target-past-archive" "set target past archive" NextDatabaseRecovery Procedure
        "The database is to be recovered to an hour after the recovery target.",
    TargetBeforeBaseBackup "target-before-base-backup" "set target before base backup" NextDatabaseRecovery Procedure
        "The database is to be recovered to an hour before the base backup.",
    LeaveTargetOut "target-exclusive" "leave out target itself" NextDatabaseRecovery Procedure
        "The recovery stops before what was committed at the very target, not after it.",
    WrongTimeline "wrong-timeline" "recover along another timeline" NextDatabaseRecovery Procedure
        "The recovery is to follow a timeline that no server was ever on.",
    ShareArchive "archive-shared" "keep archiving into source's archive" NextDatabaseRecovery Procedure
        "The recovered server keeps the archive_command of the source.",
}
