//! A workload of writers during a backup: its settings, its writes, and the measurements of the backup.
//! Times are microseconds since the workload began, from one monotonic clock.

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

/// The prefix of every name that writers create.
pub const PREFIX: &str = "under-load-";

/// What writers do while a backup runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Concurrent writers. Each writes to its own assets.
    pub writers: u8,
    /// Writes per second, of all writers together.
    pub rate: u16,
    /// The proportions of the kinds of writes.
    pub mix: Mix,
    /// The seed of the writers' choices and contents.
    #[serde(default = "one")]
    pub seed: u64,
    /// The number of backups during this workload: the steps up to `stop writing` are repeated that often.
    /// The last backup is restored; of the others the dump is restored to a scratch database and compared
    /// with the copied objects.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub backups: u8,
}

fn one() -> u64 {
    1
}

fn once() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
fn is_once(backups: &u8) -> bool {
    *backups == 1
}

/// Proportions of the kinds of writes. A writer without an asset uploads one first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// A new asset.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload: u16,
    /// Other content for an asset.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replace: u16,
    /// An asset is deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delete: u16,
    /// An asset is downloaded and uploaded under another name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copy: u16,
    /// A label of the writer is moved to the next version of its template.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label: u16,
    /// A batch job renders a document; it is acknowledged when it completes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub batch: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
fn is_zero(part: &u16) -> bool {
    *part == 0
}

impl Mix {
    /// The proportion of a kind.
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

    /// The kinds that occur, each with its proportion.
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
    /// The writer, from 0.
    pub writer: u8,
    /// The number among the writer's writes, from 0.
    pub number: u32,
    /// The kind of write.
    pub operation: WriteKind,
    /// The name of the asset, label or batch job; only this writer writes to it.
    pub name: String,
    /// The engine's id of it, if known; a label has none.
    pub id: Option<String>,
    /// The storage key in the engine's answer.
    pub key: Option<ObjectKey>,
    /// SHA-256 of what was sent, of a label that of the version's name; none for a delete or a batch job.
    pub sha256: Option<Digest>,
    /// When it was sent.
    pub begun: u64,
    /// When its answer arrived, or could no longer be expected.
    pub answered: u64,
    /// The answer.
    #[serde(flatten)]
    pub answer: WriteAnswer,
}

/// The engine's answer to a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "answer")]
pub enum WriteAnswer {
    /// Success: from now on the write must not be lost.
    Acknowledged,
    /// Refused; it may still have had an effect.
    Refused {
        /// The engine's message.
        why: String,
    },
    /// No answer, or one that cannot be parsed: the effect is unknown.
    Unanswered {
        /// The reason.
        why: String,
    },
}

impl Written {
    /// Whether it was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.answer == WriteAnswer::Acknowledged
    }
}

/// From one time to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MillisRange {
    /// Its beginning.
    pub from: u64,
    /// Its end.
    pub to: u64,
}

/// When a backup read each store. The instant of the dump lies within `rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// From before its rows were read until their snapshot certainly existed.
    pub rows: MillisRange,
    /// From before its objects were listed until the last was copied.
    pub objects: MillisRange,
}

impl Times {
    /// The consistency window: from the first read of either store to the last.
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

/// Writes by outcome. Each is counted once: in the first backup that ended after the write began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WriteTally {
    /// Acknowledged writes.
    pub writes: u64,
    /// Those of them that were in flight or began within the window of their backup.
    pub at_risk: u64,
    /// Complete in the backup, or superseded by a later write of the same asset.
    pub kept: u64,
    /// Not in the backup, and not acknowledged before the dump: loss allowed by the RPO.
    pub after: u64,
    /// Not in the backup, though acknowledged before the dump.
    pub lost: u64,
    /// A row without its object.
    pub half: u64,
    /// An object without its row: harmless.
    pub orphan: u64,
    /// Row and object of different contents.
    pub wrong: u64,
    /// The rate of `half` and `wrong` among the writes at risk, with its bounds at 95 %.
    pub rate: Option<Interval>,
}

/// One backup during a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfBackup {
    /// When it read the stores.
    pub times: Times,
    /// Torn writes in it: a row without its object, or with other content.
    pub torn: u64,
}

/// The time up to which the restored state is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// Every write acknowledged before is complete, or superseded by a later one of its asset.
    pub at: u64,
    /// How long before the end of the backup that is, in milliseconds: the loss if the site had failed
    /// then.
    pub before_end_ms: u64,
    /// How long before the dump, in milliseconds; 0 if nothing is missing that was acknowledged before it.
    pub before_dump_ms: u64,
}

/// A piece of advice, and the figure that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The advice.
    pub text: String,
    /// The measurement, or the result of the model, that it follows from.
    pub from: String,
}

/// The measurements of backups during a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The settings of the workload.
    pub load: Load,
    /// How the backups were taken.
    pub method: BackupMethod,
    /// Writes that were acknowledged, in total.
    pub acknowledged: u64,
    /// Writes that were refused.
    pub refused: u64,
    /// Writes that were not answered.
    pub unanswered: u64,
    /// The backups, in order; the last is the one that was restored.
    pub backups: Vec<OfBackup>,
    /// The outcomes of the writes, by kind.
    pub operations: BTreeMap<WriteKind, WriteTally>,
    /// Of all kinds together.
    pub all: WriteTally,
    /// The rate of backups with at least one torn write, with its bounds at 95 %.
    pub backups_hit: Option<Interval>,
    /// The recovery point of the restored backup; none if it could not be determined.
    pub recovery_point: Option<RecoveryPoint>,
    /// How long a removed object would have had to be kept so that no delete was torn, in milliseconds;
    /// none if no delete was torn.
    pub grace_needed_ms: Option<u64>,
    /// The advice that follows.
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

/// What distinguishes rows and objects of a workload from others: names that no asset had before it, and
/// the ids and keys in the engine's answers.
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

    /// Whether a text names an asset of the workload.
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
    fn a_workloads_rows_are_recognised_by_id_key_or_name() {
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
