//! Templates in a database.

use super::{PostgresRows, SqlChange};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{
    NewVersion, Pin, TemplateChange, Templates, Window, moment, page, paged, template_item,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection, Postgres};
use uuid::Uuid;

/// A label `l`. The time of its creation exists since step 4 of the schema.
macro_rules! label_item {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object('label', l.label, 'version', l.version,
               'updatedBy', l.updated_by, 'createdAt', ",
            moment!("(to_jsonb(l) ->> 'created_at')::timestamptz"),
            ", 'updatedAt', ",
            moment!("l.updated_at"),
            "))"
        )
    };
}

#[async_trait]
impl Templates for PostgresRows {
    async fn templates(
        &self,
        tenant: &str,
        trash: bool,
        search: Option<&str>,
        window: Window,
    ) -> Result<Value, Failure> {
        const LIST: &str = paged!(
            template_item!(),
            "templates t WHERE t.tenant_id = $3 AND (t.deleted_at IS NOT NULL) = $4
               AND ($5::text IS NULL OR t.key ILIKE '%' || $5 || '%' OR t.name ILIKE '%' || $5 || '%')",
            "t.key"
        );
        let (tenant, search) = (tenant.to_owned(), search.map(str::to_owned));
        page(&self.db, LIST, window, |query| query.bind(tenant).bind(trash).bind(search)).await
    }

