//! Page images: what is drawn, what is not and why, and PDFs that are made to break what draws.

use crate::{html::parsed, records};
use pulp_drill::{
    journal::Journal,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        page_images::PageComparison,
        record::{KNOWN_GOOD, RunRecord},
    },
    report::{
        html::render,
        pages::{self, draw_by},
    },
};
use std::{fs, io::Write as _, path::Path};

fn known_good(template: &str) -> Vec<u8> {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/seeds");
    fs::read(format!("{seeds}/invoices/golden/{template}.pdf")).expect("a known-good PDF")
}

/// A red run in which templates render other bytes than their known-good PDFs. `change` is done to the run's
/// folder before the images are drawn.
fn drifted_and(
    pairs: &[(&[u8], &[u8])],
    change: impl FnOnce(&Path, &[String]),
) -> (tempfile::TempDir, Journal, RunRecord) {
    let reports = tempfile::tempdir().expect("a folder");
    let journal = records::journal(reports.path());
    let mut tale = records::failing();
    let id = tale.id.into();
    tale.findings.clear();
    let mut renders = Vec::new();
    for (i, (expected, actual)) in pairs.iter().enumerate() {
        let store = |name: String, bytes: &[u8], what: &str| {
            journal.store(Some(&id), &name, bytes, what).expect("kept")
        };
        let actual = store(format!("drill-{i}.pdf"), actual, "a render that is not as it should be");
        let expected = store(format!("{i}-known-good.pdf"), expected, KNOWN_GOOD);
        let entity = Entity::Template(format!("template-{i}").into());
        let finding = Finding::new(CheckId::Render, FindingKind::PdfDiffers, entity, "a", "b");
        renders.push(actual.clone());
        tale.findings.push(finding.shown_by(actual).shown_by(expected));
    }
    change(journal.dir(), &renders);
    let record = records::tell(&journal, &[tale], Some(None));
    (reports, journal, record)
}

fn drifted(pairs: &[(&[u8], &[u8])]) -> (tempfile::TempDir, Journal, RunRecord) {
    drifted_and(pairs, |_, _| {})
}

/// What is shown of a run's findings.
fn shown(record: &RunRecord) -> Vec<PageComparison> {
    let findings = record.scenarios[0].findings.iter();
    findings.map(|f| pages::of(record, f).expect("a comparison").clone()).collect()
}

fn html(record: &RunRecord, journal: &Journal) -> String {
    render(record, &pages::load(record, journal.dir()))
}

fn why_not(shown: &PageComparison) -> &str {
    match shown {
        PageComparison::NotDrawn(why) => why,
        PageComparison::Pages { .. } | PageComparison::ShownWith(_) => panic!("it was drawn"),
    }
}

#[test]
fn pages_that_differ_are_shown_side_by_side() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, record) = drifted(&[(&invoice, &reminder), (&invoice, &reminder)]);
    let seen = shown(&record);
    let PageComparison::Pages { pages, .. } = &seen[0] else { panic!("not drawn: {:?}", seen[0]) };
    let page = &pages[0];
    assert_eq!(page.number, 1);
    assert!(page.permille > 10 && page.permille < 1000, "{}", page.permille);
    for image in [&page.expected, &page.actual, &page.difference] {
        let image = image.as_ref().expect("an image");
        assert!(image.width > 300 && journal.dir().join(&image.path).is_file());
    }
    assert_ne!(page.expected, page.actual);
    let first = &record.scenarios[0].findings[0].artefacts[0];
    assert!(matches!(&seen[1], PageComparison::ShownWith(path) if path == first));
    let text = html(&record, &journal);
    assert_eq!(text, html(&record, &journal), "other bytes the second time");
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    if let Some(read) = parsed(&text) {
        assert_eq!(read["problems"], serde_json::json!([]));
        assert!(read["tags"]["img"].as_u64() >= Some(3));
    }
}

