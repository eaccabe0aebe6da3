//! Templates, their versions and labels.

use crate::site::{Site, definition, in_each_mode, send};
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;

in_each_mode! {
    a_template_gains_a_version_with_every_change,
    a_deleted_template_goes_to_the_trash_and_can_come_back,
    a_label_points_at_a_version_and_renders_it,
    what_is_no_template_is_refused_with_the_place,
    lists_page_without_skipping_and_bodies_may_be_gzipped,
}

async fn a_template_gains_a_version_with_every_change(site: Site) {
    let made = site.post("/templates/", definition("letter", "x.png")).await.ok(201);
    assert_eq!((made["key"].as_str(), made["currentVersion"].as_str()), (Some("letter"), Some("1.0.0")));
    assert_eq!(
        site.post("/templates", definition("letter", "x.png")).await.refusal(),
        (409, "conflict".into())
    );

    let found = site.get("/templates/letter").await;
    assert_eq!(found.headers["etag"], "\"1.0.0\"");
    assert_eq!(found.json()["definition"], definition("letter", "x.png"));

    let mut next = definition("letter", "x.png");
    next["name"] = json!("Other");
    let update = |version: Option<&'static str>| site.put("/templates/letter", version, next.clone());
    assert_eq!(update(None).await.refusal(), (428, "precondition_required".into()));
    assert_eq!(update(Some("1.0.0")).await.refusal(), (400, "bad_request".into()));
    assert_eq!(update(Some("\"current\"")).await.refusal(), (400, "bad_request".into()));
    assert_eq!(update(Some("\"0.9.9\"")).await.refusal(), (412, "precondition_failed".into()));
    let updated = update(Some("\"1.0.0\"")).await;
    assert_eq!(updated.headers["etag"], "\"1.0.1\"");
    let updated = updated.ok(200);
    assert_eq!(
        (updated["name"].as_str(), updated["definition"]["version"].as_str()),
        (Some("Other"), Some("1.0.1"))
    );
    assert_eq!(update(Some("\"1.0.0\"")).await.status, 412, "the first writer won");

    let restore = site
        .request(Method::POST, "/templates/letter/versions/1.0.0/restore")
        .header("if-match", "\"1.0.1\"");
    assert_eq!(send(restore).await.ok(200)["name"], "Invoice");
    let versions = site.get("/templates/letter/versions?limit=2").await.ok(200);
    assert_eq!((versions["total"].as_i64(), versions["limit"].as_i64()), (Some(3), Some(2)));
    assert_eq!(versions["items"][0]["version"], "1.0.2");
    assert_eq!(site.get("/templates/letter/versions/1.0.1").await.ok(200)["name"], "Other");
    assert_eq!(site.get("/templates/letter/versions/7.0.0").await.refusal(), (404, "not_found".into()));
}

async fn a_deleted_template_goes_to_the_trash_and_can_come_back(site: Site) {
    site.post("/templates/", definition("letter", "x.png")).await.ok(201);
    assert_eq!(site.delete("/templates/letter").await.status, 428);
    let delete = || send(site.request(Method::DELETE, "/templates/letter").header("if-match", "\"1.0.0\""));
    assert_eq!(delete().await.status, 204);
    assert_eq!(site.get("/templates/letter").await.refusal(), (404, "not_found".into()));
    assert_eq!(site.render("letter").await.refusal(), (404, "not_found".into()));
    assert_eq!(site.get("/templates/").await.ok(200)["total"], 0);
    assert_eq!(site.get("/templates/?state=trash").await.ok(200)["total"], 1);
    site.post("/templates/letter/undelete", json!({})).await.ok(200);
    assert_eq!(
        site.delete("/templates/letter?permanent=true").await.refusal(),
        (409, "template_not_in_trash".into())
    );
    assert_eq!(delete().await.status, 204);
    assert_eq!(site.delete("/templates/letter?permanent=true").await.status, 204);
    let again = site.post("/templates/", definition("letter", "x.png")).await.ok(201);
    assert_eq!(again["currentVersion"], "1.0.0");
    assert_eq!(site.get("/templates/letter/versions").await.ok(200)["total"], 1, "its history went with it");
}

