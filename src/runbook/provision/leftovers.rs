//! Finds and removes what dead runs left behind, and only that: processes and folders whose owner's
//! lock is free, and containers whose run's folder is gone. Live runs, kept sites and whatever is not ours stay as they are.

use crate::base::error::{Error, ErrorContext};
use crate::base::process::{
    Base, Ended, KEEP_FILE, LOCK_FILE, MAKING, OWNER_FILE, Owner, REMOVING, boot_id, end_processes_of,
    remove_run_folder,
};
use crate::system::{containers, programs::forget_shared_memory};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the children of a killed PostgreSQL server may take to notice.
const CHILDREN: Duration = Duration::from_secs(5);

/// What a sweep did and saw.
#[derive(Debug, Default)]
pub struct Swept {
    /// Folders of dead runs that are gone now.
    pub removed: Vec<PathBuf>,
    /// Processes of dead runs that were ended.
    pub ended: Vec<Ended>,
    /// Containers of dead runs that are gone now.
    pub containers: Vec<String>,
    /// Sites left running by `--keep`, not touched (or, by [`sweep_kept`], among the removed).
    pub kept: Vec<PathBuf>,
    /// Things that are not ours, not touched.
    pub unknown: Vec<PathBuf>,
    /// What could not be removed, and why.
    pub failed: Vec<(PathBuf, String)>,
}

