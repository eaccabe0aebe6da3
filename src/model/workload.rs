//! Writers under load: what they are told to do, what each write was, and what is measured of a backup
//! that ran meanwhile. Moments are microseconds since the load began: they come from one steady clock.

use crate::{
    base::{digest::Digest, ids::ObjectKey},
    model::write::WriteKind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub mod write_outcome;
pub mod interval;

use interval::Interval;

/// How the names begin of all that writers make.
pub const PREFIX: &str = "under-load-";

/// What writers do while a backup runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How many write side by side. Each writes to assets of its own.
    pub writers: u8,
    /// Writes a second, of all writers together.
    pub rate: u16,
    /// How often each operation is done, in proportion.
    pub mix: Mix,
    /// What the writers' choices and contents depend on.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many backups are taken under this load: what stands between it and `stop writing` is done
    /// so often. The last one is restored; of the others the dump is restored beside the site and
    /// compared with the copied objects.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub backups: u8,
}

fn one() -> u64 {
    1
}

fn once() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_once(backups: &u8) -> bool {
    *backups == 1
}

/// Operations in proportion. A writer that has no asset uploads one first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// A new asset.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload: u16,
    /// Other content for an asset.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replace: u16,
    /// An asset goes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delete: u16,
    /// An asset is downloaded and uploaded under another name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copy: u16,
    /// A label of the writer's moves to the next version of its template.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label: u16,
    /// A batch job renders a document; it is acknowledged when it is completed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub batch: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(part: &u16) -> bool {
    *part == 0
}

impl Mix {
    /// The operation's part.
    pub fn part(self, operation: WriteKind) -> u16 {
        match operation {
            WriteKind::Upload => self.upload,
            WriteKind::Replace => self.replace,
            WriteKind::Delete => self.delete,
            WriteKind::Copy => self.copy,
            WriteKind::Label => self.label,
            WriteKind::Batch => self.batch,
        }
    }

    /// The operations that are done, each with its part.
    pub fn parts(self) -> impl Iterator<Item = (WriteKind, u16)> {
        WriteKind::ALL.into_iter().map(move |o| (o, self.part(o))).filter(|(_, part)| *part > 0)
    }

    /// The sum of all parts.
    pub fn sum(self) -> u32 {
        self.parts().map(|(_, part)| u32::from(part)).sum()
    }
}

/// A write that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Whose it was, from 0.
    pub writer: u8,
    /// Which of the writer's, from 0.
    pub number: u32,
    /// What was done.
    pub operation: WriteKind,
    /// The name of the asset, label or batch job; only this writer writes to it.
    pub name: String,
    /// The engine's id of it, as far as it is known; a label has none.
    pub id: Option<String>,
    /// The storage key that the engine answered.
    pub key: Option<ObjectKey>,
    /// SHA-256 of what was sent, of a label the version's name; nothing for a delete and a batch job.
    pub sha256: Option<Digest>,
    /// When it was sent.
    pub begun: u64,
    /// When its answer was there, or no more to be expected.
    pub answered: u64,
    /// The answer.
    #[serde(flatten)]
    pub answer: WriteAnswer,
}

/// What a writer was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "answer")]
pub enum WriteAnswer {
    /// A success: from now on it must not be lost.
    Acknowledged,
    /// No: it may have left something all the same.
    Refused {
        /// What the engine said.
        why: String,
    },
    /// Nothing, or nothing that can be understood: it may be done or not.
    Unanswered {
        /// Why.
        why: String,
    },
}

impl Written {
    /// Whether it was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.answer == WriteAnswer::Acknowledged
    }
}

/// From a moment to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MillisRange {
    /// Its beginning.
    pub from: u64,
    /// Its end.
    pub to: u64,
}

/// When a backup read which store. The instant of the dump lies within `rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// From before its rows were read until their snapshot was surely taken.
    pub rows: MillisRange,
    /// From before its objects were listed until the last was copied.
    pub objects: MillisRange,
}

impl Times {
    /// The consistency window: from the first look at either store to the last.
    pub fn window(self) -> MillisRange {
        MillisRange { from: self.rows.from.min(self.objects.from), to: self.rows.to.max(self.objects.to) }
    }
}

/// How a backup of both stores is taken, as far as its consistency depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupMethod {
    /// `pg_dump`, then the copy of the object store (runbook 2.1, 2.2).
    DumpFirst,
    /// The copy of the object store, then `pg_dump`.
    CopyFirst,
    /// Rows by point-in-time recovery, objects by their versions, both at one instant (runbook 2.3).
    PointInTime,
    /// The engine completes its requests and is stopped; both backups; restart (runbook 2.3).
    Maintenance,
    /// The same, but the engine is killed.
    MaintenanceKilled,
}

impl BackupMethod {
    /// All, in the order of the tables.
    pub const ALL: [Self; 5] =
        [Self::DumpFirst, Self::CopyFirst, Self::PointInTime, Self::Maintenance, Self::MaintenanceKilled];

