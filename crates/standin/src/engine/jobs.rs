//! Durable batch jobs: running one, storing its results, and handling unfinished ones at
//! the next start.

use super::app::Shared;
use super::defects::Defect;
use super::failure::Failure;
use super::rendering::{Format, Order, Source, render};
use super::rows::JobResults;
use super::store::StoreFailure;
use base64::Engine as _;
use serde_json::{Value, json};
use uuid::Uuid;

/// Renders each item; one that fails does not stop the others.
pub(crate) async fn render_all(app: &Shared, tenant: &str, items: &[Value]) -> Value {
    let mut results = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let template = item["template"].as_str().unwrap_or_default();
        let mut result = json!({"index": index, "template": template});
        match render_one(app, tenant, item).await {
            Ok(pdf) => {
                result["success"] = json!(true);
                result["pdf"] = json!(base64::engine::general_purpose::STANDARD.encode(pdf));
            }
            Err(failure) => {
                result["success"] = json!(false);
                result["error"] = json!({"message": failure.message, "code": failure.code});
            }
        }
        results.push(result);
    }
    let succeeded = results.iter().filter(|result| result["success"] == true).count();
    json!({"total": items.len(), "succeeded": succeeded, "failed": items.len() - succeeded, "results": results})
}

async fn render_one(app: &Shared, tenant: &str, item: &Value) -> Result<Vec<u8>, Failure> {
    let order: Order =
        serde_json::from_value(item.clone()).map_err(|error| Failure::bad_request(error.to_string()))?;
    render(app, tenant, &order, Format::Pdf, Source::Batch).await.map(|rendered| rendered.bytes)
}

/// Runs a job to its end. A job whose end cannot be recorded stays `processing`, and the next
/// start gives it up or runs it again.
pub(crate) async fn run(app: Shared, id: Uuid) {
    if let Err(failure) = attempt(&app, id).await {
        let _ = app.rows.fail_job(id, &failure.code, app.settings.job_retention).await;
    }
}

async fn attempt(app: &Shared, id: Uuid) -> Result<(), Failure> {
    let (tenant, items) = app.rows.begin_job(id).await?;
    let results = render_all(app, &tenant, &items).await;
    let completed = |kept| app.rows.complete_job(id, kept, app.settings.job_retention);
    let Some(store) = &app.results else { return completed(JobResults::Inline(results)).await };
    let key = format!("{id}.json");
    let stored = async { Ok(store.put(&key, results.to_string().into_bytes(), "application/json").await?) };
    app.settings.writes.batch.of(stored, completed(JobResults::Stored(key.clone()))).await
}

/// The results of a completed job from the result store.
pub(crate) async fn stored_results(app: &Shared, key: &str) -> Result<Value, Failure> {
    let Some(store) = &app.results else {
        return Err(Failure::gone("render_artifact_expired", "this engine has no store for results of jobs"));
    };
    let bytes = store.get(key).await.map_err(|failure| match failure {
        StoreFailure::Missing => Failure::gone("render_artifact_expired", "the results of this job are gone"),
        failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_)) => failure.into(),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::internal("internal_error", format!("the stored results are damaged: {error}"))
    })
}

/// At start: unfinished jobs older than the grace period fail, the younger ones run again.
pub(crate) async fn recover(app: &Shared) -> Result<(), Failure> {
    let settings = &app.settings;
    if settings.defects.has(Defect::ForgetsUnfinishedJobs) {
        return Ok(());
    }
    for id in app.rows.recover_jobs(settings.orphan_grace, settings.job_retention).await? {
        tokio::spawn(run(app.clone(), id));
    }
    Ok(())
}
