//! The catalogue of findings, with all properties of a kind in one row of a table; and a finding:
//! misbehaviour of the system under test, as a value.

use crate::{
    base::ids::{AssetName, ObjectKey, TableName, TemplateKey},
    model::check::{CheckId, Requirement},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, harmless to a restore (runbook 2.3: a binary without a row).
    Warning,
    /// A promise of the backup or of the engine does not hold.
    Failure,
}

/// What a finding's name stands for: what a scenario file writes after the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An asset by its name, or an object by its key.
    Asset,
    /// A template by its key.
    Template,
    /// A row: `table/row`.
    Row,
    /// A schedule by its name.
    Schedule,
    /// An asset or a template: what the manifest lists.
    Inventory,
    /// An operation of the writes under load: `uploads`.
    Workload,
    /// A step of a backup.
    BackupStep,
    /// A step of a restore.
    RestoreStep,
    /// Anything else: a table, a sequence, a part of the schema, the engine.
    Other,
}

/// Findings that rows are not those of the cut point.
const ROWS: &[FindingKind] = &[
    FindingKind::RowLost,
    FindingKind::RowAdded,
    FindingKind::RowChanged,
    FindingKind::DamagedFile,
    FindingKind::TableLost,
    FindingKind::CatalogDiffers,
];

/// Damage to rows, or to the bytes of a binary.
const ROWS_OR_BYTES: &[FindingKind] = &[
    FindingKind::RowLost,
    FindingKind::RowAdded,
    FindingKind::RowChanged,
    FindingKind::DamagedFile,
    FindingKind::TableLost,
    FindingKind::CatalogDiffers,
    FindingKind::WrongSize,
    FindingKind::WrongContent,
];

/// Damage to rows, or to binaries in any way.
const ROWS_OR_BINARIES: &[FindingKind] = &[
    FindingKind::RowLost,
    FindingKind::RowAdded,
    FindingKind::RowChanged,
    FindingKind::DamagedFile,
    FindingKind::TableLost,
    FindingKind::CatalogDiffers,
    FindingKind::MissingBinary,
    FindingKind::WrongSize,
    FindingKind::WrongContent,
];

// One kind of finding: its variant, its keyword in scenario files, its severity, its subject, the
// what it requires, the kinds of which it can be a consequence, what it means, what to do.
macro_rules! findings {
    ($($variant:ident $keyword:literal $severity:ident $subject:ident $requires:ident $causes:tt $meaning:literal $advice:literal),* $(,)?) => {
        /// A kind of finding, by its keyword in a scenario file's `expect`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum FindingKind { $(#[doc = $meaning] #[serde(rename = $keyword)] $variant),* }

        impl FindingKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The keyword in scenario files: `missing binary`.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $keyword),* }
            }

            /// How serious it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),* }
            }

            /// What the name in a finding of this kind stands for.
            pub fn subject(self) -> Subject {
                match self { $(Self::$variant => Subject::$subject),* }
            }

            /// What it takes to report it.
            pub fn requires(self) -> Requirement {
                match self { $(Self::$variant => Requirement::$requires),* }
            }

            /// The kinds of which it can be a consequence, on the same thing. A fault of the engine
            /// is never one: damage does not excuse it.
            pub fn causes(self) -> &'static [Self] {
                match self { $(Self::$variant => findings!(@causes $causes)),* }
            }

            /// What happened, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// What to do about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$variant => $advice),* }
            }
        }
    };
    (@causes [$($cause:ident),*]) => { &[$(Self::$cause),*] };
    (@causes $group:ident) => { $group };
}