impl Swept {
    /// One message for people, or `None` when there is nothing to say.
    pub fn message(&self) -> Option<String> {
        let list = |paths: &[PathBuf]| {
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        let mut parts = Vec::new();
        if !self.removed.is_empty() {
            parts.push(format!("removed what runs that were killed had left: {}", list(&self.removed)));
        }
        if !self.ended.is_empty() {
            let ended: Vec<_> = self.ended.iter().map(|e| format!("{} ({})", e.program, e.pid)).collect();
            parts.push(format!("ended their processes: {}", ended.join(", ")));
        }
        if !self.containers.is_empty() {
            parts.push(format!("removed their containers: {}", self.containers.join(", ")));
        }
        if !self.kept.is_empty() {
            parts.push(format!(
                "kept sites are still running (pulp-drill sweep --kept removes them): {}",
                list(&self.kept)
            ));
        }
        if !self.unknown.is_empty() {
            parts.push(format!("left alone, not made by us: {}", list(&self.unknown)));
        }
        for (path, why) in &self.failed {
            parts.push(format!("can't remove {}: {why}", path.display()));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// What a sweep does with the sites that `--keep` left running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptSites {
    /// They stay.
    Stay,
    /// They are ended and removed.
    Go,
    /// Only those of a run, given by its id or the end of it.
    GoOf(String),
}

impl KeptSites {
    /// Whether the site in a folder of this name is removed.
    fn includes(&self, folder: &str) -> bool {
        match self {
            Self::Stay => false,
            Self::Go => true,
            Self::GoOf(run) => {
                let id = folder.rsplit('-').next().unwrap_or(folder);
                folder.ends_with(run.as_str()) || (id.len() >= 6 && run.ends_with(id))
            }
        }
    }
}

/// Sweeps wherever runs of this user may have been.
pub async fn sweep_everywhere(kept_too: &KeptSites) -> Result<Swept, Error> {
    let mut all = Swept::default();
    for base in Base::all_of_user() {
        let Swept { removed, ended, containers: _, kept, unknown, failed } =
            in_background(&base, kept_too.clone()).await?;
        all.removed.extend(removed);
        all.ended.extend(ended);
        all.kept.extend(kept);
        all.unknown.extend(unknown);
        all.failed.extend(failed);
    }
    // After the folders: a dead run's is gone now.
    match containers::sweep().await {
        Ok(removed) => all.containers = removed,
        Err(error) => all.failed.push((PathBuf::from("containers"), error.to_string())),
    }
    Ok(all)
}

/// Sweeps what dead runs left below the folder.
pub async fn sweep(base: &Base) -> Result<Swept, Error> {
    in_background(base, KeptSites::Stay).await
}

/// Like [`sweep`], and ends and removes the sites that were left running, too.
pub async fn sweep_kept(base: &Base) -> Result<Swept, Error> {
    in_background(base, KeptSites::Go).await
}

async fn in_background(base: &Base, kept_too: KeptSites) -> Result<Swept, Error> {
    let base = base.clone();
    let work = tokio::task::spawn_blocking(move || blocking(&base, &kept_too));
    work.await.or_harness(|| "sweeping leftovers panicked".to_owned())?
}

/// What an entry of the base folder is.
enum Entry {
    /// Its owner lives.
    Live,
    /// Its owner is dead; we hold its lock now, if it has one.
    Dead { lock: Option<File>, owner: Option<Owner> },
    /// Left running on purpose.
    Kept,
    /// Not ours.
    Unknown,
}

fn blocking(base: &Base, kept_too: &KeptSites) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    let mut dead = Vec::new();
    {
        // While we hold this, no run folder is half-made by a living harness, and no other sweep
        // looks at the same time. Ending and removing goes on under the folders' own locks.
        let _looking = base.lock()?;
        let context = || format!("can't list {}", base.path().display());
        for entry in base.path().read_dir().or_environment(context)? {
            let path = entry.or_environment(context)?.path();
            if path.file_name().is_some_and(|name| name == ".lock") {
                continue;
            }
            match look(&path, kept_too) {
                Ok(Entry::Live) => {}
                Ok(Entry::Dead { lock, owner }) => dead.push((path, lock, owner)),
                Ok(Entry::Kept) => swept.kept.push(path),
                Ok(Entry::Unknown) => swept.unknown.push(path),
                // Another harness may have removed its own folder meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => swept.failed.push((path, error.to_string())),
            }
        }
    }
    for (path, lock, owner) in dead {
        // Process ids mean nothing after the machine was started anew.
        if owner.is_some_and(|owner| owner.boot_id == boot_id()) {
            swept.ended.extend(end_processes_of(&path));
            forget_clusters(&path);
        }
        match remove_run_folder(&path) {
            Ok(()) => swept.removed.push(path),
            Err(error) => swept.failed.push((path, error.to_string())),
        }
        drop(lock);
    }
    Ok(swept)
}

/// Frees what killed PostgreSQL servers of the run hold in the kernel: `<run>/<cluster>/<data>`.
fn forget_clusters(path: &Path) {
    let Ok(clusters) = path.read_dir() else { return };
    let folders = clusters.flatten().filter_map(|cluster| cluster.path().read_dir().ok());
    for data in folders.flat_map(Iterator::flatten) {
        let (data, since) = (data.path(), Instant::now());
        while forget_shared_memory(&data) && since.elapsed() < CHILDREN {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn look(path: &Path, kept_too: &KeptSites) -> io::Result<Entry> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !path.symlink_metadata()?.is_dir() {
        return Ok(Entry::Unknown);
    }
    let half = name.starts_with(MAKING) || name.starts_with(REMOVING);
    let owner = std::fs::read(path.join(OWNER_FILE)).ok();
    let owner: Option<Owner> = owner.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if owner.is_none() && !half {
        return Ok(Entry::Unknown);
    }
    let lock = match File::options().write(true).open(path.join(LOCK_FILE)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Ok(Entry::Live),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        // Half-made and half-removed folders may have none. Under a real name it means that
        // somebody took it away: not what a dead run looks like.
        Err(error) if error.kind() == io::ErrorKind::NotFound && half => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entry::Unknown),
        Err(error) => return Err(error),
    };
    if path.join(KEEP_FILE).exists() && !kept_too.includes(&name) && !half {
        return Ok(Entry::Kept);
    }
    Ok(Entry::Dead { lock, owner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::process::RunDir;

    fn base() -> (tempfile::TempDir, Base) {
        let temp = tempfile::tempdir().unwrap();
        let base = Base::below(temp.path()).unwrap();
        (temp, base)
    }

    /// A folder as a harness leaves it that was killed with nothing running.
    fn dead(base: &Base, name: &str) -> PathBuf {
        let path = base.path().join(name);
        std::fs::create_dir_all(path.join("pg/data")).unwrap();
        std::fs::write(path.join(LOCK_FILE), "").unwrap();
        let owner = Owner { pid: 1, start_ticks: Some(0), boot_id: boot_id() };
        std::fs::write(path.join(OWNER_FILE), serde_json::to_string(&owner).unwrap()).unwrap();
        path
    }

    #[tokio::test]
    async fn the_dead_go_and_the_living_and_strangers_stay() {
        let (_temp, base) = base();
        let live = RunDir::create(&base, "live", false).unwrap();
        let gone = dead(&base, "dead");
        let stranger = base.path().join("stranger");
        std::fs::create_dir(&stranger).unwrap();
        std::fs::write(stranger.join(LOCK_FILE), "").unwrap();
        let lockless = dead(&base, "lockless");
        std::fs::remove_file(lockless.join(LOCK_FILE)).unwrap();
        let file = base.path().join("file");
        std::fs::write(&file, "").unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(&gone, &link).unwrap();

        let mut swept = sweep(&base).await.unwrap();
        swept.unknown.sort();
        assert_eq!(swept.removed, std::slice::from_ref(&gone));
        assert_eq!(swept.unknown, [file, link, lockless, stranger.clone()]);
        assert!(!gone.exists() && stranger.exists() && live.path().join(OWNER_FILE).exists());
        let message = swept.message().unwrap();
        assert!(message.contains("left alone, not made by us") && !message.contains("live"), "{message}");
    }

    #[tokio::test]
    async fn half_made_and_half_removed_folders_go() {
        let (_temp, base) = base();
        let made = base.path().join(format!("{MAKING}a"));
        std::fs::create_dir(&made).unwrap();
        let removed = base.path().join(format!("{REMOVING}b"));
        std::fs::create_dir_all(removed.join("objects")).unwrap();
        let swept = sweep(&base).await.unwrap();
        assert_eq!(swept.removed.len(), 2, "{swept:?}");
        assert!(!made.exists() && !removed.exists());
        assert_eq!(sweep(&base).await.unwrap().message(), None);
    }

    #[tokio::test]
    async fn a_kept_site_goes_only_when_asked_for() {
        let (_temp, base) = base();
        let kept = RunDir::create(&base, "kept", true).unwrap().leave_running().unwrap();
        let swept = sweep(&base).await.unwrap();
        assert_eq!((swept.kept, swept.removed), (vec![kept.clone()], vec![]));
        assert!(kept.exists());
        assert_eq!(sweep_kept(&base).await.unwrap().removed, std::slice::from_ref(&kept));
        assert!(!kept.exists());
    }

    #[test]
    fn a_run_is_named_by_its_id_or_the_end_of_it() {
        let of = |run: &str| KeptSites::GoOf(run.to_owned());
        let id = "01a22df0b4b17064b60a49145860a1e4";
        assert!(of(id).includes("5860a1e4") && of("5860a1e4").includes("5860a1e4"));
        assert!(!of(id).includes("5a19b688") && !of("e4x").includes("5860a1e4"));
        assert!(!of(id).includes("live") && !KeptSites::Stay.includes("5860a1e4"));
        assert!(KeptSites::Go.includes("5860a1e4"));
    }
}
