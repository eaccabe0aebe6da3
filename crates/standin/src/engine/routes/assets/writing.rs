//! What writes binaries: upload, replacement, restoring an earlier one. Both stores are written within
//! one request; the settings determine which one first.

use super::{parse_id, record};
use crate::engine::access::{Caller, Scope, if_match};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use crate::engine::rendering::sniff;
use crate::engine::rows::{Change, Content, Current, NewAsset};
use crate::engine::schema::hex;
use crate::engine::store::StoreFailure;
use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
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

pub(crate) async fn upload(
    State(app): State<Shared>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Failure> {
    caller.allow(&[Scope::Editor])?;
    let upload = read(&app, request).await?;
    let id = Uuid::now_v7();
    let filename = format!("{id}-{}", sanitise(&upload.name));
    let content = describe(&upload.bytes, &upload.mime);
    let details = json!({"filename": filename, "contentHash": content.content_hash});
    let asset = NewAsset {
        id,
        filename: &filename,
        original_name: &upload.name,
        content,
        folder: upload.folder.as_deref(),
        tags: &upload.tags,
        alt_text: upload.alt_text.as_deref(),
    };
    let _turn = app.turns.of(id).await;
    let binary = put(&app, &filename, upload.bytes, &upload.mime);
    let row = async {
        let mut change = app.rows.change().await?;
        change.insert_asset(&caller, asset).await?;
        change.audit(&caller, "asset", "upload", &id.to_string(), details).await?;
        change.commit().await
    };
    app.settings.writes.upload.of(binary, row).await?;
    let stored = record(&app, &caller, id).await?;
    if app.settings.defects.loses_upload() {
        let mut change = app.rows.change().await?;
        change.delete_asset(id).await?;
        change.commit().await?;
        app.binaries.delete(&filename).await?;
    }
    Ok((StatusCode::CREATED, Json(stored)))
}

pub(crate) async fn replace(
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
    let upload = read(&app, request).await?;
    let _turn = app.turns.of(id).await;
    let mut change = app.rows.change().await?;
    let current = lock(&mut *change, &caller, id).await?;
    if wanted.is_some_and(|wanted| wanted != current.version.to_string()) {
        return Err(Failure::stale(current.version));
    }
    let details = json!({"from": current.version});
    let new = New { bytes: upload.bytes, mime: &upload.mime, operation: "replace", details };
    overwrite(&app, change, &caller, &current, new).await?;
    record(&app, &caller, id).await.map(Json)
}

pub(crate) async fn restore(
    State(app): State<Shared>,
    caller: Caller,
    Path((id, version)): Path<(String, i32)>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Editor])?;
    let id = parse_id(&id)?;
    let _turn = app.turns.of(id).await;
    let mut change = app.rows.change().await?;
    let current = lock(&mut *change, &caller, id).await?;
    let old = change.earlier_binary(id, version).await?;
    let (key, mime) =
        old.ok_or_else(|| Failure::not_found(format!("earlier version {version} of this asset")))?;
    let bytes = app.binaries.get(&key).await?;
    let new = New { bytes, mime: &mime, operation: "restore", details: json!({"version": version}) };
    overwrite(&app, change, &caller, &current, new).await?;
    record(&app, &caller, id).await.map(Json)
}

async fn lock(change: &mut dyn Change, caller: &Caller, id: Uuid) -> Result<Current, Failure> {
    let current = change.current_asset(&caller.tenant, id).await?;
    current.ok_or_else(|| Failure::not_found(format!("asset `{id}`")))
}

/// The content that comes in the place of another.
struct New<'a> {
    bytes: Vec<u8>,
    mime: &'a str,
    /// For the audit trail.
    operation: &'static str,
    details: Value,
}

/// Writes other content and the row that describes it: under the present key, the present binary being
/// kept under a separate one; or under a new key, and the old object is deleted after the answer.
async fn overwrite(
    app: &Shared,
    mut change: Box<dyn Change>,
    caller: &Caller,
    current: &Current,
    new: New<'_>,
) -> Result<(), Failure> {
    let (id, order) = (current.id, app.settings.writes.replace);
    let key = if order.new_key {
        format!("{id}-v{}-{}", current.version + 1, sanitise(&current.original_name))
    } else {
        keep(app, &mut *change, current).await?;
        current.filename.clone()
    };
    let content = describe(&new.bytes, new.mime);
    let binary = put(app, &key, new.bytes, new.mime);
    let row = async {
        change.replace_binary(caller, id, &key, content).await?;
        change.audit(caller, "asset", new.operation, &id.to_string(), new.details).await?;
        change.commit().await
    };
    order.first.of(binary, row).await?;
    if key != current.filename {
        let (app, old) = (app.clone(), current.filename.clone());
        app.clone().afterwards.spawn(async move {
            // No row refers to it: if it remains, it is a harmless orphan.
            let _ = app.binaries.delete(&old).await;
        });
    }
    Ok(())
}

/// Stores an asset's binary.
async fn put(app: &Shared, key: &str, bytes: Vec<u8>, mime: &str) -> Result<(), Failure> {
    Ok(app.settings.defects.put(&app.binaries, key, bytes, mime).await?)
}

/// Keeps the present binary under a separate key.
async fn keep(app: &Shared, change: &mut dyn Change, current: &Current) -> Result<(), Failure> {
    match app.binaries.get(&current.filename).await {
        Ok(previous) => {
            let key = format!("versions/{}/{}", current.id, current.version);
            app.binaries.put(&key, previous, &current.mime_type).await?;
            change.keep_binary(current.id, &key).await
        }
        // Operators replace a lost binary to repair it: there is nothing to keep then.
        Err(StoreFailure::Missing) => Ok(()),
        Err(failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_))) => Err(failure.into()),
    }
}

async fn read(app: &Shared, request: Request) -> Result<Upload, Failure> {
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
    let bytes = app.settings.defects.receive(bytes);
    Ok(Upload { bytes, name, mime, ..meta })
}

fn refuse(error: MultipartError) -> Failure {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::too_large();
    }
    Failure::bad_request(error.body_text())
}

/// A binary as its row records it.
fn describe(bytes: &[u8], mime: &str) -> Content {
    Content {
        mime_type: mime.to_owned(),
        size_bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        content_hash: hex(&Sha256::digest(bytes)),
    }
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
