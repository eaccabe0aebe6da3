//! The consistency window in the model: its outcomes, the notation of schedules, the command's output,
//! and that the generated document and scenarios are current.

use crate::support::bless;
use proptest::prelude::*;
use pulp_drill::model::finding::FindingKind;
use pulp_drill::model::workload::BackupMethod;
use pulp_drill::model::write::{ReplaceKeys, StoreOrder, WriteKind, WritePath};
use pulp_drill::scenario::library::FixtureLibrary;
use pulp_drill::scenario::parse::read_all;
use pulp_drill::window::picture::picture;
use pulp_drill::window::{
    AssetOutcome, Limits, MOST_WRITES, ModelObject, ModelStep, Outcomes, Part, Question, Safe, Schedule,
    Script, Setting, WindowTable, WriteNo, render, safe, shrink,
};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

const LIMITS: Limits = Limits { bound: 100_000, seed: 0 };

fn question(writes: usize) -> Question {
    let paths = WritePath::all();
    Question { paths, writes, grace: 0, results: true, limits: LIMITS, parts: WritePath::parts }
}

static TABLE: LazyLock<WindowTable> = LazyLock::new(|| WindowTable::explore(&question(2)));
static SAFE: LazyLock<Vec<Safe>> = LazyLock::new(|| safe(2, LIMITS));

fn cell(kind: WriteKind, order: StoreOrder, method: BackupMethod) -> Outcomes {
    let found = TABLE.row(WritePath::new(kind, order)).find(|cell| cell.method == method);
    found.unwrap().outcomes
}

#[test]
fn the_rule_of_the_window_follows() {
    use BackupMethod::{CopyFirst, DumpFirst, Maintenance, PointInTime};
    use StoreOrder::{BinaryFirst, RowFirst};
    let worst = |operation, order, method| cell(operation, order, method).worst();
    // Dump first: an upload leaves an orphan, a delete a row without its binary, a replace wrong content.
    assert_eq!(worst(WriteKind::Upload, BinaryFirst, DumpFirst), Some(AssetOutcome::OrphanBinary));
    assert_eq!(worst(WriteKind::Delete, RowFirst, DumpFirst), Some(AssetOutcome::MissingBinary));
    assert_eq!(worst(WriteKind::Replace, BinaryFirst, DumpFirst), Some(AssetOutcome::WrongContent));
    // Copy first: an upload leaves a row without its binary, a delete an orphan, a replace wrong content.
    assert_eq!(worst(WriteKind::Upload, BinaryFirst, CopyFirst), Some(AssetOutcome::MissingBinary));
    assert!(cell(WriteKind::Upload, BinaryFirst, CopyFirst).has(AssetOutcome::LostAcknowledgedWrite));
    assert!(cell(WriteKind::Delete, RowFirst, CopyFirst).has(AssetOutcome::OrphanBinary));
    assert!(!cell(WriteKind::Delete, RowFirst, CopyFirst).has(AssetOutcome::MissingBinary));
    assert!(cell(WriteKind::Delete, RowFirst, CopyFirst).has(AssetOutcome::ResurrectedDelete));
    assert_eq!(worst(WriteKind::Replace, RowFirst, CopyFirst), Some(AssetOutcome::WrongContent));
    // One instant protects neither a replacement in place nor a row that is written first.
    assert_eq!(worst(WriteKind::Replace, BinaryFirst, PointInTime), Some(AssetOutcome::WrongContent));
    assert_eq!(worst(WriteKind::Upload, RowFirst, PointInTime), Some(AssetOutcome::MissingBinary));
    for write in WritePath::all() {
        assert!(
            TABLE.row(write).find(|cell| cell.method == Maintenance).unwrap().outcomes.harmless(),
            "{write}"
        );
        let label = cell(WriteKind::Label, RowFirst, DumpFirst);
        assert!(label.consistent());
    }
}

