//! What the parts promise together, on documents that lopdf writes; `tests/verify/pdf_diff.rs` has whole files.

use super::{
    Comparison, DifferenceKind, DifferenceOrigin, canonical_digest, compare, decode, guard::guarded, load,
    load::Loaded, well_formed,
};
use lopdf::{Dictionary, Document, Object, SaveOptions, Stream, dictionary};

/// One page with an attachment that carries dates.
fn document(date: &str, attached: &[u8], content: &str) -> Document {
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let content = document.add_object(Stream::new(Dictionary::new(), content.as_bytes().to_vec()));
    let font = dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    };
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "Resources" => dictionary! { "Font" => dictionary! { "F0" => font } },
        "MediaBox" => vec![0.into(), 0.into(), 200.into(), Object::Real(200.0)],
    });
    document.set_object(pages, dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![page.into()] });
    let file = document.add_object(Stream::new(
        dictionary! {
            "Type" => "EmbeddedFile",
            "Params" => dictionary! { "ModDate" => Object::string_literal(date), "Size" => 3 },
        },
        attached.to_vec(),
    ));
    let specification =
        document.add_object(dictionary! { "Type" => "Filespec", "EF" => dictionary! { "F" => file } });
    let catalog = document.add_object(
        dictionary! { "Type" => "Catalog", "Pages" => pages, "AF" => vec![specification.into()] },
    );
    document.trailer.set("Root", catalog);
    document
}

fn saved(mut document: Document, options: SaveOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_with_options(&mut bytes, options).unwrap();
    bytes
}

fn plain(date: &str, attached: &[u8], content: &str) -> Vec<u8> {
    saved(document(date, attached, content), SaveOptions::builder().build())
}

#[test]
fn dates_of_attachments_do_not_count_and_their_bytes_do() {
    let one = plain("D:2026", b"abc", "0 0 m\n");
    let Comparison::SameApartFromMetadata { ignored } =
        compare(&one, &plain("D:2027", b"abc", "0 0 m\n")).unwrap()
    else {
        panic!("different")
    };
    assert!(ignored.len() == 1 && ignored[0].ends_with("/EF /F /Params /ModDate"), "{ignored:?}");
    assert!(matches!(compare(&one, &plain("D:2026", b"abd", "0 0 m\n")), Ok(Comparison::Different { .. })));
}

#[test]
fn drawing_that_is_no_text_is_a_difference_of_content() {
    let result =
        compare(&plain("D:2026", b"abc", "0 0 m\n1 1 l\n"), &plain("D:2026", b"abc", "0 0 m\n1 2 l\n"));
    let Comparison::Different { differences, more: 0, .. } = result.unwrap() else { panic!("same") };
    assert_eq!((differences.len(), differences[0].kind), (1, DifferenceKind::Content), "{differences:?}");
    assert_eq!(differences[0].what, "page 1 content, line 2");
    assert_eq!((differences[0].expected.as_str(), differences[0].actual.as_str()), ("1 1 l", "1 2 l"));
}

#[test]
fn object_streams_and_cross_reference_streams_are_layout() {
    let options = || SaveOptions::builder().use_object_streams(true).use_xref_streams(true).build();
    let (table, streams) =
        (plain("D:2026", b"abc", "0 0 m\n"), saved(document("D:2026", b"abc", "0 0 m\n"), options()));
    assert_ne!(table, streams);
    assert!(matches!(compare(&table, &streams), Ok(Comparison::SameApartFromMetadata { .. })));
    assert_eq!(canonical_digest(&table), canonical_digest(&streams));
}

/// A file in which every entry of the table leads to the same large object.
#[test]
fn one_object_listed_many_times_is_charged_each_time() {
    let mut file = b"%PDF-1.4\n".to_vec();
    let start = file.len();
    file.extend_from_slice(b"5 0 obj\n[");
    file.extend_from_slice(&b"0 ".repeat(1000));
    file.extend_from_slice(b"]\nendobj\n");
    let table = file.len();
    file.extend_from_slice(b"xref\n0 10000\n");
    file.extend_from_slice(format!("{start:010} 00000 n \n").repeat(10_000).as_bytes());
    file.extend_from_slice(
        format!("trailer\n<</Size 10000 /Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").as_bytes(),
    );
    let read = guarded(move || Loaded::read_within(&file, 100_000, 1 << 20).map(|_| ()));
    assert_eq!(read.unwrap_err().why, "holds more than 4 million values");
}

#[test]
fn streams_that_share_a_budget_exceed_it_together() {
    let mut zeros = Stream::new(Dictionary::new(), vec![b' '; 64 << 10]);
    zeros.compress().unwrap();
    // lopdf would not write what it takes for an object stream of its own.
    zeros.dict.set("Type", "ObjStX");
    zeros.dict.set("N", 0);
    zeros.dict.set("First", 0);
    let mut document = document("D:2026", b"abc", "0 0 m\n");
    for _ in 0..160 {
        document.add_object(zeros.clone());
    }
    let mut bytes = saved(document, SaveOptions::builder().build());
    assert!(bytes.len() < 64 << 10);
    while let Some(at) = bytes.windows(6).position(|window| window == b"ObjStX") {
        bytes[at..at + 6].copy_from_slice(b"ObjStm");
    }
    assert!(well_formed(&bytes).is_ok());
    let read = guarded(move || Loaded::read_within(&bytes, 100_000, 8 << 20).map(|_| ()));
    assert_eq!(read.unwrap_err().why, "its objects hold more than 1 GB");
}

