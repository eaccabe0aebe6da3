//! The catalogue of what can be found wrong, and a finding: misbehaviour of the system under test,
//! as a value.

use crate::{
    base::ids::{AssetName, ObjectKey, TableName, TemplateKey},
    model::check::CheckId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, harmless to a restore (runbook 2.3: a binary without a row).
    Warning,
    /// A promise of the backup or of the engine does not hold.
    Failure,
}

macro_rules! findings {
    ($($variant:ident $description:literal $severity:ident $meaning:literal $todo:literal),* $(,)?) => {
        /// What is wrong, in the words of a scenario file's `expect`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum FindingKind { $(#[doc = $meaning] #[serde(rename = $description)] $variant),* }

        impl FindingKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The words of a scenario file: `missing binary`.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }

            /// How much it weighs.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),* }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// What to do about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$variant => $todo),* }
            }
        }
    };
}

findings! {
    MissingBinary "missing binary" Failure
        "A row points at a binary that is not there."
        "Restore the object from the copy or an object version of the cut point; copy objects after the dump, or close the window (runbook 2.3).",
    OrphanBinary "orphan binary" Warning
        "A binary is there that no row points at."
        "Harmless. Remove it once no backup that may hold its row is kept.",
    WrongSize "wrong size" Failure
        "A binary has another size than its row or the cut point recorded."
        "Fetch the object again from the copy; if the copy is short too, look for a sync that was cut off.",
    WrongContent "wrong content" Failure
        "A binary has the recorded size but other bytes."
        "Nothing refuses this at render time. Restore the object version of the cut point; use immutable keys or bucket versioning.",
    WrongMetadata "wrong metadata" Failure
        "A binary has its bytes, but not the headers (content type, caching, the user's own) that it had at the cut point."
        "Copy metadata with the bytes (aws s3 sync does; a detour over files does not), or set it again.",
    RowLost "row lost" Failure
        "A row that was there when the dump was taken (the cut point) did not come back."
        "Compare the dump's time and options with the cut point; restore a dump that holds the row.",
    RowAdded "row added" Failure
        "A row is there that the cut point did not have."
        "Check that the database was dropped before the restore and that the dump is the one you meant (runbook 3.3).",
    RowChanged "row changed" Failure
        "A row came back other than it was when the dump was taken (the cut point)."
        "Compare expected and actual below; restore the dump of the cut point.",
    DamagedFile "damaged file" Failure
        "A file that holds rows is cut off, or not in the form that the engine writes."
        "Extract the archive of the cut point again; if the file is damaged there too, fall back to the backup before (runbook 6).",
    TableLost "table lost" Failure
        "A table of the source is not there."
        "Dump without --table, --exclude-table and --schema filters (runbook 2.1).",
    CatalogDiffers "catalog differs" Failure
        "A column, constraint, index, trigger, type or extension differs from the source."
        "Restore the whole dump, then run the migrations (runbook 3.3, 3.4).",
    SequenceBehind "sequence behind" Failure
        "A sequence would hand out a value that a row already has: the next insert collides."
        "Restore sequence data too, or set each sequence past its column's maximum with setval().",
    EngineNotReady "engine not ready" Failure
        "The engine does not become ready on the restored stores."
        "Read its log in this run's folder; check migrations and bucket access (runbook 3.4, 3.5).",
    EngineChangedData "engine changed data" Failure
        "Starting or asking the engine changed what had been restored: it mended, moved or removed something."
        "What the engine mends at start was not in the backup, and what it removes is lost: compare the stores before its start (runbook 3.5).",
    FalseReady "false ready" Failure
        "The engine says that it is ready while its object store can't be reached."
        "Do not gate traffic on this readiness answer alone.",
    PdfDiffers "pdf differs" Failure
        "A render is not the known-good PDF."
        "See which page and object differ; if fonts or the renderer were changed on purpose, record new known-good PDFs.",
    PdfMetadataDiffers "pdf metadata differs" Warning
        "A render differs from the known-good PDF in dates, ids or producer only."
        "Nothing, where the engine stamps the time into its PDFs.",
    NotDeterministic "not deterministic" Failure
        "Two renders of the same template and data differ."
        "Byte comparison proves nothing with this engine: find what varies.",
    RenderRefused "render refused" Failure
        "A render was refused or failed although every binary it needs is there."
        "Read the engine's answer; the restore can't be called proven for this template.",
    FailOpen "fail open" Failure
        "A render succeeded although a binary that it needs is gone."
        "The engine does not keep its fail-closed promise (runbook 2.3): do not release this version.",
    StaleRender "stale render" Failure
        "A render shows what the stores no longer hold: it came from a cache."
        "Clear the engine's caches on restore; until then renders prove nothing about the stores.",
    WrongRefusal "wrong refusal" Failure
        "A refusal does not carry the documented status and code."
        "Callers can't tell a missing binary from an outage: fix the engine, or the profile if the documentation changed.",
    WrongReason "wrong reason" Failure
        "The engine blames a missing binary where the store can't be reached or denies access."
        "An outage would be taken for data loss: fix how the engine tells the store's errors apart.",
    PartialPdf "partial pdf" Failure
        "An answer holds part of a PDF: an error status with PDF bytes, or a PDF that is cut short."
        "A caller that does not check would keep a broken document: fix the engine.",
    UnstoredWrite "unstored write" Failure
        "A write that the engine acknowledged is not in the stores as it was sent."
        "No backup can hold what was never stored: fix the engine.",
    ScheduleMoved "schedule moved" Failure
        "A schedule's next run is not the one of the cut point."
        "Check that nothing dispatched or rewrote schedules during the restore (runbook 3.5).",
    MissedRun "missed run" Failure
        "A schedule's run that fell into the outage was not made up for as the profile says: it is lost, or was made more than once."
        "Send the document by hand, or stop its second copy; see what the dispatcher does with a next_run_at that has passed (runbook 3.5).",
    ResultLost "batch result lost" Failure
        "A completed batch job can't be polled any more, or gives other results than it did."
        "Back up the place with the results of batch jobs like the database and the binaries; it is a third durable place (runbook 1).",
    UnfinishedJob "unfinished job" Failure
        "A batch job that was under way at the cut point came to no end, or to another than the profile says."
        "See what the engine does at its start with jobs that it finds under way: old ones fail with job_abandoned_at_startup, the others go on (runbook 1).",
    WrongListing "wrong listing" Failure
        "The API does not show a tenant, a label, a run of a schedule or a dead letter as it did at the cut point, or hands out another binary than the store's."
        "Compare the row with what the API says of it: what is not shown, nobody takes care of, though it was restored.",
    WrongAdmission "wrong admission" Failure
        "A tenant is let in, or refused, other than at the cut point."
        "The status of tenants must come from the restored rows at every start (runbook 1): do not let traffic in.",
    ManifestDrift "manifest drift" Failure
        "The metadata inventory drifted beyond its tolerance."
        "Compare the added, removed and changed items with the manifest of the backup (runbook 4).",
    BackupFailed "backup failed" Failure
        "A step of the backup failed."
        "Read the command's output; this backup must not be kept as a good one.",
    SourceChanged "source changed" Failure
        "The backup took something away from the source that it was to save, or changed it there."
        "Copy, do not move; tidy up in a job of its own, when the backup is known to be good.",
    RestoreFailed "restore failed" Failure
        "A step of the restore failed."
        "Read the command's output; fall back to the backup before this one.",
    BackupTooOld "backup too old" Failure
        "The newest moment in the backup is older than was asked for: what was written since is in no backup."
        "See whether the last backups ran and whether this is the newest; raise --max-age only if the loss is agreed on.",
    RecoveryTooSlow "recovery too slow" Failure
        "The recovery took longer than was asked for."
        "See which step took how long; raise --max-rto only if the outage is agreed on.",
    LostAcknowledgedWrite "lost acknowledged write" Failure
        "A write under load that was acknowledged before the dump is not whole in what came back."
        "The engine had said that it is done: take the dump first and the copy second; if that is so, find who lost it.",
    HalfKeptWrite "half-kept write" Failure
        "Of a write under load that raced the backup, the row came back and its object did not."
        "Keep removed objects for longer than a backup takes, or back up while nobody writes (runbook 2.3).",
    WronglyKeptWrite "wrongly kept write" Failure
        "Of a write under load that raced the backup, row and object came back with different contents."
        "Nothing refuses this at render time. Let replaced content have a new key, or back up while nobody writes (runbook 2.3).",
    WrongOrder "wrong order" Failure
        "A step of the restore ran before one that it needs: rows before their binaries, or the engine before either."
        "Restore the object store first, then Postgres, then start the engine (runbook 3).",
}

