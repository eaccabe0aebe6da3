//! Assets: metadata in rows, binaries in the store. Here is what reads and what deletes; a deletion
//! removes the row first and the binaries second.

mod writing;

pub use writing::{replace, restore, upload};

use crate::standin::engine::access::{Caller, Params, Scope};
use crate::standin::engine::app::Shared;
use crate::standin::engine::failure::Failure;
use crate::standin::engine::rows::{asset_item, audit, moment, page, paged};
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::{Executor, Postgres};
use uuid::Uuid;

const READERS: [Scope; 3] = [Scope::Editor, Scope::Preview, Scope::Render];

pub async fn list(State(app): State<Shared>, caller: Caller, params: Params) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    const LIST: &str = paged!(
        asset_item!(),
        "assets a WHERE a.tenant_id = $3 AND ($4::text IS NULL OR a.original_name ILIKE '%' || $4 || '%')
           AND ($5::text IS NULL OR a.mime_type = $5) AND ($6::text IS NULL OR a.folder = $6)
           AND ($7::text IS NULL OR $7 = ANY(a.tags))",
        "a.created_at, a.id"
    );
    let text = |name: &str| params.get(name).map(str::to_owned);
    let (words, mime, folder, tag) = (text("q"), text("mimeType"), text("folder"), text("tag"));
    let bind = |query: crate::standin::engine::rows::JsonQuery| {
        query.bind(caller.tenant.clone()).bind(words).bind(mime).bind(folder).bind(tag)
    };
    let mut found = page(&app.db, LIST, &params, bind).await?;
    for item in found["items"].as_array_mut().into_iter().flatten() {
        publish(&app, item);
    }
    Ok(Json(found))
}

pub async fn details(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let mut asset = record(&app, &caller, parse_id(&id)?).await?;
    let filename = asset["filename"].as_str().unwrap_or_default().to_owned();
    let templates = references(&app.db, &caller, &filename).await?;
    asset["usageCount"] = json!(templates.as_array().map_or(0, Vec::len));
    asset["referencedBy"] = templates;
    Ok(Json(asset))
}

pub async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
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
    let id = parse_id(&id)?;
    record(&app, &caller, id).await?;
    page(&app.db, LIST, &params, |query| query.bind(id)).await.map(Json)
}

/// In private mode a download needs a key; in public mode nobody is asked.
pub struct Reader;

impl FromRequestParts<Shared> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Failure> {
        if app.settings.private_assets {
            app.settings.keys.scope(&parts.headers)?;
        }
        Ok(Self)
    }
}

pub async fn download(
    State(app): State<Shared>,
    _: Reader,
    Path(filename): Path<String>,
) -> Result<Response, Failure> {
    let mime: Option<String> = sqlx::query_scalar("SELECT mime_type FROM assets WHERE filename = $1")
        .bind(&filename)
        .fetch_optional(&app.db)
        .await?;
    let mime = mime.ok_or_else(|| Failure::not_found(format!("asset `{filename}`")))?;
    let bytes = app.binaries.get(&filename).await?;
    Ok(([(header::CONTENT_TYPE, mime)], bytes).into_response())
}

pub async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<StatusCode, Failure> {
    caller.allow(&[Scope::Editor])?;
    let (id, force) = (parse_id(&id)?, params.flag("force")?);
    let mut transaction = app.db.begin().await?;
    let filename: Option<String> =
        sqlx::query_scalar("SELECT filename FROM assets WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
            .bind(&caller.tenant)
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let filename = filename.ok_or_else(|| Failure::not_found(format!("asset `{id}`")))?;
    let templates = references(&mut *transaction, &caller, &filename).await?;
    if !force && templates.as_array().is_some_and(|templates| !templates.is_empty()) {
        let mut refusal =
            Failure::conflict("asset_in_use", "templates refer to this asset; force=true deletes it");
        refusal.referenced_by = Some(Box::new(templates));
        return Err(refusal);
    }
    let mut keys: Vec<String> =
        sqlx::query_scalar("SELECT object_key FROM asset_versions WHERE asset_id = $1")
            .bind(id)
            .fetch_all(&mut *transaction)
            .await?;
    keys.push(filename);
    sqlx::query("DELETE FROM assets WHERE id = $1").bind(id).execute(&mut *transaction).await?;
    audit(&mut transaction, &caller, "asset", "delete", &id.to_string(), json!({"force": force})).await?;
    transaction.commit().await?;
    for key in keys {
        // The row is gone either way: a binary that stays is a harmless orphan.
        let _ = app.binaries.delete(&key).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// An asset as the wire shows it.
async fn record(app: &Shared, caller: &Caller, id: Uuid) -> Result<Value, Failure> {
    const ONE: &str =
        concat!("SELECT ", asset_item!(), " FROM assets a WHERE a.tenant_id = $1 AND a.id = $2");
    let found: Option<Value> =
        sqlx::query_scalar(ONE).bind(&caller.tenant).bind(id).fetch_optional(&app.db).await?;
    let mut asset = found.ok_or_else(|| Failure::not_found(format!("asset `{id}`")))?;
    publish(app, &mut asset);
    Ok(asset)
}

/// In public mode with a public base, an asset's URL leads there.
fn publish(app: &Shared, asset: &mut Value) {
    if let (false, Some(base), Some(key)) =
        (app.settings.private_assets, &app.settings.public_url, asset["filename"].as_str())
    {
        asset["url"] = json!(format!("{}/{key}", base.trim_end_matches('/')));
    }
}

/// Templates whose current or labelled version names the asset. Names made up by data are not seen.
async fn references(
    db: impl Executor<'_, Database = Postgres>,
    caller: &Caller,
    filename: &str,
) -> Result<Value, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('key', t.key, 'name', t.name,
                  'currentVersion', t.current_version) ORDER BY t.key), '[]'::jsonb)
           FROM templates t
          WHERE t.tenant_id = $1 AND t.deleted_at IS NULL AND EXISTS (
                SELECT FROM template_versions v LEFT JOIN template_labels l
                       ON l.template_id = v.template_id AND l.version = v.version
                 WHERE v.template_id = t.id AND (v.version = t.current_version OR l.label IS NOT NULL)
                   AND strpos(v.definition::text, $2) > 0)",
    )
    .bind(&caller.tenant)
    .bind(filename)
    .fetch_one(db)
    .await
}

fn parse_id(id: &str) -> Result<Uuid, Failure> {
    id.parse().map_err(|_| Failure::not_found(format!("asset `{id}`")))
}
