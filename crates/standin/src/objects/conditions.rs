//! Conditions and ranges of reads: pure decisions on an object's ETag, time and size, in the order of
//! RFC 9110 section 13.2.2, which S3 follows.

use crate::objects::receive::custom;
use crate::objects::store::{Found, quoted};
use chrono::{DateTime, SubsecRound as _, Utc};
use hyper::header::{CONTENT_RANGE, ETAG, HeaderValue, LAST_MODIFIED};
use hyper::{HeaderMap, StatusCode};
use s3s::dto::{ETagCondition, Range, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result, s3_error};
use std::time::SystemTime;

/// The `If-*` headers of a read, or the `x-amz-copy-source-if-*` headers of a copy.
#[derive(Debug, Default)]
pub(crate) struct ReadGuard {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// Why a guarded read does not happen.
enum Refusal {
    Failed,
    NotModified,
}

impl ReadGuard {
    /// For GET and HEAD.
    ///
    /// # Errors
    /// `PreconditionFailed` (412), or `NotModified` (304) with the object's ETag.
    pub(crate) fn check(&self, found: &Found) -> S3Result<()> {
        match self.refusal(found) {
            None => Ok(()),
            Some(Refusal::Failed) => Err(failed()),
            Some(Refusal::NotModified) => Err(not_modified(found)),
        }
    }

    /// For the source of a copy, where every refusal is a 412.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub(crate) fn check_source(&self, found: &Found) -> S3Result<()> {
        self.refusal(found).map_or(Ok(()), |_| Err(failed()))
    }

    fn refusal(&self, found: &Found) -> Option<Refusal> {
        let same = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == found.object.etag,
        };
        // HTTP dates have whole seconds.
        let modified = timestamp(found.modified.trunc_subsecs(0));
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !same(condition) => return Some(Refusal::Failed),
            (None, Some(since)) if modified > *since => return Some(Refusal::Failed),
            (Some(_) | None, _) => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if same(condition) => Some(Refusal::NotModified),
            (None, Some(since)) if modified <= *since => Some(Refusal::NotModified),
            (Some(_) | None, _) => None,
        }
    }
}

fn failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
}

fn not_modified(found: &Found) -> S3Error {
    let mut error = s3_error!(NotModified, "Not Modified");
    let mut headers = HeaderMap::new();
    if let Ok(etag) = quoted(&found.object.etag).to_http_header() {
        headers.insert(ETAG, etag);
    }
    let mut date = Vec::new();
    if timestamp(found.modified).format(TimestampFormat::HttpDate, &mut date).is_ok()
        && let Ok(value) = HeaderValue::from_bytes(&date)
    {
        headers.insert(LAST_MODIFIED, value);
    }
    error.set_headers(headers);
    error
}

/// The piece of an object that a read gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Offset in bytes.
    pub(crate) start: u64,
    /// In bytes.
    pub(crate) length: u64,
    /// The `Content-Range` header when it is not all of the object.
    pub(crate) content_range: Option<String>,
}

/// Which piece of an object a `Range` header or a part number asks for.
///
/// # Errors
/// `InvalidRange` (416), `InvalidPartNumber` (416), and `InvalidRequest` for both at once.
pub(crate) fn piece(found: &Found, range: Option<Range>, part: Option<i32>) -> S3Result<Piece> {
    let size = found.object.size;
    let span = match (range, part) {
        (None, None) => return Ok(Piece { start: 0, length: size, content_range: None }),
        (Some(_), Some(_)) => {
            return Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber."));
        }
        (Some(range), None) => {
            range.check(size).ok().filter(|span| !span.is_empty()).ok_or_else(|| unsatisfiable(size))?
        }
        (None, Some(number)) => part_span(size, &found.object.part_sizes, number)?,
    };
    let content_range = (!span.is_empty()).then(|| format!("bytes {}-{}/{size}", span.start, span.end - 1));
    Ok(Piece { start: span.start, length: span.end - span.start, content_range })
}

fn part_span(size: u64, parts: &[u64], number: i32) -> S3Result<std::ops::Range<u64>> {
    let unknown = || {
        let text = "The requested partnumber is not satisfiable";
        custom("InvalidPartNumber", text, StatusCode::RANGE_NOT_SATISFIABLE)
    };
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).ok_or_else(unknown)?;
    if parts.is_empty() && index == 0 {
        return Ok(0..size);
    }
    let length = *parts.get(index).ok_or_else(unknown)?;
    let start = parts[..index].iter().sum();
    Ok(start..start + length)
}

fn unsatisfiable(size: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        error.set_headers(HeaderMap::from_iter([(CONTENT_RANGE, value)]));
    }
    error
}

/// A time as s3s carries it.
pub(crate) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp::from(SystemTime::from(time))
}