impl FindingKind {
    /// The id in reports: `missing-binary`.
    pub fn id(self) -> String {
        self.describe().replace(' ', "-")
    }

    /// Whether a finding of this kind can be a consequence of one of the other kind on the same
    /// thing. What the engine does wrong by itself never is: damage excuses no lie.
    pub fn may_follow_from(self, cause: Self) -> bool {
        use FindingKind as K;
        let rows = [K::RowLost, K::RowAdded, K::RowChanged, K::DamagedFile, K::TableLost, K::CatalogDiffers];
        let binaries = [K::MissingBinary, K::WrongSize, K::WrongContent];
        match self {
            K::PdfDiffers | K::RenderRefused => rows.contains(&cause) || binaries[1..].contains(&cause),
            K::OrphanBinary => [K::RowLost, K::RowChanged].contains(&cause),
            K::WrongSize | K::WrongContent | K::MissingBinary => cause == K::RowChanged,
            K::ManifestDrift | K::ScheduleMoved | K::MissedRun | K::WrongListing | K::WrongAdmission => {
                rows.contains(&cause)
            }
            K::RowLost => cause == K::DamagedFile,
            K::ResultLost | K::UnfinishedJob => rows.contains(&cause) || binaries.contains(&cause),
            K::EngineNotReady => [K::TableLost, K::CatalogDiffers, K::RestoreFailed].contains(&cause),
            K::CatalogDiffers | K::SequenceBehind => cause == K::TableLost,
            K::PdfMetadataDiffers
            | K::WrongMetadata
            | K::EngineChangedData
            | K::NotDeterministic
            | K::FalseReady
            | K::FailOpen
            | K::StaleRender
            | K::WrongRefusal
            | K::WrongReason
            | K::PartialPdf
            | K::UnstoredWrite
            | K::RowAdded
            | K::RowChanged
            | K::DamagedFile
            | K::TableLost
            | K::BackupFailed
            | K::SourceChanged
            | K::RestoreFailed
            | K::BackupTooOld
            | K::RecoveryTooSlow
            | K::LostAcknowledgedWrite
            | K::HalfKeptWrite
            | K::WronglyKeptWrite
            | K::WrongOrder => false,
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// What a finding is about. Its text is what a scenario file writes behind the kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// An asset by the name it was uploaded under.
    Asset(AssetName),
    /// An object that no known asset owns.
    Object(ObjectKey),
    /// A template.
    Template(TemplateKey),
    /// A row, by the name that people know it by, else its key: `assets/logo.png`.
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
            | Self::Writes(name) => f.write_str(name),
        }
    }
}

