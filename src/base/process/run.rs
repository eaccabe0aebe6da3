//! Commands that end by themselves, or are ended at their limit.

use crate::base::process::capture::{Captured, Collector};
use crate::base::process::command::{Command, Input};
use crate::base::process::spawn::{Spawned, signal_group, spawn};
use crate::base::redact::Redactor;
use crate::base::trouble::{OrTrouble, Trouble};
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// How long a command that is past its limit has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// How long output may still come after the child has ended, from one it started and let go.
const DRAIN: Duration = Duration::from_secs(2);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// We ended it, because it was past its limit.
    TimedOut,
}

impl Exit {
    /// Ended by itself with code 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(-1),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "ended by {signal}"),
                Err(_) => write!(f, "ended by signal {number}"),
            },
            Self::TimedOut => f.write_str("ended by us, past its limit"),
        }
    }
}

/// A command that has run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The program as it was called.
    pub program: String,
    /// Its arguments, redacted.
    pub args: Vec<String>,
    /// How it ended.
    pub exit: Exit,
    /// From before the start to after the end.
    pub duration: Duration,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
}

impl Ran {
    /// Itself when it ended with code 0, else a trouble of the environment with the end of what it
    /// said. `what` is a fragment: "can't make a database cluster".
    pub fn or_trouble(self, what: impl Into<String>) -> Result<Self, Trouble> {
        if self.exit.is_success() {
            return Ok(self);
        }
        let trouble = Trouble::environment(what).cause(format!("{}: {}", self.program, self.exit));
        let said = if self.stderr.text.trim().is_empty() { &self.stdout } else { &self.stderr };
        let said = said.tail(15);
        Err(if said.is_empty() { trouble } else { trouble.cause(said) })
    }
}

/// Ends the process group when the future that ran it is dropped half-way.
struct GroupGuard(u32);

impl Drop for GroupGuard {
    fn drop(&mut self) {
        // Also when the command ended well: what it left running in its group ends with it.
        signal_group(self.0, Signal::SIGKILL);
    }
}

/// Runs a command to its end or its limit; its whole process group is gone afterwards. A failing
/// command is a `Ran`, not a `Trouble`: that is only for one that could not be started.
pub async fn run(spec: Command, redactor: &Redactor) -> Result<Ran, Trouble> {
    let started = Instant::now();
    let Spawned { mut child, pid } = spawn(&spec, (Stdio::piped(), Stdio::piped()), true).await?;
    let group = GroupGuard(pid);
    let (out, err) = (Collector::default(), Collector::default());
    let mut readers = tokio::task::JoinSet::new();
    if let Some(stream) = child.stdout.take() {
        readers.spawn(out.clone().read(stream));
    }
    if let Some(stream) = child.stderr.take() {
        readers.spawn(err.clone().read(stream));
    }
    let mut writer = tokio::task::JoinSet::new();
    if let (Some(mut stream), Input::Bytes(bytes)) = (child.stdin.take(), spec.input.clone()) {
        // A child that does not read to the end is its own business: the exit code tells.
        writer.spawn(async move { drop(stream.write_all(&bytes).await) });
    }
    let exit = match timeout(spec.limit, child.wait()).await {
        Ok(status) => status.or_environment(|| format!("can't wait for {}", spec.name()))?.into(),
        Err(_) => {
            signal_group(pid, Signal::SIGTERM);
            if timeout(GRACE, child.wait()).await.is_err() {
                signal_group(pid, Signal::SIGKILL);
                child.wait().await.or_environment(|| format!("can't wait for {}", spec.name()))?;
            }
            Exit::TimedOut
        }
    };
    drop(group);
    let drained = async { while readers.join_next().await.is_some() {} };
    // Whoever still holds the pipes left the group on purpose; what came until now is the output.
    drop(timeout(DRAIN, drained).await);
    Ok(Ran {
        program: spec.program.display().to_string(),
        args: spec.args.iter().map(|arg| redactor.clean(&arg.to_string_lossy())).collect(),
        exit,
        duration: started.elapsed(),
        stdout: out.so_far(redactor),
        stderr: err.so_far(redactor),
    })
}
