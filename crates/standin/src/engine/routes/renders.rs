//! Rendering one document, and checking whether one could be rendered.

use crate::engine::access::{Caller, Input, Params, Scope};
use crate::engine::app::Shared;
use crate::engine::failure::Failure;
use crate::engine::render::{self, Issue};
use crate::engine::rendering::{Format, Order, Rendered, Source, render as render_order, resolve};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(crate) async fn pdf(
    State(app): State<Shared>,
    caller: Caller,
    Input(order): Input<Order>,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Render])?;
    let rendered = render_order(&app, &caller.tenant, &order, Format::Pdf, Source::Single).await?;
    let name = order.template.as_ref().and_then(Value::as_str).unwrap_or("document");
    let disposition = format!("attachment; filename=\"{name}.pdf\"");
    let file = [(header::CONTENT_DISPOSITION, disposition)];
    Ok((file, send("application/pdf", rendered)).into_response())
}

/// `POST /render`, deprecated in favour of `/render/pdf`: does the same and reports the deprecation.
pub(crate) async fn pdf_by_old_name(
    app: State<Shared>,
    caller: Caller,
    order: Input<Order>,
) -> Result<Response, Failure> {
    let answer = pdf(app, caller, order).await?;
    Ok(([("deprecation", "true"), ("link", "</render/pdf>; rel=\"successor-version\"")], answer)
        .into_response())
}

pub(crate) async fn html(
    State(app): State<Shared>,
    caller: Caller,
    Input(order): Input<Order>,
) -> Result<Response, Failure> {
    caller.allow(&[Scope::Render, Scope::Preview, Scope::Editor])?;
    let rendered = render_order(&app, &caller.tenant, &order, Format::Html, Source::Single).await?;
    Ok(send("text/html; charset=utf-8", rendered))
}

pub(crate) async fn validate(
    State(app): State<Shared>,
    caller: Caller,
    Input(order): Input<Order>,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Render, Scope::Preview, Scope::Editor])?;
    let resolved = resolve(&app, &caller.tenant, &order).await?;
    Ok(validity(render::validate(&resolved.definition)))
}

/// Whether data fits the schema of a stored template, of a version or by a label.
pub(crate) async fn validate_input(
    State(app): State<Shared>,
    caller: Caller,
    Path(key): Path<String>,
    params: Params,
    Input(data): Input,
) -> Result<Json<Value>, Failure> {
    caller.allow(&[Scope::Render, Scope::Preview, Scope::Editor])?;
    let pin = |name| params.get(name).map(str::to_owned);
    let (version, label) = (pin("version"), pin("label"));
    let order = Order { template: Some(json!(key)), version, label, ..Order::default() };
    let resolved = resolve(&app, &caller.tenant, &order).await?;
    Ok(validity(render::input_issues(&resolved.definition["inputSchema"], &data)))
}

fn validity(issues: Vec<Issue>) -> Json<Value> {
    let shown = |issue: Issue| {
        let mut item = json!({"message": issue.message});
        if let Some(path) = issue.path {
            item["path"] = json!(path);
        }
        if let Some(code) = issue.code {
            item["code"] = json!(code);
        }
        item
    };
    let issues: Vec<Value> = issues.into_iter().map(shown).collect();
    Json(json!({"valid": issues.is_empty(), "issues": issues}))
}

fn send(mime: &'static str, rendered: Rendered) -> Response {
    let mut response = ([(header::CONTENT_TYPE, mime)], rendered.bytes).into_response();
    if let Some(value) = rendered.version.and_then(|version| version.parse().ok()) {
        response.headers_mut().insert("x-pulpengine-resolved-version", value);
    }
    response
}
