//! Release labels: names that point at a version of a template.

use super::templates::{answer, template_id};
use crate::standin::engine::access::{Caller, Input, Scope};
use crate::standin::engine::app::Shared;
use crate::standin::engine::failure::Failure;
use crate::standin::engine::rows::{audit, moment};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

/// A label `l`.
macro_rules! label_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('label', l.label, 'version', l.version,
               'updatedBy', l.updated_by, 'updatedAt', ",
            moment!("l.updated_at"),
            "))"
        )
    };
}

pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor, Scope::Preview, Scope::Render])?;
    const LIST: &str = concat!(
        "SELECT coalesce(jsonb_agg(",
        label_item!(),
        " ORDER BY l.label), '[]'::jsonb) FROM template_labels l WHERE l.template_id = $1"
    );
    let id = template_id(&app.db, &caller, &key).await?;
    let items: Value = sqlx::query_scalar(LIST).bind(id).fetch_one(&app.db).await?;
    Ok(Json(json!({ "items": items })))
}

pub async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, label)): Path<(String, String)>,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor, Scope::Preview, Scope::Render])?;
    let id = template_id(&app.db, &caller, &key).await?;
    let version: Option<String> =
        sqlx::query_scalar("SELECT version FROM template_labels WHERE template_id = $1 AND label = $2")
            .bind(id)
            .bind(&label)
            .fetch_optional(&app.db)
            .await?;
    let version = version.ok_or_else(|| Failure::not_found(format!("label `{label}` of `{key}`")))?;
    answer(&app, &caller, &key, Some(&version)).await
}

/// What a label points at.
#[derive(Deserialize)]
pub struct Target {
    version: String,
}

pub async fn set(
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
    const SET: &str = concat!(
        "INSERT INTO template_labels AS l (template_id, label, version, updated_by)
         SELECT template_id, $2, version, $4 FROM template_versions WHERE template_id = $1 AND version = $3
             ON CONFLICT (template_id, label) DO UPDATE
                SET version = excluded.version, updated_by = excluded.updated_by, updated_at = now()
         RETURNING ",
        label_item!()
    );
    let mut transaction = app.db.begin().await?;
    let id = template_id(&mut *transaction, &caller, &key).await?;
    let set: Option<Value> = sqlx::query_scalar(SET)
        .bind(id)
        .bind(&label)
        .bind(&target.version)
        .bind(caller.actor())
        .fetch_optional(&mut *transaction)
        .await?;
    let set = set.ok_or_else(|| Failure::not_found(format!("template `{key}` at `{}`", target.version)))?;
    audit(
        &mut transaction,
        &caller,
        "label",
        "set",
        &format!("{key}/{label}"),
        json!({"version": target.version}),
    )
    .await?;
    transaction.commit().await?;
    Ok(Json(set))
}

pub async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, label)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    caller.allow(&[Scope::Editor])?;
    let mut transaction = app.db.begin().await?;
    let id = template_id(&mut *transaction, &caller, &key).await?;
    let gone = sqlx::query("DELETE FROM template_labels WHERE template_id = $1 AND label = $2")
        .bind(id)
        .bind(&label)
        .execute(&mut *transaction)
        .await?;
    if gone.rows_affected() == 0 {
        return Err(Failure::not_found(format!("label `{label}` of `{key}`")));
    }
    audit(&mut transaction, &caller, "label", "delete", &format!("{key}/{label}"), json!({})).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
