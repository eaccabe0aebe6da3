//! How it is found out whether the engine is ready: by its documented answer, another request, or a command of the
//! profile. `calls` asks.

use crate::{
    base::{process::Command, redact::Redactor},
    model::profile::{PortVariable, ReadyCheck},
};
use std::{fmt, time::Duration};

/// How long one run of a command may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What an engine must do to count as ready.
#[derive(Clone)]
pub struct Readiness {
    /// In words: `GET /health/ready answers 200`.
    pub shown: String,
    pub(super) probe: Probe,
}

/// The question.
#[derive(Clone)]
pub(super) enum Probe {
    /// `GET /health/ready` answers 200, and its `status` is `ok` if it has one.
    Documented,
    /// A path answers with a status, on another port if there is one.
    Request { path: String, status: u16, port: Option<u16> },
    /// A command ends with exit code 0.
    Command(Box<Command>, Redactor),
}

impl Default for Readiness {
    fn default() -> Self {
        Self { shown: ReadyCheck::default().describe(), probe: Probe::Documented }
    }
}

impl fmt::Debug for Readiness {
    /// Without the command's environment, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Readiness {
    /// The readiness of a profile. `command` makes the command from its words; `second_port` is the value of
    /// `PORT2`.
    pub(super) fn new(
        check: &ReadyCheck,
        second_port: u16,
        command: impl FnOnce(&[String]) -> Command,
        redactor: &Redactor,
    ) -> Self {
        let probe = match (&check.path, check.command.is_empty()) {
            (_, false) => Probe::Command(Box::new(command(&check.command).limit(LIMIT)), redactor.clone()),
            (Some(path), true) => Probe::Request {
                path: path.clone(),
                status: check.status.unwrap_or(200),
                port: match check.port {
                    PortVariable::Port => None,
                    PortVariable::Port2 => Some(second_port),
                },
            },
            (None, true) => Probe::Documented,
        };
        Self { shown: check.describe(), probe }
    }
}
