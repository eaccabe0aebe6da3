//! `report.html` without a browser: what it says, that it agrees with the other reports, and that no
//! text of a run breaks it.

use crate::records::{self, cut_short, green, red, unknown};
use pulp_drill::{
    base::{digest::Digest, ids::ScenarioId},
    model::{
        budget::Budgets,
        event::{Partition, RpoFrom, StepStage},
        record::{Artefact, RunRecord, Skipped, StepRecord},
        verdict::{CheckOutcome, Reason, Verdict},
    },
    report::{ReportFormat, html::render, json, junit, pages::ImageSources, write_all},
};
use quick_xml::{Reader, events::Event};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

/// What a parser that is not ours reads in a page; none where there is no Python, which is told.
pub fn parsed(page: &str) -> Option<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/read_page.py");
    let python = Command::new("python3")
        .arg(script)
        .arg("events.jsonl")
        .args(ReportFormat::ALL.map(ReportFormat::file_name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        println!("skipped: python3 is not there to parse the page");
        return None;
    };
    let mut stdin = python.stdin.take().expect("a pipe");
    let page = page.to_owned();
    let feed = std::thread::spawn(move || stdin.write_all(page.as_bytes()));
    let out = python.wait_with_output().expect("python ends");
    feed.join().expect("no panic").expect("python reads");
    assert!(out.status.success(), "python could not parse the page");
    Some(serde_json::from_slice(&out.stdout).expect("JSON"))
}

fn page(record: &RunRecord) -> String {
    render(record, &ImageSources::default())
}

fn assert_sound(page: &str) -> Option<Value> {
    let read = parsed(page)?;
    assert_eq!(read["problems"], serde_json::json!([]));
    assert_eq!((&read["tags"]["script"], &read["tags"]["style"]), (&1.into(), &1.into()));
    for landmark in ["main", "header", "footer", "nav", "h1"] {
        assert_eq!(read["tags"][landmark], 1, "{landmark}");
    }
    Some(read)
}

/// The text of a page from its top to its table.
fn top(record: &RunRecord) -> Option<String> {
    let read = assert_sound(&page(record))?;
    let text = read["text"].as_str().expect("text");
    Some(text.split("\nScenarios and baseline drills").next().expect("a part").to_owned())
}

#[test]
fn a_red_run_says_first_why_it_is_red() {
    let Some(text) = top(&red()) else { return };
    insta::assert_snapshot!(text);
}

#[test]
fn an_unknown_run_says_that_it_is_no_pass() {
    let Some(text) = top(&unknown()) else { return };
    insta::assert_snapshot!(text);
}

#[test]
fn a_green_run_says_what_it_does_not_show() {
    let Some(text) = top(&green()) else { return };
    insta::assert_snapshot!(text);
}

/// A part of a run with budgets and with a scenario that was not run.
fn partial() -> RunRecord {
    let mut record = green();
    let all = vec!["row-lost".into()];
    let part = Partition { index: 1, of: 2, set: Digest::of("set"), all };
    record.started.as_mut().expect("a start").partition = Some(part);
    let why = "pgbackrest is not installed".to_owned();
    let controls = vec!["NIST CP-10".to_owned()];
    record.skipped.push(Skipped { id: "own-pgbackrest".into(), why, controls });
    record.scenarios[0].rpo_ms = Some(7_200_000);
    record.scenarios[0].rpo_from = Some(RpoFrom::Writes);
    let budget = |text: &str| Some(text.parse().expect("a span"));
    let budgets = Budgets { rto: budget("15m"), rpo: budget("1h"), ..Budgets::default() };
    record.budgets = budgets.against(&record);
    record
}

/// The part of a page that begins with the heading of this id.
fn part<'a>(page: &'a str, id: &str) -> &'a str {
    let from = page.find(&format!("<h2 id=\"{id}\"")).expect("the heading");
    let to = page[from..].find("</section>").expect("an end");
    &page[from..from + to]
}

