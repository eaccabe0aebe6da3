//! Fields that many of s3s's generated types share by name but not by trait: macros that move them
//! between those types and ours, and small conversions.

use crate::objects::names::ObjectKey;
use s3s::{S3Result, s3_error};

/// Puts a [`Checksum`](crate::objects::checksum::Checksum) into the field of its algorithm.
macro_rules! set_checksum {
    ($target:expr, $checksum:expr) => {{
        use crate::objects::checksum::Algorithm;
        let value = Some($checksum.value.clone());
        match $checksum.algorithm {
            Algorithm::Crc32 => $target.checksum_crc32 = value,
            Algorithm::Crc32c => $target.checksum_crc32c = value,
            Algorithm::Crc64Nvme => $target.checksum_crc64nvme = value,
            Algorithm::Sha1 => $target.checksum_sha1 = value,
            Algorithm::Sha256 => $target.checksum_sha256 = value,
        }
    }};
}

/// The kept [`Headers`](crate::objects::record::Headers) of a request that makes an object.
/// A header for something that is not stored is refused, not ignored.
macro_rules! kept_headers {
    ($input:expr) => {{
        let refused = [
            ("tagging", $input.tagging.is_some()),
            ("object lock", $input.object_lock_mode.is_some()),
            ("object lock", $input.object_lock_legal_hold_status.is_some()),
            ("encryption with customer keys", $input.sse_customer_algorithm.is_some()),
        ];
        match refused.into_iter().find(|(_, asked)| *asked) {
            Some((what, _)) => Err(s3s::s3_error!(NotImplemented, "this server does not offer {what}")),
            None => Ok(crate::objects::record::Headers {
                content_type: $input.content_type.clone(),
                cache_control: $input.cache_control.clone(),
                content_disposition: $input.content_disposition.clone(),
                content_encoding: crate::objects::api::fields::without_chunking(
                    $input.content_encoding.as_deref(),
                ),
                content_language: $input.content_language.clone(),
                expires: $input.expires.clone(),
                website_redirect_location: $input.website_redirect_location.clone(),
                storage_class: $input
                    .storage_class
                    .as_ref()
                    .map(|class| class.as_str().to_owned())
                    .filter(|class| class != "STANDARD"),
                metadata: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
            }),
        }
    }};
}

/// The fields that GetObject and HeadObject answer alike.
macro_rules! described {
    ($output:ident, $found:expr, $piece:expr, $part:expr) => {{
        let object = &$found.object;
        let headers = object.headers.clone();
        // S3 returns the count only for requests of a part.
        let counted = $part.is_some() && !object.part_sizes.is_empty();
        let parts = counted.then(|| i32::try_from(object.part_sizes.len()).ok());
        $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            content_length: i64::try_from($piece.length).ok(),
            content_range: $piece.content_range.clone(),
            content_type: Some(
                headers.content_type.unwrap_or_else(|| crate::objects::api::fields::UNKNOWN_TYPE.to_owned()),
            ),
            e_tag: Some(crate::objects::store::quoted(&object.etag)),
            expires: headers.expires,
            last_modified: Some(crate::objects::conditions::timestamp($found.modified)),
            metadata: (!headers.metadata.is_empty()).then(|| headers.metadata.into_iter().collect()),
            parts_count: parts.flatten(),
            storage_class: headers.storage_class.map(Into::into),
            version_id: $found.shown_id.clone(),
            website_redirect_location: headers.website_redirect_location,
            ..Default::default()
        }
    }};
}

/// S3's type for an object without one.
pub(crate) const UNKNOWN_TYPE: &str = "binary/octet-stream";

/// `Content-Encoding` as it is kept: `aws-chunked` describes the transfer only.
pub(crate) fn without_chunking(encoding: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = encoding?
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// A key from a place that s3s does not check.
///
/// # Errors
/// `KeyTooLongError` over 1024 bytes, `InvalidRequest` when empty.
pub(crate) fn key(text: String) -> S3Result<ObjectKey> {
    if text.is_empty() {
        return Err(s3_error!(InvalidRequest, "A key may not be empty."));
    }
    if !s3s::path::check_key(&text) {
        return Err(s3_error!(KeyTooLongError, "Your key is too long: more than 1024 bytes."));
    }
    Ok(ObjectKey(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunking_is_no_encoding_of_the_object() {
        assert_eq!(without_chunking(Some("aws-chunked")), None);
        assert_eq!(without_chunking(Some("aws-chunked,gzip")).as_deref(), Some("gzip"));
        assert_eq!(without_chunking(Some("gzip")).as_deref(), Some("gzip"));
        assert_eq!(without_chunking(None), None);
    }
}
