//! The list of a run's children, in the run's folder: enough to find those that outlived the
//! harness and to end them without ever meeting a stranger that got the same process id.
//!
//! Two things identify a child: its id together with its start time, written down when it starts; and
//! a variable of its environment that names the run's folder, which whatever it starts inherits.

use crate::base::error::{Error, ErrorContext};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The variable that every child of a run carries: the path of the run's folder.
pub const MARKER: &str = "PULP_DRILL_RUN_DIR";

/// The list's name in the run's folder: one JSON object a line.
const FILE: &str = "children.jsonl";

/// How long children have to end after their death signal, before SIGKILL.
const GRACE: Duration = Duration::from_secs(6);

/// Writes down the children of one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Children {
    folder: PathBuf,
    outlive: bool,
}

/// One line of the list.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    pid: u32,
    /// In clock ticks since boot; `None` where the system has no `/proc`.
    start_ticks: Option<u64>,
    program: String,
    /// The number of the signal it gets when the harness is dead.
    death_signal: i32,
}

/// A process that was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its process id.
    pub pid: u32,
    /// Its program, as far as known.
    pub program: String,
}

impl Children {
    /// The list in this run folder. With `outlive`, daemons are to stay when the harness ends
    /// (a site that is kept for inspection).
    pub(super) fn in_folder(folder: &Path, outlive: bool) -> Self {
        Self { folder: folder.to_owned(), outlive }
    }

    /// The folder of the run that they belong to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether daemons stay when the harness ends.
    pub(super) fn outlive(&self) -> bool {
        self.outlive
    }

    /// The variable that marks a child of this run.
    pub(super) fn marker(&self) -> (&'static str, &Path) {
        (MARKER, &self.folder)
    }

    /// Writes a child down that has just been started.
    pub(super) fn record(&self, pid: u32, program: &str, death: Signal) -> Result<(), Error> {
        let line = Line {
            pid,
            start_ticks: start_ticks(pid),
            program: program.to_owned(),
            death_signal: death as i32,
        };
        let path = self.folder.join(FILE);
        let context = || format!("can't write down process {pid} in {}", path.display());
        let mut text = serde_json::to_string(&line).or_harness(context)?;
        text.push('\n');
        // One write in append mode: lines of several children don't mix.
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .or_environment(context)?;
        file.write_all(text.as_bytes()).or_environment(context)
    }
}

/// When a process started, in clock ticks since boot: together with the id it names a process for
/// as long as the machine runs. `None` when there is no such process (or no `/proc`). A zombie has
/// ended: `None`.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything; proc(5)
    // counts fields from 1, so after it come 3 (state) and, nineteen later, 22 (start time).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    (state != "Z" && state != "X").then(|| fields.get(19)?.parse().ok()).flatten()
}

/// Names the time since the machine's last start; empty where the system does not provide it.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Ends every process of the run whose folder this is, waits until they are gone, and returns which
/// they were. Each gets its death signal, then SIGKILL. Blocks for up to ten seconds; never touches
/// the calling process.
pub fn end_processes_of(folder: &Path) -> Vec<Ended> {
    let mut ended = Vec::new();
    let mut since = Instant::now();
    let mut forced = false;
    loop {
        let alive = alive_of(folder);
        if alive.is_empty() {
            return ended;
        }
        if since.elapsed() > GRACE {
            if forced {
                return ended;
            }
            (forced, since) = (true, Instant::now());
        }
        for (line, leads) in alive {
            let known = ended.iter().any(|e: &Ended| e.pid == line.pid);
            if !known || forced {
                let asked = Signal::try_from(line.death_signal).unwrap_or(Signal::SIGKILL);
                send(line.pid, leads, if forced { Signal::SIGKILL } else { asked });
            }
            if !known {
                ended.push(Ended { pid: line.pid, program: line.program });
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The group when the process leads one of ours, else the process alone.
fn send(pid: u32, leads: bool, signal: Signal) {
    let Ok(id @ 2..) = i32::try_from(pid) else { return };
    let id = Pid::from_raw(id);
    // It may have ended by itself by now; then there is nothing to do.
    let _gone = if leads { killpg(id, signal) } else { kill(id, signal) };
    // One that was paused takes no notice until it goes on.
    let _gone = if leads { killpg(id, Signal::SIGCONT) } else { kill(id, Signal::SIGCONT) };
}

/// The run's processes that are alive, and whether each was started by us as leader of a group.
fn alive_of(folder: &Path) -> Vec<(Line, bool)> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let mut alive: Vec<(Line, bool)> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
        .filter(|line| line.start_ticks.is_some() && start_ticks(line.pid) == line.start_ticks)
        .map(|line| (line, true))
        .collect();
    for pid in carrying(MARKER, &folder.display().to_string()) {
        if !alive.iter().any(|(line, _)| line.pid == pid) {
            let program = program(pid);
            let death_signal = Signal::SIGKILL as i32;
            alive.push((Line { pid, start_ticks: start_ticks(pid), program, death_signal }, false));
        }
    }
    alive
}

/// What a process calls itself.
fn program(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Kills every process that carries a variable with this value, and returns which they were: also those that
/// left their group and session, too.
pub(super) fn end_carrying(name: &str, value: &str) -> Vec<Ended> {
    let mut ended: Vec<Ended> = Vec::new();
    let since = Instant::now();
    loop {
        let alive = carrying(name, value);
        if alive.is_empty() || since.elapsed() > GRACE {
            return ended;
        }
        for pid in alive {
            if !ended.iter().any(|e| e.pid == pid) {
                ended.push(Ended { pid, program: program(pid) });
            }
            send(pid, false, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes whose environment holds a variable with this value. Those of other users can't be
/// read unless we are root; they are none of ours then.
fn carrying(name: &str, value: &str) -> Vec<u32> {
    let us = std::process::id();
    let wanted = format!("{name}={value}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != us && start_ticks(*pid).is_some())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_start_time_and_a_dead_one_none() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let first = start_ticks(child.id());
        assert!(first.is_some());
        assert_eq!(first, start_ticks(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(start_ticks(child.id()), None);
    }

    #[test]
    fn a_stranger_with_the_same_id_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let line = Line {
            pid: stranger.id(),
            start_ticks: start_ticks(stranger.id()).map(|ticks| ticks - 1),
            program: "sleep".to_owned(),
            death_signal: Signal::SIGKILL as i32,
        };
        std::fs::write(folder.path().join(FILE), serde_json::to_string(&line).unwrap()).unwrap();
        assert_eq!(end_processes_of(folder.path()), []);
        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
