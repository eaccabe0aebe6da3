//! A proxy between engine and object store that can be told to fail.

use crate::base::trouble::Trouble;
use url::Url;

/// What the gate does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lets them through.
    Open,
    /// Resets connections, old and new: the store can't be reached.
    Refuse,
    /// Answers 403 `AccessDenied`.
    Deny,
    /// Answers with this status and the S3 error that belongs to it: 503 `SlowDown`.
    Fail(u16),
}

/// A gate; it closes when it is dropped.
#[derive(Debug)]
pub struct Gate {
    url: Url,
}

impl Gate {
    /// Opens a gate on a free port of 127.0.0.1 to an `http://` store.
    pub async fn start(upstream: &Url) -> Result<Self, Trouble> {
        Err(Trouble::harness(format!("not there yet: {upstream}")))
    }

    /// Where it listens: what the engine is told as the store's endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// From now on, for connections that are open too (with their next request).
    pub fn set(&self, _mode: Mode) {}
}
