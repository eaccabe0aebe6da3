//! The rest of the durable state: tenants, editors, the audit trail, usage.

use crate::standin::engine::access::{Caller, Input, Params};
use crate::standin::engine::app::Shared;
use crate::standin::engine::failure::Failure;
use crate::standin::engine::rows::{audit, moment, page, paged};
use crate::standin::engine::schema::hex;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A tenant `t`.
macro_rules! tenant_item {
    () => {
        concat!(
            "jsonb_build_object('id', t.id, 'name', t.name, 'status', t.status, 'createdAt', ",
            moment!("t.created_at"),
            ")"
        )
    };
}

/// An editor `u`; the key itself is never shown.
macro_rules! user_item {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('id', u.id, 'displayName', u.display_name, 'role', u.role,
           'keyHint', u.key_hint, 'email', u.email, 'active', u.active, 'tenantId', u.tenant_id))"
    };
}

pub async fn tenants(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    page(&app.db, paged!(tenant_item!(), "tenants t", "t.id"), &params, |query| query).await.map(Json)
}

pub async fn tenant(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const ONE: &str = concat!("SELECT ", tenant_item!(), " FROM tenants t WHERE t.id = $1");
    let found: Option<Value> = sqlx::query_scalar(ONE).bind(&id).fetch_optional(&app.db).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("tenant `{id}`")))
}

/// A tenant to be.
#[derive(Deserialize)]
pub struct NewTenant {
    id: String,
    name: String,
}

pub async fn create_tenant(
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
    let mut transaction = app.db.begin().await?;
    let made: Option<Value> =
        sqlx::query_scalar(INSERT).bind(&new.id).bind(&new.name).fetch_optional(&mut *transaction).await?;
    let made =
        made.ok_or_else(|| Failure::conflict("conflict", format!("there is a tenant `{}` already", new.id)))?;
    audit(&mut transaction, &caller, "tenant", "create", &new.id, json!({})).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub async fn users(State(app): State<Shared>, caller: Caller) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = concat!(
        "SELECT jsonb_build_object('users', coalesce(jsonb_agg(",
        user_item!(),
        " ORDER BY u.id), '[]'::jsonb)) FROM editor_users u WHERE u.tenant_id = $1"
    );
    Ok(Json(sqlx::query_scalar(LIST).bind(&caller.tenant).fetch_one(&app.db).await?))
}

/// An editor to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    id: String,
    display_name: String,
    key: String,
    role: String,
    email: Option<String>,
}

pub async fn create_user(
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
    let mut transaction = app.db.begin().await?;
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

pub async fn audit_events(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = paged!(
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', e.id::text, 'event', e.event, 'operation', e.operation,
               'resourceType', e.resource_type, 'resourceId', e.resource_id, 'actor', e.actor,
               'credentialScope', e.credential_scope, 'details', e.details, 'timestamp', ",
            moment!("e.\"timestamp\""),
            "))"
        ),
        "audit_events e WHERE e.tenant_id = $3 AND ($4::text IS NULL OR e.event = $4)
           AND ($5::text IS NULL OR e.operation = $5) AND ($6::text IS NULL OR e.resource_type = $6)
           AND ($7::text IS NULL OR e.resource_id = $7)",
        "e.id DESC"
    );
    let text = |name: &str| params.get(name).map(str::to_owned);
    let filters = (text("event"), text("operation"), text("resourceType"), text("resourceId"));
    page(&app.db, LIST, &params, |query| {
        query.bind(caller.tenant.clone()).bind(filters.0).bind(filters.1).bind(filters.2).bind(filters.3)
    })
    .await
    .map(Json)
}

pub async fn usage(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = paged!(
        "jsonb_build_object('templateKey', u.template_key, 'format', u.format, 'source', u.source,
           'renders', u.renders, 'bytes', u.bytes)",
        "(SELECT template_key, format, source, count(*) AS renders, sum(size_bytes) AS bytes
            FROM render_usage WHERE tenant_id = $3 GROUP BY template_key, format, source) u",
        "u.template_key NULLS FIRST, u.format, u.source"
    );
    page(&app.db, LIST, &params, |query| query.bind(caller.tenant.clone())).await.map(Json)
}
