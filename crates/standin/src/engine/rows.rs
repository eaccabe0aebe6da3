//! Where the rows are stored: a database or files, behind one set of operations, so that a route is
//! written once. Routes decide on permissions and refusals; this module reads and writes.
//!
//! A write goes through a [`Change`]: it locks out other writers of the same rows, takes several steps
//! and takes effect with `commit`; dropping it discards it.

mod files;
mod postgres;
mod sql;

pub(crate) use files::FileRows;
pub(crate) use postgres::{PostgresRows, audit};
pub(crate) use sql::page;
pub(crate) use sql::{asset_item, execution_item, moment, paged, schedule_item, template_item, tenant_item};

use super::caller::Caller;
use super::failure::Failure;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use std::time::Duration;
use uuid::Uuid;

/// Limit and offset of a list.
pub(crate) type Window = (i64, i64);

/// Everything that is kept in rows. Lists are `{items, total, limit, offset}`.
#[async_trait]
pub(crate) trait Rows: Templates + Assets + Records + Jobs + Send + Sync {
    /// Begins a write.
    async fn change(&self) -> Result<Box<dyn Change>, Failure>;
    /// What is wrong with the place as a whole; `None` when it can be used.
    async fn complaint(&self) -> Option<String>;
    /// The database, for what only a database keeps: schedules, tenants, editors.
    ///
    /// # Errors
    /// 501 `not_implemented` in file mode.
    fn sql(&self) -> Result<&PgPool, Failure>;
    /// Closes the connections.
    async fn close(&self);
}

/// Selects a version of a template.
#[derive(Clone, Copy)]
pub(crate) enum Pin<'a> {
    Current,
    Version(&'a str),
    Label(&'a str),
}

/// Templates, their versions and labels. Those in the trash count as missing, unless stated otherwise.
#[async_trait]
pub(crate) trait Templates {
    /// Those in use or those in the `trash`, whose key or name contains `search`.
    async fn templates(
        &self,
        tenant: &str,
        trash: bool,
        search: Option<&str>,
        window: Window,
    ) -> Result<Value, Failure>;
    /// The current version's number, and the template with its definition at a version (then under
    /// the name it had) or the current one.
    async fn template(
        &self,
        tenant: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<(String, Value)>, Failure>;
    /// Newest first; `None` where there is no such template.
    async fn versions(&self, tenant: &str, key: &str, window: Window) -> Result<Option<Value>, Failure>;
    /// The selected version and its definition.
    async fn definition(
        &self,
        tenant: &str,
        key: &str,
        pin: Pin<'_>,
    ) -> Result<Option<(String, Value)>, Failure>;
    /// The definition before a version; only the `old-version` defect asks.
    async fn definition_before(
        &self,
        tenant: &str,
        key: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure>;
    /// A list of all labels; `None` where there is no such template.
    async fn labels(&self, tenant: &str, key: &str) -> Result<Option<Value>, Failure>;
    /// The version that a label points at; `None` where there is no such template or label.
    async fn label(&self, tenant: &str, key: &str, label: &str) -> Result<Option<String>, Failure>;
}

/// Which assets a list shows; `None` is no condition.
#[derive(Default)]
pub(crate) struct AssetFilter {
    /// Part of the original name.
    pub(crate) search: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) folder: Option<String>,
    pub(crate) tag: Option<String>,
}

/// Asset metadata.
#[async_trait]
pub(crate) trait Assets {
    async fn assets(&self, tenant: &str, filter: AssetFilter, window: Window) -> Result<Value, Failure>;
    async fn asset(&self, tenant: &str, id: Uuid) -> Result<Option<Value>, Failure>;
    /// Newest first, the current one included.
    async fn asset_versions(&self, id: Uuid, window: Window) -> Result<Value, Failure>;
    /// The media type behind a storage key, of whatever tenant.
    async fn media_type(&self, filename: &str) -> Result<Option<String>, Failure>;
    /// The storage key and media type of an asset, of whatever tenant.
    async fn present(&self, id: Uuid) -> Result<Option<(String, String)>, Failure>;
    /// Those of the storage keys that a tenant has.
    async fn known_assets(&self, tenant: &str, filenames: &[String]) -> Result<Vec<String>, Failure>;
    /// Templates whose current or labelled version contains the name of an asset, as a list of
    /// `{key, name, currentVersion}`. Names that data supplies are not found.
    async fn references(&self, tenant: &str, named: &str) -> Result<Value, Failure>;
    /// Another asset of the same media type; only the `wrong-asset` defect asks.
    async fn similar_asset(&self, filename: &str) -> Result<Option<String>, Failure>;
}

/// Which audit events a list shows; `None` is no condition.
#[derive(Default)]
pub(crate) struct EventFilter {
    pub(crate) event: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource_id: Option<String>,
}

/// One render, for the usage table.
pub(crate) struct Usage<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) template_key: Option<&'a str>,
    pub(crate) template_version: Option<&'a str>,
    pub(crate) format: &'static str,
    pub(crate) source: &'static str,
    pub(crate) size_bytes: usize,
    pub(crate) took: Duration,
}

