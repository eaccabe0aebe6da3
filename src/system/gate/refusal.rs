//! Answers that an S3 store gives when it won't: a status and an error in XML (S3 API reference,
//! "Error responses").

use crate::system::gate::request::S3Request;
use axum::body::Body;
use hyper::{Method, Response, StatusCode, header};

/// The answer to a request with this status; one that is no HTTP status becomes 500.
pub(super) fn refusal(request: &S3Request, status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, message) = match status.as_u16() {
        403 => ("AccessDenied", "Access Denied"),
        404 if request.key.is_empty() => ("NoSuchBucket", "The specified bucket does not exist"),
        404 => ("NoSuchKey", "The specified key does not exist."),
        429 | 503 => ("SlowDown", "Please reduce your request rate."),
        504 => ("RequestTimeout", "The request timed out."),
        _ => ("InternalError", "We encountered an internal error. Please try again."),
    };
    let resource = quick_xml::escape::escape(format!("/{}/{}", request.bucket, request.key)).into_owned();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <Resource>{resource}</Resource><RequestId>0000000000000000</RequestId></Error>"
    );
    let mut response = if request.method == Method::HEAD {
        Response::new(Body::empty())
    } else {
        Response::new(Body::from(xml))
    };
    *response.status_mut() = status;
    let xml = header::HeaderValue::from_static("application/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, xml);
    response
}
