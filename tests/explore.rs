//! The consistency window in the model: what it finds, how schedules are written, what the command
//! prints, and that the operator's document says the same.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "support/bless.rs"]
mod bless;

use proptest::prelude::*;
use pulp_drill::explore::picture::{file_name, picture};
use pulp_drill::explore::{
    Limits, MOST_WRITES, Object, Operation, Outcome, Outcomes, Part, Procedure, Question, Safe, Schedule,
    Setting, Step, Table, Write, WriteNo, render, safe, shrink,
};
use pulp_drill::model::profile::Order;
use std::process::Command;
use std::sync::LazyLock;

const LIMITS: Limits = Limits { bound: 100_000, seed: 0 };

fn question(writes: usize) -> Question {
    let operations = Operation::ALL.to_vec();
    Question { operations, writes, grace: 0, results: true, limits: LIMITS, parts: Write::parts }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::explore(&question(2)));
static SAFE: LazyLock<Vec<Safe>> = LazyLock::new(|| safe(2, LIMITS));

fn cell(operation: Operation, order: Order, procedure: Procedure) -> Outcomes {
    let found = TABLE.row(Write { operation, order }).find(|cell| cell.procedure == procedure);
    found.unwrap().outcomes
}

#[test]
fn the_rule_of_the_window_follows() {
    use Order::{BinaryFirst, RowFirst};
    use Procedure::{CopyFirst, DumpFirst, Maintenance, PointInTime};
    let worst = |operation, order, procedure| cell(operation, order, procedure).worst();
    // Dump first: an upload leaves an orphan, a delete a row without its binary, a replace wrong content.
    assert_eq!(worst(Operation::Upload, BinaryFirst, DumpFirst), Some(Outcome::OrphanBinary));
    assert_eq!(worst(Operation::Delete, RowFirst, DumpFirst), Some(Outcome::MissingBinary));
    assert_eq!(worst(Operation::Replace, BinaryFirst, DumpFirst), Some(Outcome::WrongContent));
    // Copy first: an upload leaves a row without its binary, a delete an orphan, a replace wrong content.
    assert_eq!(worst(Operation::Upload, BinaryFirst, CopyFirst), Some(Outcome::MissingBinary));
    assert!(cell(Operation::Upload, BinaryFirst, CopyFirst).has(Outcome::LostAcknowledgedWrite));
    assert!(cell(Operation::Delete, RowFirst, CopyFirst).has(Outcome::OrphanBinary));
    assert!(!cell(Operation::Delete, RowFirst, CopyFirst).has(Outcome::MissingBinary));
    assert!(cell(Operation::Delete, RowFirst, CopyFirst).has(Outcome::ResurrectedDelete));
    assert_eq!(worst(Operation::Replace, RowFirst, CopyFirst), Some(Outcome::WrongContent));
    // One instant heals neither a replace in place nor a row that comes first.
    assert_eq!(worst(Operation::Replace, BinaryFirst, PointInTime), Some(Outcome::WrongContent));
    assert_eq!(worst(Operation::Upload, RowFirst, PointInTime), Some(Outcome::MissingBinary));
    for write in Write::all() {
        assert!(cell(write.operation, write.order, Maintenance).harmless(), "{write}");
        let label = cell(Operation::Label, RowFirst, DumpFirst);
        assert!(label.consistent());
    }
}

#[test]
fn more_writes_at_a_time_show_nothing_new_of_each() {
    assert!(TABLE.exhaustive && TABLE.looked_at * 10 < u64::try_from(TABLE.interleavings).unwrap());
    let one = Table::explore(&question(1));
    let of =
        |table: &Table| table.cells.iter().map(|c| (c.write, c.procedure, c.outcomes)).collect::<Vec<_>>();
    assert_eq!(of(&one), of(&TABLE));
}

#[test]
fn a_third_store_that_is_not_copied_loses_every_result() {
    let table = Table::explore(&Question { results: false, ..question(1) });
    let write = Write { operation: Operation::Batch, order: Order::BinaryFirst };
    for cell in table.row(write) {
        assert!(cell.outcomes.has(Outcome::LostAcknowledgedWrite), "{}", cell.procedure.name());
    }
}

