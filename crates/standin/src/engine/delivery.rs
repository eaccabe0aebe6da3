//! Delivering what a schedule rendered. Targets of the type `webhook` get the document by POST over
//! plain HTTP; those of other types are recorded with the schedule, and not delivered.

use super::failure::Failure;
use super::rendering::Format;
use axum::body::Body;
use axum::http::{Method, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// How long a target may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Delivers to every webhook in turn; the first that does not take the document ends it.
pub(crate) async fn deliver(targets: &Value, document: &[u8], format: Format) -> Result<(), Failure> {
    let targets = targets.as_array().map_or(&[][..], Vec::as_slice);
    for (index, target) in targets.iter().enumerate().filter(|(_, target)| target["type"] == "webhook") {
        // The URL can hold a secret: a dead letter names the target by its place.
        post(target["url"].as_str().unwrap_or_default(), document, format).await.map_err(|why| {
            Failure::unavailable("delivery_failed", format!("the webhook deliveryTargets.{index} {why}"))
        })?;
    }
    Ok(())
}

async fn post(url: &str, document: &[u8], format: Format) -> Result<(), String> {
    let mime = match format {
        Format::Pdf => "application/pdf",
        Format::Html => "text/html; charset=utf-8",
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, mime)
        .body(Body::from(document.to_vec()))
        .map_err(|_| "has no usable url".to_owned())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    match tokio::time::timeout(PATIENCE, client.request(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("answered {}", answer.status())),
        Ok(Err(error)) if error.is_connect() => Err("can't be reached".to_owned()),
        Ok(Err(_)) => Err("broke off".to_owned()),
        Err(_) => Err("did not answer in time".to_owned()),
    }
}
