//! The SDK's errors, described for people. Requests are never printed: they contain the
//! signature and the key's id.

use crate::base::error::Error;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error as StdError;

/// The S3 error code (`NoSuchKey`), or for an answer without a body the one that its status implies;
/// empty when nobody answered.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    if let Some(code) = error.as_service_error().and_then(ProvideErrorMetadata::code) {
        return code.to_owned();
    }
    match error.raw_response().map(|response| response.status().as_u16()) {
        Some(404) => "NotFound".to_owned(),
        Some(403) => "AccessDenied".to_owned(),
        Some(status) => format!("HTTP status {status}"),
        None => String::new(),
    }
}

/// Whether the store denies access.
pub(super) fn is_denied(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AllAccessDisabled")
}

/// An environment error.
pub(super) fn failed<E>(cause: &SdkError<E, HttpResponse>, what: String) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let error = Error::environment(what);
    let code = code(cause);
    if code.is_empty() {
        let error = match cause {
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) => error.because(connector),
                None => error.cause("the request could not be sent"),
            },
            SdkError::TimeoutError(_) => error.cause("no answer in time"),
            other => error.because(other),
        };
        return error.hint("see whether the object store runs and listens at this address");
    }
    let message = cause.as_service_error().and_then(ProvideErrorMetadata::message);
    let error = error.cause(match message {
        Some(message) => format!("{code}: {message}"),
        None => code.clone(),
    });
    match code.as_str() {
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AccessDenied" => {
            error.hint("see whether the access key is the store's and may do this")
        }
        "NoSuchBucket" => error.hint("make the bucket, or correct its name"),
        _ => error,
    }
}

/// An environment error: what was listed is not everything, and the rest cannot be requested.
pub(super) fn truncated(what: String) -> Error {
    Error::environment(what)
        .cause("the store reports a further page, but not where it begins")
        .hint("check the object store: each truncated page needs a new continuation token or marker")
}