#[test]
fn the_safe_conditions_are_found() {
    let of = |procedure| SAFE.iter().filter(move |safe| safe.procedure == procedure);
    assert_eq!(of(Procedure::CopyFirst).count(), 0);
    assert_eq!(of(Procedure::Maintenance).count(), 8);
    for procedure in [Procedure::DumpFirst, Procedure::PointInTime] {
        let found: Vec<&Safe> = of(procedure).collect();
        let [safe] = found[..] else { panic!("{found:?}") };
        assert_eq!((safe.habits.uploads, safe.habits.deletes), (Order::BinaryFirst, Order::RowFirst));
        assert!(safe.habits.immutable_keys);
    }
    // The grace grows with the time from the dump to the last copy, step for step.
    let one = safe(1, LIMITS);
    for found in [&one, &*SAFE] {
        let dump_first = found.iter().find(|safe| safe.procedure == Procedure::DumpFirst).unwrap();
        assert!(dump_first.grace > 1 && dump_first.grace == dump_first.window, "{dump_first:?}");
    }
    assert!(one.len() == SAFE.len());
    assert!(of(Procedure::PointInTime).all(|safe| safe.grace == 0));
}

#[test]
fn every_example_does_what_it_says_and_none_is_too_long() {
    for cell in &TABLE.cells {
        let said = cell.examples.iter().filter_map(|example| example.outcome);
        assert!(said.eq(cell.outcomes.iter()), "{} {}", cell.write, cell.procedure.name());
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

fn step() -> impl Strategy<Value = Step> {
    let no = || (0..MOST_WRITES as u8).prop_map(WriteNo);
    let part = prop::sample::select(vec![Part::Binary, Part::Row, Part::Cleanup]);
    let fixed = [Step::Dump, Step::List, Step::ListResults, Step::Instant, Step::Stop, Step::Start];
    prop_oneof![
        (no(), part).prop_map(|(no, part)| Step::Write(no, part)),
        (no(), any::<bool>()).prop_map(|(write, new)| Step::Copy(Object { write, new })),
        prop::sample::select(fixed.to_vec()),
    ]
}

prop_compose! {
    fn schedule()(
        procedure in prop::sample::select(Procedure::ALL.to_vec()),
        grace in any::<u8>(),
        results in any::<bool>(),
        writes in prop::collection::vec(prop::sample::select(Write::all()), 0..=MOST_WRITES),
        steps in prop::collection::vec(step(), 0..20),
    ) -> Schedule {
        Schedule { setting: Setting { procedure, grace, results }, writes, steps }
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
                        Err(trouble) if trouble.causes[0].contains("not finished") => ready.push(step),
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

fn all_steps() -> Vec<Step> {
    let mut all = vec![Step::Dump, Step::List, Step::ListResults, Step::Instant, Step::Stop, Step::Start];
    for no in (0..MOST_WRITES as u8).map(WriteNo) {
        all.extend([Part::Binary, Part::Row, Part::Cleanup].map(|part| Step::Write(no, part)));
        all.extend([true, false].map(|new| Step::Copy(Object { write: no, new })));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_reads_back(schedule in schedule()) {
        let text = schedule.to_string();
        prop_assert!(!text.contains(|c: char| " \t\n\"'$&|;<>()*?[]{}~#!\\`".contains(c)), "{}", text);
        prop_assert_eq!(text.parse::<Schedule>().unwrap(), schedule);
    }

    /// Whatever is read is written the same: there is one text for one schedule.
    #[test]
    fn what_is_no_schedule_is_refused(schedule in schedule(), at in any::<prop::sample::Index>(), typo in "[a-z0-9/+.,-]{0,2}") {
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
fn impossible_schedules_are_refused_in_words() {
    for (text, why) in [
        ("v2/dump-first/none/dump,list", "its version is \"v2\", not \"v1\""),
        ("v1/dump-first/none", "it has not four parts between slashes"),
        ("v1/dump-last/none/dump", "there is no way to back up \"dump-last\""),
        ("v1/dump-first+soon/none/dump", "there is no setting \"soon\" of a backup"),
        ("v1/dump-first+grace02/none/dump", "\"dump-first+grace02\" is written \"dump-first+grace2\""),
        ("v1/dump-first/upload/dump", "there is no write \"upload\""),
        ("v1/dump-first/label.b/dump", "there is no write \"label.b\""),
        ("v1/dump-first/upload.b/b01,dump", "there is no step \"b01\""),
        ("v1/dump-first/upload.b/b5,dump", "there is no step \"b5\""),
    ] {
        let trouble = text.parse::<Schedule>().unwrap_err();
        assert!(trouble.causes.iter().any(|cause| cause == why), "{trouble}");
    }
    for (text, why) in [
        ("v1/dump-first/upload.b/r1,dump,list", "step 1 (r1) is not next"),
        ("v1/dump-first/upload.b/dump,list,b1", "step 3 (b1) comes after the end of the backup"),
        ("v1/dump-first/upload.b/b1,dump,list", "the backup is not finished"),
        ("v1/maintenance/upload.b/b1,stop,dump,list,copy-n1,start", "step 2 (stop) can't be made then"),
        ("v1/maintenance/upload.b/stop,b1", "step 2 (b1) can't be made then"),
        ("v1/dump-first+grace2/delete.r/dump,r1,c1", "step 3 (c1) can't be made then"),
    ] {
        let trouble = text.parse::<Schedule>().unwrap().replay().unwrap_err();
        assert_eq!(trouble.causes, [why], "{text}");
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
    let (markdown, _, _) = program(&["--format", "markdown"]);
    assert_eq!(markdown, render::markdown(&TABLE, Some(&SAFE), None));
}

#[test]
fn the_command_replays_and_draws() {
    let text = "v1/dump-first/upload.b+delete.r/b1,dump,r2,b2,r1,list,copy-n1";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let (out, err, code) = program(&["--replay", text, "--svg", folder]);
    assert_eq!((err.as_str(), code), ("", Some(0)));
    assert_eq!(out, "1 upload, binary first: orphan binary\n2 delete, row first: missing binary\n");
    let svg = std::fs::read_to_string(format!("{folder}/replay.svg")).unwrap();
    assert!(svg.contains(&format!(">{text}</text>")) && svg.contains("after the restore: missing binary"));
    let (out, err, code) = program(&["--replay", "v1/dump-first/upload.b/r1,dump"]);
    assert_eq!((out.as_str(), code), ("", Some(2)));
    assert!(err.contains("step 1 (r1) is not next"), "{err}");
}

#[test]
fn the_document_and_its_pictures_are_what_the_model_says() {
    const PATH: &str = "docs/consistency-window.md";
    let old = std::fs::read_to_string(PATH).unwrap();
    let text = between(&old, "table", &render::markdown(&TABLE, Some(&SAFE), Some("window")));
    let mut shown = String::new();
    for cell in &TABLE.cells {
        let Some(svg) = picture(cell) else { continue };
        let name = file_name(cell);
        well_formed(&svg);
        bless::file(&format!("docs/window/{name}"), &svg);
        if !cell.outcomes.consistent() {
            let (write, procedure) = (render::write_title(cell.write), cell.procedure.title());
            shown += &format!("![{write}; {procedure}: {}](window/{name})\n\n", cell.outcomes);
        }
    }
    bless::file(PATH, &between(&text, "pictures", &shown));
    let drawn = std::fs::read_dir("docs/window").unwrap().count();
    assert_eq!(drawn, TABLE.cells.len(), "no picture is left over");
}

/// The document with other text between two markers.
fn between(document: &str, name: &str, text: &str) -> String {
    let (open, close) =
        (format!("<!-- {name}: written by tests/explore.rs -->\n"), format!("<!-- end of {name} -->"));
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
