//! Batches: answered at once, or as durable jobs.

use crate::site::{Site, file_site_with, site, site_with};
use base64::Engine as _;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn items() -> Value {
    let good = json!({"template": "invoice", "data": {"customer": "Ada"}});
    json!({"items": [good, {"template": "nobody"}, good], "webhookUrl": "http://127.0.0.1:1/", "webhookSecret": "s"})
}

/// Submits a batch and polls until it is over.
async fn job(site: &Site) -> Value {
    let accepted = site.post("/render/batch/async", items()).await.ok(202);
    assert_eq!(accepted["status"], "pending");
    let begun = Instant::now();
    loop {
        let job = site.get(accepted["pollUrl"].as_str().expect("pollUrl")).await.ok(200);
        if !["pending", "processing"].contains(&job["status"].as_str().expect("status")) {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "still {job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_batch_renders_what_it_can_and_names_what_it_cannot() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let single = site.render("invoice").await.bytes;
    let batch = site.post("/render/batch", items()).await.ok(200);
    assert_eq!(
        (batch["total"].as_i64(), batch["succeeded"].as_i64(), batch["failed"].as_i64()),
        (Some(3), Some(2), Some(1))
    );
    let pdf =
        base64::engine::general_purpose::STANDARD.decode(batch["results"][0]["pdf"].as_str().expect("pdf"));
    assert_eq!(pdf.expect("base64"), single);
    assert_eq!(batch["results"][1]["error"]["code"], "not_found");
    assert_eq!(site.post("/render/batch", json!({"items": []})).await.status, 400);

    let job = job(&site).await;
    assert_eq!(
        (&job["status"], &job["itemCount"], &job["webhookDelivered"]),
        (&json!("completed"), &json!(3), &json!(false))
    );
    assert_eq!(job["results"], batch);
    assert_eq!(site.get("/render/batch/jobs/nobody").await.status, 404);
    site.sql("UPDATE batch_jobs SET expires_at = now() - interval '1 second' RETURNING id::text").await;
    let poll = format!("/render/batch/jobs/{}", job["jobId"].as_str().expect("id"));
    assert_eq!(site.get(&poll).await.refusal(), (410, "job_expired".into()));
}

#[tokio::test]
async fn results_can_live_in_a_store_of_their_own() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("results").display().to_string();
    let Some(site) = site_with(&[("JOB_RESULT_BLOB_DIR", path.as_str())], &[]).await else { return };
    site.invoice().await;
    let job = job(&site).await;
    assert_eq!(job["results"]["succeeded"], 2);
    let poll = format!("/render/batch/jobs/{}", job["jobId"].as_str().expect("id"));
    assert_eq!(site.sql("SELECT (results IS NULL)::text FROM batch_jobs").await, ["true"]);
    std::fs::remove_dir_all(&path).expect("lost");
    std::fs::create_dir(&path).expect("made");
    assert_eq!(site.get(&poll).await.refusal(), (410, "render_artifact_expired".into()));
    assert_eq!(site.get("/health/ready").await.ok(200)["checks"]["jobResultStore"], "ok");
    std::fs::remove_dir_all(&path).expect("lost");
    assert_eq!(site.get(&poll).await.refusal(), (503, "ASSET_STORE_UNAVAILABLE".into()));
    assert_ne!(site.get("/health/ready").await.ok(503)["checks"]["jobResultStore"], "ok");
}

#[tokio::test]
async fn a_start_gives_up_old_jobs_and_runs_young_ones() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let made = site
        .sql(
            "INSERT INTO batch_jobs (id, tenant_id, status, items, created_at)
             SELECT gen_random_uuid(), 'default', status, '[{\"template\": \"invoice\"}]', now() - age
               FROM (VALUES ('pending', interval '1 hour'), ('processing', '1 hour'), ('processing', '0')) j (status, age)
             RETURNING id::text",
        )
        .await;
    let site = site.restart(&[]).await;
    for id in &made[..2] {
        let job = site.get(&format!("/render/batch/jobs/{id}")).await.ok(200);
        assert_eq!(
            (&job["status"], &job["failureCode"]),
            (&json!("failed"), &json!("job_abandoned_at_startup"))
        );
    }
    let begun = Instant::now();
    while site.get(&format!("/render/batch/jobs/{}", made[2])).await.ok(200)["status"] != "completed" {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn results_outlive_a_restart_wherever_they_lie() {
    let store = MockServer::start().await;
    Mock::given(method("HEAD")).respond_with(ResponseTemplate::new(200)).mount(&store).await;
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&store).await;
    let uri = store.uri();
    let bucket = [
        ("JOB_RESULT_BLOB_BUCKET", "pulp-results"),
        ("S3_REGION", "eu-central-1"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
        ("S3_ENDPOINT", uri.as_str()),
        ("S3_PATH_STYLE", "true"),
    ];
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().display().to_string();
    for place in [[].as_slice(), &[("JOB_RESULT_BLOB_DIR", path.as_str())], &bucket] {
        let Some(site) = site_with(place, &[]).await else { return };
        site.invoice().await;
        let poll =
            format!("/render/batch/jobs/{}", job_kept(&site, &store).await["jobId"].as_str().expect("id"));
        let before = site.get(&poll).await.ok(200);
        let site = site.restart(&[]).await;
        assert_eq!(site.get(&poll).await.ok(200), before, "{place:?}");
    }
    let missing = [("JOB_RESULT_BLOB_DIR", path.as_str()), ("JOB_RESULT_BLOB_BUCKET", "pulp-results")];
    let Some(site) = site().await else { return };
    let both = [site.variables.clone(), missing.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec()].concat();
    let read = standin::engine::settings::Settings::read(
        &|name| both.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        &[],
    );
    assert!(read.err().expect("refused").to_string().contains("exclude each other"));
}

/// Runs a job; a bucket that only says what it is told then answers with what was put into it.
async fn job_kept(site: &Site, store: &MockServer) -> Value {
    let accepted = site.post("/render/batch/async", items()).await.ok(202);
    let begun = Instant::now();
    loop {
        for put in store.received_requests().await.expect("recorded") {
            if put.method.as_str() == "PUT" {
                assert!(put.url.path().starts_with("/pulp-results/"), "{}", put.url);
                let answer = ResponseTemplate::new(200).set_body_bytes(put.body);
                Mock::given(method("GET")).and(path(put.url.path())).respond_with(answer).mount(store).await;
            }
        }
        let polled = site.get(accepted["pollUrl"].as_str().expect("pollUrl")).await;
        if polled.status == 200 && polled.json()["status"] == "completed" {
            assert_eq!(polled.json()["results"]["succeeded"], 2);
            return polled.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "still {}", polled.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_completed_job_is_pollable_until_its_retention_is_over() {
    let retention = [("WEBHOOK_JOB_RETENTION_SECONDS", "1")];
    for site in [site_with(&retention, &[]).await, Some(file_site_with(&retention, &[]).await)] {
        let Some(site) = site else { continue };
        site.invoice().await;
        let poll = format!("/render/batch/jobs/{}", job(&site).await["jobId"].as_str().expect("id"));
        let begun = Instant::now();
        while site.get(&poll).await.status == 200 {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(site.get(&poll).await.refusal(), (410, "job_expired".into()));
    }
}

#[tokio::test]
async fn file_mode_forgets_its_jobs_with_the_process() {
    let site = file_site_with(&[], &[]).await;
    site.invoice().await;
    let job = job(&site).await;
    assert_eq!((&job["status"], &job["itemCount"]), (&json!("completed"), &json!(3)));
    let poll = format!("/render/batch/jobs/{}", job["jobId"].as_str().expect("id"));
    let site = site.restart(&[]).await;
    assert_eq!(site.get(&poll).await.refusal(), (404, "not_found".into()));
}
