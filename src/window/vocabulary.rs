//! What is explored: schedules of writes and backup steps, and what they consist of.

use crate::model::{
    workload::BackupMethod,
    write::{StoreOrder, WriteKind, WritePath},
};
use serde::Serialize;

/// The largest number of writes in one schedule. Each writes an asset of its own: the engine orders
/// writes to the same asset.
pub const MOST_WRITES: usize = 4;

/// One atomic part of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The object is put or removed: one request to the object store.
    Binary,
    /// The row is written or removed: one commit.
    Row,
    /// The object that no row points at any more is removed, after the answer.
    Cleanup,
}

impl WritePath {
    /// Its parts in their order. The write is acknowledged after the last one that is not a
    /// [`Part::Cleanup`].
    pub fn parts(self, setting: &Setting) -> &'static [Part] {
        use Part::{Binary, Cleanup, Row};
        match (self.kind, self.order) {
            (WriteKind::Label, _) => &[Row],
            (WriteKind::Delete, StoreOrder::RowFirst) if setting.grace > 0 => &[Row, Cleanup],
            (_, StoreOrder::BinaryFirst) if self.cleans_up() => &[Binary, Row, Cleanup],
            (_, StoreOrder::RowFirst) if self.cleans_up() => &[Row, Binary, Cleanup],
            (_, StoreOrder::BinaryFirst) => &[Binary, Row],
            (_, StoreOrder::RowFirst) => &[Row, Binary],
        }
    }
}

/// The parts of a write: [`WritePath::parts`], or other rules where a test injects a defect.
pub type PartsOf = fn(WritePath, &Setting) -> &'static [Part];

/// How the backup is taken, and what the engine guarantees meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Setting {
    /// The backup method.
    pub method: BackupMethod,
    /// The delete grace: how many sub-steps of the backup must have passed after a row's change
    /// before the object that it pointed at is removed; 0: at once.
    pub grace: u8,
    /// Whether the third store, with the batch jobs' results, is copied too. Runbook 2.2 does not.
    pub results: bool,
}

impl Setting {
    /// A method with no grace; the third store is copied too.
    pub const fn plain(method: BackupMethod) -> Self {
        Self { method, grace: 0, results: true }
    }

    /// The sub-steps of the method, but for the copies: after a list, each object of it is copied
    /// one by one.
    pub(super) fn phases(&self, third: bool) -> Vec<ModelStep> {
        let mut copies = vec![ModelStep::List];
        if third && self.results {
            copies.push(ModelStep::ListResults);
        }
        match self.method {
            BackupMethod::DumpFirst => [vec![ModelStep::Dump], copies].concat(),
            BackupMethod::CopyFirst => [copies, vec![ModelStep::Dump]].concat(),
            BackupMethod::PointInTime => vec![ModelStep::Instant],
            BackupMethod::Maintenance | BackupMethod::MaintenanceKilled => {
                [vec![ModelStep::Stop, ModelStep::Dump], copies, vec![ModelStep::Start]].concat()
            }
        }
    }
}

/// The place of a write in its schedule, from 0; shown from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WriteNo(pub u8);

/// An object: the one that exists before a write, or the one that the write creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ModelObject {
    /// The write.
    pub write: WriteNo,
    /// Whether the write creates it. Keys of new objects sort before old ones, so that the old one is
    /// copied last: it is at risk for the longest time.
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
    /// The next listed object is copied as it is now; nothing, if it no longer exists.
    Copy(ModelObject),
    /// The instant to which both stores are recovered.
    Instant,
    /// The engine is stopped.
    Stop,
    /// The engine is started again.
    Start,
}
