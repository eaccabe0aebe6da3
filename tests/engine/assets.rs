//! Assets, and renders that need them.

use crate::site::{Site, definition, in_each_mode, png, send, site, site_with};
use reqwest::{Method, multipart};
use serde_json::json;
use sha2::{Digest as _, Sha256};

in_each_mode! {
    an_upload_is_a_binary_and_a_row_that_describes_it,
    a_replacement_keeps_the_key_and_the_earlier_binary,
    an_asset_in_use_is_deleted_by_force_only,
    a_missing_binary_is_refused_and_other_troubles_are_told_apart,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn an_upload_is_a_binary_and_a_row_that_describes_it(site: Site) {
    let asset = site.upload("Logo 1.png", png([1, 2, 3])).await;
    assert_eq!(asset["originalName"], "Logo 1.png");
    assert_eq!(asset["filename"], format!("{}-Logo-1.png", asset["id"].as_str().expect("id")));
    assert_eq!(asset["mimeType"], "image/png", "seen in the bytes, not believed");
    assert_eq!(asset["contentHash"], sha256(&png([1, 2, 3])));
    assert_eq!(asset["sizeBytes"], png([1, 2, 3]).len());
    assert_eq!((asset["version"].as_i64(), &asset["tags"]), (Some(1), &json!(["logo", "brand"])));
    assert_eq!(std::fs::read(site.binary(&asset)).expect("stored"), png([1, 2, 3]));
    let download = site.get(asset["url"].as_str().expect("url")).await;
    assert_eq!((download.status, download.bytes), (200, png([1, 2, 3])));
    assert_eq!(site.get("/assets/").await.ok(200)["items"][0]["id"], asset["id"]);
    assert_eq!(site.get("/assets/?tag=nothing").await.ok(200)["total"], 0);

    let empty = multipart::Form::new().part("file", multipart::Part::bytes(Vec::new()).file_name("a"));
    assert_eq!(send(site.request(Method::POST, "/assets/upload").multipart(empty)).await.status, 400);
    let none = multipart::Form::new().text("folder", "x");
    assert_eq!(send(site.request(Method::POST, "/assets/upload").multipart(none)).await.status, 400);
    let large = multipart::Part::bytes(vec![0; 33 * 1024 * 1024]).file_name("large");
    let large =
        site.request(Method::POST, "/assets/upload").multipart(multipart::Form::new().part("file", large));
    assert_eq!(send(large).await.refusal(), (413, "payload_too_large".into()));
}

async fn a_replacement_keeps_the_key_and_the_earlier_binary(site: Site) {
    let asset = site.invoice().await;
    let path = format!("/assets/{}", asset["id"].as_str().expect("id"));
    let replace = |tag: Option<&'static str>, colour| {
        let part = multipart::Part::bytes(png(colour)).file_name("new.png");
        let request = site.request(Method::PUT, &format!("{path}/content"));
        let request = request.multipart(multipart::Form::new().part("file", part));
        send(if let Some(tag) = tag { request.header("if-match", tag) } else { request })
    };
    let before = site.render("invoice").await.bytes;
    assert_eq!(replace(Some("\"7\""), [0, 0, 9]).await.refusal(), (412, "precondition_failed".into()));
    assert_eq!(replace(Some("7"), [0, 0, 9]).await.status, 400);
    let replaced = replace(Some("\"1\""), [0, 0, 9]).await.ok(200);
    assert_eq!((&replaced["filename"], replaced["version"].as_i64()), (&asset["filename"], Some(2)));
    assert_eq!(replaced["contentHash"], sha256(&png([0, 0, 9])));
    assert_eq!(std::fs::read(site.binary(&asset)).expect("stored"), png([0, 0, 9]));
    assert_ne!(site.render("invoice").await.bytes, before);
    assert_eq!(replace(None, [0, 0, 8]).await.ok(200)["version"], 3);

    let versions = site.get(&format!("{path}/versions")).await.ok(200);
    let numbers: Vec<_> =
        versions["items"].as_array().expect("items").iter().map(|item| &item["version"]).collect();
    assert_eq!(numbers, [3, 2, 1]);
    for version in &versions["items"].as_array().expect("items")[1..] {
        let key = format!("versions/{}/{}", asset["id"].as_str().expect("id"), version["version"]);
        let kept = std::fs::read(site.folder.path().join("assets").join(key)).expect("kept");
        assert_eq!(version["contentHash"], sha256(&kept));
    }
    let restored = site.post(&format!("{path}/versions/1/restore"), json!({})).await.ok(200);
    assert_eq!((&restored["contentHash"], restored["version"].as_i64()), (&asset["contentHash"], Some(4)));
    assert_eq!(site.render("invoice").await.bytes, before);
    assert_eq!(site.post(&format!("{path}/versions/9/restore"), json!({})).await.status, 404);
}

