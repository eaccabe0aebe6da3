//! Keys and their scopes, tenants, editors, the audit trail.

use crate::site::{Site, send, site, site_with};
use reqwest::Method;
use serde_json::{Value, json};

const KEYS: [(&str, &str); 4] = [
    ("API_KEY_ADMIN", "key-admin"),
    ("API_KEY_RENDER", "key-render"),
    ("API_KEY_PREVIEW", "key-preview"),
    ("API_KEY_EDITOR", "key-editor"),
];

async fn status(site: &Site, key: &str, method: Method, path: &str, body: Option<Value>) -> u16 {
    let request = site.request(method, path).header("x-api-key", key);
    send(if let Some(body) = body { request.json(&body) } else { request }).await.status
}

#[tokio::test]
async fn a_key_opens_what_its_scope_is_for() {
    let Some(site) = site_with(&KEYS, &[]).await else { return };
    let render = || (Method::POST, "/render/pdf", Some(json!({"template": "nobody"})));
    let html = || (Method::POST, "/render/html", Some(json!({"template": "nobody"})));
    let create = || (Method::POST, "/templates/", Some(json!({})));
    let audit = || (Method::GET, "/audit-events/", None);
    // The status with a good key: 404 and 400 come from the handlers.
    let table = [
        (render(), 404, ["key-admin", "key-render"].as_slice()),
        (html(), 404, &["key-admin", "key-render", "key-preview", "key-editor"]),
        (create(), 400, &["key-admin", "key-editor"]),
        (audit(), 200, &["key-admin"]),
    ];
    for ((method, path, body), open, allowed) in table {
        for (_, key) in KEYS {
            let expected = if allowed.contains(&key) { open } else { 403 };
            assert_eq!(
                status(&site, key, method.clone(), path, body.clone()).await,
                expected,
                "{key} {path}"
            );
        }
        assert_eq!(status(&site, "key-admi", method.clone(), path, body.clone()).await, 401, "{path}");
    }
    assert_eq!(site.get("/templates/").await.refusal(), (401, "unauthorized".into()));
    assert_eq!(site.get("/health").await.status, 200);
    assert_eq!(site.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn without_keys_nobody_is_asked() {
    let Some(site) = site().await else { return };
    assert_eq!(site.get("/audit-events/").await.ok(200)["total"], 0);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    site.post("/admin/tenants/", json!({"id": "acme", "name": "Acme"})).await.ok(201);
    assert_eq!(site.post("/admin/tenants/", json!({"id": "acme", "name": "Acme"})).await.status, 409);
    assert_eq!(site.post("/admin/tenants/", json!({"id": "A b", "name": "Acme"})).await.status, 400);
    assert_eq!(site.get("/admin/tenants/").await.ok(200)["total"], 2);
    assert_eq!(site.get("/admin/tenants/acme").await.ok(200)["status"], "active");
    let as_tenant = |tenant: &'static str, path: &str| {
        send(site.request(Method::GET, path).header("x-pulpengine-tenant-id", tenant))
    };
    assert_eq!(as_tenant("acme", "/templates/").await.ok(200)["total"], 0);
    assert_eq!(as_tenant("acme", "/assets/").await.ok(200)["total"], 0);
    assert_eq!(as_tenant("default", "/templates/").await.ok(200)["total"], 1);
    assert_eq!(as_tenant("nobody", "/templates/").await.refusal(), (404, "tenant_unknown".into()));
    assert_eq!(site.post("/admin/tenants/default/archive", json!({})).await.status, 409, "not itself");
    assert_eq!(site.post("/admin/tenants/nobody/archive", json!({})).await.status, 404);
    assert_eq!(site.post("/admin/tenants/acme/archive", json!({})).await.status, 204);
    assert_eq!(as_tenant("acme", "/templates/").await.refusal(), (403, "tenant_archived".into()));
    let site = site.restart(&[]).await;
    let archived = send(site.request(Method::GET, "/templates/").header("x-pulpengine-tenant-id", "acme"));
    assert_eq!(archived.await.refusal(), (403, "tenant_archived".into()), "also after a restart");
    assert_eq!(site.post("/admin/tenants/acme/unarchive", json!({})).await.status, 204);
    assert_eq!(site.get("/admin/tenants/acme").await.ok(200)["status"], "active");
    let renamed = send(site.request(Method::PATCH, "/admin/tenants/acme").json(&json!({"name": "Ame"})));
    assert_eq!(renamed.await.ok(200)["name"], "Ame");
}

#[tokio::test]
async fn changes_leave_an_audit_trail_and_editors_keep_their_keys_secret() {
    let Some(site) = site_with(&KEYS[..1], &[]).await else { return };
    let admin = |method, path: &str| site.request(method, path).header("x-api-key", "key-admin");
    let user = json!({"id": "ada", "displayName": "Ada", "key": "hush-hush-1234", "role": "editor"});
    let made = send(admin(Method::POST, "/admin/users/").json(&user)).await;
    assert!(!String::from_utf8_lossy(&made.bytes).contains("hush"));
    assert_eq!(made.ok(201)["keyHint"], "…1234");
    assert_eq!(send(admin(Method::POST, "/admin/users/").json(&user)).await.status, 409);
    assert_eq!(send(admin(Method::GET, "/admin/users/")).await.ok(200)["users"][0]["id"], "ada");
    let trail = send(admin(Method::GET, "/audit-events/?resourceType=user")).await.ok(200);
    let event = &trail["items"][0];
    assert_eq!((trail["total"].as_i64(), &event["event"]), (Some(1), &json!("user.create")));
    assert_eq!((&event["actor"], &event["credentialScope"]), (&json!("key:admin"), &json!("admin")));
    assert_eq!(event["id"], "1");
}
