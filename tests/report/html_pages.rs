//! Page pictures: what is drawn, what is not and why, and PDFs that are made to break what draws.

use crate::{html::parsed, records};
use pulp_drill::{
    journal::Journal,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        record::{KNOWN_GOOD, RunRecord},
    },
    report::{
        html::render,
        pages::{PagePictures, Pictures, draw_by, pictures},
    },
};
use std::{fs, io::Write as _};

fn known_good(template: &str) -> Vec<u8> {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/seeds");
    fs::read(format!("{seeds}/invoices/golden/{template}.pdf")).expect("a known-good PDF")
}

/// A red run in which a template renders other bytes than its known-good PDF.
fn drifted(pairs: &[(&[u8], &[u8])]) -> (tempfile::TempDir, Journal, RunRecord) {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let mut tale = records::failing();
    let id = tale.id.into();
    tale.findings.clear();
    for (i, (expected, actual)) in pairs.iter().enumerate() {
        let store = |name: String, bytes: &[u8], what: &str| {
            journal.store(Some(&id), &name, bytes, what).expect("kept")
        };
        let actual = store(format!("drill-{i}.pdf"), actual, "a render that is not as it should be");
        let expected = store(format!("{i}-known-good.pdf"), expected, KNOWN_GOOD);
        let entity = Entity::Template(format!("template-{i}").into());
        let finding = Finding::new(CheckId::Render, FindingKind::PdfDiffers, entity, "a", "b");
        tale.findings.push(finding.shown_by(actual).shown_by(expected));
    }
    let record = records::tell(&journal, &[tale], Some(None));
    (reports, journal, record)
}

/// What is shown of a run's findings.
fn shown(record: &RunRecord, journal: &Journal) -> (Pictures, Vec<PagePictures>) {
    let drawn = pictures(record, journal.dir());
    let shown =
        record.scenarios[0].findings.iter().map(|f| drawn.of(f).expect("something").clone()).collect();
    (drawn, shown)
}

fn why_not(shown: &PagePictures) -> &str {
    match shown {
        PagePictures::NotDrawn(why) => why,
        PagePictures::Pages { .. } | PagePictures::Above(_) => panic!("it was drawn"),
    }
}

#[test]
fn pages_that_differ_are_shown_side_by_side() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, record) = drifted(&[(&invoice, &reminder), (&invoice, &reminder)]);
    let (drawn, seen) = shown(&record, &journal);
    let PagePictures::Pages { pages, .. } = &seen[0] else { panic!("not drawn: {:?}", seen[0]) };
    let page = &pages[0];
    assert_eq!(page.number, 1);
    assert!(page.permille > 10 && page.permille < 1000, "{}", page.permille);
    for picture in [&page.expected, &page.actual, &page.difference] {
        let picture = picture.as_ref().expect("a picture");
        assert!(picture.src.starts_with("data:image/png;base64,") && picture.width > 300);
    }
    assert_ne!(page.expected, page.actual);
    assert!(
        matches!(&seen[1], PagePictures::Above(path) if *path == record.scenarios[0].findings[0].artefacts[0])
    );
    let text = render(&record, &drawn);
    assert_eq!(text, render(&record, &pictures(&record, journal.dir())), "other bytes the second time");
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    if let Some(read) = parsed(&text) {
        assert_eq!(read["problems"], serde_json::json!([]));
        assert!(read["tags"]["img"].as_u64() >= Some(3));
    }
}

#[test]
fn pages_that_look_the_same_are_said_to() {
    let invoice = known_good("invoice");
    let (_reports, journal, record) = drifted(&[(&invoice, &invoice)]);
    let (drawn, seen) = shown(&record, &journal);
    assert!(
        matches!(&seen[0], PagePictures::Pages { pages, same, .. } if pages.is_empty() && *same > 0),
        "{seen:?}"
    );
    assert!(render(&record, &drawn).contains("look the same at this size"));
}

#[test]
fn what_is_not_the_kept_file_is_not_drawn() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, mut record) = drifted(&[(&invoice, &reminder)]);
    let path = record.scenarios[0].findings[0].artefacts[0].clone();
    let file = journal.dir().join(&path);
    fs::write(&file, &invoice).expect("changed");
    assert!(why_not(&shown(&record, &journal).1[0]).contains("changed after the run"));
    fs::remove_file(&file).expect("removed");
    assert!(why_not(&shown(&record, &journal).1[0]).contains("not in the run's folder"));
    // Another file by a link, and a path that leads out.
    let elsewhere = journal.dir().join("elsewhere.pdf");
    fs::write(&elsewhere, &reminder).expect("written");
    std::os::unix::fs::symlink(&elsewhere, &file).expect("linked");
    assert!(why_not(&shown(&record, &journal).1[0]).contains("no file"));
    let out = format!("artefacts/../{path}");
    record.artefacts.iter_mut().filter(|a| a.path == path).for_each(|a| a.path.clone_from(&out));
    record.scenarios[0].findings[0].artefacts[0] = out;
    let (drawn, seen) = shown(&record, &journal);
    assert!(why_not(&seen[0]).contains("leads out"));
    assert!(render(&record, &drawn).contains("No page images of"));
}

