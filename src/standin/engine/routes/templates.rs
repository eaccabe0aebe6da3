//! Templates and their version history. Every change makes a new version; nothing is overwritten.
//! A deleted template goes to the trash and keeps its key until it is purged.

use crate::standin::engine::access::{Caller, Input, Params, Scope, if_match};
use crate::standin::engine::app::Shared;
use crate::standin::engine::failure::Failure;
use crate::standin::engine::rows::{audit, moment, page, paged, template_item};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection, Postgres};
use uuid::Uuid;

const READERS: [Scope; 3] = [Scope::Editor, Scope::Preview, Scope::Render];

pub async fn list(State(app): State<Shared>, caller: Caller, params: Params) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    const LIST: &str = paged!(
        template_item!(),
        "templates t WHERE t.tenant_id = $3 AND (t.deleted_at IS NOT NULL) = $4
           AND ($5::text IS NULL OR t.key ILIKE '%' || $5 || '%' OR t.name ILIKE '%' || $5 || '%')",
        "t.key"
    );
    let trash = params.get("state") == Some("trash");
    let text = params.get("q").map(str::to_owned);
    page(&app.db, LIST, &params, |query| query.bind(caller.tenant.clone()).bind(trash).bind(text))
        .await
        .map(Json)
}

pub async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    caller.allow(&READERS)?;
    answer(&app, &caller, &key, None).await
}

pub async fn create(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Input(definition): Input,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor])?;
    let key = check(&definition)?;
    let sent = definition["version"].as_str().unwrap_or("1.0.0");
    let version = parse(sent)
        .map(|_| sent.to_owned())
        .ok_or_else(|| Failure::invalid("version", "must be like 1.0.0"))?;
    let mut transaction = app.db.begin().await?;
    let id = Uuid::now_v7();
    let made = sqlx::query(
        "INSERT INTO templates (id, tenant_id, key, name, description, current_version)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, key) DO NOTHING",
    )
    .bind(id)
    .bind(&caller.tenant)
    .bind(&key)
    .bind(definition["name"].as_str())
    .bind(definition["description"].as_str())
    .bind(&version)
    .execute(&mut *transaction)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Failure::conflict("conflict", format!("there is a template `{key}` already")));
    }
    add_version(&mut transaction, &caller, id, &version, definition, note(&headers)).await?;
    audit(&mut transaction, &caller, "template", "create", &key, json!({"version": version})).await?;
    transaction.commit().await?;
    let summary = answer(&app, &caller, &key, None).await?;
    Ok((StatusCode::CREATED, summary).into_response())
}

pub async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    headers: HeaderMap,
    Input(definition): Input,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor])?;
    let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
    if check(&definition)? != key {
        return Err(Failure::invalid("key", "must be the key in the path: keys never change"));
    }
    change(&app, &caller, &key, &wanted, "update", definition, note(&headers)).await
}

pub async fn restore(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    caller.admin()?;
    let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
    let old: Option<Value> = sqlx::query_scalar(
        "SELECT v.definition FROM templates t JOIN template_versions v ON v.template_id = t.id
          WHERE t.tenant_id = $1 AND t.key = $2 AND t.deleted_at IS NULL AND v.version = $3",
    )
    .bind(&caller.tenant)
    .bind(&key)
    .bind(&version)
    .fetch_optional(&app.db)
    .await?;
    let old = old.ok_or_else(|| Failure::not_found(format!("template `{key}` at `{version}`")))?;
    change(&app, &caller, &key, &wanted, "restore", old, note(&headers)).await
}

/// Adds `definition` as the next version, if `wanted` still is the current one.
async fn change(
    app: &Shared,
    caller: &Caller,
    key: &str,
    wanted: &str,
    operation: &str,
    definition: Value,
    note: Option<String>,
) -> Result<Response, Failure> {
    let mut transaction = app.db.begin().await?;
    let (id, current) = lock(&mut transaction, caller, key, wanted).await?;
    let [major, minor, patch] = parse(&current).ok_or_else(|| {
        Failure::internal("internal_error", format!("the current version `{current}` is no version"))
    })?;
    let next = format!("{major}.{minor}.{}", patch + 1);
    let (name, description) = (definition["name"].clone(), definition["description"].clone());
    add_version(&mut transaction, caller, id, &next, definition, note).await?;
    sqlx::query(
        "UPDATE templates SET current_version = $2, name = $3, description = $4, updated_at = now() WHERE id = $1",
    )
    .bind(id)
    .bind(&next)
    .bind(name.as_str())
    .bind(description.as_str())
    .execute(&mut *transaction)
    .await?;
    audit(&mut transaction, caller, "template", operation, key, json!({"from": current, "version": next}))
        .await?;
    transaction.commit().await?;
    answer(app, caller, key, None).await
}

