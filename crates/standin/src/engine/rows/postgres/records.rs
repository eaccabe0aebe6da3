//! Tenants' states, the audit trail and usage in a database.

use super::PostgresRows;
use crate::engine::failure::Failure;
use crate::engine::rows::{EventFilter, Records, Usage, Window, moment, page, paged, tenant_item};
use async_trait::async_trait;
use serde_json::Value;

#[async_trait]
impl Records for PostgresRows {
    async fn tenant_status(&self, tenant: &str) -> Result<Option<String>, Failure> {
        let status = sqlx::query_scalar("SELECT status FROM tenants WHERE id = $1");
        Ok(status.bind(tenant).fetch_optional(&self.db).await?)
    }

    async fn tenants(&self, window: Window) -> Result<Value, Failure> {
        page(&self.db, paged!(tenant_item!(), "tenants t", "t.id"), window, |query| query).await
    }

    async fn tenant(&self, id: &str) -> Result<Option<Value>, Failure> {
        const ONE: &str = concat!("SELECT ", tenant_item!(), " FROM tenants t WHERE t.id = $1");
        Ok(sqlx::query_scalar(ONE).bind(id).fetch_optional(&self.db).await?)
    }

    async fn audit_events(
        &self,
        tenant: &str,
        filter: EventFilter,
        window: Window,
    ) -> Result<Value, Failure> {
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
        let EventFilter { event, operation, resource_type, resource_id } = filter;
        let tenant = tenant.to_owned();
        page(&self.db, LIST, window, |query| {
            query.bind(tenant).bind(event).bind(operation).bind(resource_type).bind(resource_id)
        })
        .await
    }

    async fn usage(&self, tenant: &str, window: Window) -> Result<Value, Failure> {
        const LIST: &str = paged!(
            "jsonb_build_object('templateKey', u.template_key, 'format', u.format, 'source', u.source,
               'renders', u.renders, 'bytes', u.bytes)",
            "(SELECT template_key, format, source, count(*) AS renders, sum(size_bytes) AS bytes
                FROM render_usage WHERE tenant_id = $3 GROUP BY template_key, format, source) u",
            "u.template_key NULLS FIRST, u.format, u.source"
        );
        let tenant = tenant.to_owned();
        page(&self.db, LIST, window, |query| query.bind(tenant)).await
    }

    async fn count_render(&self, usage: &Usage<'_>) -> Result<(), Failure> {
        sqlx::query(
            "INSERT INTO render_usage
               (tenant_id, template_key, template_version, format, source, size_bytes, duration_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(usage.tenant)
        .bind(usage.template_key)
        .bind(usage.template_version)
        .bind(usage.format)
        .bind(usage.source)
        .bind(i64::try_from(usage.size_bytes).unwrap_or(i64::MAX))
        .bind(i32::try_from(usage.took.as_millis()).unwrap_or(i32::MAX))
        .execute(&self.db)
        .await?;
        Ok(())
    }
}
