//! Under which conditions nothing worse than an orphan can come back: found by trying every
//! combination of write orders, mutable or immutable keys, and delete graces. It asserts nothing.

use crate::explore::judge::outcome;
use crate::explore::search::{Limits, explore};
use crate::explore::table::combinations;
use crate::explore::words::{Operation, Procedure, Setting, Write, WriteNo};
use crate::explore::world::Course;
use crate::model::profile::Order;
use serde::Serialize;
use std::ops::ControlFlow;

/// The longest delete grace that is tried: longer than any copying of two writes' objects.
const LONGEST_GRACE: u8 = 9;

/// What an engine does, as far as safety hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Habits {
    /// Uploads, copies, replacements and ends of batch jobs.
    pub uploads: Order,
    /// Deletes.
    pub deletes: Order,
    /// Whether replaced content gets a new key.
    pub immutable_keys: bool,
}

/// A combination under which nothing worse than an orphan comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Safe {
    /// The way to back up.
    pub procedure: Procedure,
    /// What the engine does.
    pub habits: Habits,
    /// The least delete grace that is enough, in sub-steps of the backup.
    pub grace: u8,
    /// The longest time from the dump to the last copy (S1 - D) of any backup looked at, in sub-steps.
    pub window: u8,
}

impl Habits {
    fn all() -> Vec<Self> {
        let orders = [Order::BinaryFirst, Order::RowFirst];
        let mut all = Vec::new();
        for uploads in orders {
            for deletes in orders {
                all.extend([false, true].map(|immutable_keys| Self { uploads, deletes, immutable_keys }));
            }
        }
        all
    }

    fn writes(self) -> Vec<Write> {
        let replace = if self.immutable_keys { Operation::ReplaceNewKey } else { Operation::Replace };
        let upload = |operation| Write { operation, order: self.uploads };
        vec![
            upload(Operation::Upload),
            Write { operation: Operation::Delete, order: self.deletes },
            upload(replace),
            upload(Operation::Copy),
            Write { operation: Operation::Label, order: Order::RowFirst },
            upload(Operation::Batch),
        ]
    }

    /// The longest time from dump to last copy, where nothing harmful comes of up to so many writes.
    fn window(self, setting: Setting, writes: usize, limits: Limits) -> Option<u8> {
        let mine = self.writes();
        let mut longest = 0;
        for chosen in combinations(mine.len(), writes) {
            let here: Vec<Write> = chosen.iter().map(|n| mine[*n]).collect();
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
    for procedure in Procedure::ALL {
        for habits in Habits::all() {
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
