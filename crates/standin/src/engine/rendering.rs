//! From a request to a document: which version, which binaries, what refusal. Routes, batch jobs
//! and the dispatcher all come through here.

use super::app::Shared;
use super::defects::Defect;
use super::failure::Failure;
use super::render::{self, RenderError};
use super::rows::{Pin, Usage};
use super::store::StoreFailure;
use base64::Engine as _;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

/// The code of the documented fail-closed refusal (v0.35.0).
const ASSET_BINARY_MISSING: &str = "ASSET_BINARY_MISSING";

/// What to render. Unknown members are ignored.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct Order {
    /// A template's key, or (for `validate`) a definition.
    pub(crate) template: Option<Value>,
    /// Instead of a stored template.
    pub(crate) definition: Option<Value>,
    pub(crate) data: Option<Value>,
    pub(crate) version: Option<String>,
    pub(crate) label: Option<String>,
}

/// What kind of document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    Html,
}

/// Where an order came from, for the usage table.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Single,
    Batch,
    Scheduled,
}

/// A definition with its names.
pub(crate) struct Resolved {
    pub(crate) definition: Value,
    /// `None` for a definition sent along.
    pub(crate) key: Option<String>,
    pub(crate) version: Option<String>,
}

/// A finished document.
pub(crate) struct Rendered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Option<String>,
}

/// Renders, and counts it in `render_usage`; writes nothing else.
pub(crate) async fn render(
    app: &Shared,
    tenant: &str,
    order: &Order,
    format: Format,
    source: Source,
) -> Result<Rendered, Failure> {
    let begun = Instant::now();
    let resolved = resolve(app, tenant, order).await?;
    let definition = app.settings.defects.definition(resolved.definition);
    let data = order.data.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let keys = render::referenced_assets(&definition, &data).map_err(refuse)?;
    // HTML in public mode keeps its links: nothing is fetched. Everything else embeds.
    let embeds = format == Format::Pdf || app.settings.private_assets;
    let assets = if embeds { gather(app, tenant, &keys).await? } else { BTreeMap::new() };
    let bytes = tokio::task::spawn_blocking(move || draw(format, &definition, &data, &assets))
        .await
        .map_err(|error| Failure::internal("engine_crash", error.to_string()))?
        .map_err(refuse)?;
    let bytes = if format == Format::Pdf { app.settings.defects.finish(bytes) } else { bytes };
    let usage = Usage {
        tenant,
        template_key: resolved.key.as_deref(),
        template_version: resolved.version.as_deref(),
        format: match format {
            Format::Pdf => "pdf",
            Format::Html => "html",
        },
        source: match source {
            Source::Single => "single",
            Source::Batch => "batch",
            Source::Scheduled => "scheduled",
        },
        size_bytes: bytes.len(),
        took: begun.elapsed(),
    };
    app.rows.count_render(&usage).await?;
    Ok(Rendered { bytes, version: resolved.version })
}

fn draw(
    format: Format,
    definition: &Value,
    data: &Value,
    assets: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, RenderError> {
    match format {
        Format::Pdf => render::render_pdf(definition, data, assets),
        Format::Html => {
            let mut html = render::render_html(definition, data)?;
            for (key, bytes) in assets {
                html = html.replace(&format!("/assets/{key}"), &data_uri(bytes));
            }
            Ok(html.into_bytes())
        }
    }
}

fn data_uri(bytes: &[u8]) -> String {
    let mime = sniff(bytes).unwrap_or("application/octet-stream");
    format!("data:{mime};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// The media type by the first bytes, for the kinds that a template can use.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 9] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"<svg", "image/svg+xml"),
        (b"%PDF-", "application/pdf"),
        (b"\0\x01\0\0\0", "font/ttf"),
        (b"OTTO", "font/otf"),
        (b"wOFF", "font/woff"),
        (b"wOF2", "font/woff2"),
    ];
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let known = starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, mime)| *mime);
    if webp { Some("image/webp") } else { known }
}

/// Finds the definition: by version, by label, or the current one; or the one sent along.
pub(crate) async fn resolve(app: &Shared, tenant: &str, order: &Order) -> Result<Resolved, Failure> {
    let inline = order.definition.as_ref().or(order.template.as_ref().filter(|value| value.is_object()));
    if let Some(definition) = inline {
        return Ok(Resolved { definition: definition.clone(), key: None, version: None });
    }
    let Some(Value::String(key)) = &order.template else {
        return Err(Failure::invalid("template", "must be a template's key"));
    };
    let pin = match (&order.version, &order.label) {
        (Some(_), Some(_)) => return Err(Failure::bad_request("version and label exclude each other")),
        (Some(version), None) => Pin::Version(version),
        (None, Some(label)) => Pin::Label(label),
        (None, None) => Pin::Current,
    };
    let found = app.rows.definition(tenant, key, pin).await?;
    let (version, mut definition) = found.ok_or_else(|| {
        Failure::not_found(match pin {
            Pin::Version(pin) | Pin::Label(pin) => format!("template `{key}` at `{pin}`"),
            Pin::Current => format!("template `{key}`"),
        })
    })?;
    if app.settings.defects.has(Defect::OldVersion) {
        definition = app.rows.definition_before(tenant, key, &version).await?.unwrap_or(definition);
    }
    Ok(Resolved { definition, key: Some(key.clone()), version: Some(version) })
}

/// Fetches every referenced binary, or refuses before a single byte of the document exists.
async fn gather(app: &Shared, tenant: &str, keys: &[String]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let known = app.rows.known_assets(tenant, keys).await?;
    let defects = &app.settings.defects;
    let mut assets = BTreeMap::new();
    for named in keys {
        let key = if known.contains(named) { Some(named.clone()) } else { by_id(app, tenant, named).await? };
        let Some(key) = key else {
            let message = format!("the template refers to `{named}`, and there is no such asset");
            return Err(Failure::render("ASSET_NOT_FOUND", Some(named), message));
        };
        let bytes = match defects.fetch(&*app.rows, &app.binaries, &key).await {
            Ok(bytes) => bytes,
            Err(failure) => match defects.substitute(&failure) {
                Some(placeholder) => placeholder,
                None => return Err(refuse_binary(app, named, defects.reason(failure))),
            },
        };
        assets.insert(named.clone(), bytes);
    }
    Ok(assets)
}

/// The present storage key of the asset that a reference names by an earlier one.
async fn by_id(app: &Shared, tenant: &str, named: &str) -> Result<Option<String>, Failure> {
    let Some(id) = app.settings.writes.replace.moved(named) else { return Ok(None) };
    let asset = app.rows.asset(tenant, id).await?;
    Ok(asset.and_then(|asset| asset["filename"].as_str().map(str::to_owned)))
}

fn refuse_binary(app: &Shared, key: &str, failure: StoreFailure) -> Failure {
    match failure {
        StoreFailure::Missing => app.settings.defects.refusal(Failure::render(
            ASSET_BINARY_MISSING,
            Some(key),
            format!("the binary of asset `{key}` is missing from the store"),
        )),
        failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_)) => failure.into(),
    }
}

fn refuse(error: RenderError) -> Failure {
    Failure::render(error.code.unwrap_or("render_failed"), error.path.as_deref(), error.message)
}
