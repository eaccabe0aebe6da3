//! Assets: metadata in rows, binaries in the store. Here is what reads and what deletes.

mod writing;

pub(crate) use writing::{replace, restore, upload};

use crate::engine::access::{Caller, Params, Scope};
use crate::engine::app::Shared;
use crate::engine::defects::Defect;
use crate::engine::failure::Failure;
use crate::engine::rows::AssetFilter;
use crate::engine::writes::First;
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

const READERS: [Scope; 3] = [Scope::Editor, Scope::Preview, Scope::Render];

pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let text = |name: &str| params.get(name).map(str::to_owned);
    let filter = AssetFilter {
        search: text("q"),
        mime_type: text("mimeType"),
        folder: text("folder"),
        tag: text("tag"),
    };
    let mut found = app.rows.assets(&caller.tenant, filter, params.page()?).await?;
    for item in found["items"].as_array_mut().into_iter().flatten() {
        publish(&app, item);
    }
    Ok(Json(app.settings.defects.list(found)))
}

pub(crate) async fn details(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let id = parse_id(&id)?;
    let mut asset = record(&app, &caller, id).await?;
    let filename = asset["filename"].as_str().unwrap_or_default();
    let templates = references(&app, &caller, id, filename).await?;
    asset["usageCount"] = json!(templates.as_array().map_or(0, Vec::len));
    asset["referencedBy"] = templates;
    Ok(Json(asset))
}

pub(crate) async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let id = parse_id(&id)?;
    record(&app, &caller, id).await?;
    app.rows.asset_versions(id, params.page()?).await.map(Json)
}

/// In private mode a download needs a key; in public mode it needs none.
pub(crate) struct Reader;

impl FromRequestParts<Shared> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Failure> {
        if app.settings.private_assets {
            app.settings.keys.scope(&parts.headers)?;
        }
        Ok(Self)
    }
}

pub(crate) async fn download(
    State(app): State<Shared>,
    _: Reader,
    Path(filename): Path<String>,
) -> Result<Response, Failure> {
    let mut found = app.rows.media_type(&filename).await?.map(|mime| (filename.clone(), mime));
    if let (None, Some(id)) = (&found, app.settings.writes.replace.moved(&filename)) {
        found = app.rows.present(id).await?;
    }
    let (filename, mime) = found.ok_or_else(|| Failure::not_found(format!("asset `{filename}`")))?;
    let bytes = app.settings.defects.hand_out(app.binaries.get(&filename).await?);
    Ok(([(header::CONTENT_TYPE, mime)], bytes).into_response())
}

pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<StatusCode, Failure> {
    caller.allow(&[Scope::Editor])?;
    let (id, force) = (parse_id(&id)?, params.flag("force")?);
    let _turn = app.turns.of(id).await;
    let mut change = app.rows.change().await?;
    let current = change.current_asset(&caller.tenant, id).await?;
    let current = current.ok_or_else(|| Failure::not_found(format!("asset `{id}`")))?;
    if app.settings.defects.has(Defect::IgnoresDeletes) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let templates = references(&app, &caller, id, &current.filename).await?;
    if !force && templates.as_array().is_some_and(|templates| !templates.is_empty()) {
        let mut refusal =
            Failure::conflict("asset_in_use", "templates refer to this asset; force=true deletes it");
        refusal.referenced_by = Some(Box::new(templates));
        return Err(refusal);
    }
    let deleted = (id, current.filename.as_str(), current.mime_type.as_str());
    app.settings.defects.before_delete(&*app.rows, &app.binaries, deleted).await?;
    let first = app.settings.writes.delete;
    let earlier = change.earlier_keys(id).await?;
    let binaries = async {
        for key in earlier.iter().chain([&current.filename]) {
            let removed = app.binaries.delete(key).await;
            // Once the row is deleted, a remaining binary is a harmless orphan.
            if first == First::Binary {
                removed?;
            }
        }
        Ok(())
    };
    let row = async {
        change.delete_asset(id).await?;
        change.audit(&caller, "asset", "delete", &id.to_string(), json!({"force": force})).await?;
        change.commit().await
    };
    first.of(binaries, row).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The templates that refer to an asset: by its storage key, or by its id where keys change.
async fn references(app: &Shared, caller: &Caller, id: Uuid, filename: &str) -> Result<Value, Failure> {
    let named = if app.settings.writes.replace.new_key { id.to_string() } else { filename.to_owned() };
    app.rows.references(&caller.tenant, &named).await
}

/// An asset as the wire shows it.
async fn record(app: &Shared, caller: &Caller, id: Uuid) -> Result<Value, Failure> {
    let found = app.rows.asset(&caller.tenant, id).await?;
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

fn parse_id(id: &str) -> Result<Uuid, Failure> {
    id.parse().map_err(|_| Failure::not_found(format!("asset `{id}`")))
}
