//! The ledger of runs: what is added stands there once and chained, what was changed is named by its
//! line, and a gap in the policy is told with exit code 1. Time is given, never asked.

mod attacks;
mod bucket;

use crate::records::{Tale, baseline, failing, orphan_scenario, seal, unsigned_run_started, write};
use chrono::{DateTime, TimeDelta, Utc};
use pulp_drill::{
    base::{
        clock::Clock,
        digest::Digest,
        error::{Blame, Error},
        ids::RunId,
        redact::Redactor,
    },
    cli::{
        Output,
        history::{AddArgs, HistoryFormat, ShowArgs, add, show},
        trust::TrustArgs,
    },
    history::{
        GroupResult, LEDGER, LedgerEntry,
        file::{file_of, read},
    },
    journal::Journal,
    model::{
        event::{Event, Partition},
        exit_code::ExitCode,
        verdict::Verdict,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A clock that must not be asked.
fn no_clock() -> Clock {
    Clock::from_fn(|| panic!("the machine's clock was asked"))
}

/// A run of these scenarios that began on a day.
pub fn run(place: &Path, name: &str, day: &str, tales: &[Tale], part: Option<Partition>) -> PathBuf {
    let now = Arc::new(Mutex::new(at(&format!("{day}T03:00:00Z"))));
    let clock = Clock::from_fn(move || {
        let mut now = now.lock().unwrap();
        *now += TimeDelta::seconds(1);
        *now
    });
    let id = RunId::from(name);
    let journal = Journal::create(&place.join("runs").join(name), &id, clock, Redactor::new()).unwrap();
    let ids: Vec<&str> = tales.iter().map(|t| t.id).collect();
    let mut started = unsigned_run_started(&ids);
    (started.run, started.partition) = (id, part);
    write(&journal, None, Event::RunStarted(started));
    for tale in tales {
        tale.begin(&journal);
        tale.end(&journal);
    }
    write(
        &journal,
        None,
        Event::RunFinished { verdict: Verdict::Pass, exit: ExitCode::AllHeld, cut_short: None },
    );
    seal(&journal);
    journal.dir().to_owned()
}

pub fn good(place: &Path, name: &str, day: &str) -> PathBuf {
    run(place, name, day, &[orphan_scenario(), baseline()], None)
}

pub fn added(place: &Path, run_dir: PathBuf) -> Result<Output, Error> {
    let now = Some(at("2026-12-01T00:00:00Z"));
    add(&AddArgs { run_dir, ledger: Some(place.to_owned()), now, trust: TrustArgs::default() }, &no_clock())
}

pub fn shown(place: &Path, every: Option<&str>, now: &str, format: HistoryFormat) -> Result<Output, Error> {
    let every = every.map(|text| text.parse().unwrap());
    let args = ShowArgs {
        ledger: place.to_owned(),
        every,
        budgets: None,
        now: Some(at(now)),
        format,
        html: None,
        runs: None,
    };
    // These runs are not beside the ledger, which a note says.
    let mut output = show(&args, &no_clock())?;
    let (rest, note) = output.stderr.split_at(output.stderr.find("note: ").unwrap_or(output.stderr.len()));
    assert!(note.is_empty() || note.contains("not compared with their runs"), "{note}");
    output.stderr = rest.to_owned();
    Ok(output)
}

/// A ledger of three runs, of which the last failed.
fn three(place: &Path) {
    let bad = Tale { rto_ms: Some(3_500), ..failing() };
    for dir in [
        good(place, "run-one", "2026-08-01"),
        good(place, "run-two", "2026-09-01"),
        run(place, "run-three", "2026-10-01", &[bad, baseline()], None),
    ] {
        assert_eq!(added(place, dir).unwrap().exit, ExitCode::AllHeld);
    }
}

#[test]
fn runs_are_shown_with_their_trend_and_last_proof() {
    let place = tempfile::tempdir().unwrap();
    three(place.path());
    let outcome = shown(place.path(), None, "2026-10-02T00:00:00Z", HistoryFormat::Human).unwrap();
    assert_eq!((outcome.exit, outcome.stderr.as_str()), (ExitCode::AllHeld, ""));
    assert!(outcome.stdout.lines().all(|l| l.chars().count() <= 80), "{}", outcome.stdout);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn a_gap_is_told_with_exit_code_one_and_its_edge_is_none() {
    let place = tempfile::tempdir().unwrap();
    three(place.path());
    // The last pass ended on 2026-09-01 at 03:00:19.
    let at_edge = shown(place.path(), Some("90d"), "2026-11-30T03:00:19Z", HistoryFormat::Human).unwrap();
    let lines = read(&file_of(place.path())).unwrap().unwrap();
    assert_eq!(lines[1].ended, at("2026-09-01T03:00:19Z"));
    assert_eq!((at_edge.exit, at_edge.stderr.as_str()), (ExitCode::AllHeld, ""));
    let over = shown(place.path(), Some("90d"), "2026-12-02T04:00:00Z", HistoryFormat::Human).unwrap();
    assert_eq!(over.exit, ExitCode::IntegrityFailure);
    assert_eq!(
        over.stderr,
        "one site / invoices: no successful restore test in 92d 00h, the policy requires one every 90d\n"
    );
    assert!(over.stdout.contains("LATE"));
}

#[test]
fn a_proof_that_is_still_to_come_is_none() {
    let place = tempfile::tempdir().unwrap();
    added(place.path(), good(place.path(), "once", "2026-08-01")).unwrap();
    added(place.path(), good(place.path(), "clock-ahead", "2099-01-01")).unwrap();
    let at = |format| shown(place.path(), Some("90d"), "2027-01-01T00:00:00Z", format).unwrap();
    let late = at(HistoryFormat::Human);
    assert_eq!(late.exit, ExitCode::IntegrityFailure);
    assert_eq!(
        late.stderr,
        "one site / invoices: no successful restore test in 152d 20h, the policy requires one every 90d; \
         one of 2099-01-01 is in the future\n"
    );
    assert!(late.stdout.contains("2099-01-01 is in the future and does not count"), "{}", late.stdout);
    let proven = "pulp_drill_last_proven_restore_seconds{group=\"one site / invoices\"} 1785";
    assert!(
        at(HistoryFormat::Openmetrics).stdout.contains(proven),
        "{}",
        at(HistoryFormat::Openmetrics).stdout
    );
    // Clocks of two machines are never the same.
    let apart = shown(place.path(), Some("90d"), "2026-08-01T02:58:00Z", HistoryFormat::Human).unwrap();
    assert_eq!((apart.exit, apart.stderr.as_str()), (ExitCode::AllHeld, ""));
}

#[test]
fn names_and_numbers_from_elsewhere_do_no_harm() {
    let place = tempfile::tempdir().unwrap();
    let longest = Tale { rto_ms: Some(u64::MAX), ..failing() };
    let dir = run(place.path(), "run-\u{1b}[2J\n::error::x", "2026-08-01", &[longest, baseline()], None);
    let said = added(place.path(), dir).unwrap().stderr;
    assert!(said.contains("run-\\u{1b}[2J ::error::x is line 1"), "{said}");
    let mut line = read(&file_of(place.path())).unwrap().unwrap().remove(0);
    let name = "\u{1b}]0;title\u{7}\nlast proven restore";
    line.groups =
        [(name.to_owned(), GroupResult { verdict: Verdict::Fail, level: None, figures: None })].into();
    let other = place.path().join("other.jsonl");
    pulp_drill::history::file::add(&other, line).unwrap();
    let of = |format| shown(&other, Some("90d"), "2026-08-02T00:00:00Z", format).unwrap();
    let (human, svg) = (of(HistoryFormat::Human), of(HistoryFormat::Svg));
    for text in [&human.stdout, &human.stderr, &svg.stdout] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
    assert_eq!(human.stdout.lines().filter(|l| l.starts_with("last proven")).count(), 1, "{}", human.stdout);
    assert_eq!(human.stderr.lines().count(), 1, "{}", human.stderr);
}

#[test]
fn a_pipe_in_place_of_the_ledgers_digest_keeps_nobody_waiting() {
    let place = tempfile::tempdir().unwrap();
    three(place.path());
    let seal = place.path().join("ledger.jsonl.sha256");
    fs::remove_file(&seal).unwrap();
    nix::unistd::mkfifo(&seal, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let broken = read(&file_of(place.path())).unwrap().unwrap_err();
    assert!(broken.why.contains("does not match"), "{broken}");
}

#[test]
fn failed_runs_prove_nothing() {
    let place = tempfile::tempdir().unwrap();
    let dir = run(place.path(), "bad", "2026-10-01", &[failing(), baseline()], None);
    added(place.path(), dir).unwrap();
    let outcome = shown(place.path(), Some("90d"), "2026-10-01T04:00:00Z", HistoryFormat::Human).unwrap();
    assert_eq!(outcome.exit, ExitCode::IntegrityFailure);
    assert!(outcome.stderr.contains("no successful restore test ever"), "{}", outcome.stderr);
}

#[test]
fn a_run_is_added_once_and_a_part_of_one_never() {
    let place = tempfile::tempdir().unwrap();
    let dir = good(place.path(), "run-one", "2026-08-01");
    added(place.path(), dir.clone()).unwrap();
    let error = added(place.path(), dir).unwrap_err();
    assert_eq!(error.blame, Blame::Usage);
    assert!(error.to_string().contains("run run-one is in the ledger already, at line 1"), "{error}");
    let part = Partition { index: 1, of: 2, set: Digest::ZERO, all: Vec::new() };
    let dir = run(place.path(), "part", "2026-08-02", &[baseline()], Some(part));
    assert!(added(place.path(), dir).unwrap_err().to_string().contains("part 1 of 2"));
    assert_eq!(read(&file_of(place.path())).unwrap().unwrap().len(), 1);
}

#[test]
fn a_changed_ledger_is_named_by_its_line_and_takes_no_run() {
    type Change = fn(&mut Vec<String>);
    let changes: [(Change, usize); 6] = [
        (|l| l[0] = l[0].replace("pass", "fail"), 1),
        (|l| l[2] = l[2].replace("\"fail\"", "\"pass\""), 3),
        (|l| drop(l.remove(1)), 1),
        (|l| drop(l.pop()), 2),
        (|l| l.swap(1, 2), 1),
        (|l| l[1].truncate(40), 2),
    ];
    for (change, line) in changes {
        let place = tempfile::tempdir().unwrap();
        three(place.path());
        let ledger = place.path().join(LEDGER);
        let mut lines: Vec<String> =
            fs::read_to_string(&ledger).unwrap().lines().map(str::to_owned).collect();
        change(&mut lines);
        let text = lines.join("\n") + "\n";
        fs::write(&ledger, &text).unwrap();
        let outcome = shown(place.path(), None, "2026-10-02T00:00:00Z", HistoryFormat::Human).unwrap();
        assert_eq!((outcome.exit, outcome.stdout.as_str()), (ExitCode::IntegrityFailure, ""));
        assert!(outcome.stderr.contains(&format!("broken at line {line}:")), "{line}: {}", outcome.stderr);
        let dir = good(place.path(), "late", "2026-10-05");
        assert_eq!(added(place.path(), dir).unwrap().exit, ExitCode::IntegrityFailure);
        assert_eq!(fs::read_to_string(&ledger).unwrap(), text, "something was added");
    }
}

#[test]
fn a_writer_that_was_killed_before_the_digest_breaks_nothing() {
    let place = tempfile::tempdir().unwrap();
    let seal = place.path().join("ledger.jsonl.sha256");
    added(place.path(), good(place.path(), "one", "2026-08-01")).unwrap();
    let ledger = place.path().join(LEDGER);
    let (one, before) = (fs::read_to_string(&ledger).unwrap(), fs::read_to_string(&seal).unwrap());
    added(place.path(), good(place.path(), "two", "2026-08-02")).unwrap();
    let (two, after) = (fs::read_to_string(&ledger).unwrap(), fs::read_to_string(&seal).unwrap());
    let announced = before.clone() + &after;
    let torn = &two[..two.len() - 20];
    let later = good(place.path(), "three", "2026-08-03");
    // What is in the ledger at each moment of adding the second run, and how many runs that are.
    for (text, sealed, runs) in [
        (one.as_str(), &announced, 1),
        (torn, &announced, 1),
        (&format!("{torn}\n"), &announced, 1),
        (&two, &announced, 2),
        (&two, &after, 2),
        // As a version left it that wrote the digest last.
        (torn, &before, 1),
    ] {
        fs::write(&ledger, text).unwrap();
        fs::write(&seal, sealed).unwrap();
        assert_eq!(read(&file_of(place.path())).unwrap().unwrap().len(), runs);
        assert_eq!(added(place.path(), later.clone()).unwrap().exit, ExitCode::AllHeld);
        assert_eq!(read(&file_of(place.path())).unwrap().unwrap().len(), runs + 1);
    }
}

/// A whole last line without its digest was not written by an interrupted `history add`.
#[test]
fn a_forged_last_line_is_not_taken_for_an_interrupted_write() {
    let place = tempfile::tempdir().unwrap();
    let seal = place.path().join("ledger.jsonl.sha256");
    let ledger = place.path().join(LEDGER);
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    added(place.path(), good(place.path(), "one", "2026-08-01")).unwrap();
    let (one, before) = (read(&ledger), read(&seal));
    added(place.path(), good(place.path(), "two", "2026-08-02")).unwrap();
    let (two, after) = (read(&ledger), read(&seal));
    let late = good(place.path(), "late", "2026-10-05");
    let last = &two[one.len()..];
    for (forged, sealed) in [
        // Added behind the last run, with a chain that holds.
        (two.clone(), &before),
        // Changed.
        (two.replace("run-", "r-").replace("2026-08-02", "2026-09-02"), &after),
        // Added behind it without a chain, and without the end of the line.
        (format!("{two}{last}"), &after),
        (format!("{one}{}", last.trim_end()), &after),
        // Taken out again.
        (one, &after),
    ] {
        fs::write(&ledger, &forged).unwrap();
        fs::write(&seal, sealed).unwrap();
        let shown = shown(place.path(), None, "2026-10-02T00:00:00Z", HistoryFormat::Human).unwrap();
        assert_eq!((shown.exit, shown.stdout.as_str()), (ExitCode::IntegrityFailure, ""), "{forged}");
        assert!(shown.stderr.contains("broken at line"), "{}", shown.stderr);
        assert_eq!(added(place.path(), late.clone()).unwrap().exit, ExitCode::IntegrityFailure);
        assert_eq!(read(&ledger), forged, "something was added");
    }
    // A first line needs its digest, too.
    fs::write(&ledger, two.lines().next().unwrap().to_owned() + "\n").unwrap();
    fs::remove_file(&seal).unwrap();
    assert_eq!(added(place.path(), late).unwrap().exit, ExitCode::IntegrityFailure);
}

#[test]
fn runs_that_are_added_at_once_come_one_behind_the_other() {
    let place = tempfile::tempdir().unwrap();
    let dirs: Vec<PathBuf> = (0..12).map(|n| good(place.path(), &format!("run-{n}"), "2026-08-01")).collect();
    std::thread::scope(|scope| {
        for dir in &dirs {
            let place = place.path();
            scope.spawn(move || assert_eq!(added(place, dir.clone()).unwrap().exit, ExitCode::AllHeld));
        }
    });
    let lines: Vec<LedgerEntry> = read(&file_of(place.path())).unwrap().unwrap();
    assert_eq!(lines.len(), 12);
}

#[test]
fn other_programs_read_the_exports() {
    let place = tempfile::tempdir().unwrap();
    three(place.path());
    let of = |format| shown(place.path(), None, "2026-10-02T00:00:00Z", format).unwrap().stdout;
    insta::assert_snapshot!("openmetrics", of(HistoryFormat::Openmetrics));
    let svg = of(HistoryFormat::Svg);
    let mut reader = quick_xml::Reader::from_str(&svg);
    let mut bars = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(tag) if tag.name().as_ref() == b"rect" => bars += 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(bars, 3, "{svg}");
}

#[test]
fn no_ledger_is_the_users_mistake() {
    let place = tempfile::tempdir().unwrap();
    let error = shown(place.path(), Some("90d"), "2026-10-02T00:00:00Z", HistoryFormat::Human).unwrap_err();
    assert_eq!(error.blame, Blame::Usage);
}

/// The page of a ledger of three runs.
pub fn ledger_page(now: DateTime<Utc>) -> String {
    let place = tempfile::tempdir().unwrap();
    three(place.path());
    let file = place.path().join("history.html");
    let args = ShowArgs {
        ledger: place.path().to_owned(),
        every: Some("7d".parse().unwrap()),
        budgets: None,
        now: Some(now),
        format: HistoryFormat::Human,
        html: Some(file.clone()),
        runs: None,
    };
    show(&args, &no_clock()).unwrap();
    fs::read_to_string(file).unwrap()
}

#[test]
fn the_page_has_proofs_with_their_level_gaps_trends_and_links() {
    let page = ledger_page(at("2026-12-01T00:00:00Z"));
    for wanted in ["Last proven restore", "without a proven restore", "Recovery time (RTO)", "Rows restored"]
    {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    // The folders of the runs lie in runs/ beside the ledger.
    assert!(page.contains("/report.html\""), "{page}");
    assert!(!page.contains("<script") && !page.contains("http://www.example"), "{page}");
    let empty = pulp_drill::history::page::render(
        &[],
        &pulp_drill::history::page::PageOptions {
            ledger: "<b>&",
            every: None,
            now: at("2026-12-01T00:00:00Z"),
            runs: None,
        },
    );
    assert!(empty.contains("the ledger has no run") && empty.contains("&lt;b&gt;"), "{empty}");
}
