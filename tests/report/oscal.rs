//! OSCAL Assessment Results: counts as in the record and in JUnit, no control satisfied by what could
//! not be found out, and datatypes that hold whatever a message holds. What the format as a whole asks
//! for is held by `tests/conformance/oscal.py` with a reader that is not ours.

use crate::records::{cut_short, green, red, unknown};
use pulp_drill::{
    base::{digest::Digest, sanitize::is_hidden},
    model::{
        record::{RunRecord, Skipped},
        verdict::CheckOutcome,
    },
    report::{Evidence, junit, oscal},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn rendered(record: &RunRecord) -> Value {
    let evidence = Evidence { record: Digest::of("record"), journal: Some(Digest::of("journal")) };
    let text = oscal::render(record, &evidence).expect("OSCAL");
    assert_eq!(text, oscal::render(record, &evidence).expect("OSCAL"), "the same record, other bytes");
    serde_json::from_str(&text).expect("JSON")
}

fn result(value: &Value) -> &Value {
    &value["assessment-results"]["results"][0]
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    result(value)[name].as_array().map_or(&[], Vec::as_slice)
}

/// State and reason of each finding, by control.
fn states(value: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let one = |finding: &Value| {
        let status = &finding["target"]["status"];
        assert_eq!(status["state"] == "satisfied", status["remarks"].is_null(), "{finding}");
        (text(&finding["target"]["target-id"]), (text(&status["state"]), text(&status["reason"])))
    };
    list(value, "findings").iter().map(one).collect()
}

fn both(state: &str, reason: &str) -> BTreeMap<String, (String, String)> {
    let one = |id: &str| (id.to_owned(), (state.to_owned(), reason.to_owned()));
    [one("cp-9.1_smt"), one("dora-12.7_smt")].into()
}

#[test]
fn only_a_pass_is_satisfied() {
    assert_eq!(states(&rendered(&green())), both("satisfied", "pass"));
    assert_eq!(states(&rendered(&red())), both("not-satisfied", "fail"));
    assert_eq!(states(&rendered(&unknown())), both("not-satisfied", "other"));
    assert_eq!(states(&rendered(&cut_short())), both("not-satisfied", "other"));
}

#[test]
fn a_control_whose_scenarios_were_skipped_is_not_satisfied() {
    let mut record = green();
    let controls = ["NIST CP-9(1)", "NIST CP-10"].map(str::to_owned).to_vec();
    let why = "pgbackrest is not installed".to_owned();
    record.skipped.push(Skipped { id: "own-pgbackrest".into(), why, controls });
    let value = rendered(&record);
    let states = states(&value);
    assert_eq!(states["cp-9.1_smt"], ("not-satisfied".to_owned(), "other".to_owned()));
    assert_eq!(states["cp-10_smt"], ("not-satisfied".to_owned(), "other".to_owned()));
    assert_eq!(states["dora-12.7_smt"], ("satisfied".to_owned(), "pass".to_owned()));
    let of = |id: &str| list(&value, "findings").iter().find(|f| f["target"]["target-id"] == id).expect("it");
    let remarks = of("cp-10_smt")["target"]["status"]["remarks"].as_str().expect("text");
    assert!(remarks.contains("own-pgbackrest was skipped"), "{remarks}");
    // OSCAL wants a list to be left out where it would be empty.
    assert!(of("cp-10_smt")["related-observations"].is_null());
    assert_eq!(list(&value, "observations").len(), record.scenarios.len());
}

#[test]
fn a_control_whose_checks_saw_nothing_is_not_satisfied() {
    let mut record = green();
    for scenario in &mut record.scenarios {
        scenario.checks[0].1 = CheckOutcome::Skipped { why: "not here".to_owned() };
    }
    let value = rendered(&record);
    assert_eq!(states(&value), both("not-satisfied", "other"));
    let remarks = &list(&value, "findings")[0]["target"]["status"]["remarks"];
    assert_eq!(remarks, "check contents had nothing to check in any of these scenarios");
}

#[test]
fn counts_are_those_of_the_record_and_of_junit() {
    for record in [green(), red(), unknown(), cut_short()] {
        let value = rendered(&record);
        let observations = list(&value, "observations");
        assert_eq!(observations.len(), record.scenarios.len());
        let passed = |o: &&Value| {
            let props = o["props"].as_array().expect("props");
            props.iter().any(|p| p["name"] == "verdict" && p["value"] == "pass")
        };
        let xml = junit::render(&record).expect("XML");
        let tags = xml.split("<testsuite ").skip(1).filter_map(|s| s.split('>').next());
        let suites: Vec<&str> = tags.filter(|s| !s.contains(" name=\"run\"")).collect();
        assert_eq!(observations.len(), suites.len());
        let clean = |s: &&&str| s.contains("failures=\"0\"") && s.contains("errors=\"0\"");
        assert_eq!(observations.iter().filter(passed).count(), suites.iter().filter(clean).count());
    }
}

#[test]
fn links_lead_to_resources_and_ids_are_unique() {
    let value = rendered(&red());
    let resources = value["assessment-results"]["back-matter"]["resources"].as_array().expect("a list");
    let known: BTreeSet<String> =
        resources.iter().map(|r| format!("#{}", r["uuid"].as_str().expect("text"))).collect();
    assert_eq!(known.len(), resources.len());
    assert!(known.contains(value["assessment-results"]["import-ap"]["href"].as_str().expect("text")));
    for observation in list(&value, "observations") {
        for evidence in observation["relevant-evidence"].as_array().expect("a list") {
            assert!(known.contains(evidence["href"].as_str().expect("text")), "{evidence}");
        }
    }
    let journal = resources.iter().find(|r| r["title"] == "events.jsonl").expect("the journal");
    assert_eq!(journal["rlinks"][0]["hashes"][0]["value"], Digest::of("journal").to_string());
}

/// Every property below a value.
fn props(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(map) => {
            let own = map.get("props").and_then(Value::as_array).into_iter().flatten();
            own.chain(map.values().flat_map(props)).collect()
        }
        Value::Array(list) => list.iter().flat_map(props).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn names_and_values_hold_whatever_a_record_holds() {
    for nasty in ["", " ", "\n", "a\nb", "1st", "é/ü", "\0\u{1b}[2J", "a\u{202e}b", "]]>", "a:b"] {
        let mut record = red();
        record.versions.insert(nasty.to_owned(), nasty.to_owned());
        record.artefacts.push(pulp_drill::model::record::Artefact {
            scenario: None,
            path: nasty.to_owned(),
            sha256: Digest::ZERO,
            bytes: 0,
            what: nasty.to_owned(),
        });
        record.scenarios[0].id = nasty.into();
        let value = rendered(&record);
        let props = props(&value);
        assert!(props.len() > 30, "only {} properties were seen", props.len());
        for prop in props {
            let (name, value) = (prop["name"].as_str().expect("text"), prop["value"].as_str().expect("text"));
            let first = name.chars().next().expect("a name");
            assert!(first.is_ascii_alphabetic() || first == '_', "{name:?}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)), "{name:?}");
            assert!(!value.is_empty() && value.trim() == value, "{value:?}");
            assert!(!value.chars().any(is_hidden), "{value:?}");
        }
    }
}
