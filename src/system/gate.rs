//! A gate between engine and object store: an HTTP proxy on the loopback that can be told to fail.
//!
//! Open, it changes nothing that a signature covers: the engine signs for the gate's address, and
//! the store checks against the `Host` header that it is sent, which is the engine's. It holds no
//! keys and looks at no content.

mod refusal;
mod request;
mod serve;

pub use request::S3Request;

use crate::base::trouble::{OrTrouble, Trouble};
use serve::Upstream;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
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

/// A gate. Dropping it closes it and breaks what goes through.
#[derive(Debug)]
pub struct Gate {
    url: Url,
    mode: watch::Sender<Mode>,
    serving: JoinHandle<()>,
}

impl Gate {
    /// Opens a gate on a free port of 127.0.0.1 to a store at `http://host:port`.
    ///
    /// # Errors
    /// An upstream with TLS, whose name the gate could not bear, or with a path, which would break
    /// signatures.
    pub async fn start(upstream: &Url) -> Result<Self, Trouble> {
        let upstream = Upstream::at(upstream)?;
        let words = || "can't open a gate on 127.0.0.1".to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.or_environment(words)?;
        let address = listener.local_addr().or_environment(words)?;
        let url = Url::parse(&format!("http://{address}")).or_harness(words)?;
        let (mode, modes) = watch::channel(Mode::Open);
        let serving = tokio::spawn(serve::serve(listener, upstream, modes));
        Ok(Self { url, mode, serving })
    }

    /// Where it listens: what the engine is told as the store's endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What it does with every request that comes from now on, also on connections that are open.
    /// Requests under way are finished, but for [`Mode::Refuse`], which breaks them off.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
