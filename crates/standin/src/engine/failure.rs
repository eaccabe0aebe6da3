//! Refusals as the client receives them: a status and the envelope
//! `{error, message, code, requestId, issues?}`. It decides no policy.

use super::store::StoreFailure;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A request that was not done, and why.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The kind, for people: `RenderError`.
    pub(crate) error: &'static str,
    /// The kind, for programs: `not_found`.
    pub(crate) code: String,
    pub(crate) message: String,
    /// `{path, message, code?}` each.
    pub(crate) issues: Vec<Value>,
    /// Templates that keep an asset from being deleted.
    pub(crate) referenced_by: Option<Box<Value>>,
    /// Sent as a PDF instead of the envelope; only the `partial-pdf` defect sets it.
    pub(crate) disguise: Option<&'static [u8]>,
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error,
            code: code.to_owned(),
            message: message.into(),
            issues: Vec::new(),
            referenced_by: None,
            disguise: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", "bad_request", message)
    }

    /// One field is wrong.
    pub(crate) fn invalid(path: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut failure = Self::new(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            "validation_failed",
            format!("{path}: {message}"),
        );
        failure.issues.push(json!({"path": path, "message": message}));
        failure
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "a valid API key is needed in the header X-Api-Key";
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "unauthorized", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "forbidden", message)
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "not_found", format!("there is no {what}"))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "this route does not support this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "method_not_allowed", message)
    }

    pub(crate) fn gone(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Gone", code, message)
    }

    pub(crate) fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", code, message)
    }

    pub(crate) fn stale(current: impl std::fmt::Display) -> Self {
        let message = format!("the current version is \"{current}\"");
        Self::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "precondition_failed", message)
    }

    pub(crate) fn precondition_required() -> Self {
        let message = "the header If-Match must name the current version";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "PreconditionRequired", "precondition_required", message)
    }

    pub(crate) fn too_large() -> Self {
        let message = "the request is larger than this engine takes";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", "payload_too_large", message)
    }

    /// 422: the definition, the data or an asset keeps the document from being rendered.
    pub(crate) fn render(code: &str, path: Option<&str>, message: impl Into<String>) -> Self {
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "RenderError", code, message);
        failure.issues.push(json!({
            "path": path.unwrap_or_default(), "message": failure.message, "code": code,
        }));
        failure
    }

    pub(crate) fn unavailable(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", code, message)
    }

    pub(crate) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "not_implemented", message)
    }

    pub(crate) fn internal(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", code, message)
    }

    /// The envelope.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut body = json!({
            "error": self.error, "message": self.message, "code": self.code, "requestId": request_id,
        });
        if !self.issues.is_empty() {
            body["issues"] = Value::Array(self.issues.clone());
        }
        if let Some(templates) = &self.referenced_by {
            body["referencedBy"] = (**templates).clone();
        }
        body
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::unavailable("service_unavailable", format!("the database cannot be reached: {error}"))
            }
            _ => Self::internal("internal_error", format!("the database refused: {error}")),
        }
    }
}

/// A store failure outside of a render (upload, replace, download).
impl From<StoreFailure> for Failure {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Missing => {
                let mut missing = Self::not_found("binary behind this asset");
                missing.code = "ASSET_BINARY_MISSING".into();
                missing
            }
            StoreFailure::Denied(_) => Self::internal("ASSET_STORE_DENIED", failure.to_string()),
            StoreFailure::Unreachable(_) => Self::unavailable("ASSET_STORE_UNAVAILABLE", failure.to_string()),
        }
    }
}

/// The envelope needs the request's id, which only the outermost layer has: the failure reaches it as an extension of an empty response.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Outermost layer: gives every answer its `X-Request-ID` and every failure its envelope.
pub(crate) async fn finish(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let headers = std::mem::take(response.headers_mut());
        response = match failure.disguise {
            Some(bytes) => {
                (failure.status, [(header::CONTENT_TYPE, "application/pdf")], bytes.to_vec()).into_response()
            }
            None => (failure.status, axum::Json(failure.body(&id))).into_response(),
        };
        for (name, value) in headers.iter().filter(|(name, _)| *name == header::ALLOW) {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
