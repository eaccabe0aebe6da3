//! Servers: children that run until they are ended.

use crate::base::error::{Error, ErrorContext};
use crate::base::process::capture::with_last_lines;
use crate::base::process::children::start_ticks;
use crate::base::process::command::{Command, CommandInput};
use crate::base::process::progress::Progress;
use crate::base::process::run::Exit;
use crate::base::process::spawn::{Spawned, signal_group, spawn};
use crate::base::redact::Redactor;
use nix::sys::signal::Signal;
use std::future::Future;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

/// How often a condition is checked.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long a forgotten daemon may take over its death signal before SIGKILL.
const DROP_GRACE: Duration = Duration::from_secs(2);

/// A running server. Cheap to clone; when the last clone is dropped without [`Daemon::terminate`],
/// it is ended there and then.
#[derive(Clone)]
pub struct Daemon(Arc<Inner>);

struct Inner {
    name: String,
    pid: u32,
    log: PathBuf,
    stop: Signal,
    death: Signal,
    exit: watch::Receiver<Option<Exit>>,
    redactor: Redactor,
    released: AtomicBool,
}

impl Daemon {
    /// Starts it; standard output and error go to the end of the log file, as they are. When it ends,
    /// what it has left running in its process group is ended too.
    pub async fn start(spec: Command, log: &Path, redactor: &Redactor) -> Result<Self, Error> {
        let context = || format!("can't write {}", log.display());
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(log)
            .or_environment(context)?;
        let second = file.try_clone().or_environment(context)?;
        let dies_with_us = !spec.children.as_ref().is_some_and(|children| children.outlive());
        let Spawned { mut child, pid } = spawn(&spec, (file.into(), second.into()), dies_with_us).await?;
        if let (Some(mut stream), CommandInput::Bytes(bytes)) = (child.stdin.take(), spec.input.clone()) {
            tokio::spawn(async move { drop(stream.write_all(&bytes).await) });
        }
        let (tell, exit) = watch::channel(None);
        tokio::spawn(async move {
            // Waiting fails only when somebody else has waited, and then it has ended too.
            let exit = child.wait().await.map_or(Exit::Code(-1), Exit::from);
            // What it leaves in its group ends with it, now: once the group is empty, its number may
            // become a stranger's.
            signal_group(pid, Signal::SIGKILL);
            tell.send_replace(Some(exit));
        });
        Ok(Self(Arc::new(Inner {
            name: spec.name(),
            pid,
            log: log.to_owned(),
            stop: spec.stop,
            death: spec.death,
            exit,
            redactor: redactor.clone(),
            released: AtomicBool::new(false),
        })))
    }

    /// Its process id, which is also the id of its process group.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// The file that its output goes to; not redacted.
    pub fn log(&self) -> &Path {
        &self.0.log
    }

    /// All of its output, redacted: for the stored run.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.0.log).unwrap_or_default();
        self.0.redactor.clean(&String::from_utf8_lossy(&bytes))
    }

    /// How it ended; `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        *self.0.exit.borrow()
    }

    /// Waits for its end, without asking for it.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.0.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Code(-1)),
            // The task that waits for the child went down with its runtime.
            Err(_) => Exit::Code(-1),
        }
    }

    /// Sends a signal to its process group, for example SIGSTOP and SIGCONT; whether it was there.
    pub fn signal(&self, signal: Signal) -> bool {
        self.exit().is_none() && signal_group(self.0.pid, signal)
    }

    /// Waits for a condition, and notices when the daemon ends before. `what` completes "… is not
    /// ready": "the S3 server".
    pub async fn wait_ready<T>(
        &self,
        what: &str,
        limit: Duration,
        condition: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            value = condition => Ok(value),
            exit = self.exited() => {
                Err(self.with_log(Error::environment(format!("{what} ended before it was ready: {exit}"))))
            }
            () = tokio::time::sleep(limit) => {
                let limit = limit.as_secs_f32();
                Err(self.with_log(Error::environment(format!("{what} is not ready after {limit} s"))))
            }
        }
    }

    /// Waits for a condition as long as the daemon or its children read and write, and notices when the
    /// daemon ends before. `what` completes "… is not ready".
    pub async fn wait_progressing<T>(
        &self,
        what: &str,
        progress: &Progress,
        condition: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            value = condition => Ok(value),
            exit = self.exited() => {
                Err(self.with_log(Error::environment(format!("{what} ended before it was ready: {exit}"))))
            }
            () = progress.stalled(self.0.pid) => {
                let patience = progress.patience().as_secs();
                let why = format!("{what} is not ready and has read and written nothing for {patience} s");
                Err(self.with_log(Error::environment(why)))
            }
        }
    }

    /// Waits for the first whole line of output that starts so, and gives the rest of that line.
    pub async fn wait_line(&self, what: &str, prefix: &str, limit: Duration) -> Result<String, Error> {
        let line = until(|| {
            let text = std::fs::read(&self.0.log).ok()?;
            String::from_utf8_lossy(&text)
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'))
                .find_map(|line| line.strip_prefix(prefix).map(|rest| rest.trim().to_owned()))
        });
        self.wait_ready(what, limit, line).await
    }

    /// Asks it to end with its stop signal, and ends the whole group with SIGKILL when it has not
    /// after the grace. Does nothing more when it has ended already.
    pub async fn terminate(&self, grace: Duration) -> Exit {
        if self.signal(self.0.stop) {
            // One that was paused takes no notice until it goes on.
            self.signal(Signal::SIGCONT);
            drop(tokio::time::timeout(grace, self.exited()).await);
        }
        self.kill().await
    }

    /// Ends the whole group with SIGKILL, like a power cut for the process.
    pub async fn kill(&self) -> Exit {
        self.signal(Signal::SIGKILL);
        self.exited().await
    }

    /// Lets it run on after the harness has gone. It was to be started with a run folder that is
    /// kept: otherwise the system ends it with us.
    pub fn release(&self) {
        self.0.released.store(true, Ordering::Relaxed);
    }

    fn with_log(&self, error: Error) -> Error {
        let (name, log, output) = (&self.0.name, self.0.log.display(), self.log_text());
        if output.trim().is_empty() {
            return error.cause(format!("{name} wrote nothing to {log}"));
        }
        with_last_lines(error, &format!("{name} wrote to {log}"), &output)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.released.load(Ordering::Relaxed) || self.exit.borrow().is_some() {
            return;
        }
        // The last resort, after a panic or a forgotten teardown: no runtime may be left to wait with.
        signal_group(self.pid, self.death);
        signal_group(self.pid, Signal::SIGCONT);
        let since = Instant::now();
        // The task that reports the exit may have gone, so `/proc` is checked too where it exists.
        let here = || !cfg!(target_os = "linux") || start_ticks(self.pid).is_some();
        let alive = || self.exit.borrow().is_none() && here();
        while alive() && since.elapsed() < DROP_GRACE {
            std::thread::sleep(Duration::from_millis(2));
        }
        signal_group(self.pid, Signal::SIGKILL);
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Daemon({}, process {}, {:?})", self.0.name, self.0.pid, self.exit())
    }
}

