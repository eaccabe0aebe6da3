//! The options for notifications, which `run` and `restore-test` share.

use crate::{
    base::{error::Error, redact::Redactor},
    run::notify::Notifier,
};
use clap::Args;

/// Who is notified.
#[derive(Args, Clone, Debug)]
pub struct NotifyArgs {
    /// Ping a dead man's switch such as healthchecks.io: URL/start at the start, URL where the exit code
    /// is 0, URL/fail otherwise
    #[arg(long, value_name = "URL")]
    ping: Option<String>,
    /// POST the result of each run as JSON; PULP_DRILL_WEBHOOK_SECRET may hold a secret that signs it
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

impl NotifyArgs {
    /// The notifier of these URLs, which `redactor` then knows.
    ///
    /// # Errors
    /// Blames the user where a text is not a URL.
    pub(super) fn notifier(&self, secret: Option<String>, redactor: &Redactor) -> Result<Notifier, Error> {
        Notifier::new(self.ping.as_deref(), self.webhook.as_deref(), secret, redactor)
    }
}
