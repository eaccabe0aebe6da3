//! A gate between engine and object store: an HTTP proxy on the loopback that can be told to hold
//! requests, and to fail.
//!
//! Open, it changes nothing that a signature covers: the engine signs for the gate's address, and
//! the store checks against the `Host` header that it is sent, which is the engine's. It holds no
//! keys and looks at no content.

mod refusal;
mod request;
mod rule;
mod rules;
mod requests;
mod serve;
mod truncate;

pub use request::{S3Operation, S3Request};
pub use requests::{End, GateRequest};
pub use rule::{Rule, like};
pub use rules::{Failing, GateFailure, GatePoint, HeldRequests};

use crate::base::clock::Clock;
use crate::base::error::{Error, ErrorContext};
use requests::Log;
use rules::Rules;
use serve::{Through, Upstream};
use std::sync::Arc;
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
    rules: Arc<Rules>,
    log: Arc<Log>,
    serving: JoinHandle<()>,
}

impl Gate {
    /// Opens a gate on a free port of 127.0.0.1 to a store at `http://host:port`.
    ///
    /// # Errors
    /// An upstream with TLS, whose name the gate could not bear, or with a path, which would break
    /// signatures.
    pub async fn start(upstream: &Url) -> Result<Self, Error> {
        Self::start_by(upstream, Clock::system()).await
    }

    /// As [`Gate::start`], with the clock that tells when requests came.
    ///
    /// # Errors
    /// As [`Gate::start`].
    pub async fn start_by(upstream: &Url, clock: Clock) -> Result<Self, Error> {
        let upstream = Upstream::at(upstream)?;
        let context = || "can't open a gate on 127.0.0.1".to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.or_environment(context)?;
        let address = listener.local_addr().or_environment(context)?;
        let url = Url::parse(&format!("http://{address}")).or_harness(context)?;
        let (mode, modes) = watch::channel(Mode::Open);
        let rules = Arc::new(Rules::default());
        let log = Arc::new(Log::new(clock));
        let through = Through { upstream, modes, rules: Arc::clone(&rules), log: Arc::clone(&log) };
        let serving = tokio::spawn(serve::serve(listener, through));
        Ok(Self { url, mode, rules, log, serving })
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

    /// Holds the requests of a rule at a point, as long as the handle lives. The client waits; so
    /// mind its timeouts.
    ///
    /// Several rules stand side by side. A request counts in each that it fits, also when another
    /// one stops it; only requests that come while the mode is [`Mode::Open`] count. It is held and
    /// delayed by all that mean it, in the order in which they were set; then the first failure that
    /// was set decides what becomes of it.
    pub fn hold(&self, rule: Rule, point: GatePoint) -> HeldRequests {
        self.rules.hold(rule, point)
    }

    /// Lets the requests of a rule fail, as long as the handle lives. A store that throttles is
    /// `gate.fail(Rule::any().every(3), Failure::Status(503))`.
    pub fn fail(&self, rule: Rule, failure: GateFailure) -> Failing {
        self.rules.fail(rule, failure)
    }

    /// The requests that have come so far, in the order in which they came.
    pub fn seen(&self) -> Vec<GateRequest> {
        self.log.all()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.rules.clear();
        self.serving.abort();
    }
}
