//! JUnit XML: its mapping, and that it is well-formed and valid whatever a message holds.

use crate::records::{self, cut_short, green, red, unknown};
use proptest::prelude::*;
use pulp_drill::{
    base::ids::ScenarioId,
    model::{
        budget::{Budgets, TimeSpan},
        record::{RunRecord, Skipped},
        verdict::{CheckOutcome, Reason, Role, Verdict},
    },
    report::junit::render,
};
use quick_xml::{Reader, events::Event};
use std::{collections::BTreeMap, process::Command};

/// The `junit-10` schema of Jenkins' xUnit plugin, unchanged, under its MIT license (in the file).
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/junit-10.xsd");

#[test]
fn a_green_run_has_no_failure() {
    insta::assert_snapshot!(render(&green()).expect("XML"));
}

#[test]
fn a_red_run_tells_failures_errors_and_skipped_apart() {
    insta::assert_snapshot!(render(&red()).expect("XML"));
}

#[test]
fn an_unknown_is_an_error() {
    insta::assert_snapshot!(render(&unknown()).expect("XML"));
}

#[test]
fn a_killed_run_is_an_error() {
    insta::assert_snapshot!(render(&cut_short()).expect("XML"));
}

#[test]
fn rendering_again_gives_the_same_bytes() {
    assert_eq!(render(&red()).expect("XML"), render(&red()).expect("XML"));
}

/// Texts that break naive XML.
const NASTY: &[&str] = &[
    "]]>",
    "a]]>]]>b",
    "\0\u{1}\u{1b}[2J",
    "\u{fffe}\u{ffff}",
    "🦀é",
    "\r\n\t",
    "\u{9b}31m\u{202e}",
    "<&\"'>",
    "",
    " ",
];

/// Puts texts into every free field of the record.
fn fill(record: &mut RunRecord, texts: &[String]) {
    let mut texts = texts.iter().cycle();
    let mut next = || texts.next().cloned().unwrap_or_default();
    record.errors.push(next());
    record.versions.insert(next(), next());
    if let Some(started) = &mut record.started {
        started.harness = next();
        started.run = next().into();
        started.started_by.insert("host".to_owned(), next());
    }
    for scenario in &mut record.scenarios {
        scenario.id = ScenarioId::new(next());
        if let Some(started) = &mut scenario.started {
            (started.title, started.topology, started.seed) = (next(), next(), next());
            started.controls.push(next());
            started.runbook.push(next());
        }
        for finding in &mut scenario.findings {
            (finding.expected, finding.actual) = (next(), next());
            finding.artefacts.push(next());
        }
        for (_, outcome, _) in &mut scenario.checks {
            match outcome {
                CheckOutcome::Unknown { why } | CheckOutcome::Skipped { why } => *why = next(),
                CheckOutcome::Checked { .. } => {}
            }
        }
        if let Some(judgement) = &mut scenario.judgement {
            judgement.reasons.iter_mut().for_each(|r| *r = Reason::Error { error: next() });
            judgement.roles.push(Role::Consequence { of: next() });
        }
    }
}

/// Parses the XML, compares the counts in attributes with the elements, and gives the totals.
fn counted(xml: &str) -> BTreeMap<String, usize> {
    let legal = |c: char| {
        let seen = !matches!(c, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        seen && matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..)
    };
    assert!(xml.chars().all(legal), "a character that XML 1.0 forbids");
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut claimed: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().expect("well-formed");
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = String::from_utf8(tag.name().as_ref().to_vec()).expect("text");
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).expect("text");
                    let value = String::from_utf8(attribute.value.to_vec()).expect("text");
                    assert_ne!(key, "file");
                    if name == "testsuite"
                        && ["tests", "failures", "errors", "skipped"].contains(&key.as_str())
                    {
                        *claimed.entry(key).or_default() += value.parse::<usize>().expect("a count");
                    } else if key == "time" {
                        let plain = value.chars().all(|c| c.is_ascii_digit() || c == '.');
                        assert!(plain && value.parse::<f64>().is_ok(), "no seconds: {value}");
                    } else if key == "timestamp" {
                        chrono::DateTime::parse_from_rfc3339(&value).expect("ISO 8601");
                    }
                }
                let kind = match name.as_str() {
                    "testcase" => "tests",
                    "failure" => "failures",
                    "error" => "errors",
                    other => other,
                };
                *found.entry(kind.to_owned()).or_default() += 1;
                depth += usize::from(matches!(event, Event::Start(_)));
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    for kind in ["tests", "failures", "errors", "skipped"] {
        assert_eq!(claimed.get(kind), Some(found.get(kind).unwrap_or(&0)), "{kind}");
    }
    claimed
}

