//! The rest of the durable state: tenants, editors, the audit trail, usage.

use crate::engine::access::{Caller, Input, Params};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use crate::engine::rows::{EventFilter, audit, tenant_item};
use crate::engine::schema::hex;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An editor `u`; the key itself is never shown.
macro_rules! user_item {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('id', u.id, 'displayName', u.display_name, 'role', u.role,
           'keyHint', u.key_hint, 'email', u.email, 'active', u.active, 'tenantId', u.tenant_id))"
    };
}

pub(crate) async fn tenants(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    app.rows.tenants(params.page()?).await.map(Json)
}

pub(crate) async fn tenant(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    let found = app.rows.tenant(&id).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("tenant `{id}`")))
}

/// A tenant to be.
#[derive(Deserialize)]
pub(crate) struct NewTenant {
    id: String,
    name: String,
}

pub(crate) async fn create_tenant(
    State(app): State<Shared>,
    caller: Caller,
    Input(new): Input<NewTenant>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.admin()?;
    let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.id.is_empty() || new.id.starts_with('-') || !new.id.chars().all(slug) {
        return Err(Failure::invalid("id", "must be a slug of a-z, 0-9 and `-`"));
    }
    const INSERT: &str = concat!(
        "INSERT INTO tenants AS t (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING ",
        tenant_item!()
    );
    let mut transaction = app.rows.sql()?.begin().await?;
    let made: Option<Value> =
        sqlx::query_scalar(INSERT).bind(&new.id).bind(&new.name).fetch_optional(&mut *transaction).await?;
    let made =
        made.ok_or_else(|| Failure::conflict("conflict", format!("there is a tenant `{}` already", new.id)))?;
    audit(&mut transaction, &caller, "tenant", "create", &new.id, json!({})).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What a tenant's record may be given.
#[derive(Deserialize)]
pub(crate) struct TenantPatch {
    name: String,
}

pub(crate) async fn rename_tenant(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Input(patch): Input<TenantPatch>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    let mut transaction = app.rows.sql()?.begin().await?;
    let renamed = sqlx::query("UPDATE tenants SET name = $2 WHERE id = $1").bind(&id).bind(&patch.name);
    if renamed.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Err(Failure::not_found(format!("tenant `{id}`")));
    }
    audit(&mut transaction, &caller, "tenant", "update", &id, json!({})).await?;
    transaction.commit().await?;
    tenant(State(app), caller, Path(id)).await
}

pub(crate) async fn archive_tenant(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    set_status(&app, &caller, &id, "archived", "archive").await
}

pub(crate) async fn unarchive_tenant(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    set_status(&app, &caller, &id, "active", "unarchive").await
}

async fn set_status(
    app: &Shared,
    caller: &Caller,
    id: &str,
    status: &str,
    operation: &str,
) -> Result<StatusCode, Failure> {
    caller.admin()?;
    if id == caller.tenant {
        return Err(Failure::conflict("conflict", "a tenant can't archive itself"));
    }
    let mut transaction = app.rows.sql()?.begin().await?;
    let set = if app.settings.rows.dates_tenant_status() {
        "UPDATE tenants SET status = $2, status_changed_at = now() WHERE id = $1"
    } else {
        "UPDATE tenants SET status = $2 WHERE id = $1"
    };
    let set = sqlx::query(set).bind(id).bind(status);
    if set.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Err(Failure::not_found(format!("tenant `{id}`")));
    }
    audit(&mut transaction, caller, "tenant", operation, id, json!({})).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn users(State(app): State<Shared>, caller: Caller) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = concat!(
        "SELECT jsonb_build_object('users', coalesce(jsonb_agg(",
        user_item!(),
        " ORDER BY u.id), '[]'::jsonb)) FROM editor_users u WHERE u.tenant_id = $1"
    );
    Ok(Json(sqlx::query_scalar(LIST).bind(&caller.tenant).fetch_one(app.rows.sql()?).await?))
}

/// An editor to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewUser {
    id: String,
    display_name: String,
    key: String,
    role: String,
    email: Option<String>,
}

pub(crate) async fn create_user(
    State(app): State<Shared>,
    caller: Caller,
    Input(new): Input<NewUser>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.admin()?;
    let roles = ["viewer", "author", "editor", "publisher", "scheduler", "auditor", "admin", "none"];
    if !roles.contains(&new.role.as_str()) {
        return Err(Failure::invalid("role", format!("must be one of {}", roles.join(", "))));
    }
    const INSERT: &str = concat!(
        "INSERT INTO editor_users AS u (id, tenant_id, display_name, role, key_hash, key_hint, email)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING ",
        user_item!()
    );
    let hint: String = new.key.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let mut transaction = app.rows.sql()?.begin().await?;
    let made: Option<Value> = sqlx::query_scalar(INSERT)
        .bind(&new.id)
        .bind(&caller.tenant)
        .bind(&new.display_name)
        .bind(&new.role)
        .bind(hex(&Sha256::digest(&new.key)))
        .bind(format!("…{hint}"))
        .bind(&new.email)
        .fetch_optional(&mut *transaction)
        .await?;
    let made =
        made.ok_or_else(|| Failure::conflict("conflict", format!("there is a user `{}` already", new.id)))?;
    audit(&mut transaction, &caller, "user", "create", &new.id, json!({"role": new.role})).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(crate) async fn audit_events(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    let text = |name: &str| params.get(name).map(str::to_owned);
    let filter = EventFilter {
        event: text("event"),
        operation: text("operation"),
        resource_type: text("resourceType"),
        resource_id: text("resourceId"),
    };
    let page = app.rows.audit_events(&caller.tenant, filter, params.page()?).await?;
    app.settings.defects.audited(&page, &*app.rows, &app.binaries).await?;
    Ok(Json(page))
}

pub(crate) async fn usage(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    app.rows.usage(&caller.tenant, params.page()?).await.map(Json)
}