#[test]
fn only_a_handful_is_drawn() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let others: Vec<Vec<u8>> =
        (0..6).map(|i| [&reminder[..], format!("\n%{i}\n").as_bytes()].concat()).collect();
    let pairs: Vec<(&[u8], &[u8])> = others.iter().map(|other| (&invoice[..], &other[..])).collect();
    let (_reports, journal, record) = drifted(&pairs);
    let (_, seen) = shown(&record, &journal);
    assert_eq!(seen.iter().filter(|s| matches!(s, PagePictures::Pages { .. })).count(), 4);
    assert!(why_not(&seen[5]).contains("only the first 4"));
}

/// A document of one page with a size and a content stream.
fn document(size: &str, content: &str) -> Vec<u8> {
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[{size}]/Contents 4 0 R\
         /Resources<</XObject<</F 5 0 R>>>>>>endobj\n\
         4 0 obj<</Length {}>>stream\n{content}\nendstream endobj\n\
         5 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Length 4>>stream\n\
         /F Do\nendstream endobj\ntrailer<</Root 1 0 R>>\n",
        content.len()
    )
    .into_bytes()
}

/// A document whose picture takes some kilobytes in the file and nearly three gigabytes beside it.
fn bomb() -> Vec<u8> {
    let side = 30_000_u64;
    // A run of 128 equal bytes is two bytes long (ISO 32000-1, 7.4.5).
    let runs = [129, 0xaa].repeat(usize::try_from(side * side * 3 / 128).expect("small"));
    let mut small = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    small.write_all(&runs).expect("packed");
    let small = small.finish().expect("packed");
    let mut bytes = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R\
         /Resources<</XObject<</I 5 0 R>>>>>>endobj\n\
         4 0 obj<</Length 25>>stream\n200 0 0 200 0 0 cm /I Do \nendstream endobj\n\
         5 0 obj<</Type/XObject/Subtype/Image/Width {side}/Height {side}/ColorSpace/DeviceRGB\
         /BitsPerComponent 8/Filter[/FlateDecode/RunLengthDecode]/Length {}>>stream\n",
        small.len()
    )
    .into_bytes();
    bytes.extend(small);
    bytes.extend(b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n");
    bytes
}

#[test]
fn a_pdf_that_asks_for_all_memory_breaks_only_what_draws_it() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, record) = drifted(&[(&invoice, &bomb()), (&invoice, &reminder)]);
    draw_by(env!("CARGO_BIN_EXE_pulp-drill").into(), &["draw"]);
    let (drawn, seen) = shown(&record, &journal);
    assert_eq!(why_not(&seen[0]), "the PDF that was rendered breaks the program that draws");
    assert!(matches!(seen[1], PagePictures::Pages { .. }));
    assert!(render(&record, &drawn).contains("breaks the program that draws"));
}

#[test]
fn hostile_pdfs_do_no_harm() {
    let invoice = known_good("invoice");
    let mut hostile: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"%PDF-1.7\n".to_vec(),
        invoice[..invoice.len() / 2].to_vec(),
        document("0 0 1e30 1", ""),
        document("0 0 0.001 14400", ""),
        document("0 0 -5 NaN", ""),
        document("0 0 100 100", "/F Do"),
        document("0 0 100 100", &"q ".repeat(300_000)),
        document("0 0 100 100", &format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000))),
        document("0 0 100 100", "1e38 0 0 1e38 -1e38 1e38 cm 0 0 1e38 1e38 re f"),
    ];
    // Flipped bytes, the same ones every time.
    for turn in 0..6 {
        let mut bytes = invoice.clone();
        let length = bytes.len();
        (1..40).for_each(|i| bytes[(turn * 7_919 + i * i * 6_007) % length] ^= 0x15);
        hostile.push(bytes);
    }
    for (i, bytes) in hostile.iter().enumerate() {
        let (_reports, journal, record) = drifted(&[(&invoice, bytes)]);
        let began = std::time::Instant::now();
        let (drawn, seen) = shown(&record, &journal);
        assert!(began.elapsed().as_secs() < 60, "document {i}: {:?}", seen[0]);
        assert!(render(&record, &drawn).len() < 2_000_000, "document {i}");
        if i < 3 {
            assert!(!why_not(&seen[0]).is_empty(), "document {i}");
        }
    }
}
