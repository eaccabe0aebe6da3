//! Comparing PDFs as the command line and the render check do: whole files, files rewritten by qpdf,
//! and files made to break a reader.

use pdf_compare::{Comparison, Difference, DifferenceKind, canonical_digest, compare, well_formed};
use proptest::prelude::*;
use pulp_drill::{
    cli::pdf::{DiffArgs, PdfArgs, PdfCommand, PdfFormat, PdfOutput, run},
    model::{exit_code::ExitCode, profile::PdfDepth},
};
use std::{fmt::Write as _, process::Command, time::Instant};

/// A file of these objects, numbered from 1, with a cross-reference table.
fn assemble(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (i, object) in objects.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        file.extend_from_slice(format!("{} 0 obj\n", i + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.extend_from_slice(
        format!("{table}trailer\n<</Size {size} /Root 1 0 R {trailer}>>\nstartxref\n{start}\n%%EOF\n")
            .as_bytes(),
    );
    file
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<<{dictionary} /Length {}>>\nstream\n", data.len()).into_bytes();
    object.extend_from_slice(data);
    object.extend_from_slice(b"\nendstream");
    object
}

const PIXELS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";

/// Two pages with text and an image, inherited resources, an outline that runs in a circle, XMP.
struct Sample {
    text: &'static str,
    pixels: Vec<u8>,
    info: &'static str,
    title: &'static str,
    modified: &'static str,
    rotate: u32,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            text: "Total 42 EUR",
            pixels: PIXELS.to_vec(),
            info: "/Author (Ada) /ModDate (D:20260101) /Producer (one)",
            title: "Invoice",
            modified: "2026-01-01",
            rotate: 0,
        }
    }
}

impl Sample {
    fn pdf(&self) -> Vec<u8> {
        let text = |line: &str| {
            format!("BT\n/F1 12 Tf\n20 100 Td\n(Invoice) Tj\nT*\n({line}) Tj\nET\n/Im0 Do\n").into_bytes()
        };
        let Self { title, modified, rotate, .. } = self;
        let xmp = format!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><dc:title>{title}</dc:title>\
             <xmp:ModifyDate>{modified}</xmp:ModifyDate></x:xmpmeta>"
        );
        let pages = format!(
            "<</Type /Pages /Count 2 /Kids [3 0 R 4 0 R] /MediaBox [0 0 200 200.5] /Rotate {rotate} \
             /Resources <</Font <</F1 7 0 R>> /XObject <</Im0 8 0 R>>>>>>"
        );
        let objects = [
            b"<</Type /Catalog /Pages 2 0 R /Outlines 10 0 R /Metadata 9 0 R>>".to_vec(),
            pages.into_bytes(),
            b"<</Type /Page /Parent 2 0 R /Contents 5 0 R>>".to_vec(),
            b"<</Type /Page /Parent 2 0 R /Contents [6 0 R]>>".to_vec(),
            stream("", &text("first page")),
            stream("", &text(self.text)),
            b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding>>".to_vec(),
            stream(
                "/Type /XObject /Subtype /Image /Width 4 /Height 4 /BitsPerComponent 8 /ColorSpace /DeviceRGB",
                &self.pixels,
            ),
            stream("/Type /Metadata /Subtype /XML", xmp.as_bytes()),
            b"<</Type /Outlines /First 11 0 R /Last 11 0 R /Count 1>>".to_vec(),
            b"<</Title (One) /Parent 10 0 R /Dest [4 0 R /Fit]>>".to_vec(),
            format!("<<{}>>", self.info).into_bytes(),
        ];
        assemble(&objects, "/Info 12 0 R /ID [<aa> <bb>]")
    }
}

fn differences(expected: &[u8], actual: &[u8]) -> Vec<Difference> {
    match compare(expected, actual).unwrap() {
        Comparison::Different { differences, .. } => differences,
        same => panic!("{same:?}"),
    }
}

fn position(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|window| window == pattern).expect("is there")
}

