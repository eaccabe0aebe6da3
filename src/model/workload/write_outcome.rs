//! The outcome of each acknowledged write in a restored state. Pure: the content of the two stores is
//! given, with the times at which the backup read them.
//!
//! An asset's writes are sequential, all of one writer. So each store contains the asset as one of its
//! writes left it: the row as write `r` did, the object as write `o` did, 0 for before the first. A write
//! is complete if neither store is older than it. A store that is newer was changed by a later write,
//! which then is the torn one.

use crate::{
    base::{digest::Digest, ids::ObjectKey},
    model::{
        workload::{Interval, RecoveryPoint, Times, WriteTally, Written},
        write::WriteKind,
    },
};
use std::collections::BTreeMap;

/// What a store contains of an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreContent {
    /// Nothing.
    #[default]
    Absent,
    /// Something of unknown content: a row without a digest.
    Present,
    /// This content.
    Content(Digest),
}

/// What both stores contain of an asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Its row, with the content that it records.
    pub row: StoreContent,
    /// The object that the row points at; without a row, any that the asset ever had.
    pub object: StoreContent,
    /// The key that the row points at: a replace under a new key leaves nothing there.
    pub key: Option<ObjectKey>,
}

/// The outcome of an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteOutcome {
    /// In both stores, or superseded there by a later write of its asset.
    Kept,
    /// In neither store.
    Gone,
    /// Its row without its object; of a delete, the object is removed and the row is restored.
    Half,
    /// An object without a row: harmless.
    Orphan,
    /// Row and object exist and do not match.
    Wrong,
}

impl WriteOutcome {
    /// For people, after the asset's name.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Kept => "complete",
            Self::Gone => "in neither store",
            Self::Half => "a row without its object",
            Self::Orphan => "an object without its row",
            Self::Wrong => "row and object of different contents",
        }
    }
}

/// An acknowledged write and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The write.
    pub write: Written,
    /// Its outcome.
    pub fate: WriteOutcome,
    /// Whether it was acknowledged before the dump: then it must be complete.
    pub due: bool,
    /// Whether the row is from a later write than the dump can contain.
    pub too_late: bool,
}

/// Judges all acknowledged writes, in the order in which they were answered.
pub fn judge(writes: &[Written], sights: &BTreeMap<String, Sight>, times: Times) -> Vec<Judged> {
    let mut assets: BTreeMap<&str, Vec<&Written>> = BTreeMap::new();
    for write in writes {
        assets.entry(&write.name).or_default().push(write);
    }
    let mut judged = Vec::new();
    for (name, mut of_it) in assets {
        of_it.sort_by_key(|write| write.begun);
        judged.extend(of_asset(&of_it, &sights.get(name).cloned().unwrap_or_default(), times));
    }
    judged.sort_by_key(|j| (j.write.answered, j.write.writer));
    judged
}

fn of_asset(writes: &[&Written], sight: &Sight, times: Times) -> Vec<Judged> {
    let (rows, objects) = (begun_by(writes, times.rows.to), begun_by(writes, times.objects.to));
    // If the row records no content, the object determines the write.
    let key = sight.key.as_ref();
    let object_alone = state(writes, sight.object, key, objects, None);
    let row = match sight.row {
        StoreContent::Present => state(writes, sight.row, None, rows, object_alone),
        StoreContent::Absent | StoreContent::Content(_) => state(writes, sight.row, None, rows, None),
    };
    let object = state(writes, sight.object, key, objects, row);
    let too_late = row.is_some_and(|row| row > rows);
    let has = |at: Option<usize>, number: usize| at.is_some_and(|at| at >= number);
    let judged = |(at, write): (usize, &&Written)| {
        let number = at + 1;
        let fate = match (has(row, number), has(object, number), sight.row, sight.object) {
            (true, true, ..) => WriteOutcome::Kept,
            (false, false, ..) | (.., StoreContent::Absent, StoreContent::Absent) => WriteOutcome::Gone,
            (.., StoreContent::Absent, _) => WriteOutcome::Orphan,
            (.., StoreContent::Absent) => WriteOutcome::Half,
            _ => WriteOutcome::Wrong,
        };
        let due = write.answered <= times.rows.from;
        Judged { write: (*write).clone(), fate, due, too_late }
    };
    writes.iter().enumerate().filter(|(_, write)| write.is_acknowledged()).map(judged).collect()
}

/// The last write that began before `end`.
fn begun_by(writes: &[&Written], end: u64) -> usize {
    writes.iter().rposition(|w| w.begun < end).map_or(0, |at| at + 1)
}

