//! Starts children from one thread that lives as long as the process.
//!
//! Linux sends the parent-death signal when the *thread* that forked ends, so a child started from
//! a worker of a thread pool could die for no reason.

use crate::base::error::{Error, ErrorContext};
use crate::base::process::command::{Command, CommandInput};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The thread that forks.
fn spawner() -> &'static Sender<Job> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        // The sender is never dropped, so the thread ends with the process and not before.
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || jobs.into_iter().for_each(|job| job()))
            .expect("the machine can start a thread, or it could not start a process either");
        sender
    })
}

/// A child with the id of its process group, which is also its process id.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) pid: u32,
}

/// Starts the child with these streams. `dies_with_us` arms the parent-death signal. Dropping the
/// future before it is done ends a child that was already started.
pub(super) async fn spawn(
    spec: &Command,
    streams: (Stdio, Stdio),
    dies_with_us: bool,
) -> Result<Spawned, Error> {
    let mut command = prepared(spec, dies_with_us)?;
    command.stdout(streams.0).stderr(streams.1);
    let (reply, answer) = oneshot::channel();
    let (runtime, children, name, death) =
        (Handle::current(), spec.children.clone(), spec.name(), spec.death);
    let job = move || {
        let _context = runtime.enter();
        let started = command.spawn().and_then(|child| {
            let pid = child.id().ok_or_else(|| io::Error::other("the child has no process id"))?;
            Ok(Spawned { child, pid })
        });
        let recorded = match (&started, &children) {
            (Ok(spawned), Some(children)) => children.record(spawned.pid, &name, death),
            _ => Ok(()),
        };
        let outcome = match (started, recorded) {
            (Ok(spawned), Err(error)) => {
                signal_group(spawned.pid, Signal::SIGKILL);
                Err(Failed::Record(error))
            }
            (started, _) => started.map_err(Failed::Start),
        };
        if let Err(Ok(unwanted)) = reply.send(outcome) {
            signal_group(unwanted.pid, Signal::SIGKILL);
        }
    };
    spawner().send(Box::new(job)).map_err(|_| Error::harness("the thread that starts processes is gone"))?;
    match answer.await {
        Ok(Ok(spawned)) => Ok(spawned),
        Ok(Err(Failed::Record(error))) => Err(error),
        Ok(Err(Failed::Start(error))) => Err(not_started(spec, &error)),
        Err(_) => Err(Error::harness("the thread that starts processes is gone")),
    }
}

enum Failed {
    Start(io::Error),
    Record(Error),
}

fn not_started(spec: &Command, error: &io::Error) -> Error {
    let program = spec.shown();
    if let Some(cwd) = spec.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
        return Error::environment(format!("can't start {program}: no folder {}", cwd.display()));
    }
    if error.kind() == io::ErrorKind::NotFound || is_nowhere(&spec.program) {
        let hint = spec.hint.clone().unwrap_or_else(|| match (program.contains('/'), &spec.cwd) {
            (true, Some(cwd)) => format!("correct the path: a relative one begins in {}", cwd.display()),
            (true, None) => "correct the path".to_owned(),
            (false, _) => format!("install {program}, or put the folder that holds it on PATH"),
        });
        return Error::environment(format!("there is no program {program}")).hint(hint);
    }
    let error = Error::environment(format!("can't start {program}")).because(error);
    match &spec.hint {
        Some(hint) => error.hint(hint.clone()),
        None => error,
    }
}

/// Whether a program is in a folder of `PATH`.
pub fn on_path(program: impl AsRef<Path>) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(&program).is_file())
}

/// Whether a program that is called by its name is in no folder of `PATH`. The system reports
/// "permission denied" instead if it could not read one of them.
fn is_nowhere(program: &Path) -> bool {
    program.components().count() == 1 && !on_path(program)
}

fn prepared(spec: &Command, dies_with_us: bool) -> Result<tokio::process::Command, Error> {
    let mut command = tokio::process::Command::new(&spec.program);
    command.args(&spec.args).process_group(0);
    if spec.is_own() {
        command.arg0(spec.shown());
    }
    for name in spec.hidden() {
        command.env_remove(name);
    }
    command.envs(spec.env.iter().map(|(name, value)| (name, value)));
    if let Some(children) = &spec.children {
        let (name, value) = children.marker();
        command.env(name, value);
    }
    command.stdin(match &spec.input {
        CommandInput::Nothing => Stdio::null(),
        CommandInput::Bytes(_) => Stdio::piped(),
        CommandInput::File(path) => {
            File::open(path).or_environment(|| format!("can't read {}", path.display()))?.into()
        }
    });
    if let Some(user) = &spec.user {
        // The standard library empties the supplementary groups when root sets another uid.
        command.uid(user.uid).gid(user.gid).current_dir("/");
    }
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    if dies_with_us {
        die_with_us(&mut command, spec.death);
    }
    Ok(command)
}

#[cfg(target_os = "linux")]
fn die_with_us(command: &mut tokio::process::Command, signal: Signal) {
    let us = nix::unistd::getpid();
    let arm = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // We may have died between the fork and the line above; the child would get no signal.
        if nix::unistd::getppid() != us {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        Ok(())
    };
    // SAFETY: runs in the child between fork and exec, after the change of user (which clears the
    // parent-death signal); prctl and getppid are async-signal-safe and nothing is allocated.
    unsafe { command.pre_exec(arm) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut tokio::process::Command, _signal: Signal) {}

/// Sends a signal to a process group of ours; whether anybody was there.
pub(super) fn signal_group(pid: u32, signal: Signal) -> bool {
    match i32::try_from(pid) {
        // 0 is our own group and 1 the init process's: never meant.
        Ok(id @ 2..) => killpg(Pid::from_raw(id), signal).is_ok(),
        Ok(_) | Err(_) => false,
    }
}
