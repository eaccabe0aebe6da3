//! The result of a restore: the dump's rows joined with the copied objects. How the backup was made is
//! not known here.

use crate::model::write::WriteKind;
use crate::window::vocabulary::WriteNo;
use crate::window::world::{AFTER, Course, World};
use serde::Serialize;

/// What is wrong with an asset after the restore, from harmless to worst. The recovery point is the
/// dump's instant D: the loss of a write that is acknowledged later is allowed by the RPO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetOutcome {
    /// An object without a row. It only costs space.
    OrphanBinary,
    /// A delete was acknowledged before D, and what it had removed by then is restored. (An object that
    /// was still to be removed at D is an orphan: a delete grace implies that.)
    ResurrectedDelete,
    /// A write was acknowledged before D, and what it wrote is missing, incomplete or of the old content.
    LostAcknowledgedWrite,
    /// A row without its object: the render fails (`ASSET_BINARY_MISSING`).
    MissingBinary,
    /// The object's content differs from the row's digest: nothing rejects it.
    WrongContent,
}

impl AssetOutcome {
    /// All, from harmless to worst.
    pub const ALL: [Self; 5] = [
        Self::OrphanBinary,
        Self::ResurrectedDelete,
        Self::LostAcknowledgedWrite,
        Self::MissingBinary,
        Self::WrongContent,
    ];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::OrphanBinary => "orphan binary",
            Self::ResurrectedDelete => "resurrected delete",
            Self::LostAcknowledgedWrite => "lost acknowledged write",
            Self::MissingBinary => "missing binary",
            Self::WrongContent => "wrong content",
        }
    }
}

/// A set of outcomes; empty is consistent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcomes(u8);

impl Outcomes {
    /// Adds one.
    pub fn add(&mut self, outcome: AssetOutcome) {
        self.0 |= 1 << outcome as u8;
    }

    /// Adds all of another set.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether it is one of them.
    pub const fn has(self, outcome: AssetOutcome) -> bool {
        self.0 & (1 << outcome as u8) != 0
    }

    /// Whether nothing is wrong.
    pub const fn consistent(self) -> bool {
        self.0 == 0
    }

    /// Consistent, or orphans at most: acceptable for an operator.
    pub const fn harmless(self) -> bool {
        self.0 & !(1 << AssetOutcome::OrphanBinary as u8) == 0
    }

    /// The worst, `None` when consistent.
    pub fn worst(self) -> Option<AssetOutcome> {
        self.iter().last()
    }

    /// From harmless to worst.
    pub fn iter(self) -> impl Iterator<Item = AssetOutcome> {
        AssetOutcome::ALL.into_iter().filter(move |outcome| self.has(*outcome))
    }
}

impl Serialize for Outcomes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl std::fmt::Display for Outcomes {
    /// The worst first: `missing binary, orphan binary`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.consistent() {
            return f.write_str("consistent");
        }
        let mut titles: Vec<&str> = self.iter().map(AssetOutcome::title).collect();
        titles.reverse();
        f.write_str(&titles.join(", "))
    }
}

/// The outcome for the asset of one write.
pub(super) fn outcome(world: &World, course: &Course, write: WriteNo) -> Outcomes {
    let n = usize::from(write.0);
    // The two slots of a write: the new object, then the old one.
    let slots = [2 * n, 2 * n + 1];
    let mut found = Outcomes::default();
    let mut pointed_at = [false; 2];
    for row in slots.map(|slot| world.dump[slot]) {
        let Some(object) = row.object() else { continue };
        pointed_at[object - 2 * n] = true;
        match world.copied[object] {
            0 => found.add(AssetOutcome::MissingBinary),
            content if content != row.value => found.add(AssetOutcome::WrongContent),
            _ => {}
        }
    }
    let copied = slots.map(|slot| world.copied[slot] != 0);
    if (0..2).any(|slot| copied[slot] && !pointed_at[slot]) {
        found.add(AssetOutcome::OrphanBinary);
    }
    if world.acknowledged_at_dump & (1 << n) != 0 {
        found.join(broken_promise(world, course, write));
    }
    found
}

/// Acknowledgements before the recovery point that the restored state breaks.
fn broken_promise(world: &World, course: &Course, write: WriteNo) -> Outcomes {
    let n = usize::from(write.0);
    let (new, old) = (2 * n, 2 * n + 1);
    let whole = |slot: usize| {
        let row = world.dump[slot];
        row.value == AFTER && row.object().is_none_or(|object| world.copied[object] == AFTER)
    };
    let mut found = Outcomes::default();
    match course.writes[n].kind {
        WriteKind::Delete => {
            let removed = world.there_at_dump & (1 << old) == 0;
            if world.dump[old].value != 0 || (removed && world.copied[old] != 0) {
                found.add(AssetOutcome::ResurrectedDelete);
            }
        }
        WriteKind::Upload | WriteKind::Copy => {
            if !whole(new) {
                found.add(AssetOutcome::LostAcknowledgedWrite);
            }
        }
        WriteKind::Replace | WriteKind::Label | WriteKind::Batch => {
            if !whole(old) {
                found.add(AssetOutcome::LostAcknowledgedWrite);
            }
        }
    }
    found
}