/// Tenants as far as every request needs them, the audit trail, usage.
#[async_trait]
pub(crate) trait Records {
    /// `active` or `archived`; `None` for an unknown tenant.
    async fn tenant_status(&self, tenant: &str) -> Result<Option<String>, Failure>;
    async fn tenants(&self, window: Window) -> Result<Value, Failure>;
    async fn tenant(&self, id: &str) -> Result<Option<Value>, Failure>;
    /// Newest first.
    async fn audit_events(&self, tenant: &str, filter: EventFilter, window: Window)
    -> Result<Value, Failure>;
    /// Renders counted by template, format and source.
    async fn usage(&self, tenant: &str, window: Window) -> Result<Value, Failure>;
    async fn count_render(&self, usage: &Usage<'_>) -> Result<(), Failure>;
}

/// A batch job as it is polled.
pub(crate) struct Job {
    /// As the wire shows it, without results.
    pub(crate) shown: Value,
    /// Results that lie in the row.
    pub(crate) results: Option<Value>,
    /// Where they lie in the store for results.
    pub(crate) result_key: Option<String>,
    /// Past its retention.
    pub(crate) expired: bool,
}

/// Where a finished job's results are.
pub(crate) enum JobResults {
    /// Into the row.
    Inline(Value),
    /// Into the store for results, under this key.
    Stored(String),
}

/// Batch jobs: durable in a database, in memory beside files.
#[async_trait]
pub(crate) trait Jobs {
    /// Records a pending job; returns the time.
    async fn submit_job(
        &self,
        tenant: &str,
        id: Uuid,
        items: Vec<Value>,
        webhook: Option<&str>,
    ) -> Result<String, Failure>;
    /// Marks it `processing`; returns its tenant and items.
    async fn begin_job(&self, id: Uuid) -> Result<(String, Vec<Value>), Failure>;
    async fn complete_job(&self, id: Uuid, kept: JobResults, retention: Duration) -> Result<(), Failure>;
    async fn fail_job(&self, id: Uuid, code: &str, retention: Duration) -> Result<(), Failure>;
    async fn job(&self, tenant: &str, id: Uuid) -> Result<Option<Job>, Failure>;
    /// At start: fails unfinished jobs older than the grace period with the code
    /// `job_abandoned_at_startup`; returns the rest.
    async fn recover_jobs(&self, grace: Duration, retention: Duration) -> Result<Vec<Uuid>, Failure>;
}

/// A write in progress.
#[async_trait]
pub(crate) trait Change: TemplateChange + AssetChange + Send {
    /// Records what a caller did to a resource.
    async fn audit(
        &mut self,
        caller: &Caller,
        resource: &str,
        operation: &str,
        id: &str,
        details: Value,
    ) -> Result<(), Failure>;
    async fn commit(self: Box<Self>) -> Result<(), Failure>;
}

/// A version to be.
pub(crate) struct NewVersion<'a> {
    pub(crate) version: &'a str,
    /// With its `version`, `name` and maybe `description`.
    pub(crate) definition: Value,
    pub(crate) note: Option<String>,
}

/// Writes to templates.
#[async_trait]
pub(crate) trait TemplateChange {
    /// False where the key is taken, also by one in the trash.
    async fn create_template(
        &mut self,
        caller: &Caller,
        key: &str,
        first: NewVersion<'_>,
    ) -> Result<bool, Failure>;
    /// The current version, locked against other writers.
    async fn current_version(&mut self, tenant: &str, key: &str) -> Result<Option<String>, Failure>;
    /// Adds a version and makes it the current one.
    async fn add_version(&mut self, caller: &Caller, key: &str, next: NewVersion<'_>) -> Result<(), Failure>;
    async fn trash_template(&mut self, caller: &Caller, key: &str) -> Result<(), Failure>;
    /// False where it is not in the trash.
    async fn purge_template(&mut self, tenant: &str, key: &str) -> Result<bool, Failure>;
    /// False where it is not in the trash.
    async fn undelete_template(&mut self, tenant: &str, key: &str) -> Result<bool, Failure>;
    /// The label as the wire shows it; `None` where there is no such template or version.
    async fn set_label(
        &mut self,
        caller: &Caller,
        key: &str,
        label: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure>;
    /// False where there is no such template or label.
    async fn delete_label(&mut self, tenant: &str, key: &str, label: &str) -> Result<bool, Failure>;
}

/// What a row records about a binary.
pub(crate) struct Content {
    pub(crate) mime_type: String,
    pub(crate) size_bytes: i64,
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) content_hash: String,
}

/// An asset to be.
pub(crate) struct NewAsset<'a> {
    pub(crate) id: Uuid,
    pub(crate) filename: &'a str,
    pub(crate) original_name: &'a str,
    pub(crate) content: Content,
    pub(crate) folder: Option<&'a str>,
    pub(crate) tags: &'a [String],
    pub(crate) alt_text: Option<&'a str>,
}

/// An asset's row before a change.
pub(crate) struct Current {
    pub(crate) id: Uuid,
    pub(crate) filename: String,
    pub(crate) original_name: String,
    pub(crate) version: i32,
    pub(crate) mime_type: String,
}

/// Writes to asset metadata.
#[async_trait]
pub(crate) trait AssetChange {
    async fn insert_asset(&mut self, caller: &Caller, asset: NewAsset<'_>) -> Result<(), Failure>;
    /// The row, locked against other writers.
    async fn current_asset(&mut self, tenant: &str, id: Uuid) -> Result<Option<Current>, Failure>;
    /// Storage key and media type of an earlier binary.
    async fn earlier_binary(&mut self, id: Uuid, version: i32) -> Result<Option<(String, String)>, Failure>;
    /// Records that the present binary is kept under another key.
    async fn keep_binary(&mut self, id: Uuid, key: &str) -> Result<(), Failure>;
    /// Describes the next binary, which is under this storage key.
    async fn replace_binary(
        &mut self,
        caller: &Caller,
        id: Uuid,
        filename: &str,
        content: Content,
    ) -> Result<(), Failure>;
    /// The storage keys of the earlier binaries that are kept.
    async fn earlier_keys(&mut self, id: Uuid) -> Result<Vec<String>, Failure>;
    /// Removes the rows.
    async fn delete_asset(&mut self, id: Uuid) -> Result<(), Failure>;
}

/// A moment as the API writes it.
fn wire_moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
