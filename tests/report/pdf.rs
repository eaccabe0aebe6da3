//! The PDF report: it says what the record says, whatever a text in it holds, and other programs read
//! it. Whether it looks well is for eyes.

use crate::records::{cut_short, failing, green, record, red, unknown};
use pulp_drill::{
    base::digest::Digest,
    model::record::RunRecord,
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
        (green(), "Passed 1 scenario and 1 baseline drill passed. The restored state"),
        (
            red(),
            "Failed A row refers to a binary that does not exist (missing binary, once). Of 3 scenarios and 1 baseline drill, 1 failed",
        ),
        (unknown(), "Unknown Could not verify whether the backup restores; not counted as a pass."),
        (cut_short(), "Unknown Could not verify whether"),
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
    assert!(metadata.contains("<pdfaid:conformance>B</pdfaid:conformance>"), "not level B");
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
