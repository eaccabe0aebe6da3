//! Advice on a consistency window, from the measurements of backups during a workload and from the model
//! of all interleavings. Pure; each piece of advice names the figure that it follows from.

use crate::{
    base::clock::human,
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

/// All advice, the measurement first.
pub fn advice(measured: &Measured, engine: WriteOrder) -> Vec<Advice> {
    let model = Model::new(engine);
    let mix: Vec<(WriteKind, WriteTally)> = measured.operations.iter().map(|(o, t)| (*o, *t)).collect();
    let mut all = vec![window(measured)];
    all.extend(rate(measured));
    all.extend(lost(measured));
    all.push(order(&model, &mix));
    let method = measured.method;
    let harmed: Vec<WriteKind> = mix
        .iter()
        .map(|(operation, _)| *operation)
        .filter(|o| !model.outcomes(*o, method).harmless())
        .collect();
    all.extend(grace(measured, engine, &harmed));
    all.extend(keys(measured, engine, &harmed));
    all.extend(versions(&model, &harmed));
    all.push(maintenance(measured, method, &harmed));
    all
}

/// The model's outcomes for each write and backup method, with one write during a backup.
struct Model {
    table: WindowTable,
    engine: WriteOrder,
}

impl Model {
    fn new(engine: WriteOrder) -> Self {
        let question = Question {
            paths: WriteKind::ALL.map(|kind| engine.path(kind)).to_vec(),
            writes: 1,
            grace: 0,
            results: true,
            limits: Limits { bound: 1_000_000, seed: 0 },
            parts: WritePath::parts,
        };
        Self { table: WindowTable::explore(&question), engine }
    }

    fn outcomes(&self, operation: WriteKind, method: BackupMethod) -> Outcomes {
        let mut of_it = self.table.row(self.engine.path(operation));
        of_it.find(|cell| cell.method == method).map(|cell| cell.outcomes).unwrap_or_default()
    }

    /// The number of writes of a mix with a harmful outcome, the worst outcome, and all outcomes as text.
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

fn listed(operations: &[WriteKind]) -> String {
    operations.iter().map(|operation| operation.plural()).collect::<Vec<_>>().join(" and ")
}

fn window(measured: &Measured) -> Advice {
    let length = human(measured.window_ms());
    let from = match measured.backups.len() {
        1 => "from the first read of either store to the last".to_owned(),
        n => format!("the longest of {n} backups, from the first read of either store to the last"),
    };
    new(format!("The window was {length} long: a write within it may be in one store only."), from)
}

/// The rate of torn writes. None observed is a bound, not a proof.
fn rate(measured: &Measured) -> Option<Advice> {
    let rate = measured.all.rate?;
    let description = rate.describe();
    Some(if rate.hits > 0 {
        new("Writes that raced the backup were torn.", description)
    } else {
        let high = rate.high * 100.0;
        let text = format!(
            "No write was torn. That is a bound, not a proof: up to {high:.1} % of those at risk could be."
        );
        new(text, description)
    })
}

fn lost(measured: &Measured) -> Option<Advice> {
    let half = measured.recovery_point.filter(|point| point.before_dump_ms > 0)?;
    let text = match measured.method {
        BackupMethod::CopyFirst => {
            "Take the dump first and the copy second: what was acknowledged between the two is lost."
        }
        BackupMethod::DumpFirst
        | BackupMethod::PointInTime
        | BackupMethod::Maintenance
        | BackupMethod::MaintenanceKilled => {
            "Acknowledged writes are missing that the dump should contain: find the cause first."
        }
    };
    Some(new(text, format!("the recovery point is {} before the dump", human(half.before_dump_ms))))
}

/// Which of the two orders exposes fewer writes of the mix.
fn order(model: &Model, mix: &[(WriteKind, WriteTally)]) -> Advice {
    let writes: u64 = mix.iter().map(|(_, tally)| tally.writes).sum();
    let dump = model.at_stake(mix, BackupMethod::DumpFirst);
    let copy = model.at_stake(mix, BackupMethod::CopyFirst);
    let sentence = |first: &str,
                    better: &(u64, Option<AssetOutcome>, String),
                    other: &(u64, Option<AssetOutcome>, String)| {
        format!(
            "{first} is the safer order for this mix: it exposes {} of {writes} writes, the other order {}.",
            better.0, other.0
        )
    };
    let text = if (dump.0, dump.1) <= (copy.0, copy.1) {
        sentence("Dump first, copy second", &dump, &copy)
    } else {
        sentence("Copy first, dump second", &copy, &dump)
    };
    new(text, format!("outcomes in the model: dump first, {}; copy first, {}", dump.2, copy.2))
}

/// How long a removed object must be kept: one of a delete, or of a replacement under a new key.
fn grace(measured: &Measured, engine: WriteOrder, harmed: &[WriteKind]) -> Option<Advice> {
    let removes = |operation: &&WriteKind| {
        operation.removes()
            && (**operation != WriteKind::Replace || engine.replace_keys == ReplaceKeys::NewKey)
    };
    let removing: Vec<WriteKind> = harmed.iter().filter(removes).copied().collect();
    if measured.method != BackupMethod::DumpFirst || removing.is_empty() {
        return None;
    }
    let half = |operation| measured.operations.get(operation).map_or(0, |tally| tally.half);
    let hit: u64 = removing.iter().map(half).sum();
    let which = listed(&removing);
    if removing.contains(&WriteKind::Delete) && engine.delete == StoreOrder::BinaryFirst {
        let text = "Let deletes remove the row first and the object later: no grace helps a row that outlives its object.";
        return Some(new(text, format!("{hit} {which} were torn, and deletes remove the binary first")));
    }
    let whole = measured.window_ms();
    let grace = human(whole);
    Some(match measured.grace_needed_ms {
        Some(needed) => new(
            format!(
                "A delete grace of {grace} would have made {which} safe: {} was needed, a margin of {}.",
                human(needed),
                human(whole.saturating_sub(needed))
            ),
            format!(
                "{hit} {which} were torn; the earliest of them was sent that long before the end of the copy"
            ),
        ),
        None => new(
            format!(
                "A delete grace of {grace} makes {which} safe; none was needed here, so all of it is margin."
            ),
            format!("none of the {which} was torn, but the window makes it possible"),
        ),
    })
}

fn keys(measured: &Measured, engine: WriteOrder, harmed: &[WriteKind]) -> Option<Advice> {
    if engine.replace_keys == ReplaceKeys::NewKey || !harmed.contains(&WriteKind::Replace) {
        return None;
    }
    let wrong = measured.operations.get(&WriteKind::Replace).copied().unwrap_or_default();
    let rate = wrong.rate.map_or_else(|| "none was at risk".to_owned(), |rate| rate.describe());
    Some(new(
        "Store replaced content under a new key, and keep the old object for the grace: no order of a backup \
         protects a key whose content changes.",
        format!("replaces that were torn: {rate}"),
    ))
}

fn versions(model: &Model, harmed: &[WriteKind]) -> Option<Advice> {
    let then = |operation: &WriteKind| model.outcomes(*operation, BackupMethod::PointInTime);
    let (safe, not): (Vec<WriteKind>, Vec<WriteKind>) =
        harmed.iter().partition(|operation| then(operation).harmless());
    // With this method already in use, none of the harmed writes is safe.
    if safe.is_empty() {
        return None;
    }
    let but = if not.is_empty() { String::new() } else { format!(", but not {}", listed(&not)) };
    let description: Vec<String> =
        harmed.iter().map(|o| format!("{} {}", o.plural(), titles(then(o)))).collect();
    Some(new(
        format!("Point-in-time recovery with bucket versioning makes {} safe{but}.", listed(&safe)),
        format!("outcomes in the model for both stores at one instant: {}", description.join(", ")),
    ))
}

fn maintenance(measured: &Measured, method: BackupMethod, harmed: &[WriteKind]) -> Advice {
    let found = "outcomes in the model";
    if harmed.is_empty() {
        let text = format!("No change is needed for this mix: {} leaves no torn write.", method.title());
        return new(
            text,
            format!("{found} for {}", listed(&measured.operations.keys().copied().collect::<Vec<_>>())),
        );
    }
    let length = measured.window_ms();
    let rejected = (u64::from(measured.load.rate) * length).div_ceil(1_000);
    new(
        format!(
            "A maintenance window of {} leaves no torn write; at this rate it rejects about {rejected} \
             writes.",
            human(length)
        ),
        format!(
            "{} writes a second for the length of the window; {found} for {}",
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

    fn measured(method: BackupMethod, operations: &[(WriteKind, WriteTally)]) -> Measured {
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
            method,
            acknowledged: 0,
            refused: 0,
            unanswered: 0,
            backups: vec![OfBackup { times, torn: 0 }],
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

    fn texts(measured: &Measured, engine: WriteOrder) -> String {
        advice(measured, engine).into_iter().map(|a| format!("{} [{}]\n", a.text, a.from)).collect()
    }

    #[test]
    fn uploads_alone_need_no_change_with_the_dump_first() {
        let text =
            texts(&measured(BackupMethod::DumpFirst, &[(WriteKind::Upload, tally(50, 0, 0))]), STANDIN);
        assert!(text.contains("The window was 800 ms long"), "{text}");
        assert!(text.contains("Dump first, copy second is the safer order"), "{text}");
        assert!(text.contains("exposes 0 of 50 writes, the other order 50"), "{text}");
        assert!(text.contains("No change is needed"), "{text}");
        assert!(text.contains("up to 7.1 %"), "{text}");
        assert!(!text.contains("grace") && !text.contains("are missing"), "{text}");
    }

    #[test]
    fn deletes_want_a_grace_as_long_as_the_window_and_say_its_margin() {
        let mut measured = measured(BackupMethod::DumpFirst, &[(WriteKind::Delete, tally(10, 2, 0))]);
        measured.grace_needed_ms = Some(550);
        let text = texts(&measured, STANDIN);
        assert!(
            text.contains(
                "A delete grace of 800 ms would have made deletes safe: 550 ms was needed, a margin of 250 ms"
            ),
            "{text}"
        );
        assert!(text.contains("[2 deletes were torn"), "{text}");
        assert!(text.contains("bucket versioning makes deletes safe."), "{text}");
        assert!(
            text.contains("A maintenance window of 800 ms") && text.contains("about 32 writes"),
            "{text}"
        );
        let binary_first = WriteOrder { delete: StoreOrder::BinaryFirst, ..STANDIN };
        assert!(texts(&measured, binary_first).contains("remove the row first"));
    }

    #[test]
    fn a_grace_is_for_what_removes_an_object_after_a_dump() {
        let text =
            |method, operation, engine| texts(&measured(method, &[(operation, tally(10, 1, 0))]), engine);
        let new_keys = WriteOrder { replace_keys: ReplaceKeys::NewKey, ..STANDIN };
        assert!(
            text(BackupMethod::DumpFirst, WriteKind::Replace, new_keys)
                .contains("grace of 800 ms makes replaces")
        );
        assert!(!text(BackupMethod::CopyFirst, WriteKind::Delete, STANDIN).contains("grace of"));
        assert!(!text(BackupMethod::DumpFirst, WriteKind::Copy, STANDIN).contains("grace of"));
    }

    #[test]
    fn each_operation_goes_by_its_own_order() {
        let text = |operation, engine| {
            texts(&measured(BackupMethod::DumpFirst, &[(operation, tally(10, 0, 0))]), engine)
                .contains("No change is needed")
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
            assert!(text(operation, STANDIN), "{operation:?}");
            assert_eq!(
                (text(operation, upload), text(operation, batch)),
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
        let text = texts(&measured, STANDIN);
        assert!(text.contains("new key") && text.contains("3 of 10, 30.00 %"), "{text}");
        assert!(text.contains("makes deletes safe, but not replaces"), "{text}");
        assert!(
            !texts(&measured, WriteOrder { replace_keys: ReplaceKeys::NewKey, ..STANDIN })
                .contains("have a new key")
        );
    }

    #[test]
    fn a_copy_before_the_dump_is_recognised_by_its_losses() {
        let mut measured = measured(BackupMethod::CopyFirst, &[(WriteKind::Upload, tally(20, 5, 0))]);
        measured.recovery_point = Some(RecoveryPoint { before_dump_ms: 1_500, ..RecoveryPoint::default() });
        let text = texts(&measured, STANDIN);
        assert!(text.contains("Take the dump first and the copy second"), "{text}");
        assert!(text.contains("1.500 s before the dump"), "{text}");
    }

    #[test]
    fn the_safer_order_is_the_one_that_harms_fewer_writes_and_then_harms_them_less() {
        let text = |operations: &[(WriteKind, WriteTally)]| {
            let all = advice(&measured(BackupMethod::DumpFirst, operations), STANDIN);
            all.into_iter().find(|advice| advice.text.contains("the safer order")).unwrap().text
        };
        // A delete that is undone is less harmful than a row without its object.
        assert_eq!(
            text(&[(WriteKind::Delete, tally(10, 0, 0)), (WriteKind::Label, tally(5, 0, 0))]),
            "Copy first, dump second is the safer order for this mix: it exposes 10 of 15 writes, \
             the other order 10."
        );
        let (some, few) = (WriteTally { at_risk: 3, ..tally(20, 0, 0) }, tally(10, 0, 0));
        assert_eq!(
            text(&[(WriteKind::Upload, some), (WriteKind::Delete, few)]),
            "Dump first, copy second is the safer order for this mix: it exposes 10 of 30 writes, \
             the other order 30."
        );
        assert!(text(&[(WriteKind::Replace, few)]).starts_with("Dump first"), "both are as bad");
    }

    #[test]
    fn replaces_under_new_keys_go_by_their_own_order_at_one_moment() {
        let text = |replace, delete| {
            let engine = WriteOrder { replace, delete, replace_keys: ReplaceKeys::NewKey, ..STANDIN };
            texts(&measured(BackupMethod::DumpFirst, &[(WriteKind::Replace, tally(10, 0, 0))]), engine)
        };
        let (binary, row) = (StoreOrder::BinaryFirst, StoreOrder::RowFirst);
        for delete in [binary, row] {
            let safe = text(binary, delete);
            assert!(safe.contains("bucket versioning makes replaces safe."), "{safe}");
            assert!(safe.contains("grace of 800 ms makes replaces safe"), "{safe}");
            assert!(safe.contains("dump first, replaces orphan binary or missing binary;"), "{safe}");
            assert!(!text(row, delete).contains("bucket versioning"));
        }
    }

    #[test]
    fn what_is_harmed_depends_on_the_way() {
        let nothing = |method, operation| {
            let text = texts(&measured(method, &[(operation, tally(10, 0, 0))]), STANDIN);
            text.contains("No change is needed for this mix")
        };
        use WriteKind::{Delete, Replace, Upload};
        for (method, harmless) in [
            (BackupMethod::DumpFirst, [true, false, false]),
            (BackupMethod::CopyFirst, [false, false, false]),
            (BackupMethod::PointInTime, [true, true, false]),
            (BackupMethod::Maintenance, [true, true, true]),
        ] {
            assert_eq!(
                [Upload, Delete, Replace].map(|operation| nothing(method, operation)),
                harmless,
                "{method:?}"
            );
        }
    }

    #[test]
    fn no_grace_and_no_moment_help_what_leaves_no_object_behind() {
        let row_first = WriteOrder { upload: StoreOrder::RowFirst, ..STANDIN };
        for (operation, engine) in [(WriteKind::Replace, STANDIN), (WriteKind::Upload, row_first)] {
            let text = texts(&measured(BackupMethod::DumpFirst, &[(operation, tally(10, 0, 0))]), engine);
            assert!(text.contains("A maintenance window of 800 ms"), "{operation:?}: {text}");
            assert!(!text.contains("grace of") && !text.contains("Point-in-time"), "{operation:?}: {text}");
        }
    }

    #[test]
    fn each_figure_is_reported_as_measured() {
        let mut measured = measured(BackupMethod::DumpFirst, &[(WriteKind::Delete, tally(10, 1, 0))]);
        measured.load.rate = 3;
        measured.recovery_point = Some(RecoveryPoint { before_dump_ms: 999, ..RecoveryPoint::default() });
        let text = texts(&measured, STANDIN);
        assert!(text.contains("[from the first read of either store to the last]"), "{text}");
        assert!(
            text.contains("Writes that raced the backup were torn") && text.contains("[1 of 10, 10.00 %"),
            "{text}"
        );
        assert!(text.contains("find the cause first. [the recovery point is 999 ms"), "{text}");
        assert!(text.contains("rejects about 3 writes"), "{text}");
        measured.backups = vec![measured.backups[0]; 2];
        measured.backups[1].times.objects.to = 1_000_000;
        measured.recovery_point = Some(RecoveryPoint { before_end_ms: 999, ..RecoveryPoint::default() });
        let text = texts(&measured, STANDIN);
        assert!(text.contains("The window was 1.000 s long"), "{text}");
        assert!(text.contains("[the longest of 2 backups,"), "{text}");
        assert!(!text.contains("find the cause first"), "{text}");
    }
}