async fn a_label_points_at_a_version_and_renders_it(site: Site) {
    site.invoice().await;
    let mut next = site.get("/templates/invoice").await.ok(200)["definition"].clone();
    next["document"]["children"][0]["children"][0]["content"] = json!("Changed {{customer}}");
    site.put("/templates/invoice", Some("\"1.0.0\""), next).await.ok(200);
    assert_eq!(
        site.put("/templates/invoice/labels/stable", None, json!({"version": "3.0.0"})).await.status,
        404
    );
    assert_eq!(site.put("/templates/invoice/labels/stable", None, json!({})).await.status, 400);
    let set = site.put("/templates/invoice/labels/stable", None, json!({"version": "1.0.0"})).await.ok(200);
    assert_eq!((set["label"].as_str(), set["version"].as_str()), (Some("stable"), Some("1.0.0")));
    assert_eq!(site.get("/templates/invoice/labels").await.ok(200)["items"][0]["label"], "stable");
    assert_eq!(site.get("/templates/invoice/labels/stable").await.ok(200)["definition"]["version"], "1.0.0");

    let order = |pin: &str, value: &str| {
        let mut order = json!({"template": "invoice", "data": {"customer": "Ada"}});
        order[pin] = json!(value);
        site.post("/render/pdf", order)
    };
    let current = site.render("invoice").await;
    assert_eq!(
        (current.status, &current.headers["x-pulpengine-resolved-version"]),
        (200, &"1.0.1".parse().expect("v"))
    );
    let (labelled, pinned) = (order("label", "stable").await, order("version", "1.0.0").await);
    assert_eq!(labelled.headers["x-pulpengine-resolved-version"], "1.0.0");
    assert_eq!(labelled.bytes, pinned.bytes);
    assert_ne!(labelled.bytes, current.bytes);
    assert_eq!(order("label", "nobody").await.status, 404);
    assert_eq!(order("version", "9.9.9").await.status, 404);

    assert_eq!(site.delete("/templates/invoice/labels/stable").await.status, 204);
    assert_eq!(site.delete("/templates/invoice/labels/stable").await.status, 404);
}

async fn what_is_no_template_is_refused_with_the_place(site: Site) {
    for (member, value) in [
        ("key", json!("Not A Slug")),
        ("key", json!("..")),
        ("name", json!("")),
        ("document", json!({"type": "section"})),
        ("inputSchema", json!(null)),
        ("version", json!("one")),
    ] {
        let mut broken = definition("letter", "x.png");
        broken[member] = value;
        let refusal = site.post("/templates/", broken).await;
        assert_eq!(refusal.refusal(), (400, "validation_failed".into()), "{member}");
        assert_eq!(refusal.json()["issues"][0]["path"], member);
    }
    assert_eq!(send(site.request(Method::POST, "/templates/").body("{")).await.status, 400);
    assert_eq!(site.get("/templates/?limit=0").await.status, 400);
    assert_eq!(site.get("/templates/?limit=501").await.status, 400);
    assert_eq!(site.get("/templates/?offset=-1").await.status, 400);
    assert_eq!(site.get("/nowhere").await.refusal(), (404, "not_found".into()));
    assert_eq!(site.delete("/templates/").await.refusal(), (405, "method_not_allowed".into()));
}

async fn lists_page_without_skipping_and_bodies_may_be_gzipped(site: Site) {
    for key in ["c", "a", "b"] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(definition(key, "x.png").to_string().as_bytes()).expect("in memory");
        let request = site.request(Method::POST, "/templates/").header("content-encoding", "gzip");
        send(request.header("content-type", "application/json").body(packed.finish().expect("in memory")))
            .await
            .ok(201);
    }
    let mut keys = Vec::new();
    for offset in 0..4 {
        let page = site.get(&format!("/templates?limit=1&offset={offset}")).await.ok(200);
        assert_eq!((page["total"].as_i64(), page["offset"].as_i64()), (Some(3), Some(offset)));
        keys.extend(page["items"].as_array().expect("items").iter().map(|item| item["key"].clone()));
    }
    assert_eq!(keys, [json!("a"), json!("b"), json!("c")]);
    let bomb = vec![b' '; 17 * 1024 * 1024];
    assert_eq!(
        send(site.request(Method::POST, "/templates/").body(bomb)).await.refusal(),
        (413, "payload_too_large".into())
    );
}
