//! The conditions under which a restore gives nothing worse than an orphan: found by exploring every
//! combination of write orders, mutable or immutable keys, and delete graces.

use crate::model::{
    workload::BackupMethod,
    write::{ReplaceKeys, StoreOrder, WriteKind, WriteOrder, WritePath},
};
use crate::window::judge::outcome;
use crate::window::search::{Limits, explore};
use crate::window::table::combinations;
use crate::window::vocabulary::{Setting, WriteNo};
use crate::window::world::Course;
use serde::Serialize;
use std::ops::ControlFlow;

/// The longest delete grace that is tried: longer than any copying of two writes' objects.
const LONGEST_GRACE: u8 = 9;

/// A combination under which a restore gives nothing worse than an orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Safe {
    /// The backup method.
    pub method: BackupMethod,
    /// The engine's order of writes.
    pub engine: WriteOrder,
    /// The shortest delete grace that is enough, in sub-steps of the backup.
    pub grace: u8,
    /// The longest time from the dump to the last copy (S1 - D) of any explored backup, in sub-steps.
    pub window: u8,
}

/// The engines that are tried: uploads, replacements and batch jobs in one order.
fn engines() -> Vec<WriteOrder> {
    let mut all = Vec::new();
    for upload in StoreOrder::ALL {
        for delete in StoreOrder::ALL {
            all.extend([ReplaceKeys::InPlace, ReplaceKeys::NewKey].map(|replace_keys| WriteOrder {
                upload,
                replace: upload,
                replace_keys,
                delete,
                batch: upload,
            }));
        }
    }
    all
}

/// The longest time from dump to last copy; `None` if an interleaving of up to `writes` writes is harmful.
fn window(engine: &WriteOrder, setting: Setting, writes: usize, limits: Limits) -> Option<u8> {
    let mine = WriteKind::ALL.map(|kind| engine.path(kind));
    let mut longest = 0;
    for chosen in combinations(mine.len(), writes) {
        let here: Vec<WritePath> = chosen.iter().map(|n| mine[*n]).collect();
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

/// All combinations under which a restore gives nothing worse than an orphan, with up to `writes` writes
/// during the backup.
pub fn safe(writes: usize, limits: Limits) -> Vec<Safe> {
    let mut found = Vec::new();
    for method in BackupMethod::ALL {
        for engine in engines() {
            let try_with = |grace| {
                let setting = Setting { grace, ..Setting::plain(method) };
                // One write shows most harmful combinations at once.
                window(&engine, setting, 1, limits)?;
                let window = window(&engine, setting, writes, limits)?;
                Some(Safe { method, engine, grace, window })
            };
            found.extend((0..=LONGEST_GRACE).find_map(try_with));
        }
    }
    found
}
