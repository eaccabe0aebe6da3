//! Batch jobs in memory: a restart loses them.

use super::{FileRows, JobRow};
use crate::engine::failure::Failure;
use crate::engine::rows::{Job, JobResults, Jobs, wire_moment};
use async_trait::async_trait;
use chrono::Utc;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

impl FileRows {
    async fn end_job(
        &self,
        id: Uuid,
        retention: Duration,
        outcome: Result<JobResults, &str>,
    ) -> Result<(), Failure> {
        let mut jobs = self.jobs.lock().await;
        let job = jobs.get_mut(&id).ok_or_else(|| Failure::not_found(format!("job `{id}`")))?;
        job.ended = Some((Utc::now(), retention));
        (job.status, job.kept, job.failure_code) = match outcome {
            Ok(kept) => ("completed", Some(kept), None),
            Err(code) => ("failed", None, Some(code.to_owned())),
        };
        Ok(())
    }
}

#[async_trait]
impl Jobs for FileRows {
    async fn submit_job(
        &self,
        tenant: &str,
        id: Uuid,
        items: Vec<Value>,
        _webhook: Option<&str>,
    ) -> Result<String, Failure> {
        let created_at = Utc::now();
        let job = JobRow {
            tenant: tenant.to_owned(),
            items,
            status: "pending",
            failure_code: None,
            kept: None,
            created_at,
            ended: None,
        };
        self.jobs.lock().await.insert(id, job);
        Ok(wire_moment(created_at))
    }

    async fn begin_job(&self, id: Uuid) -> Result<(String, Vec<Value>), Failure> {
        let mut jobs = self.jobs.lock().await;
        let job = jobs.get_mut(&id).ok_or_else(|| Failure::not_found(format!("job `{id}`")))?;
        job.status = "processing";
        Ok((job.tenant.clone(), job.items.clone()))
    }

    async fn complete_job(&self, id: Uuid, kept: JobResults, retention: Duration) -> Result<(), Failure> {
        self.end_job(id, retention, Ok(kept)).await
    }

    async fn fail_job(&self, id: Uuid, code: &str, retention: Duration) -> Result<(), Failure> {
        self.end_job(id, retention, Err(code)).await
    }

    async fn job(&self, tenant: &str, id: Uuid) -> Result<Option<Job>, Failure> {
        let jobs = self.jobs.lock().await;
        let Some(job) = jobs.get(&id).filter(|job| job.tenant == tenant) else { return Ok(None) };
        let mut shown = json!({
            "jobId": id, "status": job.status, "format": "pdf", "itemCount": job.items.len(),
            "webhookDelivered": false, "createdAt": wire_moment(job.created_at),
        });
        if let Some(code) = &job.failure_code {
            shown["failureCode"] = json!(code);
        }
        if let Some((at, _)) = job.ended {
            shown["completedAt"] = json!(wire_moment(at));
        }
        let (results, result_key) = match &job.kept {
            Some(JobResults::Inline(results)) => (Some(results.clone()), None),
            Some(JobResults::Stored(key)) => (None, Some(key.clone())),
            None => (None, None),
        };
        let expired = job
            .ended
            .is_some_and(|(at, retention)| (Utc::now() - at).to_std().is_ok_and(|age| age > retention));
        Ok(Some(Job { shown, results, result_key, expired }))
    }

    /// There are none: they ended with the last process.
    async fn recover_jobs(&self, _grace: Duration, _retention: Duration) -> Result<Vec<Uuid>, Failure> {
        Ok(Vec::new())
    }
}