#[test]
fn equal_bytes_are_identical() {
    let pdf = Sample::default().pdf();
    assert_eq!(compare(&pdf, &pdf), Ok(Comparison::Identical));
    assert_eq!(well_formed(&pdf).unwrap().0, 2);
}

#[test]
fn dates_ids_and_producer_are_named_and_not_counted() {
    let one = Sample::default().pdf();
    let two = Sample {
        info: "/CreationDate (D:2027) /Author <416461> /ModDate (D:20270101) /Producer (two)",
        modified: "2027-01-01",
        ..Sample::default()
    };
    let two = two.pdf();
    let Comparison::SameApartFromMetadata { ignored } = compare(&one, &two).unwrap() else {
        panic!("different")
    };
    assert_eq!(ignored, ["Info /CreationDate", "Info /ModDate", "Info /Producer", "XMP xmp:ModifyDate"]);
    assert_eq!(canonical_digest(&one), canonical_digest(&two));
}

#[test]
fn author_and_title_are_differences() {
    let one = Sample::default().pdf();
    let author =
        Sample { info: "/Author (Bob) /ModDate (D:20260101) /Producer (one)", ..Sample::default() }.pdf();
    let found = differences(&one, &author);
    assert_eq!((found.len(), found[0].kind), (1, DifferenceKind::Metadata), "{found:?}");
    assert_eq!((found[0].expected.as_str(), found[0].actual.as_str()), ("(Ada)", "(Bob)"));
    let title = Sample { title: "Invoices", ..Sample::default() }.pdf();
    assert_eq!(differences(&one, &title)[0].kind, DifferenceKind::Metadata);
    assert_ne!(canonical_digest(&one), canonical_digest(&title));
}

#[test]
fn a_change_of_text_is_located_with_both_lines() {
    let found =
        differences(&Sample::default().pdf(), &Sample { text: "Total 24 EUR", ..Sample::default() }.pdf());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, found[0].page, found[0].object), (DifferenceKind::Text, Some(2), Some(6)));
    assert!(found[0].expected.contains("42 EUR") && found[0].actual.contains("24 EUR"), "{found:?}");
}

#[test]
fn a_changed_image_is_named_by_page_and_resource() {
    let mut pixels = PIXELS.to_vec();
    pixels[7] ^= 1;
    let found = differences(&Sample::default().pdf(), &Sample { pixels, ..Sample::default() }.pdf());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, found[0].page, found[0].object), (DifferenceKind::Image, Some(1), Some(8)));
    assert!(found[0].what.contains("/XObject /Im0"), "{found:?}");
    assert!(found[0].expected.starts_with("4×4, 48 bytes, sha256 "), "{found:?}");
    assert_ne!(found[0].expected, found[0].actual);
}

#[test]
fn page_size_and_page_count_are_differences() {
    let one = Sample::default().pdf();
    let turned = differences(&one, &Sample { rotate: 90, ..Sample::default() }.pdf());
    assert_eq!(
        turned.iter().map(|d| (d.kind, d.page)).collect::<Vec<_>>(),
        [(DifferenceKind::PageSize, Some(1)), (DifferenceKind::PageSize, Some(2))]
    );
    let objects = [
        b"<</Type /Catalog /Pages 2 0 R>>".to_vec(),
        b"<</Type /Pages /Count 1 /Kids [3 0 R]>>".to_vec(),
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 200 200.5]>>".to_vec(),
    ];
    let found = differences(&one, &assemble(&objects, ""));
    assert_eq!(
        (found[0].kind, found[0].expected.as_str(), found[0].actual.as_str()),
        (DifferenceKind::PageCount, "2", "1")
    );
    assert!(found.iter().all(|d| d.page != Some(2)), "{found:?}");
}

#[test]
fn many_differences_are_cut_and_counted() {
    let many = |value: &str| {
        let kids: String = (0..500).map(|i| format!("/K{i} ({value}{})", "y".repeat(2000))).collect();
        assemble(
            &[
                format!("<</Type /Catalog /Pages 2 0 R /Extra <<{kids}>>>>").into_bytes(),
                b"<</Type /Pages /Count 1 /Kids [3 0 R]>>".to_vec(),
                b"<</Type /Page /Parent 2 0 R>>".to_vec(),
            ],
            "",
        )
    };
    let Comparison::Different { differences, more, .. } = compare(&many("a"), &many("b")).unwrap() else {
        panic!("same")
    };
    assert_eq!((differences.len(), more), (50, 450));
    assert!(differences.iter().all(|d| d.expected.chars().count() < 200));
}

