//! What is explored: writes, ways to back up, and the steps that they are made of. No rule of what
//! follows from what is here.

use crate::model::profile::StoreOrder;
use serde::Serialize;

/// How many writes there may be in one schedule.
pub const MOST_WRITES: usize = 4;

/// What somebody does to the two stores. Each write is about an asset of its own, so two writes of
/// one schedule never touch the same thing: writes to one asset are the engine's to put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelOperation {
    /// A new binary and its row.
    Upload,
    /// The row and its binary go. With a delete grace the binary goes later, see
    /// [`Setting::grace`].
    Delete,
    /// Other content under the same key; the row holds its digest.
    Replace,
    /// Other content under a new key (copy-on-write); the row then points there, and the old object
    /// goes afterwards.
    ReplaceNewKey,
    /// An asset is copied: a new row and a new object beside the old ones.
    Copy,
    /// A release label is moved to another version: one row.
    Label,
    /// A batch job ends: its result in the third store, its row in Postgres (runbook, section 1).
    Batch,
}

impl ModelOperation {
    /// All, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Upload,
        Self::Delete,
        Self::Replace,
        Self::ReplaceNewKey,
        Self::Copy,
        Self::Label,
        Self::Batch,
    ];

    /// As it is written in schedules and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::ReplaceNewKey => "replace-new-key",
            Self::Copy => "copy",
            Self::Label => "label",
            Self::Batch => "batch",
        }
    }

    /// In words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Replace => "replace in place",
            Self::ReplaceNewKey => "replace under a new key",
            Self::Copy => "copy",
            Self::Label => "label move",
            Self::Batch => "batch job ends",
        }
    }

    /// The write orders that make a difference.
    pub const fn orders(self) -> &'static [StoreOrder] {
        match self {
            Self::Label => &[StoreOrder::RowFirst],
            _ => &[StoreOrder::BinaryFirst, StoreOrder::RowFirst],
        }
    }
}

/// An operation and which store it touches first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelWrite {
    /// What is done.
    pub operation: ModelOperation,
    /// Which store first. [`ModelOperation::Label`] touches one only.
    pub order: StoreOrder,
}

/// One atomic part of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The object is put or removed: one request to the object store.
    Binary,
    /// The row is written or removed: one commit.
    Row,
    /// The object that nobody points at any more is removed, after the answer.
    Cleanup,
}

impl ModelWrite {
    /// All operations in all their orders, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let of = |operation: ModelOperation| {
            operation.orders().iter().map(move |&order| Self { operation, order })
        };
        ModelOperation::ALL.into_iter().flat_map(of).collect()
    }

    /// The write and its order: `replace in place, binary first`.
    pub fn title(self) -> String {
        match (self.operation, self.order) {
            (ModelOperation::Label, _) => format!("{} (row only)", self.operation.title()),
            (_, StoreOrder::BinaryFirst) => format!("{}, binary first", self.operation.title()),
            (_, StoreOrder::RowFirst) => format!("{}, row first", self.operation.title()),
        }
    }

    /// Its parts in the order in which they are done. The write is acknowledged after the last one
    /// that is no [`Part::Cleanup`].
    pub fn parts(self, setting: &Setting) -> &'static [Part] {
        use Part::{Binary, Cleanup, Row};
        match (self.operation, self.order) {
            (ModelOperation::Label, _) => &[Row],
            (ModelOperation::Delete, StoreOrder::RowFirst) if setting.grace > 0 => &[Row, Cleanup],
            (ModelOperation::ReplaceNewKey, StoreOrder::BinaryFirst) => &[Binary, Row, Cleanup],
            (ModelOperation::ReplaceNewKey, StoreOrder::RowFirst) => &[Row, Binary, Cleanup],
            (_, StoreOrder::BinaryFirst) => &[Binary, Row],
            (_, StoreOrder::RowFirst) => &[Row, Binary],
        }
    }
}

/// What a write is made of: [`ModelWrite::parts`], or other rules where a test plants a defect.
pub type PartsOf = fn(ModelWrite, &Setting) -> &'static [Part];