    async fn template(
        &self,
        tenant: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<(String, Value)>, Failure> {
        const ONE: &str = concat!(
            "SELECT t.current_version, ",
            template_item!(),
            " || jsonb_build_object('definition', v.definition)
              || CASE WHEN $3 IS NULL THEN '{}' ELSE jsonb_build_object('name', v.definition -> 'name') END
               FROM templates t JOIN template_versions v ON v.template_id = t.id
                AND v.version = coalesce($3, t.current_version)
              WHERE t.tenant_id = $1 AND t.key = $2 AND t.deleted_at IS NULL"
        );
        Ok(sqlx::query_as(ONE).bind(tenant).bind(key).bind(version).fetch_optional(&self.db).await?)
    }

    async fn versions(&self, tenant: &str, key: &str, window: Window) -> Result<Option<Value>, Failure> {
        const LIST: &str = paged!(
            concat!(
                "jsonb_strip_nulls(jsonb_build_object('version', v.version, 'createdBy', v.created_by,
                   'changeNote', v.change_note, 'createdAt', ",
                moment!("v.created_at"),
                "))"
            ),
            "template_versions v WHERE v.template_id = $3",
            "v.id DESC"
        );
        let Some(id) = template_id(&self.db, tenant, key).await? else { return Ok(None) };
        page(&self.db, LIST, window, |query| query.bind(id)).await.map(Some)
    }

    async fn definition(
        &self,
        tenant: &str,
        key: &str,
        pin: Pin<'_>,
    ) -> Result<Option<(String, Value)>, Failure> {
        let (version, label) = match pin {
            Pin::Current => (None, None),
            Pin::Version(version) => (Some(version), None),
            Pin::Label(label) => (None, Some(label)),
        };
        let found = sqlx::query_as(
            "SELECT v.version, v.definition FROM templates t
               LEFT JOIN template_labels l ON l.template_id = t.id AND l.label = $4
               JOIN template_versions v ON v.template_id = t.id
                AND v.version = CASE WHEN $4 IS NULL THEN coalesce($3, t.current_version) ELSE l.version END
              WHERE t.tenant_id = $1 AND t.key = $2 AND t.deleted_at IS NULL",
        );
        Ok(found.bind(tenant).bind(key).bind(version).bind(label).fetch_optional(&self.db).await?)
    }

    async fn definition_before(
        &self,
        tenant: &str,
        key: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure> {
        let found = sqlx::query_scalar(
            "SELECT old.definition FROM template_versions old
               JOIN template_versions new USING (template_id) JOIN templates t ON t.id = template_id
              WHERE t.tenant_id = $1 AND t.key = $2 AND new.version = $3 AND old.id < new.id
              ORDER BY old.id DESC LIMIT 1",
        );
        Ok(found.bind(tenant).bind(key).bind(version).fetch_optional(&self.db).await?)
    }

    async fn labels(&self, tenant: &str, key: &str) -> Result<Option<Value>, Failure> {
        const LIST: &str = concat!(
            "SELECT coalesce(jsonb_agg(",
            label_item!(),
            " ORDER BY l.label), '[]'::jsonb) FROM template_labels l WHERE l.template_id = $1"
        );
        let Some(id) = template_id(&self.db, tenant, key).await? else { return Ok(None) };
        Ok(Some(sqlx::query_scalar(LIST).bind(id).fetch_one(&self.db).await?))
    }

    async fn label(&self, tenant: &str, key: &str, label: &str) -> Result<Option<String>, Failure> {
        let found = sqlx::query_scalar(
            "SELECT l.version FROM template_labels l JOIN templates t ON t.id = l.template_id
              WHERE t.tenant_id = $1 AND t.key = $2 AND t.deleted_at IS NULL AND l.label = $3",
        );
        Ok(found.bind(tenant).bind(key).bind(label).fetch_optional(&self.db).await?)
    }
}

#[async_trait]
impl TemplateChange for SqlChange {
    async fn create_template(
        &mut self,
        caller: &Caller,
        key: &str,
        first: NewVersion<'_>,
    ) -> Result<bool, Failure> {
        let id = Uuid::now_v7();
        let made = sqlx::query(
            "INSERT INTO templates (id, tenant_id, key, name, description, current_version)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, key) DO NOTHING",
        )
        .bind(id)
        .bind(&caller.tenant)
        .bind(key)
        .bind(first.definition["name"].as_str())
        .bind(first.definition["description"].as_str())
        .bind(first.version)
        .execute(&mut *self.0)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_version(&mut self.0, caller, id, first).await?;
        Ok(true)
    }

    async fn current_version(&mut self, tenant: &str, key: &str) -> Result<Option<String>, Failure> {
        let found = sqlx::query_scalar(
            "SELECT current_version FROM templates
              WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NULL FOR UPDATE",
        );
        Ok(found.bind(tenant).bind(key).fetch_optional(&mut *self.0).await?)
    }

    async fn add_version(&mut self, caller: &Caller, key: &str, next: NewVersion<'_>) -> Result<(), Failure> {
        let id: Uuid = sqlx::query_scalar(
            "UPDATE templates SET current_version = $3, name = $4, description = $5, updated_at = now()
              WHERE tenant_id = $1 AND key = $2 RETURNING id",
        )
        .bind(&caller.tenant)
        .bind(key)
        .bind(next.version)
        .bind(next.definition["name"].as_str())
        .bind(next.definition["description"].as_str())
        .fetch_one(&mut *self.0)
        .await?;
        Ok(insert_version(&mut self.0, caller, id, next).await?)
    }

    async fn trash_template(&mut self, caller: &Caller, key: &str) -> Result<(), Failure> {
        sqlx::query(
            "UPDATE templates SET deleted_at = now(), deleted_by = $3
              WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NULL",
        )
        .bind(&caller.tenant)
        .bind(key)
        .bind(caller.actor())
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    async fn purge_template(&mut self, tenant: &str, key: &str) -> Result<bool, Failure> {
        let gone =
            sqlx::query("DELETE FROM templates WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NOT NULL");
        let gone = gone.bind(tenant).bind(key).execute(&mut *self.0).await?;
        Ok(gone.rows_affected() > 0)
    }

    async fn undelete_template(&mut self, tenant: &str, key: &str) -> Result<bool, Failure> {
        let back = sqlx::query(
            "UPDATE templates SET deleted_at = NULL, deleted_by = NULL
              WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NOT NULL",
        );
        let back = back.bind(tenant).bind(key).execute(&mut *self.0).await?;
        Ok(back.rows_affected() > 0)
    }

    async fn set_label(
        &mut self,
        caller: &Caller,
        key: &str,
        label: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure> {
        const SET: &str = concat!(
            "INSERT INTO template_labels AS l (template_id, label, version, updated_by)
             SELECT template_id, $2, version, $4 FROM template_versions WHERE template_id = $1 AND version = $3
                 ON CONFLICT (template_id, label) DO UPDATE
                    SET version = excluded.version, updated_by = excluded.updated_by, updated_at = now()
             RETURNING ",
            label_item!()
        );
        let Some(id) = template_id(&mut *self.0, &caller.tenant, key).await? else { return Ok(None) };
        let set = sqlx::query_scalar(SET).bind(id).bind(label).bind(version).bind(caller.actor());
        Ok(set.fetch_optional(&mut *self.0).await?)
    }

    async fn delete_label(&mut self, tenant: &str, key: &str, label: &str) -> Result<bool, Failure> {
        let Some(id) = template_id(&mut *self.0, tenant, key).await? else { return Ok(false) };
        let gone = sqlx::query("DELETE FROM template_labels WHERE template_id = $1 AND label = $2");
        Ok(gone.bind(id).bind(label).execute(&mut *self.0).await?.rows_affected() > 0)
    }
}

/// The row id of a template that is not in the trash.
async fn template_id(
    db: impl Executor<'_, Database = Postgres>,
    tenant: &str,
    key: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    let id = "SELECT id FROM templates WHERE tenant_id = $1 AND key = $2 AND deleted_at IS NULL";
    sqlx::query_scalar(id).bind(tenant).bind(key).fetch_optional(db).await
}

async fn insert_version(
    connection: &mut PgConnection,
    caller: &Caller,
    template: Uuid,
    new: NewVersion<'_>,
) -> Result<(), sqlx::Error> {
    let mut definition = new.definition;
    definition["version"] = json!(new.version);
    sqlx::query(
        "INSERT INTO template_versions (template_id, version, definition, change_note, created_by)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(template)
    .bind(new.version)
    .bind(definition)
    .bind(new.note)
    .bind(caller.actor())
    .execute(connection)
    .await
    .map(drop)
}
