//! Request bodies: streamed to a temporary file, digested, and compared with everything the client
//! claimed before they may become an object or a part.

use crate::objects::checksum::{Algorithm, Digested, Digests, decode};
use crate::objects::store::{Store, stored};
use futures::StreamExt as _;
use hyper::{HeaderMap, StatusCode};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders, s3_error};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

/// What the client claims about the body that it sends.
#[derive(Debug)]
pub(crate) struct Claims {
    /// Bytes of the body itself, without the framing of chunks.
    length: Option<u64>,
    md5: Option<Vec<u8>>,
    algorithm: Algorithm,
    checksum: Claimed,
}

#[derive(Debug)]
enum Claimed {
    Nothing,
    Value(String),
    /// Follows the body.
    Trailer(TrailingHeaders),
}

impl Claims {
    /// Reads them from a request's headers. `fallback` is the algorithm to compute when the client
    /// names none.
    ///
    /// # Errors
    /// `InvalidDigest` and `InvalidRequest` for values that can't be digests, or for more than one.
    pub(crate) fn read(
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
        fallback: Algorithm,
    ) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let length = text("x-amz-decoded-content-length").or_else(|| text("content-length"));
        let md5 = text("content-md5").map(md5).transpose()?;
        let (algorithm, checksum) = match (claimed(headers)?, trailing(text("x-amz-trailer")), trailers) {
            (Some((algorithm, value)), _, _) => (algorithm, Claimed::Value(value)),
            (None, Some(algorithm), Some(trailers)) => (algorithm, Claimed::Trailer(trailers)),
            (None, _, _) => {
                let named = text("x-amz-sdk-checksum-algorithm").and_then(Algorithm::named);
                (named.unwrap_or(fallback), Claimed::Nothing)
            }
        };
        Ok(Self { length: length.and_then(|digits| digits.parse().ok()), md5, algorithm, checksum })
    }

    fn check(&self, found: &Digested) -> S3Result<()> {
        if self.length.is_some_and(|length| length != found.size) {
            let text = "You did not provide the number of bytes specified by the Content-Length header.";
            return Err(s3_error!(IncompleteBody, "{text}"));
        }
        if self.md5.as_deref().is_some_and(|md5| md5 != found.md5) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        let claimed = match &self.checksum {
            Claimed::Nothing => return Ok(()),
            Claimed::Value(value) => value.clone(),
            Claimed::Trailer(trailers) => {
                let name = self.algorithm.header();
                let value = trailers.read(|trailers| {
                    trailers.get(name.as_str()).and_then(|value| value.to_str().ok()).map(str::to_owned)
                });
                value.flatten().ok_or_else(|| {
                    custom(
                        "MalformedTrailerError",
                        "The request's trailing checksum is missing.",
                        StatusCode::BAD_REQUEST,
                    )
                })?
            }
        };
        well_formed(self.algorithm, &claimed)?;
        if found.checksum.is(&claimed) {
            return Ok(());
        }
        let name = self.algorithm.name();
        Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."))
    }
}

/// The `x-amz-checksum-*` header of a request, of which there may be one.
///
/// # Errors
/// `InvalidRequest`.
pub(crate) fn claimed(headers: &HeaderMap) -> S3Result<Option<(Algorithm, String)>> {
    let mut found = Algorithm::ALL.into_iter().filter_map(|algorithm| {
        let value = headers.get(algorithm.header().as_str())?.to_str().ok()?;
        Some((algorithm, value.to_owned()))
    });
    let first = found.next();
    match found.next() {
        Some(_) => Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header.")),
        None => Ok(first),
    }
}

fn trailing(names: Option<&str>) -> Option<Algorithm> {
    let names = names?;
    Algorithm::ALL
        .into_iter()
        .find(|algorithm| names.split(',').any(|name| name.trim().eq_ignore_ascii_case(&algorithm.header())))
}

fn md5(text: &str) -> S3Result<Vec<u8>> {
    decode(text)
        .filter(|bytes| bytes.len() == 16)
        .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))
}

fn well_formed(algorithm: Algorithm, value: &str) -> S3Result<()> {
    if decode(value).is_some_and(|bytes| bytes.len() == algorithm.length()) {
        return Ok(());
    }
    Err(s3_error!(InvalidRequest, "Value for {} header is invalid.", algorithm.header()))
}

/// Takes a body in.
///
/// # Errors
/// `BadDigest`, `IncompleteBody` and similar; then nothing of the body is stored.
pub(crate) async fn receive(
    store: &Store,
    body: Option<StreamingBlob>,
    claims: &Claims,
) -> S3Result<(TempPath, Digested)> {
    let (file, path) = store.spare()?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut digests = Digests::new(claims.algorithm);
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| broken(&error))?;
            digests.update(&bytes);
            file.write_all(&bytes).await.map_err(stored)?;
        }
    }
    file.flush().await.map_err(stored)?;
    let found = digests.finish();
    claims.check(&found)?;
    Ok((path, found))
}

/// Why a body ended early. The types behind these errors are private to s3s, so their text is matched.
fn broken(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        custom("XAmzContentSHA256Mismatch", text, StatusCode::BAD_REQUEST)
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "The signature of a chunk does not match.")
    } else {
        s3_error!(IncompleteBody, "The request body ended early: {text}")
    }
}

/// An error whose code s3s does not list.
pub(crate) fn custom(code: &'static str, text: &'static str, status: StatusCode) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), text);
    error.set_status_code(status);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_checksum_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-crc32", "y/Q5Jg==".parse().unwrap());
        let claims = Claims::read(&headers, None, Algorithm::Crc64Nvme).unwrap();
        assert_eq!(claims.algorithm, Algorithm::Crc32);
        headers.insert("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=".parse().unwrap());
        assert!(Claims::read(&headers, None, Algorithm::Crc64Nvme).is_err());
    }

    #[test]
    fn a_trailer_is_found_by_name() {
        assert_eq!(trailing(Some("x-amz-checksum-crc32")), Some(Algorithm::Crc32));
        assert_eq!(trailing(Some("x-other, x-amz-checksum-CRC32C")), Some(Algorithm::Crc32c));
        assert_eq!(trailing(Some("x-other")), None);
    }
}
