//! Templates and their version history. Every change makes a new version; nothing is overwritten.
//! A deleted template goes to the trash and keeps its key until it is purged.

use crate::engine::access::{Caller, Input, Params, Scope, if_match};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use crate::engine::rows::{Change, NewVersion, Pin};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const READERS: [Scope; 3] = [Scope::Editor, Scope::Preview, Scope::Render];

pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let trash = params.get("state") == Some("trash");
    let page = app.rows.templates(&caller.tenant, trash, params.get("q"), params.page()?).await?;
    Ok(Json(app.settings.defects.list_templates(page)))
}

pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    caller.allow(&READERS)?;
    answer(&app, &caller, &key, None).await
}

pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Input(definition): Input,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor])?;
    let key = check(&definition)?;
    let sent = definition["version"].as_str().unwrap_or("1.0.0");
    let version = parse(sent)
        .map(|_| sent.to_owned())
        .ok_or_else(|| Failure::invalid("version", "must be like 1.0.0"))?;
    let mut change = app.rows.change().await?;
    let first = NewVersion { version: &version, definition, note: note(&headers) };
    if !change.create_template(&caller, &key, first).await? {
        return Err(Failure::conflict("conflict", format!("there is a template `{key}` already")));
    }
    change.audit(&caller, "template", "create", &key, json!({"version": version})).await?;
    change.commit().await?;
    let summary = answer(&app, &caller, &key, None).await?;
    Ok((StatusCode::CREATED, summary).into_response())
}

pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    headers: HeaderMap,
    Input(definition): Input,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Editor])?;
    let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
    if check(&definition)? != key {
        return Err(Failure::invalid("key", "must be the key in the path: keys never change"));
    }
    advance(&app, &caller, &key, &wanted, "update", definition, note(&headers)).await
}

pub(crate) async fn restore(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    caller.admin()?;
    let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
    let old = app.rows.definition(&caller.tenant, &key, Pin::Version(&version)).await?;
    let (_, old) = old.ok_or_else(|| Failure::not_found(format!("template `{key}` at `{version}`")))?;
    advance(&app, &caller, &key, &wanted, "restore", old, note(&headers)).await
}

/// Adds `definition` as the next version, if `wanted` still is the current one.
async fn advance(
    app: &Shared,
    caller: &Caller,
    key: &str,
    wanted: &str,
    operation: &str,
    definition: Value,
    note: Option<String>,
) -> Result<Response, Failure> {
    let mut change = app.rows.change().await?;
    let current = lock(&mut *change, caller, key, wanted).await?;
    let [major, minor, patch] = parse(&current).ok_or_else(|| {
        Failure::internal("internal_error", format!("the current version `{current}` is no version"))
    })?;
    let next = format!("{major}.{minor}.{}", patch + 1);
    change.add_version(caller, key, NewVersion { version: &next, definition, note }).await?;
    change.audit(caller, "template", operation, key, json!({"from": current, "version": next})).await?;
    change.commit().await?;
    answer(app, caller, key, None).await
}

pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Result<StatusCode, Failure> {
    caller.admin()?;
    let mut change = app.rows.change().await?;
    if params.flag("permanent")? {
        if !change.purge_template(&caller.tenant, &key).await? {
            return Err(not_in_trash(&key));
        }
        change.audit(&caller, "template", "purge", &key, json!({})).await?;
    } else {
        let wanted = if_match(&headers)?.ok_or_else(Failure::precondition_required)?;
        lock(&mut *change, &caller, &key, &wanted).await?;
        app.settings.defects.before_trash(&key);
        change.trash_template(&caller, &key).await?;
        change.audit(&caller, "template", "delete", &key, json!({"version": wanted})).await?;
    }
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn undelete(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    caller.admin()?;
    let mut change = app.rows.change().await?;
    if !change.undelete_template(&caller.tenant, &key).await? {
        return Err(not_in_trash(&key));
    }
    change.audit(&caller, "template", "undelete", &key, json!({})).await?;
    change.commit().await?;
    answer(&app, &caller, &key, None).await
}

fn not_in_trash(key: &str) -> Failure {
    Failure::conflict("template_not_in_trash", format!("`{key}` is not in the trash"))
}

pub(crate) async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    caller.allow(&READERS)?;
    let found = app.rows.versions(&caller.tenant, &key, params.page()?).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("template `{key}`")))
}

pub(crate) async fn version(
    State(app): State<Shared>,
    caller: Caller,
    Path((key, version)): Path<(String, String)>,
) -> Result<Response, Failure> {
    caller.allow(&READERS)?;
    answer(&app, &caller, &key, Some(&version)).await
}

/// A template with its definition, at a version (then under the name it had) or the current one,
/// under its `ETag`.
pub(crate) async fn answer(
    app: &Shared,
    caller: &Caller,
    key: &str,
    version: Option<&str>,
) -> Result<Response, Failure> {
    let found = app.rows.template(&caller.tenant, key, version).await?;
    let (current, body) = found.ok_or_else(|| match version {
        Some(version) => Failure::not_found(format!("template `{key}` at `{version}`")),
        None => Failure::not_found(format!("template `{key}`")),
    })?;
    Ok(([(header::ETAG, format!("\"{current}\""))], Json(body)).into_response())
}

/// Holds the template against other writers and refuses unless `wanted` is its current version.
async fn lock(change: &mut dyn Change, caller: &Caller, key: &str, wanted: &str) -> Result<String, Failure> {
    if parse(wanted).is_none() {
        return Err(Failure::bad_request("If-Match must be a version such as \"1.0.3\""));
    }
    let current = change.current_version(&caller.tenant, key).await?;
    let current = current.ok_or_else(|| Failure::not_found(format!("template `{key}`")))?;
    if current != wanted {
        return Err(Failure::stale(current));
    }
    Ok(current)
}

/// The definition's key, if the members that every template needs are present.
fn check(definition: &Value) -> Result<String, Failure> {
    let slug = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
    };
    let key = definition["key"].as_str().filter(|key| slug(key));
    let key = key.ok_or_else(|| {
        Failure::invalid("key", "must be a slug of a-z, 0-9, `-`, `_` and `.`, with no dot in front")
    })?;
    if definition["name"].as_str().is_none_or(str::is_empty) {
        return Err(Failure::invalid("name", "must be a text"));
    }
    if !definition["inputSchema"].is_object() {
        return Err(Failure::invalid("inputSchema", "must be a JSON Schema object"));
    }
    if definition["document"]["type"] != "document" || !definition["document"]["children"].is_array() {
        return Err(Failure::invalid("document", "must be a node of type `document` with children"));
    }
    Ok(key.to_owned())
}

fn parse(version: &str) -> Option<[u64; 3]> {
    let parts: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// The change note travels percent-encoded in a header.
fn note(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get("x-pulpengine-change-note")?.to_str().ok()?.replace('+', "%2B");
    url::form_urlencoded::parse(format!("note={sent}").as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_version_has_three_numbers() {
        assert_eq!(parse("1.0.12"), Some([1, 0, 12]));
        for wrong in ["1.0", "1.0.x", "", "1.0.0.0", "v1.0.0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
