//! Whether a command makes progress: by its own reading and writing, and by what others report of the
//! work that it waits for. A command that loops without either would never end by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a command may do nothing that shows.
const STALLED: Duration = Duration::from_secs(60);

/// What shows that a command makes progress. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    reported: Arc<AtomicU64>,
    patience: Duration,
}

impl Default for Progress {
    fn default() -> Self {
        Self { reported: Arc::default(), patience: STALLED }
    }
}

impl Progress {
    /// One that gives a command this long without progress.
    pub fn with_patience(patience: Duration) -> Self {
        Self { patience, ..Self::default() }
    }

    /// Reports that what the command waits for is at work: a server that builds an index.
    pub fn report(&self) {
        self.reported.fetch_add(1, Ordering::Relaxed);
    }

    /// How long a command may make none.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Ends when a process has made no progress for too long.
    pub(super) async fn stalled(&self, pid: u32) {
        let (mut last, mut since) = (None, Instant::now());
        loop {
            let now = (transferred(pid), self.reported.load(Ordering::Relaxed));
            if last != Some(now) {
                (last, since) = (Some(now), Instant::now());
            }
            if since.elapsed() > self.patience {
                return;
            }
            tokio::time::sleep(self.patience / 20).await;
        }
    }
}

/// The bytes that a process and its children have read and written (proc(5), `/proc/PID/io`); 0 where
/// that is not known. A server's work is done by its children.
fn transferred(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let bytes = |line: &str| {
        line.strip_prefix("rchar: ").or_else(|| line.strip_prefix("wchar: "))?.parse::<u64>().ok()
    };
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_ascii_whitespace().filter_map(|child| child.parse().ok());
    io.lines().filter_map(bytes).sum::<u64>() + children.map(transferred).sum::<u64>()
}
