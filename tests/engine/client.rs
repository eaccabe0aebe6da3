//! The harness's own client against the stand-in, for the calls that no other test drives.

use crate::site::{Site, definition, file_site_with, site};
use pulp_drill::system::engine::{ApiKeys, CallError, Engine};
use serde_json::json;
use std::time::{Duration, Instant};

fn client(site: &Site) -> Engine {
    Engine::new(&format!("http://{}", site.running.address()).parse().expect("URL"), &ApiKeys::default())
}

#[tokio::test]
async fn the_rest_of_the_durable_state_can_be_made_and_read() {
    let Some(site) = site().await else { return };
    let asset = site.invoice().await;
    let engine = client(&site);
    engine.create_tenant("acme", "Acme").await.expect("made");
    engine.archive_tenant("acme").await.expect("archived");
    let tenants = engine.tenants().await.expect("listed");
    let tenants: Vec<_> = tenants.iter().map(|tenant| (tenant.id.as_str(), tenant.status.as_str())).collect();
    assert_eq!(tenants, [("acme", "archived"), ("default", "active")]);

    let plan = json!({"name": "Nightly", "cronExpression": "0 3 * * *", "templateKey": "invoice",
                      "dataSource": {"type": "static", "data": {}},
                      "deliveryTargets": [{"type": "webhook", "url": "http://127.0.0.1:9/"}]});
    let schedule = engine.create_schedule(&plan).await.expect("made");
    let schedule = schedule["id"].as_str().expect("id");
    let run = engine.trigger_schedule(schedule).await.expect("ran");
    assert_eq!((run.status.as_str(), run.trigger.as_deref()), ("failed", Some("manual")));
    assert_eq!(engine.executions(schedule).await.expect("listed"), [run]);
    let letters = engine.dead_letters().await.expect("listed");
    assert_eq!(letters[0].error_code.as_deref(), Some("delivery_failed"));
    assert_eq!(engine.abandon_dead_letter(&letters[0].id).await.expect("abandoned").status, "abandoned");

    std::fs::remove_file(site.binary(&asset)).expect("lost");
    let job = engine.submit_batch(&[json!({"template": "invoice"})]).await.expect("accepted");
    let job = over(&engine, &job.job_id).await;
    assert_eq!(job.results.expect("results")["results"][0]["error"]["code"], "ASSET_BINARY_MISSING");
    site.sql("UPDATE batch_jobs SET results = NULL, result_key = 'gone.json' RETURNING id::text").await;
    match engine.batch_job(&job.job_id).await {
        Err(CallError::Refused { status: 410, codes, .. }) => assert_eq!(codes, ["render_artifact_expired"]),
        other => panic!("{other:?}"),
    }
    let usage = engine.usage().await.expect("listed");
    assert_eq!((usage[0].source.as_deref(), usage[0].renders), (Some("scheduled"), 1));
}

async fn over(engine: &Engine, id: &str) -> pulp_drill::system::engine::BatchJobRecord {
    let begun = Instant::now();
    loop {
        let job = engine.batch_job(id).await.expect("polled");
        if job.is_over() {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn lists_are_read_to_their_end_in_file_mode_too() {
    let site = file_site_with(&[], &[]).await;
    site.invoice().await;
    let engine = client(&site);
    for _ in 0..101 {
        engine.update_template("invoice", &definition("invoice", "x.png")).await.expect("updated");
    }
    engine.put_label("invoice", "stable", "1.0.7").await.expect("labelled");
    let versions = engine.template_versions("invoice").await.expect("listed");
    assert_eq!((versions.len(), versions[0].version.as_str()), (102, "1.0.101"));
    let version = engine.template_version("invoice", "1.0.7").await.expect("there");
    assert_eq!(version.definition["version"], "1.0.7");
    assert_eq!(engine.labels("invoice").await.expect("listed")[0].version, "1.0.7");
    let events = engine.audit_events().await.expect("listed");
    assert_eq!((events.len(), events[0].event.as_str()), (104, "label.set"));
}