#[test]
fn unreferenced_objects_and_order_do_not_count() {
    let order = |swap: bool, extra: bool| {
        let (pages, page) = (
            b"<</Type /Pages /Count 1 /Kids [PAGE]>>",
            b"<</Parent PAGES /MediaBox [0 0 1.0 9] /Type /Page>>",
        );
        let name = |text: &[u8]| {
            let (pages, page) = if swap { ("3 0 R", "2 0 R") } else { ("2 0 R", "3 0 R") };
            String::from_utf8_lossy(text).replace("PAGES", pages).replace("PAGE", page).into_bytes()
        };
        let mut objects = vec![name(b"<</Type /Catalog /Pages PAGES>>"), name(pages), name(page)];
        if swap {
            objects.swap(1, 2);
        }
        if extra {
            objects.push(b"(nobody refers to this)".to_vec());
        }
        assemble(&objects, "")
    };
    let plain = order(false, false);
    for other in [order(true, false), order(false, true), order(true, true)] {
        let result = compare(&plain, &other).unwrap();
        assert!(matches!(result, Comparison::SameApartFromMetadata { .. }), "{result:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_byte_of_content_or_image_passes(of_image: bool, at in 0_usize..48, to: u8) {
        let pdf = Sample::default().pdf();
        let start = if of_image { position(&pdf, PIXELS) } else { position(&pdf, b"(Total") - 20 };
        let mut changed = pdf.clone();
        prop_assume!(changed[start + at] != to);
        // Between instructions one white space is as good as another (ISO 32000-1, 7.2.2).
        let white = |byte: u8| byte == 0 || byte == 0x0c || byte.is_ascii_whitespace();
        prop_assume!(of_image || !(white(changed[start + at]) && white(to)));
        changed[start + at] = to;
        let result = compare(&pdf, &changed);
        prop_assert!(matches!(result, Err(_) | Ok(Comparison::Different { .. })), "{:?}", result);
    }

    #[test]
    fn no_changed_byte_anywhere_panics_and_cuts_are_noticed(at in 0_usize..2500, to: u8, cut: bool) {
        let pdf = Sample::default().pdf();
        let at = at % (pdf.len() - 1);
        let mut changed = pdf.clone();
        changed[at] = to;
        if cut {
            // Not merely the line end after %%EOF.
            changed.truncate(at.min(pdf.len() - 3));
            prop_assert!(well_formed(&changed).is_err());
        } else if let Err(error) = compare(&pdf, &changed) {
            prop_assert!(!error.why.contains("breaks its parser"), "{}", error);
        }
    }
}

fn qpdf(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.pdf"), folder.path().join("out.pdf"));
    std::fs::write(&from, input).unwrap();
    let output = Command::new("qpdf").args(arguments).arg(&from).arg(&to).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(std::fs::read(to).unwrap())
}

#[test]
fn what_qpdf_rewrites_is_the_same_apart_from_metadata() {
    for (name, pdf) in [("sample", Sample::default().pdf()), ("krilla", krilla_pdf(1))] {
        let mut forms = vec![pdf.clone()];
        for form in [
            "--linearize",
            "--object-streams=generate",
            "--stream-data=uncompress",
            "--recompress-flate",
            "--qdf",
        ] {
            let Some(other) = qpdf(&[form], &pdf) else {
                println!("skipped: qpdf not found");
                return;
            };
            let result = compare(&pdf, &other).unwrap();
            assert!(matches!(result, Comparison::SameApartFromMetadata { .. }), "{name} {form}: {result:#?}");
            forms.push(other);
        }
        let digests: Vec<_> = forms.iter().map(|form| canonical_digest(form).unwrap()).collect();
        assert!(digests.iter().all(|digest| *digest == digests[0]), "{name}");
        let encrypted = qpdf(&["--encrypt", "", "owner", "256", "--"], &pdf).unwrap();
        let error = compare(&pdf, &encrypted).unwrap_err();
        assert!(error.why.contains("encrypted"), "{error}");
    }
}

#[test]
fn damage_inside_a_compressed_stream_never_passes() {
    let Some(pdf) =
        qpdf(&["--compress-streams=y", "--recompress-flate", "--object-streams=disable"], &krilla_pdf(1))
    else {
        println!("skipped: qpdf not found");
        return;
    };
    let image = position(&pdf, b"/Subtype /Image");
    let start = image + position(&pdf[image..], b"stream\n") + 7;
    let end = start + position(&pdf[start..], b"endstream") - 1;
    for at in (start + 2..end).step_by(7).chain(end - 4..end) {
        let mut damaged = pdf.clone();
        damaged[at] ^= 0x41;
        let result = compare(&pdf, &damaged);
        assert!(matches!(result, Err(_) | Ok(Comparison::Different { .. })), "byte {at}: {result:?}");
    }
}

/// Two pages by krilla with an image.
fn krilla_pdf(shade: u8) -> Vec<u8> {
    use krilla::geom::Size;
    let pixels: Vec<u8> =
        (0..64_u32 * 64).flat_map(|i| [(i % 251) as u8, (i / 64) as u8, shade, 255]).collect();
    let mut document = krilla::Document::new();
    for _ in 0..2 {
        let settings = krilla::page::PageSettings::from_wh(200.0, 200.0).unwrap();
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        surface.draw_image(
            krilla::image::Image::from_rgba8(pixels.clone(), 64, 64),
            Size::from_wh(64.0, 64.0).unwrap(),
        );
        surface.finish();
        page.finish();
    }
    document.finish().unwrap()
}

#[test]
fn krilla_writes_the_same_twice_and_another_image_is_found() {
    let (one, two, other) = (krilla_pdf(1), krilla_pdf(1), krilla_pdf(2));
    assert_eq!(compare(&one, &two), Ok(Comparison::Identical));
    assert_eq!(well_formed(&one).unwrap().0, 2);
    let found = differences(&one, &other);
    assert_eq!(found[0].kind, DifferenceKind::Image, "{found:?}");
    assert!(found[0].expected.contains("64×64"), "{found:?}");
}

fn refused(bytes: &[u8], because: &str) {
    let start = Instant::now();
    let error = well_formed(bytes).expect_err(because);
    assert!(error.why.contains(because), "{error} lacks {because:?}");
    assert!(compare(&Sample::default().pdf(), bytes).is_err(), "{because}");
    assert!(start.elapsed().as_secs() < 60, "{because}: {:?}", start.elapsed());
}

#[test]
fn what_is_no_pdf_is_refused_in_words() {
    let pdf = Sample::default().pdf();
    refused(b"", "is empty");
    refused(b"hello, this is text", "starts with \"hello");
    refused(b"\x89PNG\r\n\x1a\n....", "PNG");
    refused(&pdf[..pdf.len() / 2], "%%EOF");
    refused(&[&pdf[..], b"PK something more"].concat(), "%%EOF");
    refused(&pdf[pdf.len() / 2..], "starts with");
    let text = String::from_utf8_lossy(&pdf).into_owned();
    refused(text.replace("startxref\n", "startxref\n1").as_bytes(), "startxref points at byte 1");
    let side = compare(&pdf, b"").unwrap_err().to_string();
    assert_eq!(side, "the actual file is no readable PDF: is empty");
}

/// A catalog and one page, with these objects after them and this in the catalog.
fn with(catalog: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        format!("<</Type /Catalog /Pages 2 0 R {catalog}>>").into_bytes(),
        b"<</Type /Pages /Count 1 /Kids [3 0 R]>>".to_vec(),
        b"<</Type /Page /Parent 2 0 R>>".to_vec(),
    ];
    objects.extend_from_slice(more);
    assemble(&objects, "")
}