findings! {
    MissingBinary "missing binary" Failure Asset Stores [RowChanged]
        "A row refers to a binary that does not exist."
        "Restore the object from the copy, or its version of the cut point. Copy objects after the dump, or close the window (runbook 2.3).",
    OrphanBinary "orphan binary" Warning Asset Stores [RowLost, RowChanged]
        "A binary exists that no row refers to."
        "Harmless. Remove it when no backup is kept that may contain its row.",
    WrongSize "wrong size" Failure Asset Stores [RowChanged]
        "A binary does not have the size that its row or the cut point recorded."
        "Copy the object again from the backup. If it is short there too, look for a sync that was interrupted.",
    WrongContent "wrong content" Failure Asset Stores [RowChanged]
        "A binary has the recorded size but different bytes."
        "The engine renders it without an error. Restore the object version of the cut point. Use immutable keys or bucket versioning.",
    WrongMetadata "wrong metadata" Failure Asset Stores []
        "A binary has the right bytes, but not the headers (content type, caching, user metadata) of the cut point."
        "Copy metadata with the bytes (aws s3 sync does, a copy through local files does not), or set it again.",
    RowLost "row lost" Failure Row Stores [DamagedFile]
        "A row of the cut point (when the dump was taken) is missing after the restore."
        "Compare the dump's time and options with the cut point. Restore a dump that contains the row.",
    RowAdded "row added" Failure Row Stores []
        "A row exists after the restore that did not exist at the cut point."
        "Check that the database was dropped before the restore and that the right dump was restored (runbook 3.3).",
    RowChanged "row changed" Failure Row Stores []
        "A row differs after the restore from the row at the cut point (when the dump was taken)."
        "Compare the expected and the actual row below. Restore the dump of the cut point.",
    DamagedFile "damaged file" Failure Row Stores []
        "A file with rows is truncated, or not in the format that the engine writes."
        "Extract the archive of the cut point again. If the file is damaged there too, use the previous backup (runbook 6).",
    TableLost "table lost" Failure Other Stores []
        "A table of the source is missing after the restore."
        "Dump without --table, --exclude-table and --schema filters (runbook 2.1).",
    DataMissing "data missing" Failure Other Stores [TableLost]
        "Fewer rows, objects or bytes came back than an earlier restore or the source had."
        "Find out what the backup leaves out: an --exclude-table-data, a filter, a copy that was cut off. If data was removed on purpose, raise --max-drop.",
    CatalogDiffers "catalog differs" Failure Other Stores [TableLost]
        "A column, constraint, index, trigger, type or extension differs from the source."
        "Restore the whole dump, then run the migrations (runbook 3.3, 3.4).",
    PrivilegesDiffer "privileges differ" Failure Other Stores [TableLost, CatalogDiffers]
        "An object's owner or privileges differ from the source's: somebody lost access, or gained it."
        "Restore with owners and privileges, and with the roles that they name, or set them again with GRANT and ALTER … OWNER TO.",
    PrivilegesNotRestored "privileges not restored" Warning Other Stores []
        "No owner and no privilege of the source came back: the commands of the backup leave them out."
        "If that is deliberate (--no-owner, --no-privileges), grant them after each restore. Else dump with them.",
    SequenceBehind "sequence behind" Failure Other Stores [TableLost]
        "The next value of a sequence is one that a row already has: the next insert fails."
        "Restore sequence data too, or set each sequence past its column's maximum with setval().",
    DamagedIndex "damaged index" Failure Other Stores []
        "An index is damaged, or does not have the rows of its table: a query by it finds too few rows."
        "Rebuild it with REINDEX and find out why the copy of the data directory was not consistent.",
    DamagedTable "damaged table" Failure Other Stores []
        "Pages of a table are damaged."
        "Restore the table from another backup. Check the data directory's storage, and whether its files were copied while they were written.",
    EngineNotReady "engine not ready" Failure Other Stores [TableLost, CatalogDiffers, RestoreFailed]
        "The engine does not become ready on the restored stores."
        "Read its log in this run's folder. Check migrations and bucket access (runbook 3.4, 3.5).",
    EngineChangedData "engine changed data" Failure Other Stores []
        "The engine changed restored data when it started or answered a request: it repaired, moved or removed something."
        "Compare the stores before the engine's start: what it repairs was not in the backup, and what it removes is lost (runbook 3.5).",
    FalseReady "false ready" Failure Other Api []
        "The engine reports that it is ready while its object store is unreachable."
        "Do not route traffic by this readiness answer alone.",
    PdfDiffers "pdf differs" Failure Template Api ROWS_OR_BYTES
        "A render differs from the known-good PDF."
        "See which page and object differ. If fonts or the renderer were changed on purpose, record new known-good PDFs.",
    PdfMetadataDiffers "pdf metadata differs" Warning Template Api []
        "A render differs from the known-good PDF only in dates, ids or producer, or less than the profile allows (`pdf`)."
        "Nothing, if the engine writes the time into its PDFs.",
    WrongRelease "wrong release" Failure Template Api ROWS_OR_BYTES
        "A render of a version or by a label is not what it was at the source: the name resolves to something else."
        "Compare the labels and versions of the template with its rows. Do not let callers render by them.",
    NotDeterministic "not deterministic" Failure Template Api []
        "Two renders of the same template and data differ."
        "Find what varies. Until then a byte comparison proves nothing with this engine.",
    RenderRefused "render refused" Failure Template Api ROWS_OR_BYTES
        "A render was refused or failed although every binary that it needs exists."
        "Read the engine's answer. The restore is not proven for this template.",
    FailOpen "fail open" Failure Template Api []
        "A render succeeded although a binary that it needs is missing."
        "The engine does not fail closed (runbook 2.3): do not release this version.",
    StaleRender "stale render" Failure Template Api []
        "A render shows data that is no longer in the stores: it came from a cache."
        "Clear the engine's caches on restore. Until then renders prove nothing about the stores.",
    WrongRefusal "wrong refusal" Failure Template Api []
        "A refusal does not have the documented status and code."
        "Callers cannot distinguish a missing binary from an outage. Fix the engine, or the profile if the documentation changed.",
    WrongReason "wrong reason" Failure Template Api []
        "The engine reports a missing binary although the store is unreachable or denies access."
        "An outage would be mistaken for data loss. Fix how the engine distinguishes the store's errors.",
    PartialPdf "partial pdf" Failure Template Api []
        "An answer contains part of a PDF: an error status with PDF bytes, or a truncated PDF."
        "A caller that does not check would keep a broken document. Fix the engine.",
    UnstoredWrite "unstored write" Failure Other Stores []
        "An acknowledged write is not in the stores as it was sent or recorded, or did not last: before the backup, or on the restored site."
        "Fix the application, or the profile if it describes the row wrongly: no backup can contain what was never stored.",
    ScheduleMoved "schedule moved" Failure Schedule Stores ROWS
        "The next run of a schedule is not at the time of the cut point."
        "Check that nothing dispatched or rewrote schedules during the restore (runbook 3.5).",
    MissedRun "missed run" Failure Schedule Stores ROWS
        "A schedule's run fell into the outage and was not made up for as the profile requires: it was lost, or made more than once."
        "Send the document by hand, or stop the second copy. Check what the dispatcher does with a next_run_at in the past (runbook 3.5).",
    ResultLost "batch result lost" Failure Row Api ROWS_OR_BINARIES
        "A completed batch job can no longer be polled, or returns other results than before."
        "Back up the results of batch jobs like the database and the binaries: they are a third durable store (runbook 1).",
    UnfinishedJob "unfinished job" Failure Row Api ROWS_OR_BINARIES
        "A batch job that was running at the cut point did not end, or did not end as the profile requires."
        "Check what the engine does at its start with running jobs: old ones fail with job_abandoned_at_startup, the others continue (runbook 1).",
    WrongListing "wrong listing" Failure Row Api ROWS
        "The API does not list a tenant, a label, a run of a schedule or a dead letter as at the cut point."
        "Compare the row with the API's answer. Nobody acts on a record that the API does not list, although it was restored.",
    WrongAccess "wrong access" Failure Row Api ROWS
        "A tenant has access that it did not have at the cut point, or has lost it."
        "The engine must read the status of tenants from the restored rows at every start (runbook 1). Do not let traffic in.",
    ManifestDrift "manifest drift" Failure Inventory Api ROWS
        "The metadata inventory differs from the manifest by more than its tolerance."
        "Compare the added, removed and changed items with the manifest of the backup (runbook 4).",
    BackupFailed "backup failed" Failure BackupStep Stores []
        "A step of the backup failed."
        "Read the command's output. Do not keep this backup as a good one.",
    SourceChanged "source changed" Failure BackupStep Stores []
        "The backup removed or changed data of the source."
        "Copy, do not move. Clean up in a separate job, after the backup has been verified.",
    RestoreFailed "restore failed" Failure RestoreStep Stores []
        "A step of the restore failed."
        "Read the command's output: a file, program or setting of the command may be missing here. If the backup itself is damaged, use the one before it.",
    BackupTooOld "backup too old" Failure Other Stores []
        "The newest moment in the backup is older than --max-age: later writes are in no backup."
        "Check whether the last backups ran and whether this is the newest. Raise --max-age only if that loss is acceptable.",
    RecoveryTooSlow "recovery too slow" Failure Other Stores []
        "The recovery took longer than --max-rto."
        "See how long each step took. Raise --max-rto only if that outage is acceptable.",
    LostAcknowledgedWrite "lost acknowledged write" Failure Workload Api []
        "A write under load was acknowledged before the dump and is missing or incomplete after the restore."
        "Take the dump first and copy the objects second. If that is the order, find the component that lost the write.",
    TornWrite "torn write" Failure Workload Api []
        "A write under load overlapped the backup: its row was restored, its object was not."
        "Keep removed objects for longer than a backup takes, or back up while nothing writes (runbook 2.3).",
    MismatchedWrite "mismatched write" Failure Workload Api []
        "A write under load overlapped the backup: its row and its object were restored with different contents."
        "The engine renders it without an error. Give replaced content a new key, or back up while nothing writes (runbook 2.3).",
    AssertionFailed "assertion failed" Failure Other Stores []
        "An assertion of the profile does not hold on the restored site."
        "Compare the expected and the actual value. If the application changed, change the assertion in the profile.",
    DownloadDiffers "download differs" Failure Asset Stores ROWS
        "The application does not return a binary as the store has it, or returns content for a missing one."
        "Compare the answer with the object. Check the application's storage settings (bucket, prefix, endpoint) and its access to the restored store.",
    WrongOrder "wrong order" Failure RestoreStep Stores []
        "A step of the restore ran before one that it depends on: rows before their binaries, or the engine before either."
        "Restore the object store first, then Postgres, then start the engine (runbook 3).",
}

