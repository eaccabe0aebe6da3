//! What writes binaries: upload, replacement in place, restoring an earlier one. The order is always
//! binary first, row second, within one request.

use super::{parse_id, record};
use crate::standin::engine::access::{Caller, Scope, if_match};
use crate::standin::engine::app::Shared;
use crate::standin::engine::failure::Failure;
use crate::standin::engine::rendering::sniff;
use crate::standin::engine::rows::audit;
use crate::standin::engine::schema::hex;
use crate::standin::engine::store::StoreFailure;
use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

/// The parts of a multipart body.
#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    name: String,
    mime: String,
    folder: Option<String>,
    tags: Vec<String>,
    alt_text: Option<String>,
}

pub async fn upload(
    State(app): State<Shared>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.allow(&[Scope::Editor])?;
    let upload = read(request).await?;
    let id = Uuid::now_v7();
    let filename = format!("{id}-{}", sanitise(&upload.name));
    let (size, hash) = measure(&upload.bytes);
    app.settings.defects.put(&app.binaries, &filename, upload.bytes, &upload.mime).await?;
    let mut transaction = app.db.begin().await?;
    sqlx::query(
        "INSERT INTO assets (id, tenant_id, filename, original_name, mime_type, size_bytes, content_hash,
                             folder, tags, alt_text, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(id)
    .bind(&caller.tenant)
    .bind(&filename)
    .bind(&upload.name)
    .bind(&upload.mime)
    .bind(size)
    .bind(&hash)
    .bind(&upload.folder)
    .bind(&upload.tags)
    .bind(&upload.alt_text)
    .bind(caller.actor())
    .execute(&mut *transaction)
    .await?;
    let details = json!({"filename": filename, "contentHash": hash});
    audit(&mut transaction, &caller, "asset", "upload", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(record(&app, &caller, id).await?)))
}

pub async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor])?;
    let id = parse_id(&id)?;
    let wanted = if_match(&headers)?;
    if wanted.as_ref().is_some_and(|tag| tag.parse::<i32>().is_err()) {
        return Err(Failure::bad_request("If-Match must be an asset's version such as \"1\""));
    }
    let upload = read(request).await?;
    let mut transaction = app.db.begin().await?;
    let current = lock(&mut transaction, &caller, id).await?;
    if wanted.is_some_and(|wanted| wanted != current.version.to_string()) {
        return Err(Failure::stale(current.version));
    }
    overwrite(&app, &mut transaction, &caller, &current, upload.bytes, &upload.mime).await?;
    audit(&mut transaction, &caller, "asset", "replace", &id.to_string(), json!({"from": current.version}))
        .await?;
    transaction.commit().await?;
    record(&app, &caller, id).await.map(Json)
}

pub async fn restore(
    State(app): State<Shared>,
    caller: Caller,
    Path((id, version)): Path<(String, i32)>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor])?;
    let id = parse_id(&id)?;
    let mut transaction = app.db.begin().await?;
    let current = lock(&mut transaction, &caller, id).await?;
    let old: Option<(String, String)> = sqlx::query_as(
        "SELECT object_key, mime_type FROM asset_versions WHERE asset_id = $1 AND version = $2",
    )
    .bind(id)
    .bind(version)
    .fetch_optional(&mut *transaction)
    .await?;
    let (key, mime) =
        old.ok_or_else(|| Failure::not_found(format!("earlier version {version} of this asset")))?;
    let bytes = app.binaries.get(&key).await?;
    overwrite(&app, &mut transaction, &caller, &current, bytes, &mime).await?;
    audit(&mut transaction, &caller, "asset", "restore", &id.to_string(), json!({"version": version}))
        .await?;
    transaction.commit().await?;
    record(&app, &caller, id).await.map(Json)
}

/// The row as it is before a change, locked.
struct Current {
    id: Uuid,
    filename: String,
    version: i32,
    mime: String,
}

async fn lock(connection: &mut PgConnection, caller: &Caller, id: Uuid) -> Result<Current, Failure> {
    let row = sqlx::query(
        "SELECT filename, version, mime_type FROM assets WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(&caller.tenant)
    .bind(id)
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| Failure::not_found(format!("asset `{id}`")))?;
    Ok(Current { id, filename: row.try_get(0)?, version: row.try_get(1)?, mime: row.try_get(2)? })
}