#[test]
fn page_trees_that_lie_are_refused() {
    let tree = |pages: &str, page: &str| {
        let objects = [
            b"<</Type /Catalog /Pages 2 0 R>>".to_vec(),
            pages.as_bytes().to_vec(),
            page.as_bytes().to_vec(),
        ];
        assemble(&objects, "")
    };
    refused(&tree("<</Type /Pages /Count 1 /Kids [2 0 R]>>", "null"), "circle");
    refused(&tree("<</Type /Pages /Count 1 /Kids [3 0 R]>>", "<</Kids [2 0 R] /Count 1>>"), "circle");
    refused(&tree("<</Type /Pages /Count 2 /Kids [3 0 R 3 0 R]>>", "<</Type /Page>>"), "twice");
    refused(
        &tree("<</Type /Pages /Count 7 /Kids [3 0 R]>>", "<</Type /Page>>"),
        "declares 7 pages and contains 1",
    );
    refused(&tree("<</Type /Pages /Count 0 /Kids []>>", "null"), "no pages");
    refused(&tree("<</Type /Pages /Count 1 /Kids [9 0 R]>>", "null"), "no dictionary");
}

#[test]
fn deep_nesting_and_long_chains_do_not_break_the_reader() {
    let deep = |open: &str, close: &str| {
        with("/Deep 4 0 R", &[(open.repeat(100_000) + &close.repeat(100_000)).into_bytes()])
    };
    assert!(well_formed(&deep("[", "]")).is_err());
    assert!(well_formed(&deep("<</A ", ">>")).is_err());
    // A list of 20,000 objects, each leading to the next: fine, and the end of it counts.
    let chain = |end: &str| {
        let links = (5..20_004).map(|next| format!("<</Next {next} 0 R>>").into_bytes());
        with("/First 4 0 R", &links.chain([format!("({end})").into_bytes()]).collect::<Vec<_>>())
    };
    let found = differences(&chain("a"), &chain("b"));
    assert_eq!(found.len(), 1);
    assert!(found[0].what.starts_with("… /Next"), "{found:?}");
    // A page tree 5,000 levels deep.
    let mut levels = vec![b"<</Type /Catalog /Pages 2 0 R>>".to_vec()];
    levels.extend((3..5003).map(|next| format!("<</Type /Pages /Count 1 /Kids [{next} 0 R]>>").into_bytes()));
    levels.push(b"<</Type /Page>>".to_vec());
    assert_eq!(well_formed(&assemble(&levels, "")).unwrap().0, 1);
    let circle = with("/A 4 0 R", &[b"5 0 R".to_vec(), b"4 0 R".to_vec()]);
    assert!(canonical_digest(&circle).unwrap_err().why.starts_with("references in a circle at object"));
}

