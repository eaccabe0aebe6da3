//! File mode: what lies on disk, what a start makes of damage, and what this mode has not. What both
//! modes do alike is tested beside the database.

use crate::site::{Site, definition, file_site_with, launch, png, send, site};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn path(site: &Site, name: &str) -> PathBuf {
    site.folder.path().join(name)
}

fn read(site: &Site, name: &str) -> Value {
    serde_json::from_slice(&fs::read(path(site, name)).expect("readable")).expect("JSON")
}

/// A site with a picture that was replaced, a template of two versions, and a label.
async fn lived_in() -> (Site, Value) {
    let site = file_site_with(&[], &[]).await;
    let asset = site.invoice().await;
    let part = reqwest::multipart::Part::bytes(png([0, 0, 9])).file_name("new.png");
    let content = format!("/assets/{}/content", asset["id"].as_str().expect("id"));
    let form = reqwest::multipart::Form::new().part("file", part);
    let asset = send(site.request(Method::PUT, &content).multipart(form)).await.ok(200);
    let next = definition("invoice", asset["filename"].as_str().expect("name"));
    site.put("/templates/invoice", Some("\"1.0.0\""), next).await.ok(200);
    site.put("/templates/invoice/labels/stable", None, json!({"version": "1.0.0"})).await.ok(200);
    (site, asset)
}

/// Everything that the API shows of the library.
async fn shown(site: &Site) -> Vec<Value> {
    let mut all = Vec::new();
    for list in [
        "/templates/",
        "/templates/invoice",
        "/templates/invoice/versions",
        "/templates/invoice/labels",
        "/assets/",
        "/audit-events/",
    ] {
        all.push(site.get(list).await.ok(200));
    }
    all
}

#[tokio::test]
async fn the_files_are_what_the_page_says() {
    let (site, asset) = lived_in().await;
    let template = read(&site, "templates/invoice/template.json");
    assert_eq!((&template["key"], &template["currentVersion"]), (&json!("invoice"), &json!("1.0.1")));
    assert_eq!(template["labels"]["stable"]["version"], "1.0.0");
    let version = read(&site, "templates/invoice/versions/1.0.1.json");
    assert_eq!((&version["version"], &version["definition"]["version"]), (&json!("1.0.1"), &json!("1.0.1")));
    let index = read(&site, "assets/.assets-index.json");
    let row = &index[asset["id"].as_str().expect("id")];
    for member in
        ["id", "filename", "originalName", "mimeType", "sizeBytes", "contentHash", "version", "tags"]
    {
        assert_eq!(row[member], asset[member], "{member}");
    }
    let kept = row["versions"][0]["objectKey"].as_str().expect("key");
    assert_eq!(fs::read(path(&site, "assets").join(kept)).expect("kept"), png([200, 0, 0]));
    assert_eq!(fs::read(site.binary(&asset)).expect("there"), png([0, 0, 9]));
    let trail = fs::read_to_string(path(&site, "templates/.audit-events.jsonl")).expect("trail");
    let events: Vec<Value> = trail.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("name")).collect();
    assert_eq!(names, ["asset.upload", "template.create", "asset.replace", "template.update", "label.set"]);
    assert_eq!(events[4]["id"], "5");
}

#[tokio::test]
async fn everything_but_jobs_and_usage_is_there_again_after_a_restart() {
    let (site, _) = lived_in().await;
    let (before, pdf) = (shown(&site).await, site.render("invoice").await.bytes);
    let site = site.restart(&[]).await;
    assert_eq!(shown(&site).await, before);
    assert_eq!(site.get("/usage").await.ok(200)["total"], 0);
    assert_eq!(site.render("invoice").await.bytes, pdf);
    assert_eq!(site.get("/usage").await.ok(200)["items"][0]["renders"], 1);
}

#[tokio::test]
async fn both_modes_render_the_same_bytes() {
    let Some(database) = site().await else { return };
    let files = file_site_with(&[], &[]).await;
    database.invoice().await;
    files.invoice().await;
    assert_eq!(database.render("invoice").await.bytes, files.render("invoice").await.bytes);
}

