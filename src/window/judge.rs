//! What a restore of a backup would give: the dump's rows joined with the copied objects. It knows
//! nothing of how the backup was made.

use crate::model::write::WriteKind;
use crate::window::vocabulary::WriteNo;
use crate::window::world::{AFTER, Course, World};
use serde::Serialize;

/// What is wrong with an asset after the restore, from harmless to worst. The recovery point is the
/// dump's instant D: a write that is acknowledged later is lost by right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetOutcome {
    /// An object came back that no row points at. It does no harm but to the disk.
    OrphanBinary,
    /// A delete was acknowledged before D, and what it had removed by then is back. (An object that
    /// still waited for its removal at D is an orphan: with a delete grace it has to be so.)
    ResurrectedDelete,
    /// A write was acknowledged before D, and what it wrote is not there, not whole, or is the old
    /// content.
    LostAcknowledgedWrite,
    /// A row came back whose object did not: the render is refused (`ASSET_BINARY_MISSING`).
    MissingBinary,
    /// A row came back, and its object holds other content than the row says: nothing refuses it.
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

    /// In words.
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

    /// Whether an operator may live with it: consistent, or orphans at most.
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

/// What came of the asset of one write.
pub(super) fn outcome(world: &World, course: &Course, write: WriteNo) -> Outcomes {
    let n = usize::from(write.0);
    // The two slots of a write: what it makes, then what it finds.
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

/// What was acknowledged before the recovery point and does not hold.
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
