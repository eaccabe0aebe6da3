//! What to do about a consistency window, from what was measured of backups under load and from the
//! model of all interleavings (`explore`). Pure; every piece says which number it follows from.

use crate::{
    base::clock::span,
    model::{
        workload::{Advice, BackupMethod, Measured, WriteTally},
        write::{ReplaceKeys, StoreOrder, WriteKind, WriteOrder, WritePath},
    },
    window::{
        judge::{AssetOutcome, Outcomes},
        search::Limits,
        table::{Question, WindowTable},
    },
};
use std::time::Duration;

/// All advice, the measurement first.
pub fn advice(measured: &Measured, habits: WriteOrder) -> Vec<Advice> {
    let model = Model::new(habits);
    let mix: Vec<(WriteKind, WriteTally)> = measured.operations.iter().map(|(o, t)| (*o, *t)).collect();
    let mut all = vec![window(measured)];
    all.extend(rate(measured));
    all.extend(lost(measured));
    all.push(order(&model, &mix));
    let way = measured.way;
    let harmed: Vec<WriteKind> =
        mix.iter().map(|(operation, _)| *operation).filter(|o| !model.outcomes(*o, way).harmless()).collect();
    all.extend(grace(measured, habits, &harmed));
    all.extend(keys(measured, habits, &harmed));
    all.extend(versions(&model, &harmed));
    all.push(maintenance(measured, way, &harmed));
    all
}

/// What the model finds for each write and way, one write beside a backup.
struct Model {
    table: WindowTable,
    habits: WriteOrder,
}

impl Model {
    fn new(habits: WriteOrder) -> Self {
        let question = Question {
            paths: WriteKind::ALL.map(|kind| habits.path(kind)).to_vec(),
            writes: 1,
            grace: 0,
            results: true,
            limits: Limits { bound: 1_000_000, seed: 0 },
            parts: WritePath::parts,
        };
        Self { table: WindowTable::explore(&question), habits }
    }

    fn outcomes(&self, operation: WriteKind, method: BackupMethod) -> Outcomes {
        let mut of_it = self.table.row(self.habits.path(operation));
        of_it.find(|cell| cell.method == method).map(|cell| cell.outcomes).unwrap_or_default()
    }

    /// How many writes of a mix are at stake, and the worst that can come of each.
    fn at_stake(
        &self,
        mix: &[(WriteKind, WriteTally)],
        method: BackupMethod,
    ) -> (u64, Option<AssetOutcome>, String) {
        let mut sum = 0;
        let mut worst = None;
        let mut description = Vec::new();
        for (operation, tally) in mix {
            let outcomes = self.outcomes(*operation, method);
            if !outcomes.harmless() {
                sum += tally.writes;
                worst = worst.max(outcomes.iter().max());
            }
            description.push(format!("{} {}", operation.plural(), titles(outcomes)));
        }
        (sum, worst, description.join(", "))
    }
}

fn titles(outcomes: Outcomes) -> String {
    let titles: Vec<&str> = outcomes.iter().map(AssetOutcome::title).collect();
    if titles.is_empty() { "consistent".to_owned() } else { titles.join(" or ") }
}

fn new(text: impl Into<String>, from: impl Into<String>) -> Advice {
    Advice { text: text.into(), from: from.into() }
}

fn time(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { span(Duration::from_millis(ms)) }
}

fn listed(operations: &[WriteKind]) -> String {
    operations.iter().map(|operation| operation.plural()).collect::<Vec<_>>().join(" and ")
}

fn window(measured: &Measured) -> Advice {
    let length = time(measured.window_ms());
    let from = match measured.backups.len() {
        1 => "from the first look at either store to the last".to_owned(),
        n => format!("the longest of {n} backups, from the first look at either store to the last"),
    };
    new(format!("The window was {length} long: what is written within it may be in one store only."), from)
}

/// No half-kept write was seen: that is a bound, not a proof.
fn rate(measured: &Measured) -> Option<Advice> {
    let rate = measured.all.rate?;
    let description = rate.describe();
    Some(if rate.hits > 0 {
        new("Writes were half-kept: what raced the backup comes back broken.", description)
    } else {
        let high = rate.high * 100.0;
        let text = format!(
            "No write was half-kept, which is a bound and no proof: up to {high:.1} % of those at risk could be."
        );
        new(text, description)
    })
}

