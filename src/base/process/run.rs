//! Commands that end by themselves, or are ended at their limit.

use crate::base::error::{Error, ErrorContext};
use crate::base::process::capture::{Captured, Collector};
use crate::base::process::children::end_carrying;
use crate::base::process::command::{Command, CommandInput};
use crate::base::process::spawn::{Spawned, signal_group, spawn};
use crate::base::redact::Redactor;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// How long a command that is past its limit has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// The variable that marks every process started by one command.
const COMMAND: &str = "PULP_DRILL_COMMAND";

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
    /// We ended it, because it made no progress for this long.
    Stalled(Duration),
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
            Self::Stalled(patience) => {
                write!(f, "ended by us: it made no progress for {} s", patience.as_secs())
            }
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
    /// The programs that it had left running and that were ended; looked for only where the command
    /// is to leave nothing.
    pub left: Vec<String>,
}

impl Ran {
    /// How a command failed, with the last lines of its standard error: for findings.
    pub fn describe_failure(&self) -> String {
        format!("{}: {}\n{}", self.program, self.exit, self.stderr.tail(12)).trim_end().to_owned()
    }

    /// Itself when it ended with code 0, else an environment error with the end of what it
    /// said. `what` is a fragment: "can't make a database cluster".
    pub fn or_error(self, what: impl Into<String>) -> Result<Self, Error> {
        if self.exit.is_success() {
            return Ok(self);
        }
        let error = Error::environment(what).cause(format!("{}: {}", self.program, self.exit));
        let said = if self.stderr.text.trim().is_empty() { &self.stdout } else { &self.stderr };
        let said = said.tail(15);
        Err(if said.is_empty() { error } else { error.cause(said) })
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

/// Ends when a command is to be ended: past its limit, or without progress.
async fn overdue(spec: &Command, pid: u32) -> Exit {
    match &spec.progress {
        Some(progress) => {
            progress.stalled(pid).await;
            Exit::Stalled(progress.patience())
        }
        None => {
            tokio::time::sleep(spec.limit).await;
            Exit::TimedOut
        }
    }
}

/// Runs a command to its end or its limit; its whole process group is gone afterwards. A failing
/// command is a `Ran`, not a `Error`: that is only for one that could not be started.
pub async fn run(spec: Command, redactor: &Redactor) -> Result<Ran, Error> {
    static COMMANDS: AtomicU64 = AtomicU64::new(0);
    let started = Instant::now();
    let number = COMMANDS.fetch_add(1, Ordering::Relaxed);
    let mark = spec.leaves_nothing.then(|| format!("{}-{number}", std::process::id()));
    let spec = mark.iter().fold(spec, |spec, mark| spec.env(COMMAND, mark));
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
    if let (Some(mut stream), CommandInput::Bytes(bytes)) = (child.stdin.take(), spec.input.clone()) {
        // A child need not read its input to the end: its exit code decides.
        writer.spawn(async move { drop(stream.write_all(&bytes).await) });
    }
    let waited = tokio::select! {
        status = child.wait() => Ok(status),
        reason = overdue(&spec, pid) => Err(reason),
    };
    let exit = match waited {
        Ok(status) => status.or_environment(|| format!("can't wait for {}", spec.name()))?.into(),
        Err(reason) => {
            signal_group(pid, Signal::SIGTERM);
            if timeout(GRACE, child.wait()).await.is_err() {
                signal_group(pid, Signal::SIGKILL);
                child.wait().await.or_environment(|| format!("can't wait for {}", spec.name()))?;
            }
            reason
        }
    };
    let left = match mark {
        Some(mark) => tokio::task::spawn_blocking(move || end_carrying(COMMAND, &mark)).await,
        None => Ok(Vec::new()),
    };
    let left = left.or_harness(|| format!("can't end what {} left running", spec.name()))?;
    drop(group);
    let drained = async { while readers.join_next().await.is_some() {} };
    // Whoever still holds the pipes left the group on purpose; what came until now is the output.
    drop(timeout(DRAIN, drained).await);
    Ok(Ran {
        program: spec.shown(),
        args: spec.args.iter().map(|arg| redactor.clean(&arg.to_string_lossy())).collect(),
        exit,
        duration: started.elapsed(),
        stdout: out.so_far(redactor),
        stderr: err.so_far(redactor),
        left: left.into_iter().map(|ended| ended.program).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;
    use crate::base::process::children::start_ticks;
    use crate::base::process::daemon::until;
    use crate::base::process::progress::Progress;

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    async fn gone(pid: &str) {
        let pid: u32 = pid.trim().parse().unwrap();
        let gone = until(|| start_ticks(pid).is_none().then_some(()));
        timeout(Duration::from_secs(5), gone).await.expect("the process is still there");
    }

    #[tokio::test]
    async fn output_code_and_input_come_through_redacted() {
        let redactor = Redactor::new();
        redactor.add("s3cret-s3cret");
        let spec = shell("cat; echo \"$0 $WORD\" >&2; exit 3")
            .arg("s3cret-s3cret")
            .env("WORD", "s3cret-s3cret")
            .input(CommandInput::Bytes(b"in".to_vec()));
        let ran = run(spec, &redactor).await.unwrap();
        assert_eq!((ran.exit, ran.stdout.text.as_str()), (Exit::Code(3), "in"));
        assert_eq!(ran.stderr.text, "[redacted] [redacted]\n");
        assert_eq!(ran.args[2], "[redacted]");
        let error = ran.or_error("can't shout").unwrap_err();
        assert_eq!(error.causes, ["sh: exit code 3", "[redacted] [redacted]"]);
    }

    #[tokio::test]
    async fn a_missing_program_is_the_environments_fault_and_says_what_to_do() {
        let spec = Command::new("no-such-program-at-all").hint_if_missing("apt-get install it");
        let error = run(spec, &Redactor::new()).await.unwrap_err();
        assert_eq!(error.blame, Blame::Environment);
        assert_eq!(
            error.to_string(),
            "there is no program no-such-program-at-all\n  hint: apt-get install it"
        );
    }

    #[tokio::test]
    async fn past_its_limit_a_command_is_ended_with_all_that_it_started() {
        let spec = shell("trap '' TERM; sleep 600 & echo $!; wait; wait").limit(Duration::from_millis(200));
        let ran = run(spec, &Redactor::new()).await.unwrap();
        assert_eq!(ran.exit, Exit::TimedOut);
        gone(&ran.stdout.text).await;
    }

    #[tokio::test]
    async fn past_its_limit_a_command_may_end_well_within_the_grace() {
        let spec = shell("trap 'echo bye; exit 0' TERM; sleep 600 & wait").limit(Duration::from_millis(200));
        let ran = run(spec, &Redactor::new()).await.unwrap();
        assert_eq!((ran.exit, ran.stdout.text.as_str()), (Exit::TimedOut, "bye\n"));
        assert!(ran.duration < GRACE, "{:?}", ran.duration);
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_ends_with_it() {
        let ran = run(shell("sleep 600 & echo $!"), &Redactor::new()).await.unwrap();
        assert_eq!(ran.exit, Exit::Code(0));
        assert!(ran.duration < DRAIN, "waited for the one that was left: {:?}", ran.duration);
        gone(&ran.stdout.text).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_went_into_a_session_of_its_own_is_ended_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        // It ends when the detached one runs, and not before.
        let detached = "setsid sh -c 'echo $$ > \"$0\"; exec sleep 600' \"$0\" >/dev/null 2>&1 & \
                        until [ -s \"$0\" ]; do :; done";
        let ran = run(shell(detached).arg(&file).leaving_nothing(), &Redactor::new()).await.unwrap();
        assert_eq!((ran.exit, ran.left.len()), (Exit::Code(0), 1), "{:?}", ran.left);
        gone(&std::fs::read_to_string(&file).unwrap()).await;
    }

    #[tokio::test]
    async fn a_command_that_nobody_waits_for_any_more_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let spec = shell("echo $$ > \"$0\"; exec sleep 600").arg(&file);
        let redactor = Redactor::new();
        let written = until(|| std::fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n')));
        let pid = tokio::select! {
            _ = run(spec, &redactor) => unreachable!("it sleeps"),
            pid = written => pid,
        };
        gone(&pid).await;
    }

    #[tokio::test]
    async fn inherited_variables_are_hidden_by_prefix_and_own_ones_stay() {
        let spec = shell("echo \"${PATHX-unset} ${HOME-unset} $HOMELY\"; command -v env || true")
            .without_inherited("HOME")
            .env("HOMELY", "kept");
        let ran = run(spec, &Redactor::new()).await.unwrap();
        assert!(ran.stdout.text.starts_with("unset unset kept\n"), "{}", ran.stdout.text);
    }

    #[tokio::test]
    async fn a_command_works_as_long_as_it_makes_progress() {
        let patience = Duration::from_millis(400);
        let shell = |script: &str| {
            Command::new("/bin/sh")
                .args(["-c", script])
                .limit(Duration::from_millis(1))
                .while_progressing(Progress::with_patience(patience))
        };
        let works = shell("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done");
        assert!(run(works, &Redactor::new()).await.unwrap().exit.is_success());
        let loops = shell("while :; do :; done");
        assert_eq!(run(loops, &Redactor::new()).await.unwrap().exit, Exit::Stalled(patience));
    }
}