#[test]
fn lies_about_lengths_numbers_and_offsets_are_refused_or_read_right() {
    let text = |from: &str, to: &str| {
        String::from_utf8_lossy(&with("/M 4 0 R", &[stream("", b"0123456789")]))
            .replacen(from, to, 1)
            .into_bytes()
    };
    assert!(well_formed(&text("/Length 10", "/Length 11")).is_ok(), "the line end may be counted");
    assert!(well_formed(&text("/Length 10", "/Length 99")).is_err());
    assert!(well_formed(&text("/Length 10", "/Length -1")).is_err());
    for size in ["0", "4294967295", "99999999999", "-1"] {
        let result = well_formed(&text("/Size 5", &format!("/Size {size}")));
        assert!(result.is_ok() || result.is_err_and(|e| !e.why.is_empty()));
    }
    let _ = well_formed(&text("xref\n0 5", "xref\n0 4294967295"));
    let _ = well_formed(&text("4 0 obj", "2147483648 0 obj"));
    let pdf = with("", &[]);
    let start = position(&pdf, b"xref\n0");
    refused(
        &String::from_utf8_lossy(&pdf)
            .replace("/Size 4", &format!("/Prev {start} /Size 4"))
            .replace("/Root 1 0 R", "/Root 9 0 R")
            .into_bytes(),
        "catalog",
    );
    let prev = String::from_utf8_lossy(&pdf).replace("/Size 4", &format!("/Prev {} /Size 4", start + 1));
    let _ = well_formed(prev.as_bytes());
}