#[test]
fn what_was_not_run_stands_in_every_overview() {
    let page = page(&partial());
    for id in ["scenarios", "timeline", "faults"] {
        let part = part(&page, id);
        assert!(part.contains("own-pgbackrest") && part.to_lowercase().contains("skipped"), "{id}: {part}");
    }
    assert!(part(&page, "controls").contains("not exercised, 1 skipped"));
}

#[test]
fn a_drill_with_a_target_of_its_own_is_not_said_to_be_of_the_runs_engine() {
    let mut record = green();
    assert!(!page(&record).contains("the target of the profile"));
    let started = record.scenarios[0].started.as_mut().expect("a start");
    started.profile = Some(("photo-archive".to_owned(), Digest::of("profile")));
    assert!(page(&record).contains(", in 1 drill the target of the profile photo-archive instead"));
}

#[test]
fn what_became_of_writes_under_load_is_on_the_first_screen_and_side_by_side() {
    let mut record = green();
    assert!(!page(&record).contains("id=\"load\""));
    let rate = json!({"hits": 18, "of": 95, "low": 0.123, "high": 0.279});
    let tally = json!({"writes": 234, "at_risk": 95, "kept": 158, "after": 47, "lost": 0, "half": 18,
        "orphan": 11, "wrong": 0, "rate": rate});
    let measured = json!({"load": {"writers": 4, "rate": 40, "mix": {"delete": 4}}, "method": "dump-first",
        "acknowledged": 239, "refused": 0, "unanswered": 0, "backups": [], "operations": {"delete": tally},
        "all": tally, "backups_hit": null, "recovery_point": null, "grace_needed_ms": null, "advice": []});
    record.scenarios[0].load = Some(serde_json::from_value(measured).expect("a measurement"));
    let page = page(&record);
    let load = part(&page, "load");
    assert!(load.contains("18 of 95, 18.95 %") && load.contains(record.scenarios[0].id.as_str()), "{load}");
    assert!(
        page.contains("Provoked loss, allowed by the scenarios: 1 drill wrote during the backup on purpose")
    );
    assert!(page.contains("1 drill backed up under load: of 95 writes at risk, 18 were torn."));
}

#[test]
fn a_part_says_that_it_proves_nothing_alone_and_what_is_over_budget() {
    let record = partial();
    let Some(text) = top(&record) else { return };
    insta::assert_snapshot!(text);
    let page = page(&record);
    assert!(page.contains("data-verdict=\"skipped\" data-id=\"own-pgbackrest\""));
}

#[test]
fn a_long_row_is_told_by_its_columns_and_whole_in_the_detail() {
    let row =
        serde_json::json!({ "definition": "x".repeat(900), "id": 7, "key": "letter", "version": "1.0.0" });
    let mut record = records::red();
    record.scenarios[1].findings[0].expected = row.to_string();
    let page = page(&record);
    let why = page.split("id=\"scenarios\"").next().expect("a part");
    assert!(
        why.contains("id = 7, key = &quot;letter&quot;, version = &quot;1.0.0&quot;, … (3 of 4 columns"),
        "{why}"
    );
    assert!(!why.contains(&"x".repeat(100)));
    assert!(page.contains(&"x".repeat(900)), "the detail lacks it");
}