impl FindingKind {
    /// Whether queries of the application may fail or find too few rows then.
    pub fn breaks_queries(self) -> bool {
        let kinds = [Self::TableLost, Self::CatalogDiffers, Self::PrivilegesDiffer];
        kinds.contains(&self) || [Self::DamagedIndex, Self::DamagedTable].contains(&self)
    }

    /// The id in reports: `missing-binary`.
    pub fn id(self) -> String {
        self.describe().replace(' ', "-")
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// What a finding is about. Its text is what a scenario file writes after the kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// An asset by the name it was uploaded under.
    Asset(AssetName),
    /// An object that no known asset owns.
    Object(ObjectKey),
    /// A template.
    Template(TemplateKey),
    /// A row, by its label, else its key: `assets/logo.png`.
    Row {
        /// Its table.
        table: TableName,
        /// Its name or key.
        row: String,
    },
    /// A table, or another schema object by its name.
    Table(TableName),
    /// A sequence.
    Sequence(String),
    /// A schedule by its name.
    Schedule(String),
    /// The engine as a whole.
    Engine(String),
    /// A step of the procedure: `restore database`.
    Step(String),
    /// The manifest's section: `templates`, `assets`.
    Manifest(String),
    /// Writes under load, by operation: `uploads`.
    Writes(String),
    /// An assertion of the profile, by its name.
    Assertion(String),
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(name) => name.fmt(f),
            Self::Object(key) => key.fmt(f),
            Self::Template(key) => key.fmt(f),
            Self::Row { table, row } => write!(f, "{table}/{row}"),
            Self::Table(name) => name.fmt(f),
            Self::Sequence(name)
            | Self::Schedule(name)
            | Self::Engine(name)
            | Self::Step(name)
            | Self::Manifest(name)
            | Self::Writes(name)
            | Self::Assertion(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How serious it is.
    pub severity: Severity,
    /// What it is about.
    pub entity: Entity,
    /// The check that reported it.
    pub check: CheckId,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
    /// Other things that it concerns: a template's assets, a row's asset. A finding can follow
    /// from another only if they have one of these in common.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<Entity>,
    /// Files of the run that show it, relative to the run's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<String>,
}

impl Finding {
    /// Adds that so many more findings like it are not listed.
    pub fn and_more(&mut self, more: usize) {
        if more > 0 {
            self.actual += &format!(" (and {more} more like it)");
        }
    }

    /// A finding of a kind, with the kind's severity.
    pub fn new(
        check: CheckId,
        kind: FindingKind,
        entity: Entity,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            entity,
            check,
            expected: expected.into(),
            actual: actual.into(),
            touches: Vec::new(),
            artefacts: Vec::new(),
        }
    }

    /// Adds things that it concerns.
    #[must_use]
    pub fn touching(mut self, entities: impl IntoIterator<Item = Entity>) -> Self {
        self.touches.extend(entities);
        self
    }

    /// Adds a file that shows it.
    #[must_use]
    pub fn shown_by(mut self, artefact: impl Into<String>) -> Self {
        self.artefacts.push(artefact.into());
        self
    }

    /// Whether this can be a consequence of the other finding. A finding of a probe on an undamaged
    /// template or on the source never is.
    pub fn follows_from(&self, cause: &Self) -> bool {
        let own = || std::iter::once(&self.entity).chain(&self.touches);
        !matches!(self.check, CheckId::Source | CheckId::FailClosed)
            && self.kind.causes().contains(&cause.kind)
            && std::iter::once(&cause.entity).chain(&cause.touches).any(|theirs| own().any(|e| e == theirs))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.entity)
    }
}

/// A finding that a scenario expects: `- orphan binary: late-logo.png`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The kind.
    pub kind: FindingKind,
    /// What it is about, as [`Entity`] prints it.
    pub entity: String,
}

impl Expectation {
    /// Whether the finding is the expected one. No fault explains a source that was wrong before the
    /// backup: only a write that was never stored can be expected there.
    pub fn met_by(&self, finding: &Finding) -> bool {
        let possible = finding.check != CheckId::Source || finding.kind == FindingKind::UnstoredWrite;
        possible && self.kind == finding.kind && self.entity == finding.entity.to_string()
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.entity)
    }
}
