//! Answers that end too early.

use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use hyper::{Response, header};
use std::io;

/// Lets so many bytes of the body through, at least one less than there are, and then breaks off.
/// The header still gives the whole length. `None` where there is no body to cut.
pub(super) fn truncate(response: Response<Body>, bytes: u64) -> Option<Response<Body>> {
    let length = response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    let keep = bytes.min(length.checked_sub(1)?);
    let (parts, body) = response.into_parts();
    let kept = body.into_data_stream().scan(keep, |left, chunk| {
        let chunk = match chunk {
            Ok(_) if *left == 0 => return std::future::ready(None),
            Ok(chunk) => chunk,
            Err(error) => return std::future::ready(Some(Err(io::Error::other(error)))),
        };
        // The smaller of the two fits into either type.
        let take = usize::try_from(*left).map_or(chunk.len(), |left| left.min(chunk.len()));
        *left -= take as u64;
        std::future::ready(Some(Ok::<Bytes, io::Error>(chunk.slice(..take))))
    });
    let end = stream::once(async {
        // What was let through is flushed while the body is not ready.
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    Some(Response::from_parts(parts, Body::from_stream(kept.chain(end))))
}