fn lost(measured: &Measured) -> Option<Advice> {
    let half = measured.recovery_point.filter(|point| point.before_dump_ms > 0)?;
    let text = match measured.way {
        BackupMethod::CopyFirst => {
            "Take the dump first and the copy second: what was acknowledged between the two is lost."
        }
        BackupMethod::DumpFirst
        | BackupMethod::PointInTime
        | BackupMethod::Maintenance
        | BackupMethod::MaintenanceKilled => {
            "Acknowledged writes are missing that the dump should hold: look for what lost them before anything else."
        }
    };
    Some(new(text, format!("the recovery point is {} before the dump", time(half.before_dump_ms))))
}

/// Which of the two orders puts fewer writes of the mix at stake.
fn order(model: &Model, mix: &[(WriteKind, WriteTally)]) -> Advice {
    let writes: u64 = mix.iter().map(|(_, tally)| tally.writes).sum();
    let dump = model.at_stake(mix, BackupMethod::DumpFirst);
    let copy = model.at_stake(mix, BackupMethod::CopyFirst);
    let told = |first: &str,
                better: &(u64, Option<AssetOutcome>, String),
                other: &(u64, Option<AssetOutcome>, String)| {
        format!(
            "{first} is the safer order for this mix: it puts {} of {writes} writes at stake, the other order {}.",
            better.0, other.0
        )
    };
    let text = if (dump.0, dump.1) <= (copy.0, copy.1) {
        told("Dump first, copy second", &dump, &copy)
    } else {
        told("Copy first, dump second", &copy, &dump)
    };
    new(text, format!("what the model finds: dump first, {}; copy first, {}", dump.2, copy.2))
}

/// How long a removed object must stay: one of a delete, or of a replace under a new key.
fn grace(measured: &Measured, habits: WriteOrder, harmed: &[WriteKind]) -> Option<Advice> {
    let removes = |operation: &&WriteKind| {
        operation.removes()
            && (**operation != WriteKind::Replace || habits.replace_keys == ReplaceKeys::NewKey)
    };
    let removing: Vec<WriteKind> = harmed.iter().filter(removes).copied().collect();
    if measured.way != BackupMethod::DumpFirst || removing.is_empty() {
        return None;
    }
    let half = |operation| measured.operations.get(operation).map_or(0, |tally| tally.half);
    let hit: u64 = removing.iter().map(half).sum();
    let which = listed(&removing);
    if removing.contains(&WriteKind::Delete) && habits.delete == StoreOrder::BinaryFirst {
        let text =
            "Let deletes remove the row first and the object later: no grace helps a row that outlives it.";
        return Some(new(text, format!("{hit} {which} were half-kept, and deletes take the binary first")));
    }
    let whole = measured.window_ms();
    let grace = time(whole);
    Some(match measured.grace_needed_ms {
        Some(needed) => new(
            format!(
                "A delete grace of {grace} would have made {which} safe: {} was needed, a margin of {}.",
                time(needed),
                time(whole.saturating_sub(needed))
            ),
            format!(
                "{hit} {which} were half-kept; of these the earliest was sent so long before the copy's end"
            ),
        ),
        None => new(
            format!(
                "A delete grace of {grace} makes {which} safe; none was needed here, so all of it is margin."
            ),
            format!("none of the {which} was half-kept, but the window leaves room for one"),
        ),
    })
}

fn keys(measured: &Measured, habits: WriteOrder, harmed: &[WriteKind]) -> Option<Advice> {
    if habits.replace_keys == ReplaceKeys::NewKey || !harmed.contains(&WriteKind::Replace) {
        return None;
    }
    let wrong = measured.operations.get(&WriteKind::Replace).copied().unwrap_or_default();
    let rate = wrong.rate.map_or_else(|| "none was at risk".to_owned(), |rate| rate.describe());
    Some(new(
        "Let replaced content have a new key, and keep the old object for the grace: no order of a backup saves \
         a key whose content changes.",
        format!("replaces that were half-kept: {rate}"),
    ))
}