/// Looks at short intervals until the condition gives a value.
pub async fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = condition() {
            return value;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn daemon(folder: &tempfile::TempDir, script: &str, redactor: &Redactor) -> Daemon {
        let spec = Command::new("sh").args(["-c", script]);
        Daemon::start(spec, &folder.path().join("log"), redactor).await.unwrap()
    }

    #[tokio::test]
    async fn an_early_death_is_noticed_and_shown_with_what_it_said() {
        let (folder, redactor) = (tempfile::tempdir().unwrap(), Redactor::new());
        redactor.add("s3cret-s3cret");
        let daemon = daemon(&folder, "echo no room for s3cret-s3cret; exit 9", &redactor).await;
        let error = daemon.wait_line("the server", "listening on ", LIMIT).await.unwrap_err();
        assert_eq!(error.what, "the server ended before it was ready: exit code 9");
        assert!(error.causes[0].ends_with("log:\nno room for [redacted]"), "{error}");
    }

    #[tokio::test]
    async fn a_daemon_that_never_gets_ready_is_given_up_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = daemon(&folder, "printf 'listening on half a line'; sleep 600", &Redactor::new()).await;
        let limit = Duration::from_millis(200);
        let error = daemon.wait_line("the server", "listening on ", limit).await.unwrap_err();
        assert_eq!(error.what, "the server is not ready after 0.2 s");
        assert_eq!(daemon.exit(), None);
    }

    #[tokio::test]
    async fn the_line_that_says_ready_gives_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo starting; echo listening on http://x; sleep 600";
        let daemon = daemon(&folder, script, &Redactor::new()).await;
        assert_eq!(daemon.wait_line("it", "listening on ", LIMIT).await.unwrap(), "http://x");
    }

    #[tokio::test]
    async fn asked_to_end_it_ends_well_even_when_paused() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'exit 4' TERM; echo up; sleep 600 & wait";
        let daemon = daemon(&folder, script, &Redactor::new()).await;
        daemon.wait_line("it", "up", LIMIT).await.unwrap();
        assert!(daemon.signal(Signal::SIGSTOP));
        assert_eq!(daemon.terminate(LIMIT).await, Exit::Code(4));
        assert_eq!(daemon.terminate(LIMIT).await, Exit::Code(4));
        assert!(!daemon.signal(Signal::SIGTERM));
    }

    #[tokio::test]
    async fn deaf_to_the_stop_signal_it_is_killed_after_the_grace() {
        let folder = tempfile::tempdir().unwrap();
        let daemon =
            daemon(&folder, "trap '' TERM; echo up; while :; do sleep 1; done", &Redactor::new()).await;
        daemon.wait_line("it", "up", LIMIT).await.unwrap();
        let killed = Exit::Signal(Signal::SIGKILL as i32);
        assert_eq!(daemon.terminate(Duration::from_millis(100)).await, killed);
        assert_eq!(killed.to_string(), "ended by SIGKILL");
    }

    #[tokio::test]
    async fn forgotten_it_is_ended_when_the_last_handle_goes() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = daemon(&folder, "exec sleep 600", &Redactor::new()).await;
        let (pid, other) = (daemon.pid(), daemon.clone());
        drop(daemon);
        assert!(start_ticks(pid).is_some(), "ended while somebody still held it");
        drop(other);
        assert_eq!(start_ticks(pid), None);
    }

    #[tokio::test]
    async fn what_it_leaves_running_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = daemon(&folder, "sleep 600 & echo left $!; exit 1", &Redactor::new()).await;
        assert_eq!(daemon.exited().await, Exit::Code(1));
        let left = daemon.log_text().trim().strip_prefix("left ").unwrap().parse().unwrap();
        let gone = until(|| start_ticks(left).is_none().then_some(()));
        tokio::time::timeout(LIMIT, gone).await.expect("it is still there");
    }

    #[test]
    fn it_does_not_die_with_the_thread_that_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let daemon = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let spec = Command::new("sleep").arg("600");
            runtime.block_on(async { Daemon::start(spec, &log, &Redactor::new()).await.unwrap() })
        });
        let daemon = daemon.join().unwrap();
        // The kernel would have sent the signal before the thread could be joined.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(100) {
            assert!(start_ticks(daemon.pid()).is_some(), "it died with the thread");
            std::thread::yield_now();
        }
    }
}
