//! The catalogue of faults: what a scenario can do to a store or to a backup. All properties of a
//! fault are in one row of the table below. The injectors are in `runbook::fault`; each fault has a
//! page in `docs/faults/` and a scenario.

use crate::{
    base::ids::{AssetName, TableName, TemplateKey},
    model::check::{CheckId, Requirement},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where and when a fault takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultTarget {
    /// Immediately, in the live bucket or in the backup's copy of it.
    Objects,
    /// Immediately, in the live database. Not in a backup, where rows are in a dump.
    Rows,
    /// Immediately, in the row files of file mode, live or in the backup's archive of them.
    RowFiles,
    /// Immediately, in the backup's dump.
    Dump,
    /// Immediately, in one of the backup's tarballs.
    Tarball,
    /// Immediately, in the bucket's versions.
    Versions,
    /// Immediately, in the WAL archive.
    WalArchive,
    /// At the next dump of the database.
    NextDump,
    /// At the next listing of the bucket for a copy.
    NextCopy,
    /// At the next copy of the bucket's objects, all of them or the rest of a list.
    NextTransfer,
    /// At the next archive of `ASSETS_DIR`.
    NextArchive,
    /// At the next copy of the batch results.
    NextResults,
    /// At the next restore of the rows.
    NextRestore,
    /// At the next migration of the schema.
    NextMigration,
    /// At the next point-in-time recovery of the bucket.
    NextBucketRecovery,
    /// At the next point-in-time recovery of the database.
    NextDatabaseRecovery,
    /// At the next start of the engine, and for as long as it runs: a defect of the stand-in.
    NextStart,
}

/// How much a store throttles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// It refuses one request out of this many; 1 is all of them.
    #[schemars(range(min = 1))]
    pub every: u16,
}

/// A row of an entity of the profile, by its label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedRow {
    /// The profile's entity: `schedule`.
    pub entity: String,
    /// Its label: `Weekly reminder`.
    pub named: String,
}

/// A tarball in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    /// Of `TEMPLATES_DIR`.
    Templates,
    /// Of `ASSETS_DIR`.
    Assets,
}

/// The names in a fault's value, for the checks of scenario files.
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

/// A row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultEntry {
    /// The id in the catalogue.
    pub id: &'static str,
    /// The keyword in scenario files.
    pub description: &'static str,
    /// Where and when it takes effect.
    pub target: FaultTarget,
    /// What it takes to inject it.
    pub requires: Requirement,
    /// The check that must detect it; none if it does no harm.
    pub caught_by: Option<CheckId>,
    /// What it does, in a sentence.
    pub meaning: &'static str,
}

