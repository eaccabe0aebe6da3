use super::*;
use crate::model::workload::{MillisRange, WriteAnswer};
use proptest::prelude::*;

const CONTENTS: [&str; 3] = ["first", "second", "third"];

/// The writes of one asset: operation, begun, answered.
fn writes(of: &[(WriteKind, u64, u64)]) -> Vec<Written> {
    let write = |(number, (operation, begun, answered)): (usize, &(WriteKind, u64, u64))| Written {
        writer: 0,
        number: number as u32,
        operation: *operation,
        name: "a.png".to_owned(),
        id: None,
        key: None,
        sha256: (*operation != WriteKind::Delete).then(|| Digest::of(CONTENTS[number])),
        begun: *begun,
        answered: *answered,
        answer: WriteAnswer::Acknowledged,
    };
    of.iter().enumerate().map(write).collect()
}

fn seen(text: &str) -> StoreContent {
    match text {
        "" => StoreContent::Absent,
        "?" => StoreContent::Present,
        text => StoreContent::Content(Digest::of(text)),
    }
}

fn times(rows: (u64, u64), objects: (u64, u64)) -> Times {
    Times {
        rows: MillisRange { from: rows.0, to: rows.1 },
        objects: MillisRange { from: objects.0, to: objects.1 },
    }
}

fn fates(of: &[(WriteKind, u64, u64)], row: &str, object: &str, times: Times) -> Vec<(WriteOutcome, bool)> {
    let sights = [("a.png".to_owned(), Sight { row: seen(row), object: seen(object), key: None })].into();
    judge(&writes(of), &sights, times).into_iter().map(|j| (j.fate, j.due)).collect()
}

