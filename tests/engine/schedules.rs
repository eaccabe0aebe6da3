//! Schedules, their executions, dead letters, and what a restart keeps.

use crate::site::{Site, send, site};
use reqwest::Method;
use serde_json::{Value, json};
use standin::engine::Defect;
use std::time::{Duration, Instant};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn plan() -> Value {
    json!({"name": "Nightly", "cronExpression": "0 3 * * *", "templateKey": "invoice", "format": "pdf",
           "dataSource": {"type": "static", "data": {"customer": "Ada"}}, "deliveryTargets": []})
}

async fn executions(site: &Site, path: &str, wanted: i64) -> Value {
    let begun = Instant::now();
    loop {
        let list = site.get(&format!("{path}/executions?status=completed")).await.ok(200);
        if list["total"].as_i64() >= Some(wanted) {
            return list;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "still {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_schedule_is_kept_over_a_restart_unless_the_engine_forgets() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let made = site.post("/schedules/", plan()).await.ok(201);
    assert_eq!(
        (&made["timezone"], &made["enabled"], &made["runCount"]),
        (&json!("UTC"), &json!(true), &json!(0))
    );
    assert!(made["nextFireAt"].as_str().expect("planned").contains("T03:00:00.000Z"));
    let path = format!("/schedules/{}", made["id"].as_str().expect("id"));
    let site = site.restart(&[]).await;
    assert_eq!(site.get(&path).await.ok(200), made);
    assert_eq!(site.get("/schedules/").await.ok(200)["items"], json!([made]));
    let site = site.restart(&[Defect::ForgetsSchedules]).await;
    assert_eq!(site.get(&path).await.ok(200).get("nextFireAt"), None);
}

#[tokio::test]
async fn a_due_schedule_runs_once_and_moves_on() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let mut due = plan();
    due["nextFireAt"] = json!("2026-01-01T00:00:00.000Z");
    let made = site.post("/schedules/", due).await.ok(201);
    let path = format!("/schedules/{}", made["id"].as_str().expect("id"));
    let list = executions(&site, &path, 1).await;
    let run = &list["items"][0];
    assert_eq!((&run["trigger"], &run["nominalAt"]), (&json!("cron"), &json!("2026-01-01T00:00:00.000Z")));
    let now = site.get(&path).await.ok(200);
    assert_eq!((&now["runCount"], list["total"].as_i64()), (&json!(1), Some(1)));
    assert!(now["nextFireAt"].as_str().expect("planned").contains("T03:00:00.000Z"));
    let id = run["id"].as_str().expect("id");
    assert_eq!(site.get(&format!("{path}/executions/{id}")).await.ok(200), *run);
    assert_eq!(site.get(&format!("{path}/executions/999")).await.status, 404);

    let by_hand = site.post(&format!("{path}/trigger"), json!({})).await.ok(202);
    assert_eq!((&by_hand["trigger"], &by_hand["status"]), (&json!("manual"), &json!("completed")));
}

#[tokio::test]
async fn a_failed_execution_becomes_a_dead_letter() {
    let Some(site) = site().await else { return };
    let asset = site.invoice().await;
    let made = site.post("/schedules/", plan()).await.ok(201);
    let path = format!("/schedules/{}", made["id"].as_str().expect("id"));
    std::fs::remove_file(site.binary(&asset)).expect("lost");
    assert_eq!(site.post(&format!("{path}/trigger"), json!({})).await.ok(202)["status"], "failed");
    let letters = site.get("/admin/schedule-dlq/").await.ok(200);
    let letter = &letters["items"][0];
    assert_eq!(
        (&letter["status"], &letter["errorCode"]),
        (&json!("pending"), &json!("ASSET_BINARY_MISSING"))
    );
    let letter = format!("/admin/schedule-dlq/{}", letter["id"].as_str().expect("id"));
    assert_eq!(site.post(&format!("{letter}/replay"), json!({})).await.ok(200)["status"], "replayed");
    assert_eq!(
        site.post(&format!("{letter}/abandon"), json!({})).await.refusal(),
        (409, "already_terminal".into())
    );
    let again = site.get("/admin/schedule-dlq/?status=pending").await.ok(200);
    assert_eq!(again["total"], 1, "the replay failed again");
    let again = format!("/admin/schedule-dlq/{}", again["items"][0]["id"].as_str().expect("id"));
    assert_eq!(site.post(&format!("{again}/abandon"), json!({})).await.ok(200)["status"], "abandoned");
    assert_eq!(site.get(&again).await.ok(200)["status"], "abandoned");
}

#[tokio::test]
async fn a_schedule_is_changed_in_part_or_whole_and_deleted() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let mut early = plan();
    early["nextFireAt"] = json!("2099-01-01T00:00:00.000Z");
    let made = site.post("/schedules/", early).await.ok(201);
    let path = format!("/schedules/{}", made["id"].as_str().expect("id"));
    let patch = |body: Value| send(site.request(Method::PATCH, &path).json(&body));
    let paused = patch(json!({"enabled": false})).await.ok(200);
    assert_eq!((&paused["enabled"], &paused["nextFireAt"]), (&json!(false), &made["nextFireAt"]));
    let moved = patch(json!({"cronExpression": "0 4 * * *"})).await.ok(200);
    assert!(moved["nextFireAt"].as_str().expect("planned").contains("T04:00:00.000Z"));
    let mut other = plan();
    other["name"] = json!("Other");
    assert_eq!(site.put(&path, None, other).await.ok(200)["name"], "Other");
    for (member, value) in [
        ("cronExpression", json!("now and then")),
        ("timezone", json!("Mars/Olympus")),
        ("format", json!("docx")),
        ("templateKey", json!("nobody")),
        ("dataSource", json!({"type": "url"})),
    ] {
        let mut wrong = json!({});
        wrong[member] = value;
        assert_eq!(patch(wrong).await.refusal(), (400, "validation_failed".into()), "{member}");
    }
    assert_eq!(site.delete(&path).await.status, 204);
    assert_eq!(site.get(&path).await.status, 404);
    assert_eq!(site.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_webhook_gets_the_document_and_one_that_fails_leaves_a_dead_letter() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let hook = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/taken"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&hook)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).mount(&hook).await;
    let trigger = async |target: Value| {
        let mut plan = plan();
        plan["deliveryTargets"] = json!([target]);
        let made = site.post("/schedules/", plan).await.ok(201);
        site.post(&format!("/schedules/{}/trigger", made["id"].as_str().expect("id")), json!({}))
            .await
            .ok(202)
    };
    let nobody = json!({"type": "email", "to": ["ada@example.org"], "subject": "s"});
    assert_eq!(trigger(nobody).await["status"], "completed", "mail is recorded only");
    let taken = json!({"type": "webhook", "url": format!("{}/taken", hook.uri())});
    assert_eq!(trigger(taken).await["status"], "completed");
    let sent = hook.received_requests().await.expect("recorded").pop().expect("one");
    assert_eq!(sent.body, site.render("invoice").await.bytes);
    assert_eq!(sent.headers["content-type"], "application/pdf");

    let refused = json!({"type": "webhook", "url": format!("{}/x?token=hush", hook.uri())});
    let run = trigger(refused).await;
    assert_eq!(run["status"], "failed");
    assert!(run["lastError"].as_str().expect("why").contains("answered 500"), "{run}");
    let tries = hook.received_requests().await.expect("recorded").len();
    assert_eq!(tries, 1 + 3, "it was tried three times");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    for (url, why) in [(format!("http://{closed}/"), "can't be reached"), ("".into(), "has no usable url")] {
        let run = trigger(json!({"type": "webhook", "url": url})).await;
        assert!(run["lastError"].as_str().expect("why").contains(why), "{run}");
    }
    let letters = site.get("/admin/schedule-dlq/").await;
    assert!(!String::from_utf8_lossy(&letters.bytes).contains("hush"), "a URL can hold a secret");
    let letters = letters.ok(200);
    assert_eq!(
        (letters["total"].as_i64(), &letters["items"][2]["errorCode"]),
        (Some(3), &json!("delivery_failed"))
    );
    let site = site.restart(&[]).await;
    assert_eq!(site.get("/admin/schedule-dlq/").await.ok(200), letters, "kept over a restart");
}
