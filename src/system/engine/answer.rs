//! Answers of the engine as they came, and the two ways a call fails: nobody answered, or the
//! answer was no.

use crate::base::error::Error;
use serde_json::Value;
use std::{fmt, time::Duration};

/// How much of a body is shown in messages, in characters.
const SHOWN: usize = 300;

/// A whole answer, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `content-type` header.
    pub content_type: Option<String>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came to its end; false when it broke off or was too long to be kept.
    pub whole: bool,
    /// The error codes of an answer that is no success: `code`, then each `issues[].code`.
    pub codes: Vec<String>,
    /// The `message` of an answer that is no success.
    pub message: Option<String>,
    /// The header `x-pulpengine-resolved-version`: which version a render used.
    pub resolved_version: Option<String>,
    /// From sending the request to the end of the body, in milliseconds.
    pub ms: u64,
    /// The `etag` header.
    pub etag: Option<String>,
    /// How long to wait before the request is sent again, if the answer says so in seconds.
    pub retry_after: Option<Duration>,
    /// Where a redirect that was not followed leads.
    pub location: Option<String>,
}

impl HttpAnswer {
    /// Whether the status is one of success (2xx).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads codes and message out of the error envelope
    /// `{error, message, code?, issues?:[{path, message, code?}]}`, if it is one.
    pub(super) fn read_envelope(&mut self) {
        let Ok(envelope) = serde_json::from_slice::<Value>(&self.body) else { return };
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let issues = envelope.get("issues").and_then(Value::as_array);
        let of_issues = issues.into_iter().flatten().filter_map(|issue| text(issue, "code"));
        for code in text(&envelope, "code").into_iter().chain(of_issues) {
            if !self.codes.contains(&code) {
                self.codes.push(code);
            }
        }
        self.message = text(&envelope, "message");
    }

    /// The beginning of the body, for people; bytes that are no text are replaced.
    pub fn body_start(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4 * SHOWN)]);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        text.chars().take(SHOWN).map(plain).collect::<String>().trim().to_owned()
    }
}

/// Nobody answered: refused, timed out, or broken off before the status was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// What was asked for: `GET http://127.0.0.1:3000/health`.
    pub request: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer to {}: {}", self.request, self.causes.join(": "))
    }
}

impl std::error::Error for Unreachable {}

impl From<Unreachable> for Error {
    fn from(error: Unreachable) -> Self {
        let what = Self::environment(format!("no answer from the engine to {}", error.request));
        error
            .causes
            .into_iter()
            .fold(what, Self::cause)
            .hint("see whether the engine runs and listens at this address; its log says more")
    }
}

/// A call that did not give what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Nobody answered.
    Unreachable(Unreachable),
    /// The engine said no, or what it said can't be understood.
    Refused {
        /// What was asked for.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The error codes.
        codes: Vec<String>,
        /// The engine's message, or ours where a success can't be understood.
        message: Option<String>,
        /// The beginning of the body.
        body_start: String,
    },
}

impl CallError {
    pub(super) fn refused(request: &str, answer: &HttpAnswer) -> Self {
        Self::Refused {
            request: request.to_owned(),
            status: answer.status,
            codes: answer.codes.clone(),
            message: answer.message.clone(),
            body_start: answer.body_start(),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => error.fmt(f),
            Self::Refused { request, status, codes, message, body_start } => {
                write!(f, "the engine answered {request} with {status}")?;
                if !codes.is_empty() {
                    write!(f, " {}", codes.join(", "))?;
                }
                write!(f, ": {}", message.as_deref().unwrap_or(body_start))
            }
        }
    }
}

impl std::error::Error for CallError {}

impl From<Unreachable> for CallError {
    fn from(error: Unreachable) -> Self {
        Self::Unreachable(error)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(error) => error.into(),
            CallError::Refused { .. } => Self::environment(error.to_string()),
        }
    }
}