#[test]
fn more_concurrent_writes_add_no_outcome() {
    assert!(TABLE.exhaustive && TABLE.explored * 10 < u64::try_from(TABLE.interleavings).unwrap());
    let one = WindowTable::explore(&question(1));
    let of =
        |table: &WindowTable| table.cells.iter().map(|c| (c.write, c.method, c.outcomes)).collect::<Vec<_>>();
    assert_eq!(of(&one), of(&TABLE));
}

#[test]
fn a_third_store_that_is_not_copied_loses_every_result() {
    let table = WindowTable::explore(&Question { results: false, ..question(1) });
    let write = WritePath::new(WriteKind::Batch, StoreOrder::BinaryFirst);
    for cell in table.row(write) {
        assert!(cell.outcomes.has(AssetOutcome::LostAcknowledgedWrite), "{}", cell.method.name());
    }
}

#[test]
fn the_safe_conditions_are_found() {
    let of = |method| SAFE.iter().filter(move |safe| safe.method == method);
    assert_eq!(of(BackupMethod::CopyFirst).count(), 0);
    assert_eq!(of(BackupMethod::Maintenance).count(), 8);
    for method in [BackupMethod::DumpFirst, BackupMethod::PointInTime] {
        let found: Vec<&Safe> = of(method).collect();
        let [safe] = found[..] else { panic!("{found:?}") };
        assert_eq!((safe.engine.upload, safe.engine.delete), (StoreOrder::BinaryFirst, StoreOrder::RowFirst));
        assert!(safe.engine.replace_keys == ReplaceKeys::NewKey);
    }
    // The grace grows with the time from the dump to the last copy.
    let one = safe(1, LIMITS);
    for found in [&one, &*SAFE] {
        let dump_first = found.iter().find(|safe| safe.method == BackupMethod::DumpFirst).unwrap();
        assert!(dump_first.grace > 1 && dump_first.grace == dump_first.window, "{dump_first:?}");
    }
    assert!(one.len() == SAFE.len());
    assert!(of(BackupMethod::PointInTime).all(|safe| safe.grace == 0));
}

#[test]
fn every_example_has_its_outcome_and_is_minimal() {
    for cell in &TABLE.cells {
        let listed = cell.examples.iter().filter_map(|example| example.outcome);
        assert!(listed.eq(cell.outcomes.iter()), "{} {}", cell.write, cell.method.name());
        for example in &cell.examples {
            let again: Schedule = example.schedule.to_string().parse().unwrap();
            assert_eq!(again, example.schedule);
            let outcomes = again.replay().unwrap();
            let does = |o: &Outcomes| example.outcome.map_or(o.consistent(), |outcome| o.has(outcome));
            assert!(outcomes.iter().any(does), "{again}");
            if example.outcome.is_some() {
                assert_eq!(again.writes, [cell.write], "{again}");
            }
        }
    }
}

fn step() -> impl Strategy<Value = ModelStep> {
    let no = || (0..MOST_WRITES as u8).prop_map(WriteNo);
    let part = prop::sample::select(vec![Part::Binary, Part::Row, Part::Cleanup]);
    let fixed = [
        ModelStep::Dump,
        ModelStep::List,
        ModelStep::ListResults,
        ModelStep::Instant,
        ModelStep::Stop,
        ModelStep::Start,
    ];
    prop_oneof![
        (no(), part).prop_map(|(no, part)| ModelStep::Write(no, part)),
        (no(), any::<bool>()).prop_map(|(write, new)| ModelStep::Copy(ModelObject { write, new })),
        prop::sample::select(fixed.to_vec()),
    ]
}

prop_compose! {
    fn schedule()(
        method in prop::sample::select(BackupMethod::ALL.to_vec()),
        grace in any::<u8>(),
        results in any::<bool>(),
        writes in prop::collection::vec(prop::sample::select(WritePath::all()), 0..=MOST_WRITES),
        steps in prop::collection::vec(step(), 0..20),
    ) -> Schedule {
        Schedule { setting: Setting { method, grace, results }, writes, steps }
    }
}

