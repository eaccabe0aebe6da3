//! Asset metadata in a database.

use super::{PostgresRows, SqlChange};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{
    AssetChange, AssetFilter, Assets, Content, Current, NewAsset, Window, asset_item, moment, page, paged,
};
use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

#[async_trait]
impl Assets for PostgresRows {
    async fn assets(&self, tenant: &str, filter: AssetFilter, window: Window) -> Result<Value, Failure> {
        const LIST: &str = paged!(
            asset_item!(),
            "assets a WHERE a.tenant_id = $3 AND ($4::text IS NULL OR a.original_name ILIKE '%' || $4 || '%')
               AND ($5::text IS NULL OR a.mime_type = $5) AND ($6::text IS NULL OR a.folder = $6)
               AND ($7::text IS NULL OR $7 = ANY(a.tags))",
            "a.created_at, a.id"
        );
        let AssetFilter { search, mime_type, folder, tag } = filter;
        let tenant = tenant.to_owned();
        page(&self.db, LIST, window, |query| {
            query.bind(tenant).bind(search).bind(mime_type).bind(folder).bind(tag)
        })
        .await
    }

    async fn asset(&self, tenant: &str, id: Uuid) -> Result<Option<Value>, Failure> {
        const ONE: &str =
            concat!("SELECT ", asset_item!(), " FROM assets a WHERE a.tenant_id = $1 AND a.id = $2");
        Ok(sqlx::query_scalar(ONE).bind(tenant).bind(id).fetch_optional(&self.db).await?)
    }

    async fn asset_versions(&self, id: Uuid, window: Window) -> Result<Value, Failure> {
        const LIST: &str = paged!(
            concat!(
                "jsonb_strip_nulls(jsonb_build_object('version', v.version, 'mimeType', v.mime_type,
                   'sizeBytes', v.size_bytes, 'contentHash', v.content_hash, 'createdBy', v.created_by,
                   'createdAt', ",
                moment!("v.created_at"),
                "))"
            ),
            "(SELECT id, version, mime_type, size_bytes, content_hash, updated_by AS created_by,
                     updated_at AS created_at FROM assets
               UNION ALL
              SELECT asset_id, version, mime_type, size_bytes, content_hash, created_by, created_at
                FROM asset_versions) v WHERE v.id = $3",
            "v.version DESC"
        );
        page(&self.db, LIST, window, |query| query.bind(id)).await
    }

    async fn media_type(&self, filename: &str) -> Result<Option<String>, Failure> {
        let found = sqlx::query_scalar("SELECT mime_type FROM assets WHERE filename = $1");
        Ok(found.bind(filename).fetch_optional(&self.db).await?)
    }

    async fn present(&self, id: Uuid) -> Result<Option<(String, String)>, Failure> {
        let found = sqlx::query_as("SELECT filename, mime_type FROM assets WHERE id = $1");
        Ok(found.bind(id).fetch_optional(&self.db).await?)
    }

    async fn known_assets(&self, tenant: &str, filenames: &[String]) -> Result<Vec<String>, Failure> {
        let found =
            sqlx::query_scalar("SELECT filename FROM assets WHERE tenant_id = $1 AND filename = ANY($2)");
        Ok(found.bind(tenant).bind(filenames).fetch_all(&self.db).await?)
    }

    async fn references(&self, tenant: &str, named: &str) -> Result<Value, Failure> {
        let found = sqlx::query_scalar(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('key', t.key, 'name', t.name,
                      'currentVersion', t.current_version) ORDER BY t.key), '[]'::jsonb)
               FROM templates t
              WHERE t.tenant_id = $1 AND t.deleted_at IS NULL AND EXISTS (
                    SELECT FROM template_versions v LEFT JOIN template_labels l
                           ON l.template_id = v.template_id AND l.version = v.version
                     WHERE v.template_id = t.id AND (v.version = t.current_version OR l.label IS NOT NULL)
                       AND strpos(v.definition::text, $2) > 0)",
        );
        Ok(found.bind(tenant).bind(named).fetch_one(&self.db).await?)
    }

    async fn similar_asset(&self, filename: &str) -> Result<Option<String>, Failure> {
        let other = sqlx::query_scalar(
            "SELECT b.filename FROM assets a, assets b WHERE a.filename = $1 AND b.filename <> $1
                AND a.mime_type = b.mime_type ORDER BY b.content_hash = a.content_hash, b.filename",
        );
        Ok(other.bind(filename).fetch_optional(&self.db).await?)
    }
}

#[async_trait]
impl AssetChange for SqlChange {
    async fn insert_asset(&mut self, caller: &Caller, asset: NewAsset<'_>) -> Result<(), Failure> {
        sqlx::query(
            "INSERT INTO assets (id, tenant_id, filename, original_name, mime_type, size_bytes, content_hash,
                                 folder, tags, alt_text, created_by, updated_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(asset.id)
        .bind(&caller.tenant)
        .bind(asset.filename)
        .bind(asset.original_name)
        .bind(&asset.content.mime_type)
        .bind(asset.content.size_bytes)
        .bind(&asset.content.content_hash)
        .bind(asset.folder)
        .bind(asset.tags)
        .bind(asset.alt_text)
        .bind(caller.actor())
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    async fn current_asset(&mut self, tenant: &str, id: Uuid) -> Result<Option<Current>, Failure> {
        let row: Option<(String, String, i32, String)> = sqlx::query_as(
            "SELECT filename, original_name, version, mime_type FROM assets
              WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(&mut *self.0)
        .await?;
        Ok(row.map(|(filename, original_name, version, mime_type)| Current {
            id,
            filename,
            original_name,
            version,
            mime_type,
        }))
    }

    async fn earlier_binary(&mut self, id: Uuid, version: i32) -> Result<Option<(String, String)>, Failure> {
        let found = sqlx::query_as(
            "SELECT object_key, mime_type FROM asset_versions WHERE asset_id = $1 AND version = $2",
        );
        Ok(found.bind(id).bind(version).fetch_optional(&mut *self.0).await?)
    }

    async fn keep_binary(&mut self, id: Uuid, key: &str) -> Result<(), Failure> {
        sqlx::query(
            "INSERT INTO asset_versions
               (asset_id, version, object_key, mime_type, size_bytes, content_hash, created_at, created_by)
             SELECT id, version, $2, mime_type, size_bytes, content_hash, updated_at, updated_by
               FROM assets WHERE id = $1",
        )
        .bind(id)
        .bind(key)
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    async fn replace_binary(
        &mut self,
        caller: &Caller,
        id: Uuid,
        filename: &str,
        content: Content,
    ) -> Result<(), Failure> {
        sqlx::query(
            "UPDATE assets SET version = version + 1, mime_type = $2, size_bytes = $3, content_hash = $4,
                    updated_at = now(), updated_by = $5, filename = $6 WHERE id = $1",
        )
        .bind(id)
        .bind(content.mime_type)
        .bind(content.size_bytes)
        .bind(content.content_hash)
        .bind(caller.actor())
        .bind(filename)
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    async fn earlier_keys(&mut self, id: Uuid) -> Result<Vec<String>, Failure> {
        let keys = sqlx::query_scalar("SELECT object_key FROM asset_versions WHERE asset_id = $1");
        Ok(keys.bind(id).fetch_all(&mut *self.0).await?)
    }

    async fn delete_asset(&mut self, id: Uuid) -> Result<(), Failure> {
        sqlx::query("DELETE FROM assets WHERE id = $1").bind(id).execute(&mut *self.0).await?;
        Ok(())
    }
}
