//! What the renderer promises, seen from outside: pages, the same bytes, errors that say where,
//! and that neither broken images nor hostile definitions bring it down.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const PNG: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/seeds/invoices/assets/seal.png"));
const JPEG: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/seeds/invoices/assets/banner.jpg"));

fn definition(children: Value) -> Value {
    json!({
        "key": "t", "version": "1.0.0", "name": "T", "inputSchema": {},
        "document": {"id": "d", "type": "document", "children": [
            {"id": "s", "type": "section", "children": children},
        ]},
    })
}

fn image(src: &str) -> Value {
    json!({"id": "i", "type": "image", "src": src, "width": "100px"})
}

fn with_asset(bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let assets = BTreeMap::from([("a.bin".to_owned(), bytes.to_vec())]);
    render_pdf(&definition(json!([image("/assets/a.bin")])), &json!({}), &assets)
}

fn render(children: Value, data: &Value) -> Result<Vec<u8>, RenderError> {
    render_pdf(&definition(children), data, &BTreeMap::new())
}

fn pages(pdf: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(pdf).unwrap();
    document.get_pages().keys().map(|page| document.extract_text(&[*page]).unwrap()).collect()
}

fn table(rows: usize, repeat: bool) -> (Value, Value) {
    let rows: Vec<Value> = (0..rows).map(|i| json!({"n": i, "what": format!("row {i}")})).collect();
    let table = json!([{
        "id": "t", "type": "table", "dataPath": "rows", "repeatHeader": repeat, "showFooter": true,
        "columns": [
            {"key": "n", "header": "No", "align": "right"},
            {"key": "what", "header": "Headline", "footer": "{{count}} in all"},
        ],
    }]);
    (table, json!({ "count": rows.len(), "rows": rows }))
}

#[test]
fn a_long_table_repeats_its_header_on_each_page() {
    for (repeat, expected) in [(true, 4), (false, 1)] {
        let (table, data) = table(100, repeat);
        let pages = pages(&render(table, &data).unwrap());
        assert_eq!(pages.len(), 4);
        assert_eq!(pages.iter().filter(|page| page.contains("Headline")).count(), expected);
        assert!(pages[0].contains("row 0") && pages[3].contains("row 99"), "{pages:?}");
        assert!(pages[3].contains("100 in all"), "{}", pages[3]);
    }
}

#[test]
fn page_breaks_and_conditionals_and_repeaters_do_as_told() {
    let text = |content: &str| json!({"id": "x", "type": "text", "content": content});
    let children = json!([
        {"id": "r", "type": "repeater", "dataPath": "items", "children": [
            text("item {{name}}"), {"id": "b", "type": "pageBreak"},
        ], "emptyChildren": [text("no item")]},
        {"id": "c", "type": "conditional", "condition": {"path": "n", "operator": "gt", "value": 3},
            "children": [text("many")], "elseChildren": [text("few")]},
    ]);
    let some = json!({"n": 4, "items": [{"name": "A & B"}, {"name": "<C>"}]});
    let found = pages(&render(children.clone(), &some).unwrap());
    assert_eq!(found.iter().map(|page| page.trim()).collect::<Vec<_>>(), ["item A & B", "item <C>", "many"]);
    let none = pages(&render(children, &json!({"n": 3, "items": []})).unwrap());
    assert_eq!(none.len(), 1);
    assert!(none[0].contains("no item") && none[0].contains("few"), "{none:?}");
}