/// A schedule that can be performed.
fn possible() -> impl Strategy<Value = Schedule> {
    (schedule(), prop::collection::vec(any::<prop::sample::Index>(), 60)).prop_map(
        |(mut schedule, choices)| {
            schedule.steps.clear();
            for choice in choices {
                let mut ready = Vec::new();
                for step in all_steps() {
                    schedule.steps.push(step);
                    match schedule.replay() {
                        Ok(_) => return schedule,
                        Err(error) if error.causes[0].contains("not complete") => ready.push(step),
                        Err(_) => {}
                    }
                    schedule.steps.pop();
                }
                if !ready.is_empty() {
                    schedule.steps.push(ready[choice.index(ready.len())]);
                }
            }
            schedule
        },
    )
}

fn all_steps() -> Vec<ModelStep> {
    let mut all = vec![
        ModelStep::Dump,
        ModelStep::List,
        ModelStep::ListResults,
        ModelStep::Instant,
        ModelStep::Stop,
        ModelStep::Start,
    ];
    for no in (0..MOST_WRITES as u8).map(WriteNo) {
        all.extend([Part::Binary, Part::Row, Part::Cleanup].map(|part| ModelStep::Write(no, part)));
        all.extend([true, false].map(|new| ModelStep::Copy(ModelObject { write: no, new })));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_survives_printing_and_parsing(schedule in schedule()) {
        let text = schedule.to_string();
        prop_assert!(!text.contains(|c: char| " \t\n\"'$&|;<>()*?[]{}~#!\\`".contains(c)), "{}", text);
        prop_assert_eq!(text.parse::<Schedule>().unwrap(), schedule);
    }

    /// Whatever parses prints as the same text: there is one text per schedule.
    #[test]
    fn a_text_that_is_not_a_schedule_is_rejected(schedule in schedule(), at in any::<prop::sample::Index>(), typo in "[a-z0-9/+.,-]{0,2}") {
        let mut text = schedule.to_string();
        let at = at.index(text.len());
        text.replace_range(at..=at, &typo);
        if let Ok(read) = text.parse::<Schedule>() {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn the_least_schedule_still_fails_and_no_part_of_it_can_go(schedule in possible()) {
        let Ok(outcomes) = schedule.replay() else { return Ok(()) };
        let mut all = Outcomes::default();
        outcomes.into_iter().for_each(|one| all.join(one));
        for outcome in all.iter() {
            let fails = |s: &Schedule| s.replay().unwrap().iter().any(|o| o.has(outcome));
            let least = shrink(&schedule, fails);
            prop_assert!(fails(&least), "{}", least);
            // One write is enough for any outcome, and shrinking again finds nothing.
            prop_assert_eq!(least.writes.len(), 1, "{} of {}", &least, &schedule);
            prop_assert_eq!(&shrink(&least, fails), &least);
        }
        prop_assert_eq!(shrink(&schedule, |_| false), schedule);
    }
}

#[test]
fn a_schedule_that_is_far_too_long_is_rejected_with_a_short_message() {
    let long = "b1,".repeat(20_000);
    for text in [
        format!("v1/dump-first/upload.b/{long}dump"),
        format!("v1/dump-first/upload.b/{}", "x".repeat(60_000)),
        format!("v1/{}/none/dump", "x".repeat(60_000)),
        format!("v1/dump-first/{}/dump", vec!["upload.b"; 12_000].join("+")),
        format!("{}/none/none/none", "v".repeat(60_000)),
    ] {
        let error = text.parse::<Schedule>().and_then(|schedule| schedule.replay()).unwrap_err();
        assert!(error.to_string().len() < 2_000, "{} bytes", error.to_string().len());
    }
}

#[test]
fn impossible_schedules_are_rejected_with_a_reason() {
    for (text, why) in [
        ("v2/dump-first/none/dump,list", "its version is \"v2\", not \"v1\""),
        ("v1/dump-first/none", "it must have four parts, separated by slashes"),
        ("v1/dump-last/none/dump", "unknown backup method \"dump-last\""),
        ("v1/dump-first+soon/none/dump", "unknown setting \"soon\" of a backup"),
        (
            "v1/dump-first+grace02/none/dump",
            "\"dump-first+grace02\" must be written as \"dump-first+grace2\"",
        ),
        ("v1/dump-first/upload/dump", "unknown write \"upload\""),
        ("v1/dump-first/label.b/dump", "unknown write \"label.b\""),
        ("v1/dump-first/upload.b/b01,dump", "unknown step \"b01\""),
        ("v1/dump-first/upload.b/b5,dump", "unknown step \"b5\""),
    ] {
        let error = text.parse::<Schedule>().unwrap_err();
        assert!(error.causes.iter().any(|cause| cause == why), "{error}");
    }
    for (text, why) in [
        ("v1/dump-first/upload.b/r1,dump,list", "step 1 (r1) is not the next step"),
        ("v1/dump-first/upload.b/dump,list,b1", "step 3 (b1) comes after the end of the backup"),
        ("v1/dump-first/upload.b/b1,dump,list", "the backup is not complete"),
        (
            "v1/maintenance/upload.b/b1,stop,dump,list,copy-n1,start",
            "step 2 (stop) is not possible at that point",
        ),
        ("v1/maintenance/upload.b/stop,b1", "step 2 (b1) is not possible at that point"),
        ("v1/dump-first+grace2/delete.r/dump,r1,c1", "step 3 (c1) is not possible at that point"),
    ] {
        let error = text.parse::<Schedule>().unwrap().replay().unwrap_err();
        assert_eq!(error.causes, [why], "{text}");
    }
}

fn program(args: &[&str]) -> (String, String, Option<i32>) {
    let out = Command::new(env!("CARGO_BIN_EXE_pulp-drill")).arg("explore").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out.stdout), text(out.stderr), out.status.code())
}

#[test]
fn the_command_prints_the_same_for_the_same_seed() {
    let sampled =
        ["--writes", "2", "--operations", "upload,delete", "--bound", "5", "--format", "json", "--seed"];
    let with = |seed| {
        let (out, err, code) = program(&[&sampled[..], &[seed]].concat());
        assert_eq!((err.as_str(), code), ("", Some(0)));
        out
    };
    assert_eq!(with("7"), with("7"));
    let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let json = read(with("7"));
    assert_ne!(json["table"], read(with("8"))["table"], "another seed chooses others");
    assert_eq!((&json["version"], &json["table"]["exhaustive"]), (&1.into(), &false.into()));
    let (human, _, code) = program(&[]);
    assert_eq!(code, Some(0));
    assert_eq!(human, render::human(&TABLE, Some(&SAFE)));
    // A schedule stays in one piece, so that it can be copied.
    let wide: Vec<&str> =
        human.lines().filter(|l| l.chars().count() > 80 && !l.trim_start().starts_with("v1/")).collect();
    assert!(wide.is_empty(), "{wide:?}");
    let (markdown, _, _) = program(&["--format", "markdown"]);
    assert_eq!(markdown, render::markdown(&TABLE, Some(&SAFE), None));
}

#[test]
fn the_command_replays_and_draws() {
    let text = "v1/dump-first/upload.b+delete.r/b1,dump,r2,b2,r1,list,copy-n1";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let (out, err, code) = program(&["--in-model", "--replay", text, "--svg", folder]);
    assert_eq!((err.as_str(), code), ("", Some(0)));
    assert_eq!(out, "1 upload, binary first: orphan binary\n2 delete, row first: missing binary\n");
    let svg = std::fs::read_to_string(format!("{folder}/replay.svg")).unwrap();
    assert!(svg.contains(&format!(">{text}</text>")) && svg.contains("after the restore: missing binary"));
    for model in [&["--in-model"][..], &[]] {
        let (out, err, code) = program(&[model, &["--replay", "v1/dump-first/upload.b/r1,dump"]].concat());
        assert_eq!((out.as_str(), code), ("", Some(2)));
        assert!(err.contains("step 1 (r1) is not the next step"), "{err}");
    }
    let two = ["--in-model", "--replay", text, "--replay", "v1/dump-first/none/dump,list"];
    let (out, _, _) = program(&two);
    let nothing = "\nv1/dump-first/none/dump,list\nnothing is written: consistent\n";
    assert!(out.starts_with(&format!("{text}\n1 upload")) && out.ends_with(nothing), "{out}");
}

fn script(text: &str) -> Script {
    Script::of(&text.parse().unwrap(), "drill", 0, WritePath::parts).unwrap()
}

/// The steps of a scenario without their marks.
fn steps_of(script: &Script) -> Vec<&str> {
    let (_, steps) = script.text.split_once("\nsteps:\n").unwrap();
    let steps = steps.split("\nexpect:\n").next().unwrap();
    steps.lines().map(|line| line.trim_start().trim_start_matches("- ")).collect()
}

#[test]
fn a_schedule_becomes_the_steps_of_a_scenario() {
    const END: [&str; 2] = ["destroy: everything", "restore: runbook"];
    let replace = "{replace: {asset: paid-stamp.png, with: stamp-replacement.png}, hold: ";
    for (schedule, wanted) in [
        // Nothing comes between its parts: a complete act.
        (
            "v1/dump-first/upload.b/dump,b1,r1,list,copy-n1",
            vec!["back up:", "dump database", "upload: late-logo.png", "copy objects"],
        ),
        (
            "v1/dump-first+grace1/delete.r/dump,r1,list,copy-o1",
            vec![
                "back up:",
                "dump database",
                "begin: {delete: draft-mark.png, hold: after row}",
                "copy objects",
                "release: draft-mark.png",
            ],
        ),
        // Writes in flight at the end of the backup are released after it.
        (
            "v1/dump-first/delete.r/r1,dump,list,copy-o1",
            vec![
                "back up:",
                "begin: {delete: draft-mark.png, hold: after row}",
                "dump database",
                "copy objects",
                "release: draft-mark.png",
            ],
        ),
        // The old object stands until the schedule's cleanup.
        (
            "v1/dump-first/replace-new-key.b/b1,dump,r1,list,copy-n1,c1,copy-o1",
            vec![
                "back up:",
                &format!("begin: {replace}after binary}}"),
                "dump database",
                "go on: {write: paid-stamp.png, hold: before cleanup}",
                "list objects",
                "copy new object: paid-stamp.png",
                "release: paid-stamp.png",
                "copy listed objects",
            ],
        ),
        // Two writes, objects copied one by one; what is only read is copied with the rest.
        (
            "v1/copy-first/copy.r+replace.b/r1,b2,list,b1,copy-o1,r2,copy-o2,dump",
            vec![
                "back up:",
                "begin: {copy: {asset: seal.png, as: second-seal.png}, hold: after row}",
                &format!("begin: {replace}after binary}}"),
                "list objects",
                "release: second-seal.png",
                "release: paid-stamp.png",
                "copy listed objects",
                "dump database",
            ],
        ),
        (
            "v1/copy-first/delete.b+replace.r/r2,list,copy-o1,b1,copy-o2,r1,dump",
            vec![
                "back up:",
                &format!("begin: {replace}after row}}"),
                "list objects",
                "copy object: draft-mark.png",
                "begin: {delete: draft-mark.png, hold: after binary}",
                "copy listed objects",
                "release: draft-mark.png",
                "dump database",
                "release: paid-stamp.png",
            ],
        ),
        (
            "v1/point-in-time/batch.r+label.r/r1,r2,instant",
            vec![
                "back up:",
                "take base backup",
                "begin: {run batch: reminder, hold: after row}",
                "move label: {template: invoice, label: production, to: 2}",
                "choose recovery target",
                "release: reminder",
            ],
        ),
        // A third store is copied as soon as it is listed, or skipped.
        (
            "v1/dump-first/batch.b/b1,dump,list,list-results,r1,copy-n1",
            vec![
                "back up:",
                "begin: {run batch: reminder, hold: after binary}",
                "dump database",
                "copy objects",
                "copy results",
                "release: reminder",
            ],
        ),
        (
            "v1/dump-first+no-results/batch.b/b1,r1,dump,list",
            vec![
                "fault: skip batch results",
                "back up:",
                "run batch: reminder",
                "dump database",
                "copy objects",
                "copy results",
            ],
        ),
        // A write in flight ends with its engine; so does one whose cleanup is held.
        (
            "v1/maintenance-killed/upload.b/b1,stop,dump,list,copy-n1,start",
            vec![
                "back up:",
                "begin: {upload: late-logo.png, hold: after binary}",
                "kill engine",
                "dump database",
                "copy objects",
                "start engine",
            ],
        ),
        (
            "v1/maintenance/upload.r+replace-new-key.r/r1,b1,r2,b2,stop,dump,list,copy-n1,copy-n2,copy-o2,start",
            vec![
                "back up:",
                "upload: late-logo.png",
                &format!("begin: {replace}before cleanup}}"),
                "kill engine",
                "dump database",
                "copy objects",
                "start engine",
            ],
        ),
        (
            "v1/maintenance/upload.r/r1,b1,stop,dump,list,copy-n1,start",
            vec![
                "back up:",
                "upload: late-logo.png",
                "stop engine",
                "dump database",
                "copy objects",
                "start engine",
            ],
        ),
    ] {
        let wanted: Vec<&str> = wanted.into_iter().chain(END).collect();
        assert_eq!(steps_of(&script(schedule)), wanted, "{schedule}");
    }
}

#[test]
fn expected_findings_follow_from_the_final_state_of_the_model() {
    for (schedule, wanted) in [
        ("v1/dump-first/upload.b/b1,dump,list,copy-n1", &["orphan binary: late-logo.png"][..]),
        (
            "v1/dump-first/upload.b+upload.b/b1,r1,dump,b2,r2,list,copy-n1,copy-n2",
            &["orphan binary: late-seal.png"],
        ),
        ("v1/copy-first/copy.b/list,b1,r1,copy-o1,dump", &["missing binary: second-seal.png"]),
        ("v1/dump-first/delete.b/b1,dump,list", &["missing binary: draft-mark.png"]),
        // The earlier binary of a replacement in place has an object and a row of its own.
        (
            "v1/dump-first/replace.b/dump,b1,r1,list,copy-o1",
            &["wrong content: paid-stamp.png", "orphan binary: paid-stamp.png@1"],
        ),
        (
            "v1/copy-first/replace.r/list,copy-o1,r1,b1,dump",
            &["wrong content: paid-stamp.png", "missing binary: paid-stamp.png@1"],
        ),
        ("v1/copy-first/replace.b/list,b1,copy-o1,r1,dump", &["missing binary: paid-stamp.png@1"]),
        ("v1/dump-first/replace.r/r1,dump,b1,list,copy-o1", &[]),
        ("v1/dump-first/replace.r/dump,r1,list,copy-o1", &["orphan binary: paid-stamp.png@1"]),
        (
            "v1/point-in-time/replace.b/b1,instant",
            &["wrong content: paid-stamp.png", "orphan binary: paid-stamp.png@1"],
        ),
        // The third of its kind is replaced by content of another size.
        (
            "v1/point-in-time/replace-new-key.b+replace-new-key.b/b1,instant",
            &["orphan binary: paid-stamp.png"],
        ),
        (
            "v1/dump-first/replace.b+replace.b+replace.b/b3,dump,list,copy-o1,copy-o2,copy-o3",
            &["wrong size: logo.png", "orphan binary: logo.png@1"],
        ),
        (
            "v1/dump-first/replace-new-key.r/r1,dump,list,copy-o1",
            &["missing binary: paid-stamp.png", "orphan binary: paid-stamp.png@1"],
        ),
        (
            "v1/dump-first+no-results/batch.b/b1,r1,dump,list",
            &[
                "missing binary: batch_jobs/invoice",
                "missing binary: batch_jobs/receipt",
                "missing binary: batch_jobs/reminder",
            ],
        ),
        ("v1/dump-first/label.r/dump,r1,list", &[]),
    ] {
        let found: Vec<String> = script(schedule).expect.iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted, "{schedule}");
    }
}