/// Keeps the present binary under a key of its own, overwrites it, then updates the rows.
async fn overwrite(
    app: &Shared,
    connection: &mut PgConnection,
    caller: &Caller,
    current: &Current,
    bytes: Vec<u8>,
    mime: &str,
) -> Result<(), Failure> {
    match app.binaries.get(&current.filename).await {
        Ok(previous) => {
            let key = format!("versions/{}/{}", current.id, current.version);
            app.binaries.put(&key, previous, &current.mime).await?;
            sqlx::query(
                "INSERT INTO asset_versions
                   (asset_id, version, object_key, mime_type, size_bytes, content_hash, created_at, created_by)
                 SELECT id, version, $2, mime_type, size_bytes, content_hash, updated_at, updated_by
                   FROM assets WHERE id = $1",
            )
            .bind(current.id)
            .bind(key)
            .execute(&mut *connection)
            .await?;
        }
        // Replacing is how an operator mends a lost binary: there is nothing to keep then.
        Err(StoreFailure::Missing) => {}
        Err(failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_))) => return Err(failure.into()),
    }
    let (size, hash) = measure(&bytes);
    app.settings.defects.put(&app.binaries, &current.filename, bytes, mime).await?;
    sqlx::query(
        "UPDATE assets SET version = version + 1, mime_type = $2, size_bytes = $3, content_hash = $4,
                updated_at = now(), updated_by = $5 WHERE id = $1",
    )
    .bind(current.id)
    .bind(mime)
    .bind(size)
    .bind(hash)
    .bind(caller.actor())
    .execute(connection)
    .await?;
    Ok(())
}

async fn read(request: Request) -> Result<Upload, Failure> {
    let multipart = Multipart::from_request(request, &()).await;
    let mut parts = multipart.map_err(|error| Failure::bad_request(error.body_text()))?;
    let mut upload = None;
    let mut meta = Upload::default();
    while let Some(part) = parts.next_field().await.map_err(refuse)? {
        match part.name().unwrap_or_default().to_owned().as_str() {
            "file" => {
                let name = part.file_name().unwrap_or("file").to_owned();
                let given = part.content_type().unwrap_or("application/octet-stream").to_owned();
                let bytes = part.bytes().await.map_err(refuse)?.to_vec();
                upload = Some((name, given, bytes));
            }
            "folder" => meta.folder = Some(part.text().await.map_err(refuse)?),
            "altText" => meta.alt_text = Some(part.text().await.map_err(refuse)?),
            "tags" => {
                let text = part.text().await.map_err(refuse)?;
                let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                meta.tags = tags.map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    let (name, given, bytes) = upload.ok_or_else(|| Failure::invalid("file", "is missing"))?;
    if bytes.is_empty() {
        return Err(Failure::invalid("file", "is empty"));
    }
    let mime = sniff(&bytes).map_or(given, str::to_owned);
    Ok(Upload { bytes, name, mime, ..meta })
}

fn refuse(error: MultipartError) -> Failure {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::too_large();
    }
    Failure::bad_request(error.body_text())
}

/// Size and SHA-256 of a binary, as its row records them.
fn measure(bytes: &[u8]) -> (i64, String) {
    (i64::try_from(bytes.len()).unwrap_or(i64::MAX), hex(&Sha256::digest(bytes)))
}

/// Letters, digits, `.`, `_` and `-` of a name, at most the last 80 of them.
fn sanitise(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let clean: Vec<char> = name.chars().map(kept).collect();
    let start = clean.len().saturating_sub(80);
    clean[start..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::sanitise;

    #[test]
    fn a_name_becomes_one_harmless_path_segment() {
        assert_eq!(sanitise("Logo 2.png"), "Logo-2.png");
        assert_eq!(sanitise("../../étc/passwd"), "..-..--tc-passwd");
        assert_eq!(sanitise(&format!("{}.png", "a".repeat(200))).len(), 80);
    }
}
