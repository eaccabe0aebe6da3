//! What the model's parts promise each other. What is found with them is tested from outside, in
//! `tests/window/explore.rs`.

use crate::model::{
    workload::BackupMethod,
    write::{StoreOrder, WriteKind, WritePath},
};
use crate::window::judge::{Outcomes, outcome};
use crate::window::search::{Limits, explore};
use crate::window::table::combinations;
use crate::window::vocabulary::{MOST_WRITES, ModelStep, Part, Setting, WriteNo};
use crate::window::world::{Course, World};
use crate::window::{AssetOutcome, Question, WindowTable};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

const LIMITS: Limits = Limits { bound: 1_000_000, seed: 0 };

/// All final states of a course, and the number of explored interleavings.
fn ends(course: &Course, reduce: bool) -> (BTreeSet<Vec<Outcomes>>, u64) {
    let mut ends = BTreeSet::new();
    let amount = explore(course, LIMITS, reduce, &mut |world, _| {
        ends.insert(judged(world, course));
        ControlFlow::Continue(())
    });
    assert!(amount.exhaustive);
    (ends, amount.explored)
}

fn judged(world: &World, course: &Course) -> Vec<Outcomes> {
    (0..course.writes.len()).map(|n| outcome(world, course, WriteNo(n as u8))).collect()
}

fn settings() -> Vec<Setting> {
    let with = |method| {
        [(0, true), (2, true), (0, false)].map(|(grace, results)| Setting { method, grace, results })
    };
    BackupMethod::ALL.into_iter().flat_map(with).collect()
}

#[test]
fn the_reduction_loses_no_outcome() {
    let all = WritePath::all();
    let (mut whole, mut reduced) = (0, 0);
    for setting in settings() {
        for chosen in combinations(all.len(), 2) {
            let writes: Vec<WritePath> = chosen.iter().map(|n| all[*n]).collect();
            // All pairs take long; a third is enough.
            if chosen.len() == 2 && chosen.iter().sum::<usize>() % 3 != 0 {
                continue;
            }
            let course = Course::new(&writes, setting);
            let ((every, n), (some, m)) = (ends(&course, false), ends(&course, true));
            assert_eq!(every, some, "{writes:?} {setting:?}");
            assert!(m <= n);
            (whole, reduced) = (whole + n, reduced + m);
        }
    }
    assert!(reduced * 2 < whole, "{reduced} of {whole}");
}

#[test]
fn the_number_of_interleavings_is_binomial() {
    let upload = WritePath::new(WriteKind::Upload, StoreOrder::BinaryFirst);
    let count = |writes: &[WritePath], method| {
        let course = Course::new(writes, Setting::plain(method));
        explore(&course, LIMITS, true, &mut |_, _| ControlFlow::Continue(())).interleavings
    };
    // b r i: three places for the instant.
    assert_eq!(count(&[upload], BackupMethod::PointInTime), 3);
    // Two writes and an instant: 5! / (2! 2! 1!).
    assert_eq!(count(&[upload, upload], BackupMethod::PointInTime), 30);
    // b before the dump leaves four places for r among dump, list and copy; b before the list three; b
    // after the list, which then finds nothing to copy, one.
    assert_eq!(count(&[upload], BackupMethod::DumpFirst), 8);
    assert_eq!(count(&[], BackupMethod::DumpFirst), 1);
}

/// A walk through a course: which of the ready processes goes next.
fn walk(course: &Course, choices: &[u8]) -> Vec<ModelStep> {
    let mut world = World::before(course);
    let mut steps = Vec::new();
    for choice in choices.iter().cycle() {
        if world.backed_up(course) {
            break;
        }
        let ready: Vec<ModelStep> = (0..course.processes())
            .filter_map(|process| world.next(course, process))
            .filter(|step| world.ready(course, *step))
            .collect();
        let step = ready[usize::from(*choice) % ready.len()];
        world.make(course, step);
        steps.push(step);
    }
    steps
}

fn course() -> impl Strategy<Value = Course> {
    let all = WritePath::all();
    let writes = prop::collection::vec(0..all.len(), 1..=MOST_WRITES);
    (writes, 0..settings().len()).prop_map(move |(writes, setting)| {
        let writes: Vec<WritePath> = writes.into_iter().map(|n| all[n]).collect();
        Course::new(&writes, settings()[setting])
    })
}

proptest! {
    /// The property that the reduction relies on.
    #[test]
    fn steps_that_commute_may_be_swapped(course in course(), choices in prop::collection::vec(any::<u8>(), 8..40)) {
        let steps = walk(&course, &choices);
        let mut world = World::before(&course);
        for pair in steps.windows(2) {
            let [first, second] = *pair else { unreachable!("windows of two") };
            let process = |step| match step { ModelStep::Write(no, _) => no.0, _ => u8::MAX };
            let commutes = world.footprint(&course, first).commutes(world.footprint(&course, second));
            if process(first) != process(second) && commutes {
                prop_assert!(world.ready(&course, second), "{second:?} was ready before {first:?}");
                let (mut one, mut other) = (world, world);
                one.make(&course, first);
                one.make(&course, second);
                other.make(&course, second);
                prop_assert!(other.ready(&course, first));
                other.make(&course, first);
                prop_assert_eq!(judged(&one, &course), judged(&other, &course));
                let blind = |mut world: World| { world.there_at_dump = 0; world };
                prop_assert_eq!(blind(one), blind(other), "{:?} and {:?}", first, second);
            }
            world.make(&course, first);
        }
    }
}

/// Uploads that write the row first, whatever their order.
fn swapped(write: WritePath, setting: &Setting) -> &'static [Part] {
    match write.kind {
        WriteKind::Upload => &[Part::Row, Part::Binary],
        _ => write.parts(setting),
    }
}

#[test]
fn a_swapped_write_order_shows_in_the_table() {
    let question = |parts| Question {
        paths: WritePath::all()
            .into_iter()
            .filter(|path| [WriteKind::Upload, WriteKind::Delete].contains(&path.kind))
            .collect(),
        writes: 1,
        grace: 0,
        results: true,
        limits: LIMITS,
        parts,
    };
    let (right, wrong) =
        (WindowTable::explore(&question(WritePath::parts)), WindowTable::explore(&question(swapped)));
    let upload = WritePath::new(WriteKind::Upload, StoreOrder::BinaryFirst);
    let worst = |table: &WindowTable| table.row(upload).map(|cell| cell.outcomes.worst()).collect::<Vec<_>>();
    use AssetOutcome::{MissingBinary, OrphanBinary};
    let orphan = Some(OrphanBinary);
    assert_eq!(worst(&right), [orphan, Some(MissingBinary), orphan, None, orphan]);
    let missing = Some(MissingBinary);
    assert_eq!(worst(&wrong), [missing, missing, missing, None, missing]);
    let delete = WritePath::new(WriteKind::Delete, StoreOrder::RowFirst);
    assert!(right.row(delete).eq(wrong.row(delete)), "and nowhere else");
}