#[test]
fn a_schedule_that_needs_two_engines_is_rejected() {
    for (schedule, why) in [
        ("v1/point-in-time/upload.b+copy.r/instant", "one engine can't do both upload.b and copy.r"),
        ("v1/point-in-time/delete.b+delete.r/instant", "one engine can't do both delete.b and delete.r"),
        ("v1/point-in-time/replace.b+replace-new-key.b/instant", "`replace-keys` is one or the other"),
        ("v1/point-in-time+no-results/batch.b/instant", "a recovery to an instant leaves no store out"),
        ("v1/point-in-time/upload.b/r1,instant", "step 1 (r1) is not the next step"),
    ] {
        let refused = Script::of(&schedule.parse().unwrap(), "drill", 0, WritePath::parts).unwrap_err();
        assert!(refused.causes[0].contains(why), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever can be performed in the model is a scenario that can be read, and what it expects has
    /// the model's outcomes for its reason.
    #[test]
    fn every_schedule_of_one_engine_is_a_scenario(schedule in possible()) {
        let Ok(outcomes) = schedule.replay() else { return Ok(()) };
        let script = match Script::of(&schedule, "drill", 0, WritePath::parts) {
            Ok(script) => script,
            Err(refused) => {
                let why = &refused.causes[0];
                prop_assert!(why.contains("one engine can't") || why.contains("leaves no store out"), "{}", refused);
                return Ok(());
            }
        };
        prop_assert_eq!(&script.outcomes, &outcomes);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("drill.yaml"), &script.text).unwrap();
        let read = read_all(&[folder.path().to_owned()], &FixtureLibrary::new("fixtures"));
        let read = read.map_err(|mistakes| mistakes.render(false, 100)).unwrap();
        prop_assert_eq!(read[0].expect.len(), script.expect.len());
        let any = |kinds: &[FindingKind]| {
            // An earlier binary is one that the model leaves out, unless the replacement has another key.
            let in_place = schedule.writes.iter().any(|w| w.kind == WriteKind::Replace && !w.cleans_up());
            let mine = script.expect.iter().filter(|e| !in_place || !e.entity.ends_with("@1"));
            mine.filter(|e| !["batch_jobs/invoice", "batch_jobs/receipt"].contains(&&*e.entity))
                .any(|e| kinds.contains(&e.kind))
        };
        let has = |outcome| outcomes.iter().any(|o| o.has(outcome));
        prop_assert_eq!(any(&[FindingKind::MissingBinary]), has(AssetOutcome::MissingBinary));
        prop_assert_eq!(any(&[FindingKind::OrphanBinary]), has(AssetOutcome::OrphanBinary));
        let wrong = [FindingKind::WrongContent, FindingKind::WrongSize];
        prop_assert_eq!(any(&wrong), has(AssetOutcome::WrongContent));
    }
}

const WINDOW: &str = "scenarios/window";

#[test]
fn the_scenarios_of_the_window_are_current() {
    for cell in &TABLE.cells {
        let script = Script::of_cell(cell, 2, WritePath::parts).unwrap();
        bless::file(&format!("{WINDOW}/{}.yaml", script.id), &script.text);
        let worst = cell.outcomes.worst();
        assert_eq!(script.worst(), worst, "{}", script.id);
    }
    let files = std::fs::read_dir(WINDOW).unwrap().count();
    assert_eq!((files, TABLE.cells.len()), (65, 65), "no scenario is left over");
    let read = read_all(&[WINDOW.into()], &FixtureLibrary::new("fixtures"));
    assert_eq!(read.map_err(|mistakes| mistakes.render(false, 100)).unwrap().len(), 65);
}

#[test]
fn the_command_writes_scenarios_and_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let texts = |name: &str, args: &[&str]| -> Vec<(String, String)> {
        let to = folder.path().join(name);
        let (_, err, code) = program(&[args, &["--scenarios", to.to_str().unwrap()]].concat());
        assert_eq!((err.as_str(), code), ("", Some(0)));
        let mut files: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
    };
    let sampled = ["--operations", "upload,replace", "--writes", "3", "--bound", "4", "--seed", "7"];
    let (one, other) = (texts("one", &sampled), texts("other", &sampled));
    assert_eq!(one, other);
    assert_eq!(one.len(), 20);
    // Somebody's work is not written over, and nothing is written beside it.
    let (to, (first, _), (last, _)) = (folder.path().join("one"), &one[0], &one[19]);
    std::fs::write(to.join(last), "id: mine\n").unwrap();
    std::fs::remove_file(to.join(first)).unwrap();
    let (_, err, code) = program(&[&sampled[..], &["--scenarios", to.to_str().unwrap()]].concat());
    assert!(code == Some(2) && err.contains("is there already"), "{err}");
    assert_eq!(std::fs::read_to_string(to.join(last)).unwrap(), "id: mine\n");
    assert!(!to.join(first).exists());
    let cells = ["--replay-cells", "--in-model", "--format", "json"];
    let replayed = || program(&[&cells[..], &sampled].concat());
    assert_eq!(replayed(), replayed());
    let json: serde_json::Value = serde_json::from_str(&replayed().0).unwrap();
    assert_eq!(json["cells"].as_array().unwrap().len(), 20);
}