fn versions(model: &Model, harmed: &[WriteKind]) -> Option<Advice> {
    let then = |operation: &WriteKind| model.outcomes(*operation, BackupMethod::PointInTime);
    let (safe, not): (Vec<WriteKind>, Vec<WriteKind>) =
        harmed.iter().partition(|operation| then(operation).harmless());
    // At one moment already, none that is harmed is safe.
    if safe.is_empty() {
        return None;
    }
    let but = if not.is_empty() { String::new() } else { format!(", but not {}", listed(&not)) };
    let description: Vec<String> =
        harmed.iter().map(|o| format!("{} {}", o.plural(), titles(then(o)))).collect();
    Some(new(
        format!("Point-in-time recovery with bucket versioning makes {} safe{but}.", listed(&safe)),
        format!("what the model finds for both stores at one moment: {}", description.join(", ")),
    ))
}

fn maintenance(measured: &Measured, way: BackupMethod, harmed: &[WriteKind]) -> Advice {
    let found = "what the model finds";
    if harmed.is_empty() {
        let text = format!("Nothing need change for this mix: {} leaves no write half-kept.", way.title());
        return new(
            text,
            format!("{found} for {}", listed(&measured.operations.keys().copied().collect::<Vec<_>>())),
        );
    }
    let length = measured.window_ms();
    let turned_away = (u64::from(measured.load.rate) * length).div_ceil(1_000);
    new(
        format!(
            "A maintenance window of {} leaves no write half-kept; at this rate it turns away about {turned_away} \
             writes.",
            time(length)
        ),
        format!(
            "{} writes a second for as long as the window was; {found} for {}",
            measured.load.rate,
            listed(harmed)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workload::{
        Load, MillisRange, Mix, OfBackup, RecoveryPoint, Times, interval::Interval,
    };

    const STANDIN: WriteOrder = WriteOrder {
        upload: StoreOrder::BinaryFirst,
        replace: StoreOrder::BinaryFirst,
        delete: StoreOrder::RowFirst,
        batch: StoreOrder::BinaryFirst,
        replace_keys: ReplaceKeys::InPlace,
    };

    fn measured(way: BackupMethod, operations: &[(WriteKind, WriteTally)]) -> Measured {
        let operations = operations.iter().copied().collect::<std::collections::BTreeMap<_, _>>();
        let all = WriteTally::of_backups(&[operations
            .values()
            .fold(WriteTally::default(), |all, tally| all.and(*tally))]);
        let times = Times {
            rows: MillisRange { from: 0, to: 200_000 },
            objects: MillisRange { from: 200_000, to: 800_000 },
        };
        Measured {
            load: Load { writers: 4, rate: 40, mix: Mix::default(), seed: 1, backups: 1 },
            way,
            acknowledged: 0,
            refused: 0,
            unanswered: 0,
            backups: vec![OfBackup { times, half_kept: 0 }],
            operations,
            all,
            backups_hit: Interval::wilson(0, 1),
            recovery_point: Some(RecoveryPoint::default()),
            grace_needed_ms: None,
            advice: Vec::new(),
        }
    }

    fn tally(writes: u64, half: u64, wrong: u64) -> WriteTally {
        WriteTally::of_backups(&[WriteTally {
            writes,
            at_risk: writes,
            half,
            wrong,
            ..WriteTally::default()
        }])
    }

    fn texts(measured: &Measured, habits: WriteOrder) -> String {
        advice(measured, habits).into_iter().map(|a| format!("{} [{}]\n", a.text, a.from)).collect()
    }

    #[test]
    fn uploads_alone_need_no_change_with_the_dump_first() {
        let said =
            texts(&measured(BackupMethod::DumpFirst, &[(WriteKind::Upload, tally(50, 0, 0))]), STANDIN);
        assert!(said.contains("The window was 800 ms long"), "{said}");
        assert!(said.contains("Dump first, copy second is the safer order"), "{said}");
        assert!(said.contains("0 of 50 writes at stake, the other order 50"), "{said}");
        assert!(said.contains("Nothing need change"), "{said}");
        assert!(said.contains("up to 7.1 %"), "{said}");
        assert!(!said.contains("grace") && !said.contains("are missing"), "{said}");
    }

    #[test]
    fn deletes_want_a_grace_as_long_as_the_window_and_say_its_margin() {
        let mut measured = measured(BackupMethod::DumpFirst, &[(WriteKind::Delete, tally(10, 2, 0))]);
        measured.grace_needed_ms = Some(550);
        let said = texts(&measured, STANDIN);
        assert!(
            said.contains(
                "A delete grace of 800 ms would have made deletes safe: 550 ms was needed, a margin of 250 ms"
            ),
            "{said}"
        );
        assert!(said.contains("[2 deletes were half-kept"), "{said}");
        assert!(said.contains("bucket versioning makes deletes safe."), "{said}");
        assert!(
            said.contains("A maintenance window of 800 ms") && said.contains("about 32 writes"),
            "{said}"
        );
        let binary_first = WriteOrder { delete: StoreOrder::BinaryFirst, ..STANDIN };
        assert!(texts(&measured, binary_first).contains("remove the row first"));
    }

    #[test]
    fn a_grace_is_for_what_removes_an_object_after_a_dump() {
        let said = |way, operation, habits| texts(&measured(way, &[(operation, tally(10, 1, 0))]), habits);
        let new_keys = WriteOrder { replace_keys: ReplaceKeys::NewKey, ..STANDIN };
        assert!(
            said(BackupMethod::DumpFirst, WriteKind::Replace, new_keys)
                .contains("grace of 800 ms makes replaces")
        );
        assert!(!said(BackupMethod::CopyFirst, WriteKind::Delete, STANDIN).contains("grace of"));
        assert!(!said(BackupMethod::DumpFirst, WriteKind::Copy, STANDIN).contains("grace of"));
    }

    #[test]
    fn each_operation_goes_by_its_own_order() {
        let said = |operation, habits| {
            texts(&measured(BackupMethod::DumpFirst, &[(operation, tally(10, 0, 0))]), habits)
                .contains("Nothing need change")
        };
        let (upload, batch) = (
            WriteOrder { upload: StoreOrder::RowFirst, ..STANDIN },
            WriteOrder { batch: StoreOrder::RowFirst, ..STANDIN },
        );
        for (operation, by_upload, by_batch) in [
            (WriteKind::Upload, false, true),
            (WriteKind::Copy, false, true),
            (WriteKind::Label, true, true),
            (WriteKind::Batch, true, false),
        ] {
            assert!(said(operation, STANDIN), "{operation:?}");
            assert_eq!(
                (said(operation, upload), said(operation, batch)),
                (by_upload, by_batch),
                "{operation:?}"
            );
        }
    }

    #[test]
    fn replaces_in_place_want_new_keys_and_nothing_else_saves_them() {
        let measured = measured(
            BackupMethod::DumpFirst,
            &[(WriteKind::Replace, tally(10, 0, 3)), (WriteKind::Delete, tally(10, 0, 0))],
        );
        let said = texts(&measured, STANDIN);
        assert!(said.contains("new key") && said.contains("3 of 10, 30.00 %"), "{said}");
        assert!(said.contains("makes deletes safe, but not replaces"), "{said}");
        assert!(
            !texts(&measured, WriteOrder { replace_keys: ReplaceKeys::NewKey, ..STANDIN })
                .contains("have a new key")
        );
    }

    #[test]
    fn a_copy_before_the_dump_is_told_by_what_it_lost() {
        let mut measured = measured(BackupMethod::CopyFirst, &[(WriteKind::Upload, tally(20, 5, 0))]);
        measured.recovery_point = Some(RecoveryPoint { before_dump_ms: 1_500, ..RecoveryPoint::default() });
        let said = texts(&measured, STANDIN);
        assert!(said.contains("Take the dump first and the copy second"), "{said}");
        assert!(said.contains("1.5 s before the dump"), "{said}");
    }

    #[test]
    fn the_safer_order_is_the_one_that_harms_fewer_writes_and_then_harms_them_less() {
        let said = |operations: &[(WriteKind, WriteTally)]| {
            let all = advice(&measured(BackupMethod::DumpFirst, operations), STANDIN);
            all.into_iter().find(|advice| advice.text.contains("the safer order")).unwrap().text
        };
        // A delete that comes back is less than a row without its object.
        assert_eq!(
            said(&[(WriteKind::Delete, tally(10, 0, 0)), (WriteKind::Label, tally(5, 0, 0))]),
            "Copy first, dump second is the safer order for this mix: it puts 10 of 15 writes at stake, \
             the other order 10."
        );
        let (some, few) = (WriteTally { at_risk: 3, ..tally(20, 0, 0) }, tally(10, 0, 0));
        assert_eq!(
            said(&[(WriteKind::Upload, some), (WriteKind::Delete, few)]),
            "Dump first, copy second is the safer order for this mix: it puts 10 of 30 writes at stake, \
             the other order 30."
        );
        assert!(said(&[(WriteKind::Replace, few)]).starts_with("Dump first"), "both are as bad");
    }

    #[test]
    fn replaces_under_new_keys_go_by_their_own_order_at_one_moment() {
        let said = |replace, delete| {
            let habits = WriteOrder { replace, delete, replace_keys: ReplaceKeys::NewKey, ..STANDIN };
            texts(&measured(BackupMethod::DumpFirst, &[(WriteKind::Replace, tally(10, 0, 0))]), habits)
        };
        let (binary, row) = (StoreOrder::BinaryFirst, StoreOrder::RowFirst);
        for delete in [binary, row] {
            let safe = said(binary, delete);
            assert!(safe.contains("bucket versioning makes replaces safe."), "{safe}");
            assert!(safe.contains("grace of 800 ms makes replaces safe"), "{safe}");
            assert!(safe.contains("dump first, replaces orphan binary or missing binary;"), "{safe}");
            assert!(!said(row, delete).contains("bucket versioning"));
        }
    }

    #[test]
    fn what_is_harmed_depends_on_the_way() {
        let nothing = |way, operation| {
            let said = texts(&measured(way, &[(operation, tally(10, 0, 0))]), STANDIN);
            said.contains("Nothing need change for this mix")
        };
        use WriteKind::{Delete, Replace, Upload};
        for (way, harmless) in [
            (BackupMethod::DumpFirst, [true, false, false]),
            (BackupMethod::CopyFirst, [false, false, false]),
            (BackupMethod::PointInTime, [true, true, false]),
            (BackupMethod::Maintenance, [true, true, true]),
        ] {
            assert_eq!(
                [Upload, Delete, Replace].map(|operation| nothing(way, operation)),
                harmless,
                "{way:?}"
            );
        }
    }

    #[test]
    fn no_grace_and_no_moment_help_what_leaves_no_object_behind() {
        let row_first = WriteOrder { upload: StoreOrder::RowFirst, ..STANDIN };
        for (operation, habits) in [(WriteKind::Replace, STANDIN), (WriteKind::Upload, row_first)] {
            let said = texts(&measured(BackupMethod::DumpFirst, &[(operation, tally(10, 0, 0))]), habits);
            assert!(said.contains("A maintenance window of 800 ms"), "{operation:?}: {said}");
            assert!(!said.contains("grace of") && !said.contains("Point-in-time"), "{operation:?}: {said}");
        }
    }

    #[test]
    fn each_number_is_told_as_it_was_measured() {
        let mut measured = measured(BackupMethod::DumpFirst, &[(WriteKind::Delete, tally(10, 1, 0))]);
        measured.load.rate = 3;
        measured.recovery_point = Some(RecoveryPoint { before_dump_ms: 999, ..RecoveryPoint::default() });
        let said = texts(&measured, STANDIN);
        assert!(said.contains("[from the first look at either store to the last]"), "{said}");
        assert!(said.contains("Writes were half-kept") && said.contains("[1 of 10, 10.00 %"), "{said}");
        assert!(
            said.contains("look for what lost them before anything else. [the recovery point is 999 ms"),
            "{said}"
        );
        assert!(said.contains("turns away about 3 writes"), "{said}");
        measured.backups = vec![measured.backups[0]; 2];
        measured.backups[1].times.objects.to = 1_000_000;
        measured.recovery_point = Some(RecoveryPoint { before_end_ms: 999, ..RecoveryPoint::default() });
        let said = texts(&measured, STANDIN);
        assert!(said.contains("The window was 1.0 s long"), "{said}");
        assert!(said.contains("[the longest of 2 backups,"), "{said}");
        assert!(!said.contains("look for what lost them"), "{said}");
    }
}
