//! The PDF report: it says what the record says, whatever a text in it holds, and other programs read
//! it. Whether it looks well is for eyes.

use crate::records::{cut_short, failing, green, large, record, red, unknown};
use pulp_drill::{
    base::digest::Digest,
    model::{record::RunRecord, verdict::limit::Limit},
    report::{Evidence, pdf},
};
use std::process::Command;

fn rendered(record: &RunRecord) -> Vec<u8> {
    let evidence = Evidence { record: Digest::of("record"), journal: Some(Digest::of("journal")) };
    pdf::render(record, &evidence).expect("a PDF")
}

/// The text as another program reads it, in one line; none where it is not installed.
pub fn text(pdf: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, pdf).expect("written");
    let Ok(checked) = Command::new("qpdf").arg("--check").arg(&path).output() else {
        eprintln!("skipped: qpdf is not installed");
        return None;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let Ok(read) = Command::new("pdftotext").arg(&path).arg("-").output() else {
        eprintln!("skipped: pdftotext is not installed");
        return None;
    };
    Some(String::from_utf8(read.stdout).expect("UTF-8").split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn the_verdict_stands_on_the_cover() {
    for (record, head) in [
        (green(), "Passed Passed: 1 scenario and 1 baseline drill. The restored state"),
        (
            red(),
            "Failed Failed: 1 of 4 drills, objects-left-out-of-the-copy-by-a-prefix: a row refers to a binary that does not exist (missing binary: logo.png); 1 expected finding was not reported.",
        ),
        (unknown(), "Unknown Could not verify, not counted as a pass: "),
        (cut_short(), "Unknown Could not verify, not counted as a pass: "),
    ] {
        let Some(text) = text(&rendered(&record)) else { return };
        assert!(text.contains(head), "{text}");
        assert!(text.contains(record.id().as_str()), "{text}");
        assert!(text.contains(&Digest::of("journal").to_string()), "a digest is broken: {text}");
        assert!(text.contains("page 1 of "), "{text}");
    }
}

#[test]
fn findings_and_what_is_not_shown_are_told() {
    let Some(text) = text(&rendered(&red())) else { return };
    for wanted in
        ["no such key", "Restore the object from the copy", "NIST CP-9(1)", "The media of production"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn the_same_record_gives_the_same_bytes_and_claims_pdf_a() {
    let pdf = rendered(&red());
    assert_eq!(pdf, rendered(&red()));
    let metadata = String::from_utf8_lossy(&pdf);
    assert!(metadata.contains("<pdfaid:part>2</pdfaid:part>"), "no PDF/A-2");
    assert!(metadata.contains("<pdfaid:conformance>A</pdfaid:conformance>"), "not level A");
    assert!(metadata.contains("<pdfuaid:part>1</pdfuaid:part>"), "no PDF/UA-1");
}

/// What `pdfinfo` or another program of poppler prints; none where it is not installed.
fn poppler(program: &str, options: &[&str], pdf: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, pdf).expect("written");
    match Command::new(program).args(options).arg(&path).output() {
        Ok(read) => Some(String::from_utf8(read.stdout).expect("UTF-8")),
        Err(_) => {
            eprintln!("skipped: {program} is not installed");
            None
        }
    }
}

#[test]
fn a_full_run_has_twelve_pages_at_most_and_the_annex_has_every_drill() {
    let mut record = large();
    record.errors = vec!["can't reach postgres: ".repeat(400); 30];
    record.limits.push(Limit::NoRender);
    let report = rendered(&record);
    let annex = pdf::annex::render(&record).expect("a PDF");
    let Some(info) = poppler("pdfinfo", &[], &report) else { return };
    let pages = info.lines().find_map(|l| l.strip_prefix("Pages:")).expect("a number of pages");
    assert!(pages.trim().parse::<u32>().expect("a number") <= 12, "{pages} pages");
    let Some(text) = text(&annex) else { return };
    for scenario in &record.scenarios {
        // A long id is broken behind a hyphen.
        assert!(text.replace(' ', "").contains(scenario.id.as_str()), "{}", scenario.id);
    }
}

#[test]
fn the_structure_names_headings_tables_and_their_heads() {
    let report = rendered(&red());
    let Some(info) = poppler("pdfinfo", &["-struct"], &report) else { return };
    for wanted in ["H1", "H2", "P", "Table", "TR", "TH", "TD"] {
        assert!(info.lines().any(|l| l.trim_start().starts_with(wanted)), "no {wanted}: {info}");
    }
    let Some(info) = poppler("pdfinfo", &[], &report) else { return };
    assert!(info.lines().any(|l| l.starts_with("Tagged:") && l.ends_with("yes")), "{info}");
}

#[test]
fn any_text_can_be_set() {
    for nasty in [
        "",
        "\0\u{1b}[2J\u{feff}\u{fffe}",
        "🦀 قلم 中文 é",
        &"x".repeat(9_000),
        &"word ".repeat(9_000),
        "\n\n\n",
    ] {
        let mut tale = failing();
        (tale.findings[0].expected, tale.findings[0].actual) = (nasty.to_owned(), nasty.to_owned());
        let mut record = record(&[tale], Some(None));
        record.notes.push(nasty.to_owned());
        record.versions.insert(nasty.to_owned(), nasty.to_owned());
        if let Some(started) = &mut record.started {
            started.run = nasty.into();
        }
        assert!(rendered(&record).starts_with(b"%PDF-1."), "{}", nasty.len());
    }
}