#[tokio::test]
async fn a_damaged_library_is_refused_at_start_by_its_file() {
    for (file, text) in [
        ("assets/.assets-index.json", "{"),
        ("assets/.assets-index.json", "[]"),
        ("assets/.assets-index.json", "{\"x\": {}}"),
        ("templates/invoice/template.json", ""),
        ("templates/invoice/versions/1.0.0.json", "{\"version\": \"1.0.0\"}"),
        ("templates/.audit-events.jsonl", "{\"id\": \"1\", \"time"),
    ] {
        let (site, _) = lived_in().await;
        fs::write(path(&site, file), text).expect("damaged");
        let ready = site.get("/health/ready").await.ok(503);
        assert!(ready["checks"]["library"].as_str().expect("why").contains("is damaged"), "{ready}");
        let refused = launch(&site.variables, &[]).await.err().expect("refused").to_string();
        let name = file.rsplit('/').next().expect("name");
        assert!(refused.contains(name) && refused.contains("is damaged"), "{refused}");
    }
    for lost in ["templates/invoice/template.json", "templates/invoice/versions/1.0.0.json"] {
        let (site, _) = lived_in().await;
        fs::remove_file(path(&site, lost)).expect("lost");
        let refused = launch(&site.variables, &[]).await.err().expect("refused").to_string();
        assert!(refused.contains("invoice") && refused.contains("is damaged"), "{refused}");
    }
    let (site, _) = lived_in().await;
    fs::rename(path(&site, "templates/invoice"), path(&site, "templates/other")).expect("moved");
    let refused = launch(&site.variables, &[]).await.err().expect("refused").to_string();
    assert!(refused.contains("it is of the template `invoice`"), "{refused}");
}

#[tokio::test]
async fn an_index_that_is_missing_is_an_empty_library() {
    let (site, asset) = lived_in().await;
    fs::remove_file(path(&site, "assets/.assets-index.json")).expect("lost");
    let site = site.restart(&[]).await;
    site.get("/health/ready").await.ok(200);
    assert_eq!(site.get("/assets/").await.ok(200)["total"], 0);
    assert!(site.binary(&asset).exists());
    assert_eq!(site.render("invoice").await.refusal(), (422, "ASSET_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_folder_that_is_gone_is_an_outage_and_not_an_empty_library() {
    let (site, _) = lived_in().await;
    for (folder, route) in [("templates", "/templates/"), ("assets", "/assets/")] {
        fs::rename(path(&site, folder), path(&site, "away")).expect("taken away");
        assert_eq!(site.get(route).await.refusal(), (503, "service_unavailable".into()));
        let ready = site.get("/health/ready").await.ok(503);
        assert!(ready["checks"]["library"].as_str().expect("why").contains("cannot be used"), "{ready}");
        fs::rename(path(&site, "away"), path(&site, folder)).expect("put back");
        site.get(route).await.ok(200);
    }
}

// On several threads: on one, a writer is never interrupted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_take_turns() {
    let site = file_site_with(&[], &[]).await;
    site.invoice().await;
    let uploads = (0..12).map(|number| site.upload("a.png", png([number, 0, 0])));
    futures::future::join_all(uploads).await;
    assert_eq!(site.get("/assets/").await.ok(200)["total"], 13);
    assert_eq!(site.get("/audit-events/").await.ok(200)["items"][0]["id"], "14");
    let update = |_| site.put("/templates/invoice", Some("\"1.0.0\""), definition("invoice", "x.png"));
    let mut statuses: Vec<u16> =
        futures::future::join_all((0..4).map(update)).await.into_iter().map(|answer| answer.status).collect();
    statuses.sort();
    assert_eq!(statuses, [200, 412, 412, 412], "the first writer won");
    let left: Vec<_> = fs::read_dir(path(&site, "assets")).expect("folder").collect();
    assert_eq!(left.len(), 13 + 1, "no half writes are left");
}

#[tokio::test]
async fn no_name_leads_out_of_the_library() {
    let (site, _) = lived_in().await;
    fs::create_dir_all(path(&site, "outside/versions")).expect("made");
    for name in ["template.json", "versions/1.0.0.json"] {
        fs::copy(path(&site, "templates/invoice").join(name), path(&site, "outside").join(name))
            .expect("copied");
    }
    for route in [
        "/templates/..%2Foutside",
        "/templates/invoice/versions/..%2F..%2Fother",
        "/templates/.audit-events.jsonl",
        "/assets/.assets-index.json",
        "/assets/..%2Ftemplates%2F.audit-events.jsonl",
    ] {
        assert_eq!(site.get(route).await.status, 404, "{route}");
    }
}

#[tokio::test]
async fn what_needs_a_database_says_so() {
    let site = file_site_with(&[], &[]).await;
    for route in ["/schedules/", "/admin/schedule-dlq/", "/admin/users/"] {
        assert_eq!(site.get(route).await.refusal(), (501, "not_implemented".into()), "{route}");
    }
    let tenant = json!({"id": "acme", "name": "Acme"});
    assert_eq!(site.post("/admin/tenants/", tenant).await.refusal(), (501, "not_implemented".into()));
    assert_eq!(site.get("/admin/tenants/").await.ok(200)["items"][0]["id"], "default");
    let other = send(site.request(Method::GET, "/templates/").header("x-pulpengine-tenant-id", "acme")).await;
    assert_eq!(other.refusal(), (404, "tenant_unknown".into()));
}
