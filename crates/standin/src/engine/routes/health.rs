//! Liveness and readiness. Neither asks for a key.

use crate::engine::app::Shared;
use crate::engine::defects::Defect;
use crate::engine::store::StoreFailure;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

pub(crate) async fn alive() -> Json<Value> {
    Json(body("ok"))
}

pub(crate) async fn ready(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    let rows = app.rows.complaint().await.unwrap_or_else(|| "ok".to_owned());
    let lies = app.settings.defects.has(Defect::LiesReady);
    let assets = if lies { "ok".to_owned() } else { describe(app.binaries.probe().await) };
    let place = if app.rows.sql().is_ok() { "database" } else { "library" };
    let mut checks = json!({place: rows, "assetBinaryStore": assets});
    if let Some(results) = &app.results {
        checks["jobResultStore"] = json!(describe(results.probe().await));
    }
    let fine = checks.as_object().is_some_and(|checks| checks.values().all(|check| check == "ok"));
    let (status, status_text) =
        if fine { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "degraded") };
    let mut body = body(status_text);
    body["checks"] = checks;
    (status, Json(body))
}

fn describe(probe: Result<(), StoreFailure>) -> String {
    probe.err().map_or_else(|| "ok".to_owned(), |failure| failure.to_string())
}

fn body(status: &str) -> Value {
    json!({
        "status": status,
        "version": concat!(env!("CARGO_PKG_VERSION"), "-standin"),
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
    })
}