#[test]
fn a_killed_run_says_that_it_did_not_end() {
    let Some(text) = top(&cut_short()) else { return };
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_record_is_rendered() {
    let text = page(&RunRecord::default());
    assert!(text.contains("No scenario was run"));
    assert_sound(&text);
}

#[test]
fn a_run_without_findings_that_failed_still_says_why() {
    let mut record = green();
    let scenario = &mut record.scenarios[0];
    scenario.findings.clear();
    let judgement = scenario.judgement.as_mut().expect("judged");
    (judgement.verdict, judgement.roles) = (Verdict::Fail, Vec::new());
    let expected = scenario.started.as_ref().expect("started").expect[0].clone();
    judgement.reasons = vec![Reason::MissingFinding { expected }];
    let text = page(&record);
    assert!(text.contains("1 expected finding was not reported"), "{text}");
    assert!(text.contains("the checks did not detect that damage"));
    assert_sound(&text);
}

/// The verdict of every drill in JUnit.
fn in_junit(xml: &str) -> BTreeMap<String, Verdict> {
    let mut reader = Reader::from_str(xml);
    let mut drills = BTreeMap::new();
    let mut drill = None;
    loop {
        let event = reader.read_event().expect("well-formed");
        let (Event::Start(tag) | Event::Empty(tag)) = &event else {
            if event == Event::Eof {
                return drills;
            }
            continue;
        };
        let attribute = |name: &str| {
            let value = tag.try_get_attribute(name).expect("attributes")?;
            Some(String::from_utf8(value.value.into_owned()).expect("UTF-8"))
        };
        match tag.name().as_ref() {
            b"testcase" => {
                let is_drill = attribute("classname").expect("a class") != "pulp-drill.run";
                drill = attribute("name").filter(|_| is_drill);
                drills.extend(drill.clone().map(|drill| (drill, Verdict::Pass)));
            }
            b"failure" => drills.extend(drill.clone().map(|drill| (drill, Verdict::Fail))),
            b"error" => drills.extend(drill.clone().map(|drill| (drill, Verdict::Unknown))),
            _ => {}
        }
    }
}

#[test]
fn the_counts_are_those_of_the_record_and_of_junit() {
    for record in [green(), red(), unknown(), cut_short()] {
        let Some(read) = assert_sound(&page(&record)) else { return };
        let stored: Value = serde_json::from_str(&json(&record).expect("JSON")).expect("JSON");
        let junit = in_junit(&junit::render(&record).expect("XML"));
        let drills = read["drills"].as_array().expect("a list");
        assert_eq!(drills.len(), stored["scenarios"].as_array().expect("a list").len());
        assert_eq!(drills.len(), junit.len());
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (drill, scenario) in drills.iter().zip(stored["scenarios"].as_array().expect("a list")) {
            assert_eq!(drill["id"], scenario["id"]);
            let of = |role: &str| {
                let roles = scenario["judgement"]["roles"].as_array().cloned().unwrap_or_default();
                roles.iter().filter(|r| r["role"] == role).count()
            };
            assert_eq!(drill["unexpected"], of("unexpected"));
            assert_eq!(
                (&drill["expected"], &drill["warnings"]),
                (&of("expected").into(), &of("warning").into())
            );
            let verdict = junit[drill["id"].as_str().expect("an id")];
            assert_eq!(drill["verdict"], verdict.to_string());
            *counts.entry(verdict.to_string()).or_default() += 1;
        }
        assert_eq!(read["verdict"], record.verdict().to_string());
        for (mine, verdict) in [("passed", "pass"), ("failed", "fail"), ("unknown", "unknown")] {
            assert_eq!(read["counts"][mine].as_u64(), Some(counts.get(verdict).copied().unwrap_or(0)));
        }
    }
}

/// Texts made to break out of the page, to turn it round or to hide in it.
const HOSTILE: &[&str] = &[
    "</script><script>alert(1)</script>",
    "</title></style><img src=http://evil.example/ onerror=alert(1)>",
    "\"><svg/onload=alert(1)> ' onmouseover='x",
    "<!-- ]]> --> &lt;b&gt; &amp;",
    "user\u{202e}gpj.exe \u{2066}x\u{2069} \u{200b}\u{feff}\u{2028}",
    "\0\u{1}\u{1b}[31m\u{fffe}\u{e0041}",
    "javascript:alert(1)",
    "",
];

fn fill(record: &mut RunRecord, texts: &[String]) {
    let mut texts = texts.iter().cycle();
    let mut next = || texts.next().cloned().unwrap_or_default();
    record.errors.push(next());
    record.notes.push(next());
    record.versions.extend([("engine".to_owned(), next()), (next(), next())]);
    if let Some(started) = &mut record.started {
        (started.harness, started.run) = (next(), next().into());
        started.command.push(next());
        started.config.insert(next(), next());
    }
    for scenario in &mut record.scenarios {
        scenario.id = ScenarioId::new(next());
        if let Some(started) = &mut scenario.started {
            (started.title, started.shows, started.topology) = (next(), next(), next());
            started.controls.push(next());
            started.steps.push(next());
        }
        let began = record.began.expect("a time");
        scenario.steps.push(StepRecord {
            step: 9,
            stage: StepStage::Restore,
            name: next(),
            began,
            ms: None,
            failed: Some(next()),
        });
        scenario.errors.push(next());
        for finding in &mut scenario.findings {
            (finding.expected, finding.actual) = (next(), next());
            finding.artefacts.push(next());
        }
        for (_, outcome, _) in &mut scenario.checks {
            if let CheckOutcome::Unknown { why } | CheckOutcome::Skipped { why } = outcome {
                *why = next();
            }
        }
        scenario
            .judgement
            .iter_mut()
            .flat_map(|j| &mut j.reasons)
            .for_each(|r| *r = Reason::Error { error: next() });
        let digest = pulp_drill::base::digest::Digest::ZERO;
        let kept = Artefact {
            path: next(),
            sha256: digest,
            bytes: 1,
            what: next(),
            scenario: Some(scenario.id.clone()),
        };
        record.artefacts.push(kept);
    }
}

#[test]
fn hostile_texts_stay_texts() {
    for turn in 0..HOSTILE.len() {
        let mut texts: Vec<String> = HOSTILE.iter().map(|t| (*t).to_owned()).collect();
        texts.rotate_left(turn);
        for mut record in [green(), red(), unknown()] {
            fill(&mut record, &texts);
            let page = page(&record);
            let Some(_) = assert_sound(&page) else { return };
            let hidden =
                |c: char| matches!(c, '\0' | '\u{1b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            assert!(!page.contains(hidden) && !page.contains('\u{feff}'), "turn {turn}");
        }
    }
}

#[test]
fn long_texts_and_long_lists_are_cut_and_say_so() {
    let mut record = red();
    // Taken before the texts are long: 5,000 findings with long texts would need gigabytes.
    let scenario = &record.scenarios[1];
    let (finding, role) =
        (scenario.findings[0].clone(), scenario.judgement.as_ref().expect("judged").roles[0].clone());
    fill(&mut record, &["<x>&\"".repeat(200_000)]);
    let scenario = &mut record.scenarios[1];
    for _ in 0..5_000 {
        scenario.findings.push(finding.clone());
        scenario.judgement.as_mut().expect("judged").roles.push(role.clone());
    }
    let page = page(&record);
    assert!(page.contains("characters more in record.json") && page.contains(" more in record.json."));
    assert!(page.len() < 30_000_000, "{} bytes", page.len());
    assert_sound(&page);
}

#[test]
fn it_is_written_beside_the_others_and_comes_out_the_same() {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let record = records::tell(&journal, &[records::failing(), records::unsure()], Some(None));
    let files = write_all(journal.dir(), &record).expect("written");
    let names: Vec<_> = files.iter().filter_map(|f| f.file_name()?.to_str()).collect();
    assert_eq!(names, ReportFormat::ALL.map(ReportFormat::file_name));
    let page = files.last().expect("a page");
    let first = fs::read(page).expect("a file");
    // The record goes through its file: nothing of it may live in memory only.
    let stored: RunRecord =
        serde_json::from_slice(&fs::read(&files[0]).expect("a file")).expect("the record's form");
    write_all(journal.dir(), &stored).expect("written");
    assert_eq!(fs::read(page).expect("a file"), first);
}
