//! Schedules: when which template is rendered. Their history is elsewhere.

use crate::engine::access::{Caller, Input, Params};
use crate::engine::app::Shared;
use crate::engine::dispatcher::{begin, execute, next_fire};
use crate::engine::failure::Failure;
use crate::engine::rows::{audit, execution_item, page, paged, schedule_item};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A schedule as sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    cron_expression: String,
    #[serde(default = "utc")]
    timezone: String,
    template_key: String,
    template_version: Option<String>,
    template_label: Option<String>,
    #[serde(default = "pdf")]
    format: String,
    data_source: Value,
    #[serde(default)]
    delivery_targets: Vec<Value>,
    /// The moment before which it does not run.
    valid_from: Option<DateTime<Utc>>,
    /// When to run next, instead of by the expression: an extension of the stand-in, so that
    /// a drill can choose the time.
    next_fire_at: Option<DateTime<Utc>>,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".into()
}

fn pdf() -> String {
    "pdf".into()
}

impl Plan {
    fn read(body: Value) -> Result<Self, Failure> {
        let plan: Self = serde_json::from_value(body)
            .map_err(|error| Failure::bad_request(format!("the body is no schedule: {error}")))?;
        if plan.next().is_none() {
            return Err(Failure::invalid("cronExpression", "must be a cron expression that comes to pass"));
        }
        if !["UTC", "Etc/UTC"].contains(&plan.timezone.as_str()) {
            return Err(Failure::invalid("timezone", "must be UTC for the stand-in engine"));
        }
        if !["pdf", "html"].contains(&plan.format.as_str()) {
            return Err(Failure::invalid("format", "must be pdf or html for the stand-in engine"));
        }
        if plan.data_source["type"] != "static" {
            return Err(Failure::invalid("dataSource.type", "must be static for the stand-in engine"));
        }
        if plan.template_version.is_some() && plan.template_label.is_some() {
            return Err(Failure::bad_request("templateVersion and templateLabel exclude each other"));
        }
        Ok(plan)
    }

    fn next(&self) -> Option<DateTime<Utc>> {
        self.next_fire_at.or_else(|| {
            let now = Utc::now();
            next_fire(&self.cron_expression, self.valid_from.map_or(now, |from| from.max(now)))
        })
    }
}

pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = paged!(
        schedule_item!(),
        "schedules s WHERE s.tenant_id = $3 AND ($4::text IS NULL OR s.enabled = ($4 = 'true'))
           AND ($5::text IS NULL OR s.template_key = $5)",
        "s.created_at, s.id"
    );
    let text = |name: &str| params.get(name).map(str::to_owned);
    let (enabled, key) = (text("enabled"), text("templateKey"));
    page(app.rows.sql()?, LIST, params.page()?, |query| {
        query.bind(caller.tenant.clone()).bind(enabled).bind(key)
    })
    .await
    .map(Json)
}

pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    record(&app, &caller, parse_id(&id)?).await.map(Json)
}

pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Input(body): Input,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.admin()?;
    let (id, plan) = (Uuid::now_v7(), Plan::read(body)?);
    write(&app, &caller, id, &plan, "create").await?;
    Ok((StatusCode::CREATED, Json(record(&app, &caller, id).await?)))
}

pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Input(body): Input,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    let (id, plan) = (parse_id(&id)?, Plan::read(body)?);
    record(&app, &caller, id).await?;
    write(&app, &caller, id, &plan, "update").await?;
    record(&app, &caller, id).await.map(Json)
}

/// Members that are sent replace the existing ones. The next run is kept, unless the expression
/// or the moment itself is sent.
pub(crate) async fn patch(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Input(patch): Input<serde_json::Map<String, Value>>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    let id = parse_id(&id)?;
    let mut body = record(&app, &caller, id).await?;
    if patch.contains_key("cronExpression") {
        body["nextFireAt"] = Value::Null;
    }
    for (name, value) in patch {
        body[name] = value;
    }
    write(&app, &caller, id, &Plan::read(body)?, "update").await?;
    record(&app, &caller, id).await.map(Json)
}