#[test]
fn counts_are_those_of_the_cases() {
    let of = |record: &RunRecord| {
        let counts = counted(&render(record).expect("XML"));
        ["tests", "failures", "errors", "skipped"].map(|kind| counts[kind])
    };
    assert_eq!(of(&green()), [2, 0, 0, 0]);
    // one drill fails, one is unknown
    assert_eq!(of(&red()), [4, 1, 1, 0]);
    let mut skipping = red();
    let id = ScenarioId::new("needs-minio");
    skipping.skipped.push(Skipped { id, why: "MinIO is not installed".into(), controls: Vec::new() });
    assert_eq!(of(&skipping), [5, 1, 1, 1]);
    // one drill did not end, two did not start, and the run itself did not end
    assert_eq!(of(&cut_short()), [5, 0, 4, 0]);
}

/// Whether `xmllint` finds the XML valid; none where there is no `xmllint`.
fn validated(xml: &str) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("junit.xml");
    std::fs::write(&path, xml).expect("written");
    let linted = Command::new("xmllint").args(["--noout", "--nonet", "--schema", SCHEMA]).arg(&path).output();
    match linted {
        Ok(output) => Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())),
        Err(_) => {
            println!("skipped: xmllint not found");
            None
        }
    }
}

#[test]
fn is_valid_against_the_schema() {
    let texts: Vec<String> = NASTY.iter().map(|t| (*t).to_owned()).collect();
    let mut nasty = red();
    fill(&mut nasty, &texts);
    for record in [green(), red(), unknown(), cut_short(), nasty, RunRecord::default()] {
        if let Some((valid, said)) = validated(&render(&record).expect("XML")) {
            assert!(valid, "{said}");
        }
    }
    let wrong = render(&green()).expect("XML").replace("<testcase name=", "<testcase file=\"x\" nom=");
    if let Some((valid, _)) = validated(&wrong) {
        assert!(!valid, "the schema takes anything");
    }
}

#[test]
fn a_megabyte_is_cut_and_still_valid() {
    let mut record = red();
    fill(&mut record, &["]]>\0🦀".repeat(200_000)]);
    let xml = render(&record).expect("XML");
    counted(&xml);
    if let Some((valid, said)) = validated(&xml) {
        assert!(valid, "{said}");
    }
    assert!(xml.contains("characters more in record.json"));
}

#[test]
fn times_that_no_calendar_holds_do_no_harm() {
    let mut record = red();
    record.scenarios[0].ms = u64::MAX;
    let mut endless = record.scenarios[0].checks[0].clone();
    endless.2 = u64::MAX;
    record.scenarios[0].checks = vec![endless; 2_000];
    record.scenarios[0].began = Some(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    record.scenarios[1].began = Some(chrono::DateTime::<chrono::Utc>::MIN_UTC);
    record.scenarios[2].began = Some("-0005-01-01T00:00:00Z".parse().expect("a time"));
    let xml = render(&record).expect("XML");
    counted(&xml);
    if let Some((valid, said)) = validated(&xml) {
        assert!(valid, "{said}");
    }
}

#[test]
fn times_have_at_most_three_decimals() {
    let float = render(&green()).expect("XML").replacen("time=\"1.430\"", "time=\"2.7039999999999997\"", 1);
    if let Some((valid, _)) = validated(&float) {
        assert!(!valid, "the schema takes any time");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_texts_in_any_field_make_xml_that_parses(
        texts in prop::collection::vec(prop_oneof![any::<String>(), prop::sample::select(NASTY).prop_map(str::to_owned)], 1..20)
    ) {
        let mut record = records::red();
        fill(&mut record, &texts);
        counted(&render(&record).expect("XML"));
    }
}

#[test]
fn a_budget_that_is_exceeded_fails_and_one_that_was_not_measured_is_an_error() {
    let mut record = green();
    let budgets =
        Budgets { rto: Some(TimeSpan { ms: 800 }), rpo: Some(TimeSpan { ms: 1 }), ..Budgets::default() };
    record.budgets = budgets.against(&record);
    assert_eq!(record.verdict(), Verdict::Fail);
    let xml = render(&record).expect("XML");
    let counts = counted(&xml);
    assert_eq!(["tests", "failures", "errors"].map(|kind| counts[kind]), [4, 1, 1]);
    let over = "recovery time (RTO) is over its budget of 800 ms: 870 ms in upload-between-dump-and-copy";
    assert!(xml.contains(over), "{xml}");
    record.budgets.remove(0);
    assert_eq!(record.verdict(), Verdict::Unknown);
}
