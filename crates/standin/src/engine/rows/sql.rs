//! The wire forms of rows as SQL. Postgres builds the JSON: the shape of an entity is written once,
//! here, as an SQL expression, and a list is one query.

use super::Window;
use crate::engine::failure::Failure;
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, postgres::PgArguments, query::QueryScalar};

/// A moment as ISO 8601 in UTC with milliseconds.
macro_rules! moment {
    ($column:literal) => {
        concat!("to_char(", $column, " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
    };
}

/// A tenant `t`. The time of its status exists since step 4 of the schema.
macro_rules! tenant_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', t.id, 'name', t.name, 'status', t.status, 'createdAt', ",
            $crate::engine::rows::moment!("t.created_at"),
            ", 'statusChangedAt', ",
            $crate::engine::rows::moment!("(to_jsonb(t) ->> 'status_changed_at')::timestamptz"),
            "))"
        )
    };
}

/// A template `t` as lists show it.
macro_rules! template_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('key', t.key, 'name', t.name,
              'currentVersion', t.current_version, 'description', t.description,
              'createdAt', ",
            $crate::engine::rows::moment!("t.created_at"),
            ", 'updatedAt', ",
            $crate::engine::rows::moment!("t.updated_at"),
            ", 'deletedAt', ",
            $crate::engine::rows::moment!("t.deleted_at"),
            ", 'deletedBy', t.deleted_by))"
        )
    };
}

/// An asset `a`.
macro_rules! asset_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', a.id, 'filename', a.filename,
              'originalName', a.original_name, 'mimeType', a.mime_type, 'sizeBytes', a.size_bytes,
              'url', '/assets/' || a.filename, 'version', a.version, 'contentHash', a.content_hash,
              'folder', a.folder, 'tags', to_jsonb(a.tags), 'altText', a.alt_text,
              'createdBy', a.created_by, 'updatedBy', a.updated_by, 'createdAt', ",
            $crate::engine::rows::moment!("a.created_at"),
            ", 'updatedAt', ",
            $crate::engine::rows::moment!("a.updated_at"),
            "))"
        )
    };
}

/// A schedule `s`.
macro_rules! schedule_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', s.id, 'name', s.name, 'enabled', s.enabled,
              'cronExpression', s.cron_expression, 'timezone', s.timezone,
              'templateKey', s.template_key, 'templateVersion', s.template_version,
              'templateLabel', s.template_label, 'format', s.format, 'runCount', s.run_count,
              'createdBy', s.created_by, 'nextFireAt', ",
            $crate::engine::rows::moment!("s.next_run_at"),
            ", 'lastFiredAt', ",
            $crate::engine::rows::moment!("s.last_run_at"),
            ", 'createdAt', ",
            $crate::engine::rows::moment!("s.created_at"),
            ", 'updatedAt', ",
            $crate::engine::rows::moment!("s.updated_at"),
            ")) || jsonb_build_object('dataSource', s.data_source, 'deliveryTargets', s.delivery_targets)"
        )
    };
}

/// An execution `e` of a schedule.
macro_rules! execution_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('id', e.id::text, 'scheduleId', e.schedule_id,
              'trigger', e.trigger, 'status', e.status, 'renderDurationMs', e.render_duration_ms,
              'lastError', e.last_error, 'nominalAt', ",
            $crate::engine::rows::moment!("e.nominal_at"),
            ", 'fireTime', ",
            $crate::engine::rows::moment!("e.fire_time"),
            ", 'createdAt', ",
            $crate::engine::rows::moment!("e.created_at"),
            ", 'updatedAt', ",
            $crate::engine::rows::moment!("e.updated_at"),
            "))"
        )
    };
}

/// A page of items. `$1` is the limit, `$2` the offset, the rest belongs to `$from`.
macro_rules! paged {
    ($item:expr, $from:literal, $order:literal) => {
        concat!(
            "SELECT jsonb_build_object(
               'items', coalesce((SELECT jsonb_agg(item) FROM (SELECT ",
            $item,
            " AS item FROM ",
            $from,
            " ORDER BY ",
            $order,
            " LIMIT $1 OFFSET $2) page), '[]'::jsonb),
               'total', (SELECT count(*) FROM ",
            $from,
            "))"
        )
    };
}

pub(crate) use {asset_item, execution_item, moment, paged, schedule_item, template_item, tenant_item};

/// A query that gives one JSON value.
pub(crate) type JsonQuery = QueryScalar<'static, Postgres, Value, PgArguments>;

/// Runs a query made with `paged!`; `bind` adds what comes after limit and offset.
pub(crate) async fn page(
    db: &PgPool,
    sql: &'static str,
    (limit, offset): Window,
    bind: impl FnOnce(JsonQuery) -> JsonQuery,
) -> Result<Value, Failure> {
    let query = sqlx::query_scalar(sql).bind(limit).bind(offset);
    let mut list: Value = bind(query).fetch_one(db).await?;
    list["limit"] = json!(limit);
    list["offset"] = json!(offset);
    Ok(list)
}
