//! What a request to an S3 store is about, as far as its first line says. Path style only.

use hyper::{Method, Uri};
use percent_encoding::percent_decode_str;

/// A request to an S3 store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Request {
    /// The HTTP method.
    pub method: Method,
    /// The bucket; empty for a request to the store itself.
    pub bucket: String,
    /// The object's key, decoded; empty for a request to a bucket.
    pub key: String,
    /// The query as it was sent, without the question mark.
    pub query: String,
}

impl S3Request {
    /// Reads method, path and query.
    pub fn read(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self {
            method: method.clone(),
            bucket: decoded(bucket),
            key: decoded(key),
            query: uri.query().unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_bucket_key_and_query_are_read() {
        let read = |uri: &str| S3Request::read(&Method::PUT, &uri.parse().unwrap());
        let request = |bucket: &str, key: &str, query: &str| S3Request {
            method: Method::PUT,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query: query.to_owned(),
        };
        assert_eq!(
            read("/assets/a%20b/c+d%2Fe?x-id=PutObject"),
            request("assets", "a b/c+d/e", "x-id=PutObject")
        );
        assert_eq!(read("/assets?list-type=2&prefix=a%2F"), request("assets", "", "list-type=2&prefix=a%2F"));
        assert_eq!(read("/assets/"), request("assets", "", ""));
        assert_eq!(read("/"), request("", "", ""));
    }
}