pub async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Result<StatusCode, Failure> {
    caller.admin()?;
    let mut transaction = app.db.begin().await?;
    if params.flag("permanent")? {
        let gone =
            sqlx::query("DELETE FROM templates WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NOT NULL")
                .bind(&caller.tenant)
                .bind(&key)
                .execute(&mut *transaction)
                .await?;
        if gone.rows_affected() == 0 {
            return Err(Failure::conflict("template_not_in_trash", format!("`{key}` is not in the trash")));
        }
        audit(&mut transaction, &caller, "template", "purge", &key, json!({})).await?;
    } else {
        let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
        let (id, _) = lock(&mut transaction, &caller, &key, &wanted).await?;
        sqlx::query("UPDATE templates SET deleted_at = now(), deleted_by = $2 WHERE id = $1")
            .bind(id)
            .bind(caller.actor())
            .execute(&mut *transaction)
            .await?;
        audit(&mut transaction, &caller, "template", "delete", &key, json!({"version": wanted})).await?;
    }
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn undelete(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    caller.admin()?;
    let mut transaction = app.db.begin().await?;
    let back = sqlx::query(
        "UPDATE templates SET deleted_at = NULL, deleted_by = NULL
          WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NOT NULL",
    )
    .bind(&caller.tenant)
    .bind(&key)
    .execute(&mut *transaction)
    .await?;
    if back.rows_affected() == 0 {
        return Err(Failure::conflict("template_not_in_trash", format!("`{key}` is not in the trash")));
    }
    audit(&mut transaction, &caller, "template", "undelete", &key, json!({})).await?;
    transaction.commit().await?;
    answer(&app, &caller, &key, None).await
}

pub async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    const LIST: &str = paged!(
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('version', v.version, 'createdBy', v.created_by,
               'changeNote', v.change_note, 'createdAt', ",
            moment!("v.created_at"),
            "))"
        ),
        "templates t JOIN template_versions v ON v.template_id = t.id
          WHERE t.tenant_id = $3 AND t.key = $4 AND t.deleted_at IS NULL",
        "v.id DESC"
    );
    template_id(&app.db, &caller, &key).await?;
    page(&app.db, LIST, &params, |query| query.bind(caller.tenant.clone()).bind(key)).await.map(Json)
}

pub async fn version(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, version)): Path<(String, String)>,
) -> Result<Response, Failure> {
    caller.allow(&READERS)?;
    answer(&app, &caller, &key, Some(&version)).await
}

/// A template with its definition, at a version (then under the name it had) or the current one,
/// under its `ETag`.
pub async fn answer(
    app: &Shared,
    caller: &Caller,
    key: &str,
    version: Option<&str>,
) -> Result<Response, Failure> {
    const ONE: &str = concat!(
        "SELECT t.current_version, ",
        template_item!(),
        " || jsonb_build_object('definition', v.definition)
          || CASE WHEN $3 IS NULL THEN '{}' ELSE jsonb_build_object('name', v.definition -> 'name') END
           FROM templates t JOIN template_versions v ON v.template_id = t.id
            AND v.version = coalesce($3, t.current_version)
          WHERE t.tenant_id = $1 AND t.key = $2 AND t.deleted_at IS NULL"
    );
    let found: Option<(String, Value)> =
        sqlx::query_as(ONE).bind(&caller.tenant).bind(key).bind(version).fetch_optional(&app.db).await?;
    let (current, body) = found.ok_or_else(|| match version {
        Some(version) => Failure::not_found(format!("template `{key}` at `{version}`")),
        None => Failure::not_found(format!("template `{key}`")),
    })?;
    Ok(([(header::ETAG, format!("\"{current}\""))], Json(body)).into_response())
}

/// The row id of a template that is not in the trash.
pub async fn template_id(
    db: impl Executor<'_, Database = Postgres>,
    caller: &Caller,
    key: &str,
) -> Result<Uuid, Failure> {
    let id = "SELECT id FROM templates WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NULL";
    let id: Option<Uuid> = sqlx::query_scalar(id).bind(&caller.tenant).bind(key).fetch_optional(db).await?;
    id.ok_or_else(|| Failure::not_found(format!("template `{key}`")))
}

/// Locks the row and refuses unless `wanted` is its current version.
async fn lock(
    connection: &mut PgConnection,
    caller: &Caller,
    key: &str,
    wanted: &str,
) -> Result<(Uuid, String), Failure> {
    if parse(wanted).is_none() {
        return Err(Failure::bad_request("If-Match must be a version such as \"1.0.3\""));
    }
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "SELECT id, current_version FROM templates
          WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NULL FOR UPDATE",
    )
    .bind(&caller.tenant)
    .bind(key)
    .fetch_optional(connection)
    .await?;
    let (id, current) = row.ok_or_else(|| Failure::not_found(format!("template `{key}`")))?;
    if current != wanted {
        return Err(Failure::stale(current));
    }
    Ok((id, current))
}

async fn add_version(
    connection: &mut PgConnection,
    caller: &Caller,
    template: Uuid,
    version: &str,
    mut definition: Value,
    note: Option<String>,
) -> Result<(), sqlx::Error> {
    definition["version"] = json!(version);
    sqlx::query(
        "INSERT INTO template_versions (template_id, version, definition, change_note, created_by)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(template)
    .bind(version)
    .bind(definition)
    .bind(note)
    .bind(caller.actor())
    .execute(connection)
    .await
    .map(drop)
}

/// The definition's key, if the members that every template needs are there.
fn check(definition: &Value) -> Result<String, Failure> {
    let slug = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
    };
    let key = definition["key"].as_str().filter(|key| slug(key));
    let key = key.ok_or_else(|| Failure::invalid("key", "must be a slug of a-z, 0-9, `-`, `_` and `.`"))?;
    if definition["name"].as_str().is_none_or(str::is_empty) {
        return Err(Failure::invalid("name", "must be a text"));
    }
    if !definition["inputSchema"].is_object() {
        return Err(Failure::invalid("inputSchema", "must be a JSON Schema object"));
    }
    if definition["document"]["type"] != "document" || !definition["document"]["children"].is_array() {
        return Err(Failure::invalid("document", "must be a node of type `document` with children"));
    }
    Ok(key.to_owned())
}

fn parse(version: &str) -> Option<[u64; 3]> {
    let parts: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// The change note travels percent-encoded in a header.
fn note(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get("x-pulpengine-change-note")?.to_str().ok()?.replace('+', "%2B");
    url::form_urlencoded::parse(format!("note={sent}").as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_version_has_three_numbers() {
        assert_eq!(parse("1.0.12"), Some([1, 0, 12]));
        for wrong in ["1.0", "1.0.x", "", "1.0.0.0", "v1.0.0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
