//! What schedules did: executions, and dead letters of those that failed.

use super::schedules::{parse_id, record};
use crate::engine::access::{Caller, Params};
use crate::engine::app::Shared;
use crate::engine::defects::Defect;
use crate::engine::dispatcher::{begin, execute};
use crate::engine::failure::Failure;
use crate::engine::rows::{audit, execution_item, moment, page, paged};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use uuid::Uuid;

/// A dead letter `d`.
macro_rules! letter_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', d.id::text, 'scheduleId', d.schedule_id,
               'executionId', d.execution_id::text, 'status', d.status, 'errorCode', d.error_code,
               'lastError', d.last_error, 'createdAt', ",
            moment!("d.created_at"),
            ", 'resolvedAt', ",
            moment!("d.resolved_at"),
            "))"
        )
    };
}

pub(crate) async fn executions(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = paged!(
        execution_item!(),
        "schedule_executions e WHERE e.schedule_id = $3 AND ($4::text IS NULL OR e.status = $4)",
        "e.id DESC"
    );
    let id = parse_id(&id)?;
    record(&app, &caller, id).await?;
    let status = params.get("status").map(str::to_owned);
    page(app.rows.sql()?, LIST, params.page()?, |query| query.bind(id).bind(status)).await.map(Json)
}

pub(crate) async fn execution(
    State(app): State<Shared>,
    caller: Caller,
    Path((id, execution)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const ONE: &str = concat!(
        "SELECT ",
        execution_item!(),
        " FROM schedule_executions e WHERE e.schedule_id = $1 AND e.id::text = $2"
    );
    let id = parse_id(&id)?;
    record(&app, &caller, id).await?;
    let found: Option<Value> =
        sqlx::query_scalar(ONE).bind(id).bind(&execution).fetch_optional(app.rows.sql()?).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("execution `{execution}`")))
}

pub(crate) async fn dead_letters(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const LIST: &str = paged!(
        letter_item!(),
        "schedule_dlq d JOIN schedules s ON s.id = d.schedule_id
          WHERE s.tenant_id = $3 AND ($4::text IS NULL OR d.status = $4)
            AND ($5::timestamptz IS NULL OR d.created_at >= $5)",
        "d.id DESC"
    );
    let status = params.get("status").map(str::to_owned);
    let since = app.settings.defects.has(Defect::HidesDeadLetters).then_some(app.started);
    page(app.rows.sql()?, LIST, params.page()?, |query| {
        query.bind(caller.tenant.clone()).bind(status).bind(since)
    })
    .await
    .map(Json)
}

pub(crate) async fn dead_letter(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.admin()?;
    const ONE: &str = concat!(
        "SELECT ",
        letter_item!(),
        " FROM schedule_dlq d JOIN schedules s ON s.id = d.schedule_id WHERE s.tenant_id = $1 AND d.id::text = $2"
    );
    let found: Option<Value> =
        sqlx::query_scalar(ONE).bind(&caller.tenant).bind(&id).fetch_optional(app.rows.sql()?).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("dead letter `{id}`")))
}

pub(crate) async fn replay(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let schedule = resolve(&app, &caller, &id, "replayed").await?;
    let mut transaction = app.rows.sql()?.begin().await?;
    let execution = begin(&mut transaction, schedule, None).await?;
    transaction.commit().await?;
    execute(&app, schedule, execution).await?;
    dead_letter(State(app), caller, Path(id)).await
}

pub(crate) async fn abandon(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    resolve(&app, &caller, &id, "abandoned").await?;
    dead_letter(State(app), caller, Path(id)).await
}

/// Ends a pending dead letter; gives its schedule.
async fn resolve(app: &Shared, caller: &Caller, id: &str, status: &str) -> Result<Uuid, Failure> {
    caller.admin()?;
    let mut transaction = app.rows.sql()?.begin().await?;
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "SELECT d.schedule_id, d.status FROM schedule_dlq d JOIN schedules s ON s.id = d.schedule_id
          WHERE s.tenant_id = $1 AND d.id::text = $2 FOR UPDATE OF d",
    )
    .bind(&caller.tenant)
    .bind(id)
    .fetch_optional(&mut *transaction)
    .await?;
    let (schedule, now) = row.ok_or_else(|| Failure::not_found(format!("dead letter `{id}`")))?;
    if now != "pending" {
        return Err(Failure::conflict("already_terminal", format!("dead letter `{id}` is {now} already")));
    }
    sqlx::query("UPDATE schedule_dlq SET status = $2, resolved_at = now() WHERE id::text = $1")
        .bind(id)
        .bind(status)
        .execute(&mut *transaction)
        .await?;
    audit(&mut transaction, caller, "schedule-dlq", status, id, json!({})).await?;
    transaction.commit().await?;
    Ok(schedule)
}
