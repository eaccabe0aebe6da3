//! What is measured of backups with writes in flight: the outcome of the writes, the rate of torn ones,
//! the recovery point, and the advice that follows. It decides no verdict.

use crate::{
    model::{
        workload::{
            Measured, OfBackup, WriteAnswer, WriteTally,
            interval::Interval,
            write_outcome::{Judged, count, grace_needed, recovery_point},
        },
        write::{WriteKind, WriteOrder},
    },
    runbook::verify::UnderLoad,
    window::advice::advice,
};
use std::collections::{BTreeMap, BTreeSet};

/// All that was measured; none where no backup read both stores.
pub fn measured(load: &UnderLoad, judged: &[Judged], order: WriteOrder) -> Option<Measured> {
    let times = load.times?;
    let (mut backups, mut tallies) = (Vec::new(), Vec::new());
    let mut since = 0;
    let mut grace_needed_ms = None;
    let earlier = load.earlier.iter().map(|(times, judged)| (*times, &judged[..]));
    for (times, judged) in earlier.chain([(times, judged)]) {
        let tally = count(judged, times, since);
        let torn = tally.values().map(WriteTally::torn).sum();
        backups.push(OfBackup { times, torn });
        tallies.push(tally);
        grace_needed_ms = grace_needed_ms.max(grace_needed(judged, times));
        since = times.window().to;
    }
    let of = |wanted: &[WriteKind]| {
        let in_one = |tally: &BTreeMap<WriteKind, WriteTally>| {
            let wanted = wanted.iter().filter_map(|operation| tally.get(operation));
            wanted.fold(WriteTally::default(), |all, tally| all.and(*tally))
        };
        WriteTally::of_backups(&tallies.iter().map(in_one).collect::<Vec<_>>())
    };
    let done: BTreeSet<WriteKind> = tallies.iter().flat_map(BTreeMap::keys).copied().collect();
    let operations = done.into_iter().map(|operation| (operation, of(&[operation]))).collect();
    let all = of(&WriteKind::ALL);
    let hit = backups.iter().filter(|backup| backup.torn > 0).count() as u64;
    let answers = |is: fn(&WriteAnswer) -> bool| load.writes.iter().filter(|w| is(&w.answer)).count() as u64;
    let end = load.writes.iter().map(|write| write.answered).max().unwrap_or(0);
    let mut measured = Measured {
        load: load.load,
        method: load.way,
        acknowledged: answers(|answer| *answer == WriteAnswer::Acknowledged),
        refused: answers(|answer| matches!(answer, WriteAnswer::Refused { .. })),
        unanswered: answers(|answer| matches!(answer, WriteAnswer::Unanswered { .. })),
        backups_hit: Interval::wilson(hit, backups.len() as u64),
        backups,
        operations,
        all,
        recovery_point: Some(recovery_point(judged, times, end)),
        grace_needed_ms,
        advice: Vec::new(),
    };
    measured.advice = advice(&measured, order);
    Some(measured)
}
