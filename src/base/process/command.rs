//! What to start: the description of a child, before it is one.

use crate::base::error::{Error, ErrorContext as _};
use crate::base::process::children::Children;
use crate::base::process::progress::Progress;
use crate::base::process::user::User;
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name that this program has in messages.
const OWN_NAME: &str = "pulp-drill";

/// Where Linux has the program of a process, also after its file was replaced or removed.
const OWN_LINK: &str = "/proc/self/exe";

/// This program, to be started again. An update may replace its file during a run.
///
/// # Errors
/// Blames the environment where the system does not know the file.
pub fn own_program() -> Result<PathBuf, Error> {
    let link = Path::new(OWN_LINK);
    if link.exists() {
        return Ok(link.to_owned());
    }
    std::env::current_exe().or_environment(|| "can't find the file of this program".to_owned())
}

/// What a child reads from its standard input.
#[derive(Clone, Default)]
pub enum CommandInput {
    /// Nothing: `/dev/null`.
    #[default]
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// The content of a file.
    File(PathBuf),
}

/// A program with all that it is started with. Secrets belong into the environment or the input,
/// never into the arguments, and are registered with the run's `Redactor` by whoever makes them.
#[derive(Clone)]
pub struct Command {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) dropped: Vec<String>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) input: CommandInput,
    pub(super) user: Option<User>,
    pub(super) limit: Duration,
    pub(super) progress: Option<Progress>,
    pub(super) stop: Signal,
    pub(super) death: Signal,
    pub(super) hint: Option<String>,
    pub(super) children: Option<Children>,
    pub(super) leaves_nothing: bool,
}

impl Command {
    /// A program by path, or by name to be looked up on `PATH`. Limit: five minutes.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dropped: Vec::new(),
            cwd: None,
            input: CommandInput::Nothing,
            user: None,
            limit: Duration::from_secs(300),
            progress: None,
            stop: Signal::SIGTERM,
            death: Signal::SIGKILL,
            hint: None,
            children: None,
            leaves_nothing: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment; the rest is inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Keeps every inherited variable whose name starts so from the child (`PG`, `AWS_`); variables
    /// set by [`Command::env`] stay.
    #[must_use]
    pub fn without_inherited(mut self, prefix: impl Into<String>) -> Self {
        self.dropped.push(prefix.into());
        self
    }

    /// The working folder; without one, the harness's own, or `/` for another user, who may not be
    /// able to enter ours.
    #[must_use]
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.cwd = Some(folder.as_ref().to_owned());
        self
    }

    /// What it reads.
    #[must_use]
    pub fn input(mut self, input: CommandInput) -> Self {
        self.input = input;
        self
    }

    /// Whom it runs as; `None` is whoever runs the harness.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Lets [`run`](crate::base::process::run) work as long as it makes progress, instead of to a limit.
    #[must_use]
    pub fn while_progressing(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// How long [`run`](crate::base::process::run) lets it work. Daemons have no such limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The signal that asks it to end; SIGTERM by default.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop = signal;
        self
    }

    /// The signal it gets when the harness dies without terminating it; SIGKILL by default. PostgreSQL
    /// wants SIGQUIT, with which it leaves no shared memory behind.
    #[must_use]
    pub fn death_signal(mut self, signal: Signal) -> Self {
        self.death = signal;
        self
    }

    /// What to do when the program is not there.
    #[must_use]
    pub fn hint_if_missing(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Writes the child down in the run's folder, so that the next run can end it.
    #[must_use]
    pub fn recorded_in(mut self, children: &Children) -> Self {
        self.children = Some(children.clone());
        self
    }

    /// What it has started and left running in sessions of their own is ended with it, too, and reported in
    /// [`Ran::left`](crate::base::process::Ran).
    #[must_use]
    pub fn leaving_nothing(mut self) -> Self {
        self.leaves_nothing = true;
        self
    }

    /// Whether it is this program.
    pub(super) fn is_own(&self) -> bool {
        self.program == Path::new(OWN_LINK)
    }

    /// The program as it was named, for messages and for the list of processes.
    pub(super) fn shown(&self) -> String {
        if self.is_own() { OWN_NAME.to_owned() } else { self.program.display().to_string() }
    }

    /// The program's file name, for messages.
    pub fn name(&self) -> String {
        if self.is_own() {
            return OWN_NAME.to_owned();
        }
        self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned()
    }

    /// The inherited variables that the child must not see.
    pub(super) fn hidden(&self) -> impl Iterator<Item = OsString> + '_ {
        std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            self.dropped.iter().any(|prefix| name.starts_with(prefix.as_str()))
        })
    }
}

impl std::fmt::Debug for Command {
    /// Without arguments and environment: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({})", self.shown())
    }
}
