//! What a request to an S3 store is about, by its first line and headers. Path style
//! only. It reads no body.

use hyper::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;

/// An operation of the S3 API, by its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum S3Operation {
    /// The buckets of the account.
    ListBuckets,
    /// Whether a bucket is there.
    HeadBucket,
    /// Makes a bucket.
    CreateBucket,
    /// Removes an empty bucket.
    DeleteBucket,
    /// One page of the keys of a bucket, by either version of the call.
    ListObjects,
    /// One page of the versions and delete markers of a bucket.
    ListObjectVersions,
    /// Reads an object.
    GetObject,
    /// Reads an object's headers.
    HeadObject,
    /// Writes an object.
    PutObject,
    /// Copies an object inside the store.
    CopyObject,
    /// Removes an object, or one version of it.
    DeleteObject,
    /// Removes several objects.
    DeleteObjects,
    /// Begins a multipart upload.
    CreateMultipartUpload,
    /// Writes a part of a multipart upload, or copies it.
    UploadPart,
    /// Makes an object of a multipart upload's parts.
    CompleteMultipartUpload,
    /// Gives a multipart upload up.
    AbortMultipartUpload,
    /// Anything else: settings of buckets, tags, locks.
    Other,
}

/// A request to an S3 store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Request {
    /// The HTTP method.
    pub method: Method,
    /// The operation that it asks for.
    pub operation: S3Operation,
    /// The bucket; empty for a request to the store itself.
    pub bucket: String,
    /// The object's key, decoded; empty for a request to a bucket.
    pub key: String,
    /// The query as it was sent, without the question mark.
    pub query: String,
}

impl S3Request {
    /// Reads method, path, query and the header that makes a copy of a write.
    pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut request = Self {
            method: method.clone(),
            operation: S3Operation::Other,
            bucket: decoded(bucket),
            key: decoded(key),
            query: uri.query().unwrap_or_default().to_owned(),
        };
        request.operation = request.asks_for(headers.contains_key("x-amz-copy-source"));
        request
    }

    fn asks_for(&self, copies: bool) -> S3Operation {
        let subresource = self.parameters().find(|name| !is_detail(name)).unwrap_or_default();
        let multipart = self.parameters().any(|name| name == "uploadId");
        let part = self.parameters().any(|name| name == "partNumber");
        match (self.method.as_str(), self.bucket.is_empty(), self.key.is_empty(), subresource) {
            ("GET", true, _, "") => S3Operation::ListBuckets,
            (_, true, _, _) => S3Operation::Other,
            ("GET", _, true, "") => S3Operation::ListObjects,
            ("GET", _, true, "versions") => S3Operation::ListObjectVersions,
            ("HEAD", _, true, "") => S3Operation::HeadBucket,
            ("PUT", _, true, "") => S3Operation::CreateBucket,
            ("DELETE", _, true, "") => S3Operation::DeleteBucket,
            ("POST", _, true, "delete") => S3Operation::DeleteObjects,
            (_, _, true, _) => S3Operation::Other,
            ("GET", _, _, "") if !multipart => S3Operation::GetObject,
            ("HEAD", _, _, "") => S3Operation::HeadObject,
            ("PUT", _, _, "") if multipart && part => S3Operation::UploadPart,
            ("PUT", _, _, "") if copies => S3Operation::CopyObject,
            ("PUT", _, _, "") => S3Operation::PutObject,
            ("DELETE", _, _, "") if multipart => S3Operation::AbortMultipartUpload,
            ("DELETE", _, _, "") => S3Operation::DeleteObject,
            ("POST", _, _, "uploads") => S3Operation::CreateMultipartUpload,
            ("POST", _, _, "") if multipart => S3Operation::CompleteMultipartUpload,
            _ => S3Operation::Other,
        }
    }

    /// The names of the query's parameters.
    fn parameters(&self) -> impl Iterator<Item = &str> {
        self.query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
    }
}

/// Whether a parameter is a detail of an operation and does not select it.
fn is_detail(name: &str) -> bool {
    const DETAILS: [&str; 14] = [
        "",
        "x-id",
        "versionId",
        "uploadId",
        "partNumber",
        "list-type",
        "prefix",
        "delimiter",
        "marker",
        "max-keys",
        "start-after",
        "continuation-token",
        "encoding-type",
        "fetch-owner",
    ];
    let lower = name.to_ascii_lowercase();
    let paged = ["key-marker", "version-id-marker", "max-uploads"].contains(&name);
    DETAILS.contains(&name) || paged || lower.starts_with("x-amz-") || lower.starts_with("response-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> S3Request {
        S3Request::read(&method.parse().unwrap(), &uri.parse().unwrap(), &HeaderMap::new())
    }

    #[test]
    fn method_bucket_key_and_query_are_read() {
        let request = |bucket: &str, key: &str, query: &str, operation| S3Request {
            method: Method::PUT,
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query: query.to_owned(),
        };
        assert_eq!(
            read("PUT", "/assets/a%20b/c+d%2Fe?x-id=PutObject"),
            request("assets", "a b/c+d/e", "x-id=PutObject", S3Operation::PutObject)
        );
        assert_eq!(read("PUT", "/assets/"), request("assets", "", "", S3Operation::CreateBucket));
        assert_eq!(read("PUT", "/"), request("", "", "", S3Operation::Other));
    }

    #[test]
    fn the_operation_is_told_by_method_place_and_subresource() {
        for (method, uri, wanted) in [
            ("GET", "/", S3Operation::ListBuckets),
            ("HEAD", "/b", S3Operation::HeadBucket),
            ("GET", "/b?list-type=2&prefix=a%2F&encoding-type=url", S3Operation::ListObjects),
            ("GET", "/b/", S3Operation::ListObjects),
            ("GET", "/b?versions&key-marker=x", S3Operation::ListObjectVersions),
            ("GET", "/b?versioning", S3Operation::Other),
            ("PUT", "/b?versioning", S3Operation::Other),
            ("DELETE", "/b", S3Operation::DeleteBucket),
            ("POST", "/b?delete", S3Operation::DeleteObjects),
            ("GET", "/b/k?versionId=3&x-id=GetObject", S3Operation::GetObject),
            ("GET", "/b/k?X-Amz-Signature=0&response-content-type=a", S3Operation::GetObject),
            ("GET", "/b/k?tagging", S3Operation::Other),
            ("GET", "/b/k?uploadId=u", S3Operation::Other),
            ("HEAD", "/b/k", S3Operation::HeadObject),
            ("PUT", "/b/k?partNumber=1&uploadId=u", S3Operation::UploadPart),
            ("PUT", "/b/k?acl", S3Operation::Other),
            ("DELETE", "/b/k?versionId=3", S3Operation::DeleteObject),
            ("DELETE", "/b/k?uploadId=u", S3Operation::AbortMultipartUpload),
            ("POST", "/b/k?uploads", S3Operation::CreateMultipartUpload),
            ("POST", "/b/k?uploadId=u", S3Operation::CompleteMultipartUpload),
        ] {
            assert_eq!(read(method, uri).operation, wanted, "{method} {uri}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-copy-source", "b/k".parse().unwrap());
        let copy = S3Request::read(&Method::PUT, &"/c/k".parse().unwrap(), &headers);
        assert_eq!(copy.operation, S3Operation::CopyObject);
    }
}
