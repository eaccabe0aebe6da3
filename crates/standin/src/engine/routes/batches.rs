//! Batches: many documents in one answer, or as a durable job that is polled.

use crate::engine::access::{Caller, Input, Scope};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use crate::engine::jobs;
use crate::engine::rendering::Order;
use crate::engine::rows::Job;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// The largest number of documents in a batch.
const ITEMS: usize = 100;

/// A batch as sent. Each item is a separate order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch {
    items: Vec<Value>,
    /// Recorded with the job. The stand-in calls no webhook: the job stays `webhookDelivered: false`.
    webhook_url: Option<String>,
}

impl Batch {
    fn check(&self) -> Result<(), Failure> {
        if self.items.is_empty() || self.items.len() > ITEMS {
            return Err(Failure::invalid("items", format!("must be 1 to {ITEMS} documents")));
        }
        for (index, item) in self.items.iter().enumerate() {
            serde_json::from_value::<Order>(item.clone())
                .map_err(|error| Failure::invalid(&format!("items.{index}"), error.to_string()))?;
        }
        Ok(())
    }
}

pub(crate) async fn now(
    State(app): State<Shared>,
    caller: Caller,
    Input(batch): Input<Batch>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Render])?;
    batch.check()?;
    Ok(Json(jobs::render_all(&app, &caller.tenant, &batch.items).await))
}

pub(crate) async fn submit(
    State(app): State<Shared>,
    caller: Caller,
    Input(batch): Input<Batch>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.allow(&[Scope::Render])?;
    batch.check()?;
    let id = Uuid::now_v7();
    let created = app.rows.submit_job(&caller.tenant, id, batch.items, batch.webhook_url.as_deref()).await?;
    tokio::spawn(jobs::run(app, id));
    let poll = format!("/render/batch/jobs/{id}");
    let body = json!({"jobId": id, "status": "pending", "createdAt": created, "pollUrl": poll});
    Ok((StatusCode::ACCEPTED, Json(body)))
}

pub(crate) async fn poll(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Render])?;
    let unknown = || Failure::not_found(format!("job `{id}`"));
    let key: Uuid = id.parse().map_err(|_| unknown())?;
    let found = app.rows.job(&caller.tenant, key).await?;
    let Job { mut shown, results, result_key, expired } = found.ok_or_else(unknown)?;
    if expired {
        return Err(Failure::gone("job_expired", format!("job `{id}` is past its retention")));
    }
    let results = match (results, result_key) {
        (Some(results), _) => Some(results),
        (None, Some(key)) => Some(jobs::stored_results(&app, &key).await?),
        (None, None) => None,
    };
    if let Some(results) = results {
        shown["results"] = results;
    }
    Ok(Json(shown))
}