/// The report embeds the files of the run and draws nothing: a build that cannot draw renders the same bytes.
#[test]
fn the_images_of_a_report_are_the_files_that_the_run_kept() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, record) = drifted(&[(&invoice, &reminder)]);
    let whole = html(&record, &journal);
    let images = record.artefacts.iter().filter(|a| a.path.ends_with(".png"));
    let images: Vec<_> = images.map(|a| journal.dir().join(&a.path)).collect();
    assert_eq!(images.len(), 3);
    // The PDFs are not read again.
    for pdf in record.artefacts.iter().filter(|a| a.path.ends_with(".pdf")) {
        fs::remove_file(journal.dir().join(&pdf.path)).expect("removed");
    }
    assert_eq!(html(&record, &journal), whole);
    fs::write(&images[0], b"another picture").expect("changed");
    fs::remove_file(&images[1]).expect("removed");
    let damaged = html(&record, &journal);
    assert_eq!(damaged.matches("is missing or was changed").count(), 2);
    assert_eq!(damaged.matches("<img").count(), 1);
}

#[test]
fn pages_that_look_the_same_are_reported_as_such() {
    let invoice = known_good("invoice");
    let (_reports, journal, record) = drifted(&[(&invoice, &invoice)]);
    let seen = shown(&record);
    assert!(
        matches!(&seen[0], PageComparison::Pages { pages, same, .. } if pages.is_empty() && *same > 0),
        "{seen:?}"
    );
    assert!(html(&record, &journal).contains("look the same at this size"));
}

#[test]
fn what_is_not_the_kept_file_is_not_drawn() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let after = |change: &dyn Fn(&Path, &Path)| {
        let (_reports, journal, record) = drifted_and(&[(&invoice, &reminder)], |dir, renders| {
            change(dir, &dir.join(&renders[0]));
        });
        assert!(html(&record, &journal).contains("No page images of"));
        why_not(&shown(&record)[0]).to_owned()
    };
    let changed = after(&|_, file| fs::write(file, &invoice).expect("changed"));
    assert!(changed.contains("changed after the run"), "{changed}");
    let removed = after(&|_, file| fs::remove_file(file).expect("removed"));
    assert!(removed.contains("not in the run's folder"), "{removed}");
    let linked = after(&|dir, file| {
        let elsewhere = dir.join("elsewhere.pdf");
        fs::write(&elsewhere, &reminder).expect("written");
        fs::remove_file(file).expect("removed");
        std::os::unix::fs::symlink(&elsewhere, file).expect("linked");
    });
    assert!(linked.contains("no file"), "{linked}");
}

#[test]
fn an_image_outside_of_the_folder_is_not_shown() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let (_reports, journal, mut record) = drifted(&[(&invoice, &reminder)]);
    let out = |path: &str| format!("artefacts/../{path}");
    record.artefacts.iter_mut().for_each(|a| a.path = out(&a.path));
    for comparison in record.pages.values_mut() {
        let PageComparison::Pages { pages, .. } = comparison else { panic!("not drawn") };
        let files = pages.iter_mut().flat_map(|p| [&mut p.expected, &mut p.actual, &mut p.difference]);
        files.flatten().for_each(|file| file.path = out(&file.path));
    }
    assert!(!html(&record, &journal).contains("<img"));
}

#[test]
fn only_a_handful_is_drawn() {
    let (invoice, reminder) = (known_good("invoice"), known_good("reminder"));
    let others: Vec<Vec<u8>> =
        (0..6).map(|i| [&reminder[..], format!("\n%{i}\n").as_bytes()].concat()).collect();
    let pairs: Vec<(&[u8], &[u8])> = others.iter().map(|other| (&invoice[..], &other[..])).collect();
    let (_reports, _journal, record) = drifted(&pairs);
    let seen = shown(&record);
    assert_eq!(seen.iter().filter(|s| matches!(s, PageComparison::Pages { .. })).count(), 4);
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
    draw_by(env!("CARGO_BIN_EXE_pulp-drill").into(), &["draw"]);
    let (_reports, journal, record) = drifted(&[(&invoice, &bomb()), (&invoice, &reminder)]);
    let seen = shown(&record);
    assert_eq!(why_not(&seen[0]), "the PDF that was rendered breaks the program that draws");
    assert!(matches!(seen[1], PageComparison::Pages { .. }));
    assert!(html(&record, &journal).contains("breaks the program that draws"));
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
        let began = std::time::Instant::now();
        let (_reports, journal, record) = drifted(&[(&invoice, bytes)]);
        let seen = shown(&record);
        assert!(began.elapsed().as_secs() < 60, "document {i}: {:?}", seen[0]);
        assert!(html(&record, &journal).len() < 2_000_000, "document {i}");
        if i < 3 {
            assert!(!why_not(&seen[0]).is_empty(), "document {i}");
        }
    }
}