/// What it is, the writes, row and object, the times, and what became of each write.
type Case =
    (&'static str, Vec<(WriteKind, u64, u64)>, &'static str, &'static str, Times, Vec<(WriteOutcome, bool)>);

#[test]
fn every_fate_has_its_cause() {
    use WriteKind::{Delete as D, Replace as R, Upload as U};
    use WriteOutcome::{Gone, Half, Kept, Orphan, Wrong};
    let dump_first = times((100, 110), (110, 200));
    let copy_first = times((200, 210), (100, 190));
    let (before, within, after) = ((10, 20), (120, 130), (300, 310));
    let at = |operation, (begun, answered): (u64, u64)| (operation, begun, answered);
    let cases: &[Case] = &[
        ("before the dump", vec![at(U, before)], "first", "first", dump_first, vec![(Kept, true)]),
        ("swallowed", vec![at(U, before)], "first", "", dump_first, vec![(Half, true)]),
        ("lost", vec![at(U, before)], "", "", dump_first, vec![(Gone, true)]),
        ("raced, binary copied", vec![at(U, within)], "", "first", dump_first, vec![(Orphan, false)]),
        ("after all", vec![at(U, after)], "", "", dump_first, vec![(Gone, false)]),
        ("copied too early", vec![at(U, within)], "first", "", copy_first, vec![(Half, true)]),
        (
            "a delete between dump and copy",
            vec![at(U, before), at(D, within)],
            "first",
            "",
            dump_first,
            vec![(Kept, true), (Half, false)],
        ),
        (
            "a delete that was undone",
            vec![at(U, before), at(D, (30, 40))],
            "",
            "first",
            dump_first,
            vec![(Kept, true), (Orphan, true)],
        ),
        (
            "a delete after the dump, not in it",
            vec![at(U, before), at(D, after)],
            "first",
            "first",
            dump_first,
            vec![(Kept, true), (Gone, false)],
        ),
        (
            "nothing there: lost, for the delete came too late to explain it",
            vec![at(U, before), at(D, after)],
            "",
            "",
            dump_first,
            vec![(Gone, true), (Gone, false)],
        ),
        (
            "nothing there: the delete was done in time",
            vec![at(U, before), at(D, (30, 40))],
            "",
            "",
            dump_first,
            vec![(Kept, true), (Kept, true)],
        ),
        (
            "a replace between dump and copy",
            vec![at(U, before), at(R, within)],
            "first",
            "second",
            dump_first,
            vec![(Kept, true), (Wrong, false)],
        ),
        (
            "two replaces, the object is of the first",
            vec![at(U, before), at(R, (120, 121)), at(R, (122, 123))],
            "first",
            "second",
            dump_first,
            vec![(Kept, true), (Wrong, false), (Gone, false)],
        ),
        (
            "acknowledged at the moment from which the dump may be",
            vec![at(U, (90, 100))],
            "first",
            "first",
            dump_first,
            vec![(Kept, true)],
        ),
        (
            "acknowledged while the dump may have been taken already",
            vec![at(U, (90, 105))],
            "first",
            "first",
            dump_first,
            vec![(Kept, false)],
        ),
        (
            "a delete of an asset whose row does not tell its content",
            vec![at(U, before), at(D, within)],
            "?",
            "",
            dump_first,
            vec![(Kept, true), (Half, false)],
        ),
        ("bytes that nobody sent", vec![at(U, before)], "first", "else", dump_first, vec![(Wrong, true)]),
        (
            "a row that does not tell its content is of the object's write",
            vec![at(U, before), at(R, within)],
            "?",
            "first",
            times((100, 125), (90, 99)),
            vec![(Kept, true), (Gone, false)],
        ),
        (
            "a row that does not tell its content",
            vec![at(U, before), at(R, (30, 40))],
            "?",
            "second",
            dump_first,
            vec![(Kept, true), (Kept, true)],
        ),
    ];
    for (what, of, row, object, times, wanted) in cases {
        assert_eq!(fates(of, row, object, *times), *wanted, "{what}");
    }
}

#[test]
fn a_replace_under_a_new_key_that_took_the_old_object_away_is_the_half_one() {
    let mut all = writes(&[(WriteKind::Upload, 10, 20), (WriteKind::Replace, 120, 130)]);
    all[0].key = Some("old".into());
    all[1].key = Some("new".into());
    let fates = |row: &str, object: &str, key: &str| {
        let sight = Sight { row: seen(row), object: seen(object), key: Some(key.into()) };
        let times = times((100, 125), (125, 200));
        let judged = judge(&all, &[("a.png".to_owned(), sight)].into(), times);
        judged.into_iter().map(|j| j.fate).collect::<Vec<_>>()
    };
    assert_eq!(fates("first", "", "old"), [WriteOutcome::Kept, WriteOutcome::Half]);
    // The row first, and its object not there yet.
    assert_eq!(fates("second", "", "new"), [WriteOutcome::Kept, WriteOutcome::Half]);
    assert_eq!(fates("second", "second", "new"), [WriteOutcome::Kept, WriteOutcome::Kept]);
    // Nothing of it is there: no key says that it is elsewhere.
    let times = times((100, 125), (125, 200));
    let gone = judge(&all, &BTreeMap::new(), times);
    assert_eq!(gone.iter().map(|j| j.fate).collect::<Vec<_>>(), [WriteOutcome::Gone, WriteOutcome::Gone]);
    // A replace that nobody answered, of a key that nobody knows, explains no object that is missing.
    all[1].key = None;
    all[1].answer = WriteAnswer::Unanswered { why: "cut off".to_owned() };
    let sight = Sight { row: seen("first"), object: StoreContent::Absent, key: Some("old".into()) };
    let judged = judge(&all, &[("a.png".to_owned(), sight)].into(), times);
    assert_eq!(judged.iter().map(|j| (j.fate, j.due)).collect::<Vec<_>>(), [(WriteOutcome::Half, true)]);
}

#[test]
fn of_two_writes_of_one_content_the_one_is_taken_that_both_stores_agree_on() {
    use WriteKind::{Replace, Upload};
    let mut all = writes(&[(Upload, 10, 20), (Replace, 120, 121), (Replace, 122, 123)]);
    all[2].sha256 = all[0].sha256;
    let sight = Sight { row: seen("first"), object: seen("first"), key: None };
    let judged = judge(&all, &[("a.png".to_owned(), sight)].into(), times((100, 110), (110, 200)));
    assert_eq!(
        judged.iter().map(|j| j.fate).collect::<Vec<_>>(),
        [WriteOutcome::Kept, WriteOutcome::Gone, WriteOutcome::Gone]
    );
}

#[test]
fn a_row_of_after_the_dump_is_too_late() {
    // From the dump's end on; until then it may be in it.
    for (begun, too_late) in [(90, false), (105, false), (109, false), (110, true), (300, true)] {
        let sight = Sight { row: seen("first"), object: seen("first"), key: None };
        let writes = writes(&[(WriteKind::Upload, begun, begun + 5)]);
        let judged = judge(&writes, &[("a.png".to_owned(), sight)].into(), times((100, 110), (110, 200)));
        assert_eq!(judged[0].too_late, too_late, "{begun}");
    }
}

#[test]
fn writes_are_judged_in_the_order_of_their_beginnings_and_listed_in_that_of_their_answers() {
    use WriteKind::{Replace, Upload};
    let mut all = writes(&[(Upload, 10, 20), (Replace, 30, 40), (Upload, 15, 35)]);
    all[2].name = "0.png".to_owned();
    all.swap(0, 1);
    let sight = Sight { row: seen("second"), object: seen("second"), key: None };
    let judged = judge(&all, &[("a.png".to_owned(), sight)].into(), times((100, 110), (110, 200)));
    let listed: Vec<_> = judged.iter().map(|j| (j.write.answered, j.fate)).collect();
    assert_eq!(listed, [(20, WriteOutcome::Kept), (35, WriteOutcome::Gone), (40, WriteOutcome::Kept)]);
}

#[test]
fn a_write_that_was_not_acknowledged_may_be_there_or_not_and_is_not_judged() {
    let mut writes = writes(&[(WriteKind::Upload, 10, 20), (WriteKind::Replace, 30, 40)]);
    writes[1].answer = WriteAnswer::Unanswered { why: "cut off".to_owned() };
    for content in ["first", "second"] {
        let sights =
            [("a.png".to_owned(), Sight { row: seen(content), object: seen(content), key: None })].into();
        let judged = judge(&writes, &sights, times((100, 110), (110, 200)));
        assert_eq!(judged.iter().map(|j| j.fate).collect::<Vec<_>>(), [WriteOutcome::Kept], "{content}");
    }
}

#[test]
fn the_recovery_point_is_the_first_write_that_is_not_whole() {
    let judged = |fate, answered| judged(fate, true, answered - 500, answered);
    let all = [
        judged(WriteOutcome::Kept, 1_000),
        judged(WriteOutcome::Wrong, 3_000),
        judged(WriteOutcome::Half, 4_000),
    ];
    let dump_first = times((5_000, 6_000), (6_000, 9_500));
    let point = recovery_point(&all, dump_first, 20_000);
    assert_eq!((point.at, point.before_end_ms, point.before_dump_ms), (3_000, 7, 2));
    let point = recovery_point(&all[..1], dump_first, 20_000);
    assert_eq!((point.at, point.before_end_ms, point.before_dump_ms), (20_000, 0, 0));
    for fate in [WriteOutcome::Gone, WriteOutcome::Half, WriteOutcome::Orphan, WriteOutcome::Wrong] {
        assert_eq!(recovery_point(&[judged(fate, 2_000)], dump_first, 20_000).at, 2_000, "{fate:?}");
    }
    // The end of the backup is that of whichever store came last.
    let copy_first = times((8_000, 9_500), (5_000, 6_000));
    let point = recovery_point(&all, copy_first, 20_000);
    assert_eq!((point.before_end_ms, point.before_dump_ms), (7, 5));
}

/// A write of which this is known.
fn judged(fate: WriteOutcome, due: bool, begun: u64, answered: u64) -> Judged {
    let write = writes(&[(WriteKind::Delete, begun, answered)]).remove(0);
    Judged { write, fate, due, too_late: false }
}

#[test]
fn a_backup_counts_what_became_of_the_writes_that_it_raced() {
    let times = times((100, 110), (110, 200));
    let all = [
        // Complete when the window began, or at that moment; in flight then; begun within it.
        judged(WriteOutcome::Kept, true, 10, 20),
        judged(WriteOutcome::Kept, true, 50, 100),
        judged(WriteOutcome::Half, false, 90, 101),
        judged(WriteOutcome::Gone, false, 120, 130),
        judged(WriteOutcome::Gone, true, 20, 30),
        judged(WriteOutcome::Orphan, false, 130, 300),
        judged(WriteOutcome::Wrong, false, 199, 300),
        judged(WriteOutcome::Wrong, false, 198, 300),
        // The next backup's.
        judged(WriteOutcome::Half, false, 200, 210),
    ];
    let counted = count(&all, times, 10)[&WriteKind::Delete];
    let wanted = WriteTally {
        writes: 8,
        at_risk: 5,
        kept: 2,
        after: 1,
        lost: 1,
        half: 1,
        orphan: 1,
        wrong: 2,
        rate: None,
    };
    assert_eq!(counted, wanted);
    let twice = WriteTally {
        writes: 16,
        at_risk: 10,
        kept: 4,
        after: 2,
        lost: 2,
        half: 2,
        orphan: 2,
        wrong: 4,
        rate: None,
    };
    assert_eq!(counted.and(counted), twice);
    let rate = WriteTally::of_backups(&[counted, counted]).rate.unwrap();
    assert_eq!((counted.torn(), rate.hits, rate.of), (3, 6, 10));
    assert_eq!(count(&all, times, 200), BTreeMap::new());
    let second = Times { objects: MillisRange { from: 300, to: 400 }, ..times };
    assert_eq!(count(&all, second, 200)[&WriteKind::Delete].half, 1);
}

#[test]
fn the_grace_that_was_needed_is_from_the_earliest_removal_to_the_end_of_the_copy() {
    let times = times((100_000, 110_000), (110_000, 200_000));
    let half = |begun, answered| judged(WriteOutcome::Half, false, begun, answered);
    let all = [half(150_000, 160_000), half(120_500, 190_000), half(199_000, 199_500)];
    assert_eq!(grace_needed(&all, times), Some(80));
    // Not of what is orphaned, was due, or removes nothing.
    let mut others =
        [judged(WriteOutcome::Orphan, false, 1, 2), judged(WriteOutcome::Half, true, 1, 2), half(1, 2)];
    others[2].write.operation = WriteKind::Upload;
    assert_eq!(grace_needed(&others, times), None);
}

#[test]
fn each_write_is_counted_in_one_backup() {
    use WriteKind::{Delete, Upload};
    let all = writes(&[(Upload, 10, 20), (Delete, 120, 130)]);
    let sights = [("a.png".to_owned(), Sight { row: seen("first"), object: seen(""), key: None })].into();
    let (first, second) = (times((100, 110), (110, 200)), times((300, 310), (310, 400)));
    let of_both = [
        count(&judge(&all, &sights, first), first, 0),
        count(&judge(&all, &BTreeMap::new(), second), second, first.window().to),
    ];
    assert!(of_both[1].is_empty());
    let [upload, delete] = [Upload, Delete].map(|operation| {
        WriteTally::of_backups(&of_both.each_ref().map(|of| of.get(&operation).copied().unwrap_or_default()))
    });
    assert_eq!((upload.writes, upload.at_risk, upload.kept, upload.rate), (1, 0, 1, None));
    assert_eq!((delete.writes, delete.at_risk, delete.half, delete.torn()), (1, 1, 1, 1));
    assert_eq!(delete.rate.map(|rate| (rate.hits, rate.of)), Some((1, 1)));
    assert_eq!(upload.and(delete).writes, 2);
    let mut judged = judge(&all, &sights, first);
    assert_eq!(grace_needed(&judged, first), Some(1));
    // One that was due is lost by something else than the window.
    judged[1].due = true;
    assert_eq!(grace_needed(&judged, first), None);
    // What began after the backup is none of it, and none is at risk twice.
    let later = writes(&[(Upload, 200, 210)]);
    assert!(count(&judge(&later, &BTreeMap::new(), first), first, 0).is_empty());
    // At most all writes at risk are torn, and differences between backups widen the bounds.
    let half = |half, at_risk| WriteTally { half, at_risk, ..WriteTally::default() };
    let (unexplained, apart) =
        (WriteTally::of_backups(&[half(2, 0)]), [half(9, 10), half(0, 10), half(0, 10)]);
    assert_eq!(unexplained.rate.map(|rate| (rate.hits, rate.of)), Some((2, 2)));
    let (apart, alike) = (
        WriteTally::of_backups(&apart).rate.unwrap(),
        WriteTally::of_backups(&[half(3, 10); 3]).rate.unwrap(),
    );
    assert_eq!((apart.hits, apart.of), (alike.hits, alike.of));
    assert!(apart.low < alike.low && apart.high > alike.high, "{apart:?} {alike:?}");
}

/// What a store holds after the first `number` writes.
fn after(writes: &[Written], number: usize) -> StoreContent {
    match number.checked_sub(1).map(|at| writes[at].sha256) {
        Some(Some(digest)) => StoreContent::Content(digest),
        None | Some(None) => StoreContent::Absent,
    }
}

proptest! {
    /// An honest engine writes each store once a write, at any moment between question and answer; a
    /// backup reads each store at one moment. What is judged is what was done.
    #[test]
    fn what_a_backup_saw_is_what_is_judged(
        steps in prop::collection::vec((0_u64..40, 1_u64..40, 0_u64..40, 0_u64..40), 1..4),
        ends in any::<bool>(),
        dump in 0_u64..200,
        copy in 0_u64..200,
        slack in 0_u64..20,
    ) {
        let mut clock = 0;
        let mut of = Vec::new();
        let mut done = Vec::new();
        for (at, (pause, takes, row, object)) in steps.iter().enumerate() {
            let begun = clock + pause;
            clock = begun + takes;
            let operation = match at {
                0 => WriteKind::Upload,
                _ if ends && at + 1 == steps.len() => WriteKind::Delete,
                _ => WriteKind::Replace,
            };
            of.push((operation, begun, clock));
            done.push((begun + row % takes, begun + object % takes));
        }
        let all = writes(&of);
        let row = done.iter().filter(|(row, _)| *row < dump).count();
        let object = done.iter().filter(|(_, object)| *object < copy).count();
        let sight = Sight { row: after(&all, row), object: after(&all, object), key: None };
        let span = |at: u64| (at.saturating_sub(slack), at + slack);
        // A store without the file is the same before the upload and after the delete. Where the read may have
        // been either, what was seen does not show what was done.
        let may_be_both = |at: u64| of[0].2 >= span(at).0 && of[of.len() - 1].1 <= span(at).1;
        let unclear = |content: &StoreContent, at: u64| *content == StoreContent::Absent && may_be_both(at);
        let may_be_either = unclear(&sight.row, dump) || unclear(&sight.object, copy);
        prop_assume!(!(ends && steps.len() > 1 && may_be_either));
        let judged = judge(&all, &[("a.png".to_owned(), sight.clone())].into(), times(span(dump), span(copy)));
        let nothing = sight.row == StoreContent::Absent && sight.object == StoreContent::Absent;
        for (at, j) in judged.iter().enumerate() {
            let (in_row, in_object) = (row > at, object > at);
            prop_assert!(!j.too_late);
            prop_assert!(!j.due || in_row, "a write that is due is in the dump");
            if nothing {
                prop_assert!(matches!(j.fate, WriteOutcome::Kept | WriteOutcome::Gone));
                continue;
            }
            prop_assert_eq!(j.fate == WriteOutcome::Kept, in_row && in_object, "{:?}", j);
            prop_assert_eq!(j.fate == WriteOutcome::Gone, !in_row && !in_object, "{:?}", j);
        }
    }
}
