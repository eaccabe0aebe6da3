//! A gate between engine and object store: an HTTP proxy on the loopback interface that holds or fails
//! requests on demand.
//!
//! Open, it changes nothing that a signature covers: the engine signs for the gate's address, and
//! the store verifies against the `Host` header that it receives, which is the engine's. It has no
//! keys and reads no content.

mod mode;
mod refusal;
mod request;
mod rule;
mod rules;
mod requests;
mod serve;
mod truncate;

pub use mode::Mode;
pub use request::{S3Operation, S3Request};
pub use requests::{End, GateRequest};
pub use rule::Rule;
pub use rules::{Failing, GateFailure, GatePoint, HeldRequests};

use crate::base::clock::Clock;
use crate::base::error::{Error, ErrorContext};
use crate::base::process;
use requests::Log;
use rules::Rules;
use serve::{Through, Upstream};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

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

    /// As [`Gate::start`], with the clock for the times of requests.
    ///
    /// # Errors
    /// As [`Gate::start`].
    pub async fn start_by(upstream: &Url, clock: Clock) -> Result<Self, Error> {
        let upstream = Upstream::at(upstream)?;
        let context = || "can't open a gate on 127.0.0.1".to_owned();
        let listener = process::listen()?;
        listener.set_nonblocking(true).or_environment(context)?;
        let listener = TcpListener::from_std(listener).or_environment(context)?;
        let address = listener.local_addr().or_environment(context)?;
        let url = Url::parse(&format!("http://{address}")).or_harness(context)?;
        let (mode, modes) = watch::channel(Mode::Open);
        let rules = Arc::new(Rules::default());
        let log = Arc::new(Log::new(clock));
        let through = Through { upstream, modes, rules: Arc::clone(&rules), log: Arc::clone(&log) };
        let serving = tokio::spawn(serve::serve(listener, through));
        Ok(Self { url, mode, rules, log, serving })
    }

    /// Where it listens: the engine's endpoint of the store.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sets what it does with every request from now on, also on open connections. Requests in flight
    /// are completed, except with [`Mode::Refuse`], which aborts them.
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