#[test]
fn object_streams_that_decompress_without_end_are_refused() {
    let Some(zeros) = deflate(64 << 20) else {
        println!("skipped: python3 not found");
        return;
    };
    assert!(canonical_digest(&with("/Bomb 4 0 R", &[stream("/Filter /FlateDecode", &zeros)])).is_ok());
    let objects = with("/Bomb 4 0 R", &[stream("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", &zeros)]);
    assert!(well_formed(&objects).unwrap_err().why.contains("more than 8 MB"));
}

fn deflate(zeros: usize) -> Option<Vec<u8>> {
    let script = "import sys,zlib\nc=zlib.compressobj(9)\nfor _ in range(int(sys.argv[1])>>20): sys.stdout.buffer.write(c.compress(bytes(1<<20)))\nsys.stdout.buffer.write(c.flush())";
    let output = Command::new("python3").args(["-c", script, &zeros.to_string()]).output().ok()?;
    output.status.success().then_some(output.stdout)
}

#[test]
fn a_swarm_of_values_is_refused_before_it_fills_the_memory() {
    let swarm = with("/Swarm 4 0 R", &[[b"[".as_slice(), &b"0 ".repeat(5 << 20), b"]"].concat()]);
    refused(&swarm, "4 million values");
}

fn command(expected: &[u8], actual: &[u8], format: PdfFormat) -> (PdfOutput, String) {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.pdf"), folder.path().join("b.pdf"));
    std::fs::write(&a, expected).unwrap();
    std::fs::write(&b, actual).unwrap();
    let mut out = Vec::new();
    let args = PdfArgs {
        command: PdfCommand::Diff(DiffArgs {
            expected: a,
            actual: b,
            format,
            depth: PdfDepth::Canonical,
            tolerance: 0,
            masks: Vec::new(),
            out: None,
        }),
    };
    let outcome = run(&args, &mut out).unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[test]
fn the_command_says_which_of_the_cases_it_is() {
    let pdf = Sample::default().pdf();
    let dated = Sample { modified: "2030-01-01", ..Sample::default() }.pdf();
    let other = Sample { text: "Total 24 EUR", ..Sample::default() }.pdf();
    let (outcome, text) = command(&pdf, &pdf, PdfFormat::Human);
    assert_eq!(
        (ExitCode::from(outcome), text.starts_with("identical: ")),
        (ExitCode::AllHeld, true),
        "{text}"
    );
    let (outcome, text) = command(&pdf, &dated, PdfFormat::Human);
    assert_eq!(
        (ExitCode::from(outcome), text.starts_with("same apart from metadata")),
        (ExitCode::AllHeld, true),
        "{text}"
    );
    let (outcome, text) = command(&pdf, &other, PdfFormat::Human);
    assert_eq!(ExitCode::from(outcome), ExitCode::IntegrityFailure);
    assert!(
        text.starts_with(
            "different: 1 difference(s)\n  data: the content of the document differs\n  page 2 text, line "
        ),
        "{text}"
    );
    assert!(text.contains("(object 6)") && text.contains("expected: Total 42 EUR"), "{text}");
    let (outcome, text) = command(&pdf, b"no", PdfFormat::Human);
    assert_eq!(
        (ExitCode::from(outcome), text.starts_with("unreadable: the actual file")),
        (ExitCode::UsageError, true),
        "{text}"
    );
}

#[test]
fn the_command_prints_one_json_object() {
    let pdf = Sample::default().pdf();
    let other = Sample { text: "Total 24 EUR", ..Sample::default() }.pdf();
    for (actual, verdict) in [(pdf.as_slice(), "identical"), (&other, "different"), (b"no", "unreadable")] {
        let (_, text) = command(&pdf, actual, PdfFormat::Json);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["verdict"], verdict, "{text}");
    }
}