/// One thing found wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about.
    pub entity: Entity,
    /// The check that saw it.
    pub check: CheckId,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
    /// Other things that it concerns: a template's assets, a row's asset. A finding can follow
    /// from another only where these meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<Entity>,
    /// Files of the run that show it, relative to the run's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<String>,
}

impl Finding {
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

    /// Whether this can be a consequence of that one. What a probe on a sound template or the source
    /// showed never is: nothing was damaged there.
    pub fn follows_from(&self, cause: &Self) -> bool {
        let own = || std::iter::once(&self.entity).chain(&self.touches);
        !matches!(self.check, CheckId::Baseline | CheckId::FailClosed)
            && self.kind.may_follow_from(cause.kind)
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
    /// What is to be wrong.
    pub kind: FindingKind,
    /// With what, as [`Entity`] prints it.
    pub entity: String,
}

impl Expectation {
    /// Whether the finding is the expected one. A source that was wrong before the backup is what no
    /// fault explains: only a write that was never stored can be expected of it.
    pub fn met_by(&self, finding: &Finding) -> bool {
        let told_by = finding.check != CheckId::Baseline || finding.kind == FindingKind::UnstoredWrite;
        told_by && self.kind == finding.kind && self.entity == finding.entity.to_string()
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.entity)
    }
}