#[test]
fn the_command_cuts_a_schedule_and_writes_its_scenario() {
    let long = "v1/dump-first/upload.b+delete.r/b1,dump,r2,b2,r1,list,copy-n1";
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("scenarios");
    let shrink = || program(&["--shrink", long, "--into", into.to_str().unwrap()]);
    let file = into.join("delete-r-dump-first-missing-binary.yaml");
    let (out, err, code) = shrink();
    assert_eq!((err.as_str(), code), ("", Some(0)));
    let least = "v1/dump-first/delete.r/dump,r1,b1,list";
    let wanted = format!("{least}\n1 delete, row first: missing binary\nscenario: {}\n", file.display());
    assert_eq!(out, wanted);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("# {least}\n")), "{text}");
    assert_eq!(shrink().2, Some(0), "the same again is nothing new");
    for mine in [&b"id: mine\n"[..], b"\xff no text"] {
        std::fs::write(&file, mine).unwrap();
        let (_, err, code) = shrink();
        assert!(code == Some(2) && err.contains("is there already"), "{err}");
        assert_eq!(std::fs::read(&file).unwrap(), mine);
    }
    let (_, err, code) = program(&["--shrink", "v1/dump-first/label.r/dump,r1,list"]);
    assert!(code == Some(2) && err.contains("nothing comes of"), "{err}");
}

