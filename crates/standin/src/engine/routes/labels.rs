//! Release labels: names that point at a version of a template.

use super::templates::answer;
use crate::engine::access::{Caller, Input, Scope};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor, Scope::Preview, Scope::Render])?;
    let items = app.rows.labels(&caller.tenant, &key).await?;
    let items = items.ok_or_else(|| Failure::not_found(format!("template `{key}`")))?;
    Ok(Json(json!({ "items": items })))
}

pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, label)): Path<(String, String)>,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor, Scope::Preview, Scope::Render])?;
    let version = app.rows.label(&caller.tenant, &key, &label).await?;
    let version = version.ok_or_else(|| Failure::not_found(format!("label `{label}` of `{key}`")))?;
    answer(&app, &caller, &key, Some(&version)).await
}

/// What a label points at.
#[derive(Deserialize)]
pub(crate) struct Target {
    version: String,
}

pub(crate) async fn set(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, label)): Path<(String, String)>,
    Input(target): Input<Target>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor])?;
    let valid = label.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    if !valid {
        return Err(Failure::invalid("label", "must be of a-z, 0-9, `.`, `_` and `-`"));
    }
    let mut change = app.rows.change().await?;
    let set = change.set_label(&caller, &key, &label, &target.version).await?;
    let set = set.ok_or_else(|| Failure::not_found(format!("template `{key}` at `{}`", target.version)))?;
    let details = json!({"version": target.version});
    change.audit(&caller, "label", "set", &format!("{key}/{label}"), details).await?;
    change.commit().await?;
    Ok(Json(set))
}

pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, label)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    caller.allow(&[Scope::Editor])?;
    let mut change = app.rows.change().await?;
    if !change.delete_label(&caller.tenant, &key, &label).await? {
        return Err(Failure::not_found(format!("label `{label}` of `{key}`")));
    }
    change.audit(&caller, "label", "delete", &format!("{key}/{label}"), json!({})).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
