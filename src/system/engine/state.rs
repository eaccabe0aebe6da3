//! The calls on the rest of the durable state: batch jobs, tenants, versions and labels, what
//! schedules did, the audit trail, usage.

use crate::system::engine::answer::{CallError, HttpAnswer, Unreachable};
use crate::system::engine::records::{
    AcceptedJob, AuditEvent, BatchJobRecord, DeadLetter, Execution, Label, TemplateRecord, TemplateVersion,
    Tenant, UsageLine,
};
use crate::system::engine::wire::{Engine, Scope};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// The list of labels, which is not paged.
#[derive(Deserialize)]
struct Labels {
    items: Vec<Label>,
}

impl Engine {
    /// `POST /render/batch/async`: each item is `{template, data, …}`.
    pub async fn submit_batch(&self, items: &[Value]) -> Result<AcceptedJob, CallError> {
        let url = self.at(&["render", "batch", "async"]);
        let request = self.request(Method::POST, url, Scope::Render)?;
        self.json(request.json(&json!({ "items": items }))).await
    }

    /// `GET /render/batch/jobs/:id`. A finished job whose result is gone, or that is past its
    /// retention, is refused.
    pub async fn batch_job(&self, id: &str) -> Result<BatchJobRecord, CallError> {
        let url = self.at(&["render", "batch", "jobs", id]);
        self.json(self.request(Method::GET, url, Scope::Render)?).await
    }

    /// `GET /admin/tenants/`, all pages.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, CallError> {
        self.pages(&["admin", "tenants", ""]).await
    }

    /// `GET /templates/` as another tenant's: whatever is answered is the answer.
    pub async fn as_tenant(&self, tenant: &str) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::GET, self.at(&["templates", ""]), Scope::Admin)?;
        let (_, answer) = self.answer(request.header("x-pulpengine-tenant-id", tenant)).await?;
        Ok(answer)
    }

    /// `POST /admin/tenants/`.
    pub async fn create_tenant(&self, id: &str, name: &str) -> Result<Tenant, CallError> {
        let request = self.request(Method::POST, self.at(&["admin", "tenants", ""]), Scope::Admin)?;
        self.json(request.json(&json!({ "id": id, "name": name }))).await
    }

    /// `POST /admin/tenants/:id/archive`: from now on its requests are refused.
    pub async fn archive_tenant(&self, id: &str) -> Result<(), CallError> {
        let url = self.at(&["admin", "tenants", id, "archive"]);
        self.success(self.request(Method::POST, url, Scope::Admin)?).await.map(drop)
    }

    /// `GET /templates/:key/versions`, all pages, newest first.
    pub async fn template_versions(&self, key: &str) -> Result<Vec<TemplateVersion>, CallError> {
        self.pages(&["templates", key, "versions"]).await
    }

    /// `GET /templates/:key/versions/:version`.
    pub async fn template_version(&self, key: &str, version: &str) -> Result<TemplateRecord, CallError> {
        let url = self.at(&["templates", key, "versions", version]);
        self.json(self.request(Method::GET, url, Scope::Admin)?).await
    }

    /// `GET /templates/:key/labels`.
    pub async fn labels(&self, key: &str) -> Result<Vec<Label>, CallError> {
        let url = self.at(&["templates", key, "labels"]);
        let labels: Labels = self.json(self.request(Method::GET, url, Scope::Admin)?).await?;
        Ok(labels.items)
    }

    /// `POST /schedules/:id/trigger`: runs it now, and answers when it is done.
    pub async fn trigger_schedule(&self, id: &str) -> Result<Execution, CallError> {
        let url = self.at(&["schedules", id, "trigger"]);
        self.json(self.request(Method::POST, url, Scope::Admin)?.json(&json!({}))).await
    }

    /// `GET /schedules/:id/executions`, all pages, newest first.
    pub async fn executions(&self, schedule: &str) -> Result<Vec<Execution>, CallError> {
        self.pages(&["schedules", schedule, "executions"]).await
    }

    /// `GET /admin/schedule-dlq/`, all pages, newest first.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, CallError> {
        self.pages(&["admin", "schedule-dlq", ""]).await
    }

    /// `POST /admin/schedule-dlq/:id/abandon`: nobody tries it again.
    pub async fn abandon_dead_letter(&self, id: &str) -> Result<DeadLetter, CallError> {
        let url = self.at(&["admin", "schedule-dlq", id, "abandon"]);
        self.json(self.request(Method::POST, url, Scope::Admin)?.json(&json!({}))).await
    }

    /// `GET /audit-events/`, all pages, newest first.
    pub async fn audit_events(&self) -> Result<Vec<AuditEvent>, CallError> {
        self.pages(&["audit-events", ""]).await
    }

    /// `GET /usage`, all pages.
    pub async fn usage(&self) -> Result<Vec<UsageLine>, CallError> {
        self.pages(&["usage"]).await
    }
}
