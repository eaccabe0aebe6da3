//! What is measured of backups under load: what became of the writes, the rate of half-kept ones, the
//! recovery point, and the advice that follows. It judges no verdict.

use crate::{
    advice::{Habits, advice},
    model::{
        load::{
            Answer, Measured, Tally,
            fate::{Judged, count, grace_needed, recovery_point},
            rate::Interval,
        },
        profile::{ReplaceKeys, WriteOrder},
    },
    runbook::verify::acknowledged::UnderLoad,
};
use std::collections::BTreeMap;

/// All that was measured; none where no backup read both stores.
pub fn measured(load: &UnderLoad, judged: &[Judged], order: WriteOrder) -> Option<Measured> {
    let times = load.times?;
    let mut operations = BTreeMap::new();
    let mut backups = Vec::new();
    let mut since = 0;
    let mut grace_needed_ms = None;
    let earlier = load.earlier.iter().map(|(times, judged)| (*times, &judged[..]));
    for (times, judged) in earlier.chain([(times, judged)]) {
        backups.push(count(judged, times, since, &mut operations));
        grace_needed_ms = grace_needed_ms.max(grace_needed(judged, times));
        since = times.window().to;
    }
    let all = operations.values().fold(Tally::default(), |all: Tally, tally| all.and(*tally)).rated();
    operations.values_mut().for_each(|tally| *tally = tally.rated());
    let hit = backups.iter().filter(|backup| backup.half_kept > 0).count() as u64;
    let answers = |is: fn(&Answer) -> bool| load.writes.iter().filter(|w| is(&w.answer)).count() as u64;
    let end = load.writes.iter().map(|write| write.answered).max().unwrap_or(0);
    let mut measured = Measured {
        load: load.load,
        way: load.way,
        acknowledged: answers(|answer| *answer == Answer::Acknowledged),
        refused: answers(|answer| matches!(answer, Answer::Refused { .. })),
        unanswered: answers(|answer| matches!(answer, Answer::Unanswered { .. })),
        backups_hit: Interval::wilson(hit, backups.len() as u64),
        backups,
        operations,
        all,
        recovery_point: Some(recovery_point(judged, times, end)),
        grace_needed_ms,
        advice: Vec::new(),
    };
    measured.advice = advice(&measured, habits(order));
    Some(measured)
}

fn habits(order: WriteOrder) -> Habits {
    let immutable_keys = order.replace_keys == ReplaceKeys::NewKey;
    let WriteOrder { upload, replace, delete, batch, .. } = order;
    Habits { upload, replace, delete, batch, immutable_keys }
}
