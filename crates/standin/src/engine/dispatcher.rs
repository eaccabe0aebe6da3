//! The dispatcher: runs each schedule that is due by `schedules.next_run_at`, once: renders, delivers,
//! records.
//! What fails for good becomes a dead letter.

use super::app::Shared;
use super::defects::Defect;
use super::delivery::deliver;
use super::failure::Failure;
use super::rendering::{Format, Order, Source, render};
use super::schema::hex;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often the table is read when no change was signalled.
const TICK: Duration = Duration::from_secs(1);
/// How often a render or delivery is tried that fails for a passing reason.
const ATTEMPTS: i32 = 3;

/// The next moment after `after` that a cron expression names, in UTC; `None` for an expression
/// that is none or never comes.
pub(crate) fn next_fire(expression: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    expression.parse::<croner::Cron>().ok()?.find_next_occurrence(&after, false).ok()
}

/// Runs until it is aborted. A database that is away is tried again at the next tick.
pub(crate) async fn run(app: Shared) {
    loop {
        while let Ok(Some((schedule, executions))) = claim(&app).await {
            for execution in executions {
                let _ = execute(&app, schedule, execution).await;
            }
        }
        let _ = tokio::time::timeout(TICK, app.schedules_changed.notified()).await;
    }
}

/// Takes one due schedule: records the execution and moves `next_run_at` on, in one transaction.
async fn claim(app: &Shared) -> Result<Option<(Uuid, Vec<i64>)>, Failure> {
    let mut transaction = app.rows.sql()?.begin().await?;
    let due: Option<(Uuid, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT id, cron_expression, next_run_at FROM schedules
          WHERE enabled AND next_run_at <= now() ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((id, cron, nominal)) = due else { return Ok(None) };
    let mut executions = vec![begin(&mut transaction, id, Some(nominal)).await?];
    if app.settings.defects.has(Defect::RepeatsMissedRuns) && nominal < app.started {
        executions.push(begin(&mut transaction, id, Some(nominal - TICK)).await?);
    }
    sqlx::query("UPDATE schedules SET next_run_at = $2 WHERE id = $1")
        .bind(id)
        .bind(next_fire(&cron, Utc::now()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Some((id, executions)))
}

/// Records that an execution begins: at a nominal moment by cron, without one by hand.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    schedule: Uuid,
    nominal: Option<DateTime<Utc>>,
) -> Result<i64, sqlx::Error> {
    sqlx::query("UPDATE schedules SET last_run_at = now(), run_count = run_count + 1 WHERE id = $1")
        .bind(schedule)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(
        "INSERT INTO schedule_executions (schedule_id, trigger, nominal_at, status)
         VALUES ($1, CASE WHEN $2::timestamptz IS NULL THEN 'manual' ELSE 'cron' END, $2, 'processing')
         RETURNING id",
    )
    .bind(schedule)
    .bind(nominal)
    .fetch_one(connection)
    .await
}

/// Renders what a schedule asks for and records the outcome; a failure that stays becomes a dead
/// letter.
pub(crate) async fn execute(app: &Shared, schedule: Uuid, execution: i64) -> Result<(), Failure> {
    let row: (String, String, Option<String>, Option<String>, String, Value, Value) = sqlx::query_as(
        "SELECT tenant_id, template_key, template_version, template_label, format, data_source, delivery_targets
           FROM schedules WHERE id = $1",
    )
    .bind(schedule)
    .fetch_one(app.rows.sql()?)
    .await?;
    let (tenant, key, version, label, format, source, targets) = row;
    let order = Order {
        template: Some(key.into()),
        data: source.get("data").cloned(),
        version,
        label,
        definition: None,
    };
    let format = if format == "html" { Format::Html } else { Format::Pdf };
    let begun = Instant::now();
    let (rendered, attempts) = persist(|| render(app, &tenant, &order, format, Source::Scheduled)).await;
    let (outcome, attempts) = match rendered {
        Err(failure) => (Err(failure), attempts),
        Ok(document) => {
            let (delivered, attempts) = persist(|| deliver(&targets, &document.bytes, format)).await;
            (delivered.map(|()| document.bytes), attempts)
        }
    };
    record(app, schedule, execution, outcome, attempts, begun.elapsed()).await
}

/// Writes down how an execution ended, and the dead letter of one that failed.
async fn record(
    app: &Shared,
    schedule: Uuid,
    execution: i64,
    outcome: Result<Vec<u8>, Failure>,
    attempts: i32,
    took: Duration,
) -> Result<(), Failure> {
    let digest = outcome.as_ref().ok().map(|bytes| hex(&Sha256::digest(bytes)));
    let failure = outcome.err();
    let mut transaction = app.rows.sql()?.begin().await?;
    sqlx::query(
        "UPDATE schedule_executions SET status = CASE WHEN $2::text IS NULL THEN 'completed' ELSE 'failed' END,
                last_error = $2, output_sha256 = $3, attempts = $4, render_duration_ms = $5, updated_at = now()
          WHERE id = $1",
    )
    .bind(execution)
    .bind(failure.as_ref().map(|failure| failure.message.clone()))
    .bind(digest)
    .bind(attempts)
    .bind(i32::try_from(took.as_millis()).unwrap_or(i32::MAX))
    .execute(&mut *transaction)
    .await?;
    if let Some(failure) = failure {
        sqlx::query(
            "INSERT INTO schedule_dlq (schedule_id, execution_id, error_code, last_error) VALUES ($1, $2, $3, $4)",
        )
        .bind(schedule)
        .bind(execution)
        .bind(failure.code)
        .bind(failure.message)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Retries transient errors with growing delays; returns the number of attempts.
async fn persist<T, F>(attempt: impl Fn() -> F) -> (Result<T, Failure>, i32)
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(failure) if failure.status.is_server_error() && attempts < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(100) * attempts.cast_unsigned()).await;
                attempts += 1;
            }
            outcome => return (outcome, attempts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::next_fire;

    #[test]
    fn a_cron_expression_names_its_next_moment_and_nonsense_none() {
        let after = "2030-01-01T08:59:59Z".parse().expect("moment");
        let next = |text: &str| next_fire(text, after).map(|moment| moment.to_rfc3339());
        assert_eq!(next("0 9 * * *").as_deref(), Some("2030-01-01T09:00:00+00:00"));
        assert_eq!(next("0 0 * * 0").as_deref(), Some("2030-01-06T00:00:00+00:00"), "0 is Sunday");
        assert_eq!(next("every day"), None);
        assert_eq!(next("0 0 30 2 *"), None);
    }
}
