//! Batch jobs in a database: they outlive the process.

use super::PostgresRows;
use crate::engine::failure::Failure;
use crate::engine::rows::{Job, JobResults, Jobs, moment};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl Jobs for PostgresRows {
    async fn submit_job(
        &self,
        tenant: &str,
        id: Uuid,
        items: Vec<Value>,
        webhook: Option<&str>,
    ) -> Result<String, Failure> {
        const INSERT: &str = concat!(
            "INSERT INTO batch_jobs (id, tenant_id, items, webhook_url) VALUES ($1, $2, $3, $4) RETURNING ",
            moment!("created_at")
        );
        let made = sqlx::query_scalar(INSERT).bind(id).bind(tenant).bind(Value::Array(items)).bind(webhook);
        Ok(made.fetch_one(&self.db).await?)
    }

    async fn begin_job(&self, id: Uuid) -> Result<(String, Vec<Value>), Failure> {
        let (tenant, items): (String, Value) = sqlx::query_as(
            "UPDATE batch_jobs SET status = 'processing', started_at = now() WHERE id = $1
             RETURNING tenant_id, items",
        )
        .bind(id)
        .fetch_one(&self.db)
        .await?;
        Ok((tenant, items.as_array().cloned().unwrap_or_default()))
    }

    async fn complete_job(&self, id: Uuid, kept: JobResults, retention: Duration) -> Result<(), Failure> {
        let (inline, key) = match kept {
            JobResults::Inline(results) => (Some(results), None),
            JobResults::Stored(key) => (None, Some(key)),
        };
        sqlx::query(
            "UPDATE batch_jobs SET status = 'completed', results = $2, result_key = $3, completed_at = now(),
                    expires_at = now() + make_interval(secs => $4) WHERE id = $1",
        )
        .bind(id)
        .bind(inline)
        .bind(key)
        .bind(retention.as_secs_f64())
        .execute(&self.db)
        .await?;
        Ok(())
    }

    async fn fail_job(&self, id: Uuid, code: &str, retention: Duration) -> Result<(), Failure> {
        let failed = sqlx::query(
            "UPDATE batch_jobs SET status = 'failed', failure_code = $2, result_key = NULL, completed_at = now(),
                    expires_at = now() + make_interval(secs => $3) WHERE id = $1",
        );
        failed.bind(id).bind(code).bind(retention.as_secs_f64()).execute(&self.db).await?;
        Ok(())
    }

    async fn job(&self, tenant: &str, id: Uuid) -> Result<Option<Job>, Failure> {
        const ONE: &str = concat!(
            "SELECT jsonb_strip_nulls(jsonb_build_object('jobId', id, 'status', status, 'format', format,
               'itemCount', jsonb_array_length(items), 'webhookDelivered', webhook_delivered,
               'failureCode', failure_code, 'createdAt', ",
            moment!("created_at"),
            ", 'completedAt', ",
            moment!("completed_at"),
            ")), results, result_key, coalesce(expires_at < now(), false)
               FROM batch_jobs WHERE tenant_id = $1 AND id = $2"
        );
        let row: Option<(Value, Option<Value>, Option<String>, bool)> =
            sqlx::query_as(ONE).bind(tenant).bind(id).fetch_optional(&self.db).await?;
        Ok(row.map(|(shown, results, result_key, expired)| Job { shown, results, result_key, expired }))
    }

    async fn recover_jobs(&self, grace: Duration, retention: Duration) -> Result<Vec<Uuid>, Failure> {
        sqlx::query(
            "UPDATE batch_jobs SET status = 'failed', failure_code = 'job_abandoned_at_startup',
                    completed_at = now(), expires_at = now() + make_interval(secs => $2)
              WHERE status IN ('pending', 'processing') AND created_at < now() - make_interval(secs => $1)",
        )
        .bind(grace.as_secs_f64())
        .bind(retention.as_secs_f64())
        .execute(&self.db)
        .await?;
        let rest = sqlx::query_scalar(
            "SELECT id FROM batch_jobs WHERE status IN ('pending', 'processing') ORDER BY id",
        );
        Ok(rest.fetch_all(&self.db).await?)
    }
}