/// A way to back both stores up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelProcedure {
    /// `pg_dump`, then the sync of the object store (runbook 2.1, 2.2).
    DumpFirst,
    /// The sync of the object store, then `pg_dump`.
    CopyFirst,
    /// Rows by point-in-time recovery, objects by their versions, both at one instant (runbook 2.3).
    PointInTime,
    /// The engine finishes what it has begun and is stopped; both backups; restart (runbook 2.3).
    Maintenance,
    /// The same, but the engine is killed where it stands.
    MaintenanceKilled,
}

impl ModelProcedure {
    /// All, in the order of the tables.
    pub const ALL: [Self; 5] =
        [Self::DumpFirst, Self::CopyFirst, Self::PointInTime, Self::Maintenance, Self::MaintenanceKilled];

    /// As it is written in schedules and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DumpFirst => "dump-first",
            Self::CopyFirst => "copy-first",
            Self::PointInTime => "point-in-time",
            Self::Maintenance => "maintenance",
            Self::MaintenanceKilled => "maintenance-killed",
        }
    }

    /// In words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::DumpFirst => "dump first",
            Self::CopyFirst => "copy first",
            Self::PointInTime => "PITR and versions",
            Self::Maintenance => "maintenance window",
            Self::MaintenanceKilled => "window, engine killed",
        }
    }
}

/// How the backup is done, and what the engine promises to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Setting {
    /// The way to back up.
    pub procedure: ModelProcedure,
    /// The delete grace: how many sub-steps of the backup must have passed after a row's change
    /// before the object that it pointed at is removed. 0 is none: the object goes promptly.
    pub grace: u8,
    /// Whether the third store, with the batch jobs' results, is copied too. Runbook 2.2 does not.
    pub results: bool,
}

impl Setting {
    /// A procedure with no grace; the third store is copied too.
    pub const fn plain(procedure: ModelProcedure) -> Self {
        Self { procedure, grace: 0, results: true }
    }

    /// The sub-steps of the procedure, but for the copies: after a list, each object of it is copied
    /// one by one.
    pub(super) fn phases(&self, third: bool) -> Vec<ModelStep> {
        let mut copies = vec![ModelStep::List];
        if third && self.results {
            copies.push(ModelStep::ListResults);
        }
        match self.procedure {
            ModelProcedure::DumpFirst => [vec![ModelStep::Dump], copies].concat(),
            ModelProcedure::CopyFirst => [copies, vec![ModelStep::Dump]].concat(),
            ModelProcedure::PointInTime => vec![ModelStep::Instant],
            ModelProcedure::Maintenance | ModelProcedure::MaintenanceKilled => {
                [vec![ModelStep::Stop, ModelStep::Dump], copies, vec![ModelStep::Start]].concat()
            }
        }
    }
}

/// The place of a write in its schedule, from 0; shown from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WriteNo(pub u8);

/// An object: the one that a write finds, or the one that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ModelObject {
    /// Whose object it is.
    pub write: WriteNo,
    /// Whether the write makes it. Keys of new objects sort before old ones, so that of the two the
    /// old one is copied last: its time is the longest.
    pub new: bool,
}

impl ModelObject {
    /// Its slot among all objects, in the order of listings.
    pub(super) const fn slot(self) -> usize {
        self.write.0 as usize * 2 + if self.new { 0 } else { 1 }
    }

    pub(super) const fn at(slot: usize) -> Self {
        Self { write: WriteNo((slot / 2) as u8), new: slot.is_multiple_of(2) }
    }
}

/// One atomic step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelStep {
    /// A part of a write.
    Write(WriteNo, Part),
    /// The dump's snapshot is taken: its instant D is the recovery point.
    Dump,
    /// The keys of the bucket are listed.
    List,
    /// The keys of the third store are listed.
    ListResults,
    /// The next listed object is copied as it is now; where it is gone, nothing is.
    Copy(ModelObject),
    /// The instant to which both stores are recovered.
    Instant,
    /// The engine is stopped.
    Stop,
    /// The engine is started again.
    Start,
}