#[test]
fn the_document_and_its_pictures_are_current() {
    const PATH: &str = "docs/consistency-window.md";
    let old = std::fs::read_to_string(PATH).unwrap();
    let text = between(&old, "table", &render::markdown(&TABLE, Some(&SAFE), Some("window")));
    let mut shown = String::new();
    for cell in &TABLE.cells {
        let Some(svg) = picture(cell) else { continue };
        let name = cell.picture_file();
        well_formed(&svg);
        bless::file(&format!("docs/window/{name}"), &svg);
        if !cell.outcomes.consistent() {
            let (write, method) = (cell.write.describe(), cell.method.title());
            shown += &format!("![{write}; {method}: {}](window/{name})\n\n", cell.outcomes);
        }
    }
    bless::file(PATH, &between(&text, "pictures", &shown));
    let drawn = std::fs::read_dir("docs/window").unwrap().count();
    assert_eq!(drawn, TABLE.cells.len(), "no picture is left over");
}

/// The document with new text between two markers.
fn between(document: &str, name: &str, text: &str) -> String {
    let (open, close) =
        (format!("<!-- {name}: written by tests/window/explore.rs -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = document.split_once(&open).unwrap();
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}\n{}\n\n{close}{after}", text.trim_end())
}

fn well_formed(svg: &str) {
    let mut reader = quick_xml::Reader::from_str(svg);
    let mut open = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(_) => open += 1,
            quick_xml::events::Event::End(_) => open -= 1,
            _ => {}
        }
    }
    assert_eq!(open, 0);
}
