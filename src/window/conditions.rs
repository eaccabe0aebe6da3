//! Under which conditions nothing worse than an orphan can come back: found by trying every
//! combination of write orders, mutable or immutable keys, and delete graces. It asserts nothing.

use crate::model::profile::StoreOrder;
use crate::window::judge::outcome;
use crate::window::search::{Limits, explore};
use crate::window::table::combinations;
use crate::window::vocabulary::{ModelOperation, ModelProcedure, ModelWrite, Setting, WriteNo};
use crate::window::world::Course;
use serde::Serialize;
use std::ops::ControlFlow;

/// The longest delete grace that is tried: longer than any copying of two writes' objects.
const LONGEST_GRACE: u8 = 9;

/// What an engine does, as far as safety hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelWriteOrder {
    /// Uploads, copies, replacements and ends of batch jobs.
    pub uploads: StoreOrder,
    /// Deletes.
    pub deletes: StoreOrder,
    /// Whether replaced content gets a new key.
    pub immutable_keys: bool,
}

/// A combination under which nothing worse than an orphan comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Safe {
    /// The way to back up.
    pub procedure: ModelProcedure,
    /// What the engine does.
    pub habits: ModelWriteOrder,
    /// The least delete grace that is enough, in sub-steps of the backup.
    pub grace: u8,
    /// The longest time from the dump to the last copy (S1 - D) of any backup looked at, in sub-steps.
    pub window: u8,
}

impl ModelWriteOrder {
    fn all() -> Vec<Self> {
        let orders = [StoreOrder::BinaryFirst, StoreOrder::RowFirst];
        let mut all = Vec::new();
        for uploads in orders {
            for deletes in orders {
                all.extend([false, true].map(|immutable_keys| Self { uploads, deletes, immutable_keys }));
            }
        }
        all
    }

    fn writes(self) -> Vec<ModelWrite> {
        let replace =
            if self.immutable_keys { ModelOperation::ReplaceNewKey } else { ModelOperation::Replace };
        let upload = |operation| ModelWrite { operation, order: self.uploads };
        vec![
            upload(ModelOperation::Upload),
            ModelWrite { operation: ModelOperation::Delete, order: self.deletes },
            upload(replace),
            upload(ModelOperation::Copy),
            ModelWrite { operation: ModelOperation::Label, order: StoreOrder::RowFirst },
            upload(ModelOperation::Batch),
        ]
    }

    /// The longest time from dump to last copy, where nothing harmful comes of up to so many writes.
    fn window(self, setting: Setting, writes: usize, limits: Limits) -> Option<u8> {
        let mine = self.writes();
        let mut longest = 0;
        for chosen in combinations(mine.len(), writes) {
            let here: Vec<ModelWrite> = chosen.iter().map(|n| mine[*n]).collect();
            let course = Course::new(&here, setting);
            let mut harmless = true;
            explore(&course, limits, true, &mut |world, _| {
                harmless = (0..here.len()).all(|n| outcome(world, &course, WriteNo(n as u8)).harmless());
                longest = longest.max(world.window());
                if harmless { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if !harmless {
                return None;
            }
        }
        Some(longest)
    }
}

/// All combinations under which nothing worse than an orphan can come back, with up to so many writes
/// beside the backup.
pub fn safe(writes: usize, limits: Limits) -> Vec<Safe> {
    let mut found = Vec::new();
    for procedure in ModelProcedure::ALL {
        for habits in ModelWriteOrder::all() {
            let try_with = |grace| {
                let setting = Setting { grace, ..Setting::plain(procedure) };
                // One write shows most of what is harmful at once.
                habits.window(setting, 1, limits)?;
                let window = habits.window(setting, writes, limits)?;
                Some(Safe { procedure, habits, grace, window })
            };
            found.extend((0..=LONGEST_GRACE).find_map(try_with));
        }
    }
    found
}