// One fault: its variant with the value that a scenario gives, its id, its keyword, its target,
// whether it needs the target's API, the check that must detect it (`Nothing` if it does no harm),
// and what it does.
macro_rules! faults {
    ($($variant:ident $(($value:ident: $type:ty))? $id:literal $keyword:literal $target:ident $requires:ident $check:ident $meaning:literal),* $(,)?) => {
        /// A fault, by its keyword in scenario files.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Fault { $(#[doc = $meaning] #[serde(rename = $keyword)] $variant $(($type))?),* }

        impl Fault {
            /// The ids of all faults.
            pub const IDS: &[&str] = &[$($id),*];

            /// All faults.
            pub const ALL: &[FaultEntry] = &[$(FaultEntry {
                id: $id,
                description: $keyword,
                target: FaultTarget::$target,
                requires: Requirement::$requires,
                caught_by: faults!(@check $check),
                meaning: $meaning,
            }),*];

            /// Its place in [`Self::ALL`].
            fn index(&self) -> usize {
                #[derive(Clone, Copy)]
                enum Place { $($variant),* }
                match self { $(Self::$variant { .. } => Place::$variant as usize),* }
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
    (@check Nothing) => { None };
    (@check $check:ident) => { Some(CheckId::$check) };
    (@names $of:ident) => { &[] };
    (@names $of:ident $value:ident) => { Names::$of($value) };
}

faults! {
    OrphanBinary(asset: AssetName) "orphan-binary" "add orphan binary" Objects Stores Reconcile
        "An object that no row refers to appears in the bucket.",
    DeleteBinary(asset: AssetName) "binary-missing" "delete binary" Objects Stores Reconcile
        "The object of an asset is deleted; its row remains.",
    EmptyBinary(asset: AssetName) "binary-zero-length" "empty binary" Objects Stores Reconcile
        "The object of an asset is truncated to zero bytes.",
    TruncateBinary(asset: AssetName) "binary-truncated" "truncate binary" Objects Stores Reconcile
        "The object of an asset loses its second half.",
    FlipBit(asset: AssetName) "binary-bit-flipped" "flip one bit in binary" Objects Stores Reconcile
        "One bit of the object of an asset is flipped; its size is unchanged.",
    SwapBinaries(assets: [AssetName; 2]) "binaries-swapped" "swap binaries" Objects Stores Reconcile
        "The objects of two assets are exchanged.",
    PreviousVersion(asset: AssetName) "binary-previous-version" "revert binary to previous version" Objects Api Reconcile
        "The object of an asset is reverted to its content before the last replacement.",
    StripMetadata(asset: AssetName) "binary-metadata-lost" "strip metadata of binary" Objects Stores Reconcile
        "The object of an asset keeps its bytes and loses the headers that the store kept with them.",
    AbandonUpload "abandoned-multipart" "abandon multipart upload" Objects Stores Nothing
        "A multipart upload is started in the bucket and never completed: its parts use space, and no listing shows them.",
    DeleteAssetRow(asset: AssetName) "row-lost" "delete row of asset" Rows Stores Contents
        "The row of an asset is deleted; its object remains.",
    DeleteRow(row: NamedRow) "named-row-lost" "delete row" Rows Stores Contents
        "The row of any entity of the profile is deleted, and with it the rows that the database deletes by cascade.",
    RepointRow(assets: [AssetName; 2]) "row-repointed" "point row at another binary" Rows Stores Contents
        "The row of the first asset is made to refer to the object of the second.",
    ChangeDefinition(template: TemplateKey) "definition-changed" "change one character in definition" Rows Api Contents
        "One character of a template's current definition is changed; counts and lengths are unchanged.",
    DamageIndex(table: TableName) "index-damaged" "damage index of" Rows Stores Indexes
        "The index of a table's primary key loses the entry of one row; the row remains.",
    TruncateDump "dump-truncated" "truncate dump" Dump Stores Procedure
        "The dump file loses its second half.",
    TruncateArchive(archive: Archive) "archive-truncated" "truncate archive" Tarball Stores Procedure
        "The tarball of a folder loses its second half.",
    TruncateRowFile(table: TableName) "row-file-truncated" "truncate row file of" RowFiles Stores Contents
        "A file with a table's rows in file mode loses its second half.",
    SkipAssets "assets-folder-skipped" "skip assets folder" NextArchive Stores Contents
        "`TEMPLATES_DIR` is archived and `ASSETS_DIR` is not.",
    SkipResults "results-skipped" "skip batch results" NextResults Stores Reconcile
        "The results of batch jobs are not copied.",
    ExcludeTable(table: TableName) "dump-without-table" "exclude table from dump" NextDump Stores Catalog
        "The dump is taken without one table.",
    CopyFirstPage(keys: u16) "copy-first-page-only" "stop copy after first page of" NextCopy Stores Reconcile
        "The copy of the bucket lists this many keys per page and stops after the first page.",
    ExcludePrefix(start: String) "copy-without-prefix" "exclude assets from copy by prefix" NextCopy Stores Reconcile
        "The copy of the bucket excludes the objects of assets whose names start with this prefix.",
    ThrottleStore(throttle: Throttle) "store-throttles" "throttle store" NextTransfer Stores Procedure
        "The object store refuses one out of every N requests of the copy with 503 `SlowDown`.",
    ExcludeSequences "sequences-excluded" "exclude sequence data from restore" NextRestore Stores Sequences
        "The rows are restored without the values of their sequences.",
    InterruptMigration "migration-interrupted" "interrupt migration" NextMigration Stores Procedure
        "The next migration stops half way: some of its statements are applied, the others are not.",
    SuspendVersioning "versioning-off" "suspend versioning" Versions Stores Procedure
        "The bucket's versioning is suspended: what is replaced or deleted from now on is lost.",
    ExpireVersions(asset: AssetName) "version-expired" "expire versions of binary" Versions Stores Reconcile
        "Every version of the object of an asset is removed permanently; delete markers remain.",
    DeleteSegment "wal-gap" "delete WAL segment" WalArchive Stores Procedure
        "The last WAL segment but one is deleted from the archive.",
    CorruptSegment "wal-corrupt" "corrupt WAL segment" WalArchive Stores Procedure
        "A byte in the middle of the last WAL segment but one is changed in the archive.",
    BucketAtBaseBackup "bucket-at-another-time" "recover bucket as of base backup" NextBucketRecovery Stores Reconcile
        "The bucket is recovered to the moment of the base backup, the rows to the recovery target.",
    IgnoreMarkers "delete-markers-ignored" "ignore delete markers" NextBucketRecovery Stores Reconcile
        "The newest version of every key is recovered, deleted or not.",
    TargetPastArchive "target-past-archive" "set target past archive" NextDatabaseRecovery Stores Procedure
        "The database is recovered to a target one hour after the recovery target.",
    TargetBeforeBaseBackup "target-before-base-backup" "set target before base backup" NextDatabaseRecovery Stores Procedure
        "The database is recovered to a target one hour before the base backup.",
    ExcludeTarget "target-exclusive" "exclude recovery target" NextDatabaseRecovery Stores Procedure
        "The recovery stops just before the transaction of the recovery target, not after it.",
    WrongTimeline "wrong-timeline" "recover along wrong timeline" NextDatabaseRecovery Stores Procedure
        "The recovery follows a timeline that does not exist.",
    ShareArchive "archive-shared" "keep archiving into source's archive" NextDatabaseRecovery Stores Procedure
        "The recovered server keeps the archive_command of the source.",
    DropIndex(index: String) "index-dropped" "drop index" Rows Stores Catalog
        "An index is missing; queries by it become slow, and a unique one allows duplicates.",
    DropForeignKeys(table: TableName) "foreign-keys-dropped" "drop foreign keys of" Rows Stores Catalog
        "The foreign keys of a table are missing; its rows are unchanged.",
    UnvalidateChecks(table: TableName) "checks-not-valid" "leave checks unvalidated on" Rows Stores Catalog
        "The check constraints of a table are there and not validated: existing rows may violate them.",
    DropDefaults(table: TableName) "defaults-dropped" "drop defaults of" Rows Stores Catalog
        "The defaults of a table's columns are missing; its rows are unchanged.",
    DropNotNull(table: TableName) "not-null-dropped" "drop not null of" Rows Stores Catalog
        "The columns of a table accept NULL again; its rows are unchanged.",
    DisableTriggers(table: TableName) "triggers-disabled" "disable triggers of" Rows Stores Catalog
        "The triggers of a table are disabled, those that enforce its foreign keys too.",
    EnableRowSecurity(table: TableName) "row-security-enabled" "enable row security on" Rows Stores Catalog
        "Row-level security without a policy hides the rows of a table from every role but its owner.",
    MakeUnlogged(table: TableName) "table-unlogged" "make table unlogged" Rows Stores Catalog
        "A table is unlogged: it is complete, and emptied by the next crash.",
    GrantToEveryone(table: TableName) "privileges-widened" "grant table to everyone" Rows Stores Catalog
        "Every role may read and change a table.",
    ResetSequence(sequence: String) "sequence-reset" "reset sequence" Rows Stores Sequences
        "One sequence starts again at its beginning, below the numbers that rows have.",
    DuplicateRow(table: TableName) "row-duplicated" "duplicate row of" Rows Stores Contents
        "A row of a table exists twice, under two numbers.",
    ShiftTimes(table: TableName) "times-shifted" "shift times of" Rows Stores Contents
        "Every moment in a table is an hour later.",
    EmptyNulls(table: TableName) "nulls-emptied" "replace nulls of" Rows Stores Contents
        "NULL in the texts of a table has become an empty text.",
    ExcludeRows(table: TableName) "dump-without-rows" "exclude rows of table from dump" NextDump Stores Contents
        "The dump is taken with the definition of one table and without its rows.",
    ExcludeConstraints "dump-without-constraints" "exclude constraints from dump" NextDump Stores Catalog
        "The dump is taken without indexes, keys and other constraints.",
    ChangeDump "dump-byte-changed" "change byte of dump" Dump Stores Procedure
        "A byte in the last part of the dump file, which has rows, is changed.",
    EmptyDump "dump-empty" "empty dump" Dump Stores Procedure
        "The dump file has no bytes.",
    ShortenBinary(asset: AssetName) "binary-shortened" "cut binary at 1 MiB" Objects Stores Reconcile
        "The object of an asset ends after its first MiB.",
    ZeroBinary(asset: AssetName) "binary-zeroed" "zero binary" Objects Stores Reconcile
        "The bytes of the object of an asset are zeros; its size is unchanged.",
    ExtendBinary(asset: AssetName) "binary-extended" "append to binary" Objects Stores Reconcile
        "A byte is appended to the object of an asset.",
    ConvertLines(asset: AssetName) "binary-lines-converted" "convert line ends of binary" Objects Stores Reconcile
        "Every line feed in the object of an asset has become a carriage return and a line feed.",
    ChangeKeyCase(asset: AssetName) "binary-key-changed" "change case of key of binary" Objects Stores Reconcile
        "The object of an asset is under a key that differs in case.",
    RewriteRows(table: TableName) "rows-rewritten" "rewrite rows of" Rows Stores Nothing
        "Every row of a table is written again as it is, and has another place in its file.",
    VacuumTable(table: TableName) "table-vacuumed" "vacuum" Rows Stores Nothing
        "A table is written into a new file.",
    AnalyzeTable(table: TableName) "statistics-gathered" "gather statistics of" Rows Stores Nothing
        "The planner has other statistics of a table.",
    RebuildIndexes(table: TableName) "indexes-rebuilt" "rebuild indexes of" Rows Stores Nothing
        "The indexes of a table are built again.",
    AdvanceSequence(sequence: String) "sequence-advanced" "advance sequence" Rows Stores Nothing
        "A sequence has skipped a hundred numbers, as it does when transactions are rolled back.",
    LeaveDeadRows(table: TableName) "dead-rows-left" "leave dead rows in" Rows Stores Nothing
        "A table holds versions of its rows from a transaction that was rolled back.",
    SwitchSegment "wal-segment-switched" "switch WAL segment" Rows Stores Nothing
        "The server begins a new WAL segment; the rest of the last one is empty.",
    RewriteBinary(asset: AssetName) "binary-rewritten" "write binary again" Objects Stores Nothing
        "The object of an asset is written again with the same bytes and headers; it has a later time, and another version.",
    AddFolderMarker "folder-marker-added" "add folder marker" Objects Stores Nothing
        "An empty object whose key ends with a slash appears, as consoles of object stores make it for a folder.",
    TouchDump "dump-touched" "change time of dump" Dump Stores Nothing
        "The dump file has the time of another day, as a copy without times leaves it.",
    ClearIgnored(table: TableName) "ignored-rows-lost" "clear ignored table" Rows Stores Assertions
        "A table that the profile does not compare, because the application fills it again, has lost its rows.",
    AddStrayFile "wal-stray-file" "add stray file to WAL archive" WalArchive Stores Nothing
        "The WAL archive has a temporary file of an upload that was interrupted.",
    EngineFailOpen "engine-fail-open" "start engine with defect fail-open" NextStart Api FailClosed
        "The engine renders a placeholder for a missing binary.",
    EngineStaleCache "engine-stale-cache" "start engine with defect stale-cache" NextStart Api FailClosed
        "The engine serves binaries from a cache that the restore did not clear.",
    EngineWrongCode "engine-wrong-code" "start engine with defect wrong-code" NextStart Api FailClosed
        "The engine refuses a missing binary with another code than the documented one.",
    EngineWrongStatus "engine-wrong-status" "start engine with defect wrong-status" NextStart Api FailClosed
        "The engine refuses a missing binary with status 500.",
    EnginePartialPdf "engine-partial-pdf" "start engine with defect partial-pdf" NextStart Api FailClosed
        "The engine refuses a missing binary and sends the beginning of a PDF.",
    EngineWrongReason "engine-wrong-reason" "start engine with defect wrong-reason" NextStart Api FailClosed
        "The engine reports a missing binary although the store is unreachable or denies access.",
    EngineLiesReady "engine-lies-ready" "start engine with defect lies-ready" NextStart Api FailClosed
        "The engine reports that it is ready although its object store is unreachable.",
    EngineTruncatedPdf "engine-truncated-pdf" "start engine with defect truncated-pdf" NextStart Api Render
        "The engine sends half of every PDF with status 200.",
    EngineNondeterministic "engine-nondeterministic" "start engine with defect nondeterministic" NextStart Api Render
        "The engine renders another text each time.",
    EngineRefusesPresent "engine-refuses-present" "start engine with defect refuses-present" NextStart Api Render
        "The engine refuses assets that exist as missing.",
    EngineWrongAsset "engine-wrong-asset" "start engine with defect wrong-asset" NextStart Api Render
        "The engine embeds another asset of the same media type.",
    EngineOldVersion "engine-old-version" "start engine with defect old-version" NextStart Api Render
        "The engine renders the version before the requested one.",
    EngineForgetsSchedules "engine-forgets-schedules" "start engine with defect forgets-schedules" NextStart Api Untouched
        "The engine forgets at its start when schedules run next.",
    EngineSkipsMissedRuns "engine-skips-missed-runs" "start engine with defect skips-missed-runs" NextStart Api Schedules
        "The engine never makes a run that was due while it was stopped.",
    EngineRepeatsMissedRuns "engine-repeats-missed-runs" "start engine with defect repeats-missed-runs" NextStart Api Schedules
        "The engine makes a run twice that was due while it was stopped.",
    EngineHidesDeadLetters "engine-hides-dead-letters" "start engine with defect hides-dead-letters" NextStart Api Operations
        "The engine does not list dead letters from before its start.",
    EngineAdmitsArchived "engine-admits-archived" "start engine with defect admits-archived" NextStart Api Operations
        "The engine gives archived tenants access again.",
    EngineListsFirstPage "engine-lists-first-page" "start engine with defect lists-first-page" NextStart Api Manifest
        "The engine lists no more than four assets, and counts no more.",
    EngineForgetsUnfinishedJobs "engine-forgets-unfinished-jobs" "start engine with defect forgets-unfinished-jobs" NextStart Api Jobs
        "The engine leaves batch jobs that it finds in flight at its start as they are.",
    EngineSwallowsUpload "engine-swallows-upload" "start engine with defect swallows-upload" NextStart Api Source
        "The engine acknowledges an upload and stores no binary.",
    EngineAltersUploads "engine-alters-uploads" "start engine with defect alters-uploads" NextStart Api Source
        "The engine changes a byte of every upload below 64 KiB before it stores and records it.",
    EngineLosesTenthUpload "engine-loses-tenth-upload" "start engine with defect loses-tenth-upload" NextStart Api Acknowledged
        "The engine acknowledges every tenth upload since its start and keeps nothing of it.",
    EngineForgetsAudit "engine-forgets-audit" "start engine with defect forgets-audit" NextStart Api Untouched
        "The engine deletes the oldest audit event at its start.",
    EngineIgnoresDeletes "engine-ignores-deletes" "start engine with defect ignores-deletes" NextStart Api Untouched
        "The engine acknowledges the deletion of an asset and deletes nothing.",
    EngineTruncatesDownloads "engine-truncates-downloads" "start engine with defect truncates-downloads" NextStart Api ReadBack
        "The engine hands out the first half of a binary; renders have all of it.",
    EngineShortensLarge "engine-shortens-large" "start engine with defect shortens-large" NextStart Api ReadBack
        "The engine hands out no more than the first MiB of a binary; renders have all of it.",
    EngineRenamesTemplates "engine-renames-templates" "start engine with defect renames-templates" NextStart Api Manifest
        "The engine lists every template under another name.",
    EngineUndeletesLater "engine-undeletes-later" "start engine with defect undeletes-later" NextStart Api Untouched
        "The engine deletes an asset or a template and brings it back after the audit trail was read twice.",
    EngineExitsAtStart "engine-exits-at-start" "start engine with defect exits-at-start" NextStart Api Ready
        "The engine reports an error at its start and ends.",
}

impl Fault {
    /// Its row of the catalogue.
    pub fn entry(&self) -> &'static FaultEntry {
        &Self::ALL[self.index()]
    }

    /// The id in the catalogue, and the name of its page in `docs/faults/`.
    pub fn id(&self) -> &'static str {
        self.entry().id
    }

    /// The keyword in scenario files, without the value.
    pub fn describe(&self) -> &'static str {
        self.entry().description
    }

    /// The stand-in engine's name of the defect, if it is one of the engine.
    pub fn engine_defect(&self) -> Option<&'static str> {
        (self.target() == FaultTarget::NextStart).then(|| self.id().trim_start_matches("engine-"))
    }

    /// Where and when it takes effect.
    pub fn target(&self) -> FaultTarget {
        self.entry().target
    }
}