async fn write(app: &Shared, caller: &Caller, id: Uuid, plan: &Plan, operation: &str) -> Result<(), Failure> {
    let mut transaction = app.rows.sql()?.begin().await?;
    let written = sqlx::query(
        "INSERT INTO schedules (id, tenant_id, name, enabled, cron_expression, timezone, template_key,
             template_version, template_label, format, data_source, delivery_targets, next_run_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled,
             cron_expression = excluded.cron_expression, timezone = excluded.timezone,
             template_key = excluded.template_key, template_version = excluded.template_version,
             template_label = excluded.template_label, format = excluded.format,
             data_source = excluded.data_source, delivery_targets = excluded.delivery_targets,
             next_run_at = excluded.next_run_at, updated_at = now()",
    )
    .bind(id)
    .bind(&caller.tenant)
    .bind(&plan.name)
    .bind(plan.enabled)
    .bind(&plan.cron_expression)
    .bind(&plan.timezone)
    .bind(&plan.template_key)
    .bind(&plan.template_version)
    .bind(&plan.template_label)
    .bind(&plan.format)
    .bind(&plan.data_source)
    .bind(json!(plan.delivery_targets))
    .bind(plan.next())
    .bind(caller.actor())
    .execute(&mut *transaction)
    .await;
    match written {
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            return Err(Failure::invalid(
                "templateKey",
                format!("there is no template `{}`", plan.template_key),
            ));
        }
        written => written?,
    };
    audit(&mut transaction, caller, "schedule", operation, &id.to_string(), json!({"name": plan.name}))
        .await?;
    transaction.commit().await?;
    app.schedules_changed.notify_one();
    Ok(())
}

pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    caller.admin()?;
    let id = parse_id(&id)?;
    let mut transaction = app.rows.sql()?.begin().await?;
    let gone = sqlx::query("DELETE FROM schedules WHERE tenant_id = $1 AND id = $2")
        .bind(&caller.tenant)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    if gone.rows_affected() == 0 {
        return Err(Failure::not_found(format!("schedule `{id}`")));
    }
    audit(&mut transaction, &caller, "schedule", "delete", &id.to_string(), json!({})).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a schedule by hand and answers with the finished execution.
pub(crate) async fn trigger(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.admin()?;
    let id = parse_id(&id)?;
    record(&app, &caller, id).await?;
    let mut transaction = app.rows.sql()?.begin().await?;
    let execution = begin(&mut transaction, id, None).await?;
    audit(&mut transaction, &caller, "schedule", "trigger", &id.to_string(), json!({})).await?;
    transaction.commit().await?;
    execute(&app, id, execution).await?;
    const ONE: &str = concat!("SELECT ", execution_item!(), " FROM schedule_executions e WHERE e.id = $1");
    let done: Value = sqlx::query_scalar(ONE).bind(execution).fetch_one(app.rows.sql()?).await?;
    Ok((StatusCode::ACCEPTED, Json(done)))
}

/// A schedule as the wire shows it.
pub(crate) async fn record(app: &Shared, caller: &Caller, id: Uuid) -> Result<Value, Failure> {
    const ONE: &str =
        concat!("SELECT ", schedule_item!(), " FROM schedules s WHERE s.tenant_id = $1 AND s.id = $2");
    let found: Option<Value> =
        sqlx::query_scalar(ONE).bind(&caller.tenant).bind(id).fetch_optional(app.rows.sql()?).await?;
    found.ok_or_else(|| Failure::not_found(format!("schedule `{id}`")))
}

pub(crate) fn parse_id(id: &str) -> Result<Uuid, Failure> {
    id.parse().map_err(|_| Failure::not_found(format!("schedule `{id}`")))
}