#[test]
fn the_end_of_the_file_is_looked_at_before_all_else() {
    let pdf = plain("D:2026", b"abc", "0 0 m\n");
    assert!(load::outline(&pdf).is_ok());
    for end in [pdf.len() - 4, pdf.len() - 12, 40] {
        assert!(load::outline(&pdf[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_stream_is_decoded_up_to_its_limit_only() {
    let loaded = Loaded { document: Document::new() };
    let mut zeros = Stream::new(Dictionary::new(), vec![0; 1 << 20]);
    zeros.compress().unwrap();
    assert_eq!(decode::decode(&loaded, &zeros, 1 << 20).map(|decoded| decoded.bytes.len()), Ok(1 << 20));
    let refused = decode::decode(&loaded, &zeros, (1 << 20) - 1).map(|decoded| decoded.bytes.len());
    assert_eq!(refused.unwrap_err().why, "decompresses to more than 512 MB");
}

/// A page printed by Chromium: with other tags of its subset fonts, and with another digit.
#[test]
fn tags_of_font_subsets_do_not_count_and_digits_do() {
    let read = |name: &str| {
        std::fs::read(format!("{}/../../tests/verify/chromium/{name}.pdf", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    };
    let Comparison::SameApartFromMetadata { ignored } = compare(&read("chr-a1"), &read("m-subset")).unwrap()
    else {
        panic!("different")
    };
    assert!(ignored.contains(&"tags of font subsets".to_owned()), "{ignored:?}");
    let digit = compare(&read("chr-a1"), &read("chr-b"));
    assert!(matches!(digit, Ok(Comparison::Different { origin: DifferenceOrigin::Data, .. })), "{digit:?}");
}

#[test]
fn the_same_words_set_otherwise_come_from_the_environment_and_other_words_or_files_from_the_data() {
    let set = |text: &str, at: &str| format!("BT /F0 12 Tf {at} Td ({text}) Tj ET");
    let origin = |one: &[u8], other: &[u8]| match compare(one, other).unwrap() {
        Comparison::Different { origin, .. } => origin,
        same => panic!("{same:?}"),
    };
    let one = plain("D:2026", b"abc", &set("Total 12", "72 700"));
    let moved = plain("D:2026", b"abc", &set("Total 12", "72 690"));
    assert_eq!(origin(&one, &moved), DifferenceOrigin::Environment);
    assert_eq!(origin(&one, &plain("D:2026", b"abc", &set("Total 13", "72 700"))), DifferenceOrigin::Data);
    assert_eq!(origin(&one, &plain("D:2026", b"abd", &set("Total 12", "72 690"))), DifferenceOrigin::Data);
    // Without a word nothing shows that the content is the same.
    let lines = |content| plain("D:2026", b"abc", content);
    assert_eq!(origin(&lines("0 0 m 1 1 l S"), &lines("0 0 m 1 2 l S")), DifferenceOrigin::Data);
}

#[test]
fn how_instructions_are_spelt_and_split_is_layout() {
    let one = plain("D:2026", b"abc", "0 0 m\n1.50 +2 l\n(a) Tj\n");
    let other = plain("D:2026", b"abc", "0.0 0 m 1.5 2 l <61> Tj");
    assert!(matches!(compare(&one, &other), Ok(Comparison::SameApartFromMetadata { .. })));
    let mut split = document("D:2026", b"abc", "0 0 m\n1.5 2 l\n");
    let second = split.add_object(Stream::new(Dictionary::new(), b"(a) Tj".to_vec()));
    let page = split.page_iter().next().unwrap();
    let first = split.get_dictionary(page).unwrap().get(b"Contents").unwrap().clone();
    split.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Contents", vec![first, second.into()]);
    let split = saved(split, SaveOptions::builder().build());
    assert!(matches!(compare(&one, &split), Ok(Comparison::SameApartFromMetadata { .. })));
}

#[test]
fn a_pdf_is_whole_only_when_its_streams_decode() {
    let mut compressed = document("D:2026", b"abc", &"0 0 m\n".repeat(100));
    compressed.compress();
    let whole = saved(compressed, SaveOptions::builder().build());
    assert!(well_formed(&whole).is_ok());
    let at = whole.windows(7).position(|window| window == b"stream\n").unwrap() + 20;
    let mut damaged = whole;
    damaged[at] ^= 0x10;
    assert!(well_formed(&damaged).unwrap_err().why.ends_with("is a stream that does not decode"));
    let shipped = format!("{}/../../tests/verify/chromium/chr-a1.pdf", env!("CARGO_MANIFEST_DIR"));
    assert!(well_formed(&std::fs::read(shipped).unwrap()).is_ok());
}