async fn an_asset_in_use_is_deleted_by_force_only(site: Site) {
    let asset = site.invoice().await;
    let path = format!("/assets/{}", asset["id"].as_str().expect("id"));
    let details = site.get(&format!("{path}/details")).await.ok(200);
    assert_eq!(
        (details["usageCount"].as_i64(), &details["referencedBy"][0]["key"]),
        (Some(1), &json!("invoice"))
    );
    let refusal = site.delete(&path).await;
    assert_eq!(refusal.refusal(), (409, "asset_in_use".into()));
    assert_eq!(refusal.json()["referencedBy"][0]["key"], "invoice");
    assert!(site.binary(&asset).exists());
    assert_eq!(site.delete(&format!("{path}?force=true")).await.status, 204);
    assert!(!site.binary(&asset).exists());
    assert_eq!(site.get(&format!("{path}/details")).await.refusal(), (404, "not_found".into()));
    assert_eq!(site.render("invoice").await.refusal(), (422, "ASSET_NOT_FOUND".into()));
    assert_eq!(site.get("/assets/no-uuid/details").await.status, 404);
}

async fn a_missing_binary_is_refused_and_other_troubles_are_told_apart(site: Site) {
    let asset = site.invoice().await;
    let good = site.render("invoice").await;
    assert_eq!((good.status, good.headers["content-type"].to_str().expect("text")), (200, "application/pdf"));
    assert_eq!(site.render("invoice").await.bytes, good.bytes, "the same bytes again");

    std::fs::rename(site.binary(&asset), site.folder.path().join("aside")).expect("take away");
    let refusal = site.render("invoice").await;
    assert_eq!(refusal.refusal(), (422, "ASSET_BINARY_MISSING".into()));
    let body = refusal.json();
    assert_eq!(body["error"], "RenderError");
    assert_eq!(
        (&body["issues"][0]["path"], &body["issues"][0]["code"]),
        (&asset["filename"], &json!("ASSET_BINARY_MISSING"))
    );
    assert_eq!(
        site.get(asset["url"].as_str().expect("url")).await.refusal(),
        (404, "ASSET_BINARY_MISSING".into())
    );
    std::fs::rename(site.folder.path().join("aside"), site.binary(&asset)).expect("put back");
    assert_eq!(site.render("invoice").await.bytes, good.bytes);

    std::fs::rename(site.folder.path().join("assets"), site.folder.path().join("away"))
        .expect("take all away");
    // In file mode the index is gone with them.
    let code = if site.in_files() { "service_unavailable" } else { "ASSET_STORE_UNAVAILABLE" };
    assert_eq!(site.render("invoice").await.refusal(), (503, code.into()));
    std::fs::rename(site.folder.path().join("away"), site.folder.path().join("assets")).expect("put back");

    site.post("/templates/", definition("stray", "nobody.png")).await.ok(201);
    assert_eq!(site.render("stray").await.refusal(), (422, "ASSET_NOT_FOUND".into()));
    let mut broken = definition("broken", asset["filename"].as_str().expect("name"));
    broken["document"]["children"][0]["children"][0]["content"] = json!("{{#if}");
    site.post("/templates/", broken).await.ok(201);
    assert_eq!(site.render("broken").await.status, 422);
    assert_eq!(site.render("nobody").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_render_writes_one_usage_row_and_nothing_else() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let counts = "SELECT table_name || ' ' || (xpath('/row/c/text()', query_to_xml(format(
        'SELECT count(*) AS c FROM %I', table_name), false, true, '')))[1]::text
        FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name";
    let before = site.sql(counts).await;
    assert_eq!(site.render("invoice").await.status, 200);
    let old_name = site.post("/render", json!({"template": "invoice", "data": {"customer": "Ada"}})).await;
    assert_eq!((old_name.status, &old_name.headers["deprecation"]), (200, &"true".parse().expect("header")));
    let changed: Vec<_> = site.sql(counts).await.into_iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(changed, ["render_usage 2"]);
    assert_eq!(site.get("/usage").await.ok(200)["items"][0]["renders"], 2);
    let valid = site.post("/render/validate", json!({"template": "invoice", "data": {}})).await.ok(200);
    assert_eq!(valid, json!({"valid": true, "issues": []}));
}

#[tokio::test]
async fn private_mode_inlines_assets_and_public_mode_links_them() {
    let Some(public) = site().await else { return };
    let asset = public.invoice().await;
    let order = json!({"template": "invoice", "data": {"customer": "Ada"}});
    let html = public.post("/render/html", order.clone()).await;
    assert!(String::from_utf8(html.bytes).expect("text").contains(asset["filename"].as_str().expect("name")));
    let keys = [("ASSET_ACCESS_MODE", "private"), ("API_KEY_ADMIN", "k")];
    let Some(private) = site_with(&[("ASSET_ACCESS_MODE", keys[0].1)], &[]).await else { return };
    let asset = private.invoice().await;
    let html = String::from_utf8(private.post("/render/html", order.clone()).await.bytes).expect("text");
    assert!(html.contains("data:image/png;base64,"), "{html}");
    std::fs::remove_file(private.binary(&asset)).expect("lost");
    assert_eq!(private.post("/render/html", order).await.refusal(), (422, "ASSET_BINARY_MISSING".into()));

    let Some(locked) = site_with(&keys, &[]).await else { return };
    assert_eq!(locked.get("/assets/anything.png").await.refusal(), (401, "unauthorized".into()));
}