#[test]
fn the_paper_is_the_one_that_was_asked_for() {
    let mut template = definition(json!([]));
    template["renderConfig"] = json!({"paperSize": "Letter", "orientation": "landscape"});
    let pdf = render_pdf(&template, &json!({}), &BTreeMap::new()).unwrap();
    let document = lopdf::Document::load_mem(&pdf).unwrap();
    let page = document.get_dictionary(document.get_pages()[&1]).unwrap();
    let media = page.get(b"MediaBox").unwrap().as_array().unwrap();
    let sides: Vec<f32> = media.iter().map(|side| side.as_float().unwrap()).collect();
    assert_eq!(sides, [0.0, 0.0, 792.0, 612.0]);
    template["renderConfig"]["margin"] =
        json!({"top": "0", "right": "300pt", "bottom": "0", "left": "500pt"});
    assert_eq!(validate(&template)[0].path.as_deref(), Some("renderConfig.margin"));
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_other_pixels_give_others() {
    assert!(with_asset(PNG).unwrap() == with_asset(PNG).unwrap());
    assert!(with_asset(PNG).unwrap() != with_asset(JPEG).unwrap());
}

#[test]
fn references_come_in_order_once_and_decoded() {
    let children =
        json!([image("/assets/b%20c.png"), image("/assets/{{key}}"), image("/assets/b%20c.png?v=2")]);
    let found = referenced_assets(&definition(children), &json!({"key": "2024/ü.png"})).unwrap();
    assert_eq!(found, ["b c.png", "2024/ü.png"]);
}

#[test]
fn what_the_data_leaves_out_is_not_referred_to() {
    let children = json!([{"id": "c", "type": "conditional", "condition": {"path": "paid", "operator": "eq", "value": true},
        "children": [image("/assets/paid.png")]}]);
    assert_eq!(
        referenced_assets(&definition(children.clone()), &json!({"paid": true})).unwrap(),
        ["paid.png"]
    );
    assert_eq!(referenced_assets(&definition(children), &json!({})).unwrap(), [""; 0]);
}

#[test]
fn a_missing_binary_fails_closed() {
    let error = render(json!([image("/assets/gone.png")]), &json!({})).unwrap_err();
    assert_eq!(error.code, Some(ASSET_BINARY_MISSING));
    assert_eq!(error.path.as_deref(), Some("document.children[0].children[0].src"));
    assert!(error.message.contains("gone.png"));
}

#[test]
fn bytes_that_are_no_image_are_unreadable() {
    let end = |bytes: &[u8], left: usize| bytes[..left].to_vec();
    // Whole head, whole end, and codes in between that no table has.
    let mut hollow = JPEG.to_vec();
    hollow[1910..1950].fill(0);
    let mut zeroed = PNG.to_vec();
    zeroed[60..].fill(0);
    let broken = [
        Vec::new(),
        b"<html>".to_vec(),
        end(PNG, 500),
        end(JPEG, 2000),
        end(JPEG, JPEG.len() - 1),
        zeroed,
        hollow,
    ];
    for bytes in broken {
        let error = with_asset(&bytes).map(|_| bytes.len()).unwrap_err();
        assert_eq!(error.code, Some(ASSET_UNREADABLE), "{error}");
    }
}

#[test]
fn an_image_that_claims_to_be_huge_is_not_decoded() {
    let mut huge = PNG.to_vec();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let crc = crc32fast::hash(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = with_asset(&huge).unwrap_err();
    assert_eq!(error.code, Some(ASSET_UNREADABLE));
    assert!(error.message.contains("65536 by 65536"), "{error}");
}

#[test]
fn sources_outside_the_library_are_refused() {
    for src in ["https://example.org/a.png", "data:image/png;base64,AAAA", "/assets/", "{{nothing}}"] {
        let error = referenced_assets(&definition(json!([image(src)])), &json!({})).unwrap_err();
        assert_eq!(error.path.as_deref(), Some("document.children[0].children[0].src"), "{src}");
    }
}

#[test]
fn kinds_that_are_not_drawn_are_named() {
    for kind in
        ["chart", "richText", "signatureField", "templateRef", "toc", "barcode", "pivotTable", "section"]
    {
        let error = render(json!([{"id": "x", "type": kind}]), &json!({})).unwrap_err();
        assert!(error.message.contains(kind), "{error}");
        assert_eq!(error.path.as_deref(), Some("document.children[0].children[0]"));
    }
}

#[test]
fn validation_lists_every_problem_with_its_path() {
    let issues = validate(&definition(json!([
        {"id": "a", "type": "text", "content": "{{#if}}"},
        {"id": "b", "type": "heading", "level": 9, "content": "x"},
        {"id": "c", "type": "text", "content": "x", "style": {"color": "mauve"}},
        {"id": "d", "type": "table", "dataPath": "x", "columns": []},
    ])));
    let paths: std::collections::BTreeSet<_> =
        issues.iter().filter_map(|issue| issue.path.as_deref()).collect();
    let at = |rest: &str| format!("document.children[0].children{rest}");
    let expected = [at("[0].content"), at("[1].level"), at("[2].style"), at("[3].columns")];
    assert_eq!(paths, expected.iter().map(String::as_str).collect());
    assert!(!validate(&json!([])).is_empty());
    assert_eq!(validate(&json!({})).len(), 4);
}

#[test]
fn hostile_definitions_are_refused_with_a_path() {
    let mut deep = json!({"id": "x", "type": "text", "content": "x"});
    for _ in 0..500 {
        deep = json!({"id": "c", "type": "container", "children": [deep]});
    }
    let error = render(json!([deep]), &json!({})).unwrap_err();
    assert!(error.path.is_some() && error.message.contains("deeper"), "{error}");

    // What is just allowed fits in the stack of a thread.
    let mut deep = json!({"id": "x", "type": "text", "content": "x"});
    for _ in 0..22 {
        deep = json!({"id": "c", "type": "columns", "columns": [{"id": "d", "type": "column", "children": [deep]}]});
    }
    assert_eq!(pages(&render(json!([deep]), &json!({})).unwrap()).len(), 1);

    let many: Vec<Value> = (0..20_000).map(|_| json!({"id": "b", "type": "pageBreak"})).collect();
    assert!(render(json!(many), &json!({})).unwrap_err().path.is_some());

    let mut nested = json!({"id": "x", "type": "divider"});
    for _ in 0..6 {
        nested = json!({"id": "r", "type": "repeater", "dataPath": "a", "children": [nested]});
    }
    let mut data = json!({});
    for _ in 0..6 {
        data = json!({"a": [data.clone(), data.clone(), data.clone(), data.clone(), data.clone(), data]});
    }
    assert!(render(json!([nested]), &data).unwrap_err().message.contains("too large"));
}

#[test]
fn html_escapes_values_and_keeps_references() {
    let children =
        json!([{"id": "x", "type": "text", "content": "<b>{{a}}</b>"}, image("/assets/b%20c.png")]);
    let html = render_html(&definition(children), &json!({"a": "<script>"})).unwrap();
    assert!(html.contains("<b>&lt;script&gt;</b>") && html.contains("src=\"/assets/b%20c.png\""), "{html}");
}

/// Bytes of a whole image with some of them overwritten, and perhaps an end cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (any::<bool>(), edits, any::<bool>(), any::<prop::sample::Index>()).prop_map(|(png, edits, cut, end)| {
        let mut bytes = if png { PNG } else { JPEG }.to_vec();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_images_give_a_document_or_the_code_for_unreadable(bytes in damaged()) {
        if let Err(error) = with_asset(&bytes) {
            prop_assert_eq!(error.code, Some(ASSET_UNREADABLE));
        }
    }

    #[test]
    fn no_style_brings_the_layout_down(
        width in "(-?[0-9]{1,5}(px|%|em|mm)|auto|)",
        padding in "-?[0-9]{1,4}(px|%|em)",
        size in "[0-9]{1,4}(px|%|em)",
        span in any::<f32>(),
        height in "-?[0-9]{1,4}(px|%)",
    ) {
        let style = json!({"width": width, "padding": padding, "margin": padding, "fontSize": size,
            "minHeight": height, "border": "3px solid #123", "backgroundColor": "#fff"});
        let text = json!({"id": "x", "type": "text", "content": "some words to wrap", "style": style});
        let children = json!([{"id": "c", "type": "columns", "gap": padding, "columns": [
            {"id": "l", "type": "column", "span": span, "children": [text], "style": style},
            {"id": "r", "type": "column", "children": [image("/assets/a.bin"),
                {"id": "d", "type": "divider", "thickness": width, "dashStyle": "dotted"},
                {"id": "s", "type": "spacer", "size": height}]},
        ]}]);
        let assets = BTreeMap::from([("a.bin".to_owned(), PNG.to_vec())]);
        if let Err(error) = render_pdf(&definition(children), &json!({}), &assets) {
            prop_assert!(error.path.is_some(), "{}", error);
        }
    }
}