    /// Its name in schedules, in file names and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DumpFirst => "dump-first",
            Self::CopyFirst => "copy-first",
            Self::PointInTime => "point-in-time",
            Self::Maintenance => "maintenance",
            Self::MaintenanceKilled => "maintenance-killed",
        }
    }

    /// The same for people.
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

/// How many writes became what. Each is counted once: in the first backup that ended after it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WriteTally {
    /// Acknowledged writes.
    pub writes: u64,
    /// Those of them that were under way, or began, within the window of their backup.
    pub at_risk: u64,
    /// Whole in the backup, or overtaken by a later write of the same asset.
    pub kept: u64,
    /// Not in the backup, and by right: not acknowledged before the dump.
    pub after: u64,
    /// Not in the backup, though acknowledged before the dump.
    pub lost: u64,
    /// A row without its object.
    pub half: u64,
    /// An object without its row: the harmless half.
    pub orphan: u64,
    /// Row and object of different contents.
    pub wrong: u64,
    /// Those of `half` and `wrong` that were at risk, as a part of all that were: 95 %.
    pub rate: Option<Interval>,
}

/// What came of one backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfBackup {
    /// When it read the stores.
    pub times: Times,
    /// Acknowledged writes that only half of it has: a row without its object, or other content.
    pub half_kept: u64,
}

/// Up to when all is in the restored state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// Every write acknowledged before is whole, or was overtaken by a later one of its asset.
    pub at: u64,
    /// How long before the end of the backup that is, in milliseconds: the loss that a crash right
    /// then would have brought.
    pub before_end_ms: u64,
    /// How long before the dump, in milliseconds; 0 where nothing is missing that the dump promises.
    pub before_dump_ms: u64,
}

/// What to do, and the number that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The advice.
    pub text: String,
    /// What was measured, or found by the model, that says so.
    pub from: String,
}

/// All that was measured of backups under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What the writers were told.
    pub load: Load,
    /// How the backups were taken.
    pub way: BackupMethod,
    /// Writes that were acknowledged, in all.
    pub acknowledged: u64,
    /// Writes that were refused.
    pub refused: u64,
    /// Writes that were not answered.
    pub unanswered: u64,
    /// The backups, in order; the last is the one that was restored.
    pub backups: Vec<OfBackup>,
    /// What became of the writes, by operation.
    pub operations: BTreeMap<WriteKind, WriteTally>,
    /// Of all operations together.
    pub all: WriteTally,
    /// Backups with at least one half-kept write, as a part of all backups: 95 %.
    pub backups_hit: Option<Interval>,
    /// The recovery point of the restored backup; none where it could not be found out.
    pub recovery_point: Option<RecoveryPoint>,
    /// For how long a removed object would have had to stay so that no delete were half-kept, in
    /// milliseconds; none where no delete was.
    pub grace_needed_ms: Option<u64>,
    /// What follows.
    pub advice: Vec<Advice>,
}

impl Measured {
    /// The longest window of its backups, in milliseconds.
    pub fn window_ms(&self) -> u64 {
        let length = |backup: &OfBackup| {
            let window = backup.times.window();
            window.to.saturating_sub(window.from)
        };
        self.backups.iter().map(length).max().unwrap_or(0).div_ceil(1_000)
    }
}

/// By what rows and objects of a load are told from others: names that no asset had before it, and ids
/// and keys that the engine answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    ids: BTreeSet<String>,
}

impl Marks {
    /// The marks of some writes.
    pub fn of(writes: &[Written]) -> Self {
        let key = |w: &Written| w.key.as_ref().map(|key| key.as_str().to_owned());
        Self { ids: writes.iter().flat_map(|w| w.id.clone().into_iter().chain(key(w))).collect() }
    }

    /// Whether a text names an asset of the load.
    pub fn are_in(&self, text: &str) -> bool {
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        self.ids.contains(text)
            || text.split(|c| !of_name(c)).any(|word| word.contains(PREFIX) || self.ids.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loads_rows_are_told_by_id_key_or_name() {
        let write = Written {
            writer: 0,
            number: 0,
            operation: WriteKind::Upload,
            name: format!("{PREFIX}7-0-0.png"),
            id: Some("0190-aa".to_owned()),
            key: Some("blobs/17.bin".into()),
            sha256: None,
            begun: 0,
            answered: 1,
            answer: WriteAnswer::Acknowledged,
        };
        let marks = Marks::of(&[write]);
        for text in ["0190-aa", "versions/0190-aa/1", "0190-bb-under-load-7-1-1.png", "blobs/17.bin"] {
            assert!(marks.are_in(text), "{text}");
        }
        for text in ["0190-a", "0190-aab", "logo.png", "17.bin", ""] {
            assert!(!marks.are_in(text), "{text}");
        }
    }
}