/// The write that left a store in this state; `None` if no write did. A store contains nothing before the
/// first write, after a delete, and at `key` after a write under another key. If several writes fit, the
/// one that the other store shows is taken, otherwise the latest that the times allow.
fn state(
    writes: &[&Written],
    seen: StoreContent,
    key: Option<&ObjectKey>,
    most: usize,
    other: Option<usize>,
) -> Option<usize> {
    let left = |number: usize| number.checked_sub(1).map(|at| writes[at]);
    let fits = |number: &usize| match (seen, left(*number)) {
        (StoreContent::Absent, None) => true,
        (StoreContent::Absent, Some(write)) => {
            let elsewhere = key.is_some() && write.key.is_some() && write.key.as_ref() != key;
            write.operation == WriteKind::Delete || elsewhere
        }
        (StoreContent::Present | StoreContent::Content(_), None) => false,
        (StoreContent::Present, Some(write)) => write.operation != WriteKind::Delete,
        (StoreContent::Content(digest), Some(write)) => write.sha256 == Some(digest),
    };
    let fitting: Vec<usize> = (0..=writes.len()).filter(fits).collect();
    other
        .filter(|other| fitting.contains(other))
        .or_else(|| fitting.iter().rfind(|n| **n <= most).copied())
        .or_else(|| fitting.first().copied())
}

/// The recovery point: the time up to which every acknowledged write is complete. `end`, the end of the
/// workload, is used if all are.
pub fn recovery_point(judged: &[Judged], times: Times, end: u64) -> RecoveryPoint {
    let missing = judged.iter().filter(|j| j.fate != WriteOutcome::Kept).map(|j| j.write.answered).min();
    let at = missing.unwrap_or(end);
    let before = |moment: u64| moment.saturating_sub(at).div_ceil(1_000);
    RecoveryPoint { at, before_end_ms: before(times.window().to), before_dump_ms: before(times.rows.from) }
}

/// The tally of one backup: the writes that began after the end of the previous one, by kind.
pub fn count(judged: &[Judged], times: Times, since: u64) -> BTreeMap<WriteKind, WriteTally> {
    let window = times.window();
    let mut operations: BTreeMap<WriteKind, WriteTally> = BTreeMap::new();
    for Judged { write, fate, due, .. } in judged {
        if write.begun < since || write.begun >= window.to {
            continue;
        }
        let tally = operations.entry(write.operation).or_default();
        let at_risk = write.answered > window.from;
        tally.writes += 1;
        tally.at_risk += u64::from(at_risk);
        match (fate, due) {
            (WriteOutcome::Kept, _) => tally.kept += 1,
            (WriteOutcome::Gone, false) => tally.after += 1,
            (WriteOutcome::Gone, true) => tally.lost += 1,
            (WriteOutcome::Half, _) => tally.half += 1,
            (WriteOutcome::Orphan, _) => tally.orphan += 1,
            (WriteOutcome::Wrong, _) => tally.wrong += 1,
        }
    }
    operations
}

impl WriteTally {
    /// Torn writes: a row without its object, or with other content.
    pub fn torn(&self) -> u64 {
        self.half + self.wrong
    }

    /// The tallies of all backups together, with the rate: writes of one backup share its window. A torn
    /// write outside the window counts as at risk, too: a rate is never above 1.
    #[must_use]
    pub fn of_backups(backups: &[Self]) -> Self {
        let clusters: Vec<(u64, u64)> = backups.iter().map(|t| (t.torn(), t.at_risk.max(t.torn()))).collect();
        let at_risk = clusters.iter().map(|(_, of)| of).sum();
        let all = backups.iter().fold(Self::default(), |all, tally| all.and(*tally));
        Self { at_risk, rate: Interval::clustered(&clusters), ..all }
    }

    /// Both together, without a rate.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            at_risk: self.at_risk + other.at_risk,
            kept: self.kept + other.kept,
            after: self.after + other.after,
            lost: self.lost + other.lost,
            half: self.half + other.half,
            orphan: self.orphan + other.orphan,
            wrong: self.wrong + other.wrong,
            rate: None,
        }
    }
}

/// How long removed objects would have had to be kept so that no write of this backup that removes one
/// was torn: from the earliest such write to the end of the copy.
pub fn grace_needed(judged: &[Judged], times: Times) -> Option<u64> {
    let half = |j: &&Judged| j.write.operation.removes() && j.fate == WriteOutcome::Half && !j.due;
    let stay = |j: &Judged| times.objects.to.saturating_sub(j.write.begun).div_ceil(1_000);
    judged.iter().filter(half).map(stay).max()
}

#[cfg(test)]
mod tests;
