//! What people read, in 80 columns, without colour.

use crate::records::{self, cut_short, green, red, unknown};
use pulp_drill::{
    base::ids::ScenarioId,
    model::{record::RunRecord, verdict::Reason},
    report::terminal::{Detail, Style, Terminal, narrative::story, summary},
};
use std::{
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

const PLAIN: Style = Style { colour: false, width: 80 };

fn shown(record: &RunRecord) -> String {
    summary(record, Path::new("reports/20261122T140201Z-0badcafe"), false, 80)
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line:?}");
    }
}

#[test]
fn a_green_run_is_summed_up() {
    fits(&shown(&green()));
    insta::assert_snapshot!(shown(&green()));
}

#[test]
fn a_red_run_says_what_failed_first() {
    fits(&shown(&red()));
    insta::assert_snapshot!(shown(&red()));
}

#[test]
fn an_unknown_is_spelled_out() {
    fits(&shown(&unknown()));
    insta::assert_snapshot!(shown(&unknown()));
}

#[test]
fn a_killed_run_is_no_pass() {
    fits(&shown(&cut_short()));
    insta::assert_snapshot!(shown(&cut_short()));
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_has_a_line_per_scenario_and_the_reasons_of_failures() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let kept = Kept::default();
    journal.observe(Box::new(Terminal::lines(Box::new(kept.clone()), PLAIN, Detail::Verdicts)));
    let tales = [records::orphan_scenario(), records::failing(), records::unsure(), records::baseline()];
    records::tell(&journal, &tales, Some(None));
    let text = String::from_utf8(kept.0.lock().expect("no panic").clone()).expect("text");
    fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_narrow_terminal_and_wide_letters_keep_their_columns() {
    let mut record = red();
    record.scenarios[1].findings[0].actual = "漢字".repeat(60) + " 🦀";
    let look = Style { colour: true, width: 40 };
    let text = story(&record.scenarios[1], &[], true, look);
    for line in text.lines().skip(1) {
        assert!(console::measure_text_width(line) <= 40, "{line:?}");
    }
}

#[test]
fn colour_is_only_added_and_nothing_steers_the_terminal() {
    let mut record = red();
    record.scenarios[1].id = ScenarioId::from("evil\u{1b}[2J\u{202e}\rid");
    record.scenarios[1].findings[0].actual = "gone\u{1b}]0;title\u{7}".to_owned();
    let judged = record.scenarios.iter_mut().filter_map(|s| s.judgement.as_mut());
    judged.for_each(|judgement| {
        judgement.reasons.insert(0, Reason::Error { error: "gone\n::error::x".to_owned() })
    });
    let dir = Path::new("reports/x");
    let plain = summary(&record, dir, false, 80);
    assert!(!plain.contains(['\u{1b}', '\u{202e}', '\r', '\u{7}']), "{plain:?}");
    assert!(plain.contains("\\u{3a}:error::x") && !plain.contains(" ::error"), "{plain}");
    let coloured = summary(&record, dir, true, 80);
    assert!(coloured.contains("\u{1b}[1;31mFAIL"));
    assert!(summary(&green(), dir, true, 80).contains("\u{1b}[32mPassed: "));
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}
