//! Readers of requests: the caller, query parameters, bodies and `If-Match`. They all refuse in the
//! engine's envelope.

pub(crate) use super::caller::{Caller, Scope};

use super::app::Shared;
use super::failure::Failure;
use super::settings::Keys;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header, request::Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Read as _;

/// The largest JSON body that is read, before and after unpacking.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

impl Keys {
    fn all(&self) -> [(Scope, &Option<String>); 4] {
        [
            (Scope::Admin, &self.admin),
            (Scope::Render, &self.render),
            (Scope::Preview, &self.preview),
            (Scope::Editor, &self.editor),
        ]
    }

    /// `Ok(None)` where no key is configured at all.
    pub(crate) fn scope(&self, headers: &HeaderMap) -> Result<Option<Scope>, Failure> {
        if self.all().iter().all(|(_, key)| key.is_none()) {
            return Ok(None);
        }
        let sent = headers.get("x-api-key").and_then(|value| value.to_str().ok());
        let found = self.all().into_iter().find(|(_, key)| key.is_some() && key.as_deref() == sent);
        found.map(|(scope, _)| Some(scope)).ok_or_else(Failure::unauthorized)
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Failure> {
        let scope = app.settings.keys.scope(&parts.headers)?;
        let named = parts.headers.get("x-pulpengine-tenant-id").and_then(|value| value.to_str().ok());
        let tenant = named.unwrap_or("default").to_owned();
        let status = app.rows.tenant_status(&tenant).await?;
        match status.as_deref() {
            Some("active") => Ok(Self { tenant, scope }),
            Some(_) if app.settings.defects.admits(&*app.rows, &tenant, app.started).await? => {
                Ok(Self { tenant, scope })
            }
            Some(_) => {
                let mut failure = Failure::forbidden(format!("the tenant `{tenant}` is archived"));
                failure.code = "tenant_archived".into();
                Err(failure)
            }
            None => {
                let mut failure = Failure::not_found(format!("tenant `{tenant}`"));
                failure.code = "tenant_unknown".into();
                Err(failure)
            }
        }
    }
}

/// The query string.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Failure::invalid(name, "must be true or false")),
        }
    }

    /// `limit` (1 to 500, by default 50) and `offset`. Larger limits are refused, not cut: a client
    /// that pages by the limit it asked for would skip rows.
    pub(crate) fn page(&self) -> Result<(i64, i64), Failure> {
        let number = |name: &str, default: i64| match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse::<i64>().map_err(|_| Failure::invalid(name, "must be a whole number")),
        };
        let (limit, offset) = (number("limit", 50)?, number("offset", 0)?);
        if !(1..=500).contains(&limit) {
            return Err(Failure::invalid("limit", "must be from 1 to 500"));
        }
        if offset < 0 {
            return Err(Failure::invalid("offset", "must not be negative"));
        }
        Ok((limit, offset))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// A JSON body, gzipped or not (the official client packs those over 64 KiB).
pub(crate) struct Input<T = Value>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let packed = request.headers().get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
        let body = axum::body::to_bytes(request.into_body(), BODY_LIMIT).await;
        let mut bytes = body.map_err(|_| Failure::too_large())?.to_vec();
        if packed {
            let mut plain = Vec::new();
            let limit = u64::try_from(BODY_LIMIT + 1).expect("a few megabytes fit in u64");
            flate2::read::GzDecoder::new(bytes.as_slice())
                .take(limit)
                .read_to_end(&mut plain)
                .map_err(|error| Failure::bad_request(format!("the body is not gzip: {error}")))?;
            bytes = plain;
        }
        if bytes.len() > BODY_LIMIT {
            return Err(Failure::too_large());
        }
        // Bodies are optional on a few routes (trigger, restore): nothing reads as `{}`.
        let text = if bytes.is_empty() { b"{}".as_slice() } else { bytes.as_slice() };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Failure::bad_request(format!("the body is not what this route takes: {error}")))
    }
}

/// The version in `If-Match: "…"`: `None` without the header, 400 for anything but one quoted tag.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match tag {
        Some(tag) if !tag.is_empty() && !tag.contains('"') => Ok(Some(tag.to_owned())),
        _ => Err(Failure::bad_request("If-Match must be one version in double quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::if_match;
    use axum::http::{HeaderMap, header};

    fn read(value: &'static str) -> Result<Option<String>, u16> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, value.parse().expect("header"))]);
        if_match(&headers).map_err(|failure| failure.status.as_u16())
    }

    #[test]
    fn only_one_quoted_version_is_a_match() {
        assert_eq!(read("\"1.0.3\""), Ok(Some("1.0.3".into())));
        assert_eq!(if_match(&HeaderMap::new()).expect("no header"), None);
        for malformed in ["1.0.3", "\"\"", "\"", "W/\"1.0.3\"", "\"1\", \"2\"", "*"] {
            assert_eq!(read(malformed), Err(400), "{malformed}");
        }
    }
}
