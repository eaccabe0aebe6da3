//! The temporary folder of a run, `${TMPDIR:-/tmp}/pulp-drill-<uid>/<name>/`, and who owns it.
//!
//! The truth about the owner is an advisory lock, held for the owner's life and let go by the
//! kernel however it dies; `owner.json` only records who it was. A folder is made under a name of its
//! own (`.new-…`) and gets its real name when lock and owner are in it, so that a folder under a
//! real name without `owner.json` is never ours. Sweeping is `runbook/provision/leftovers`.

use crate::base::error::{Error, ErrorContext, IfMissing};
use crate::base::process::children::{Children, boot_id, end_processes_of, start_ticks};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file whose lock the owner holds.
pub const LOCK_FILE: &str = "run.lock";
/// Says who the owner was: an [`Owner`] as JSON.
pub const OWNER_FILE: &str = "owner.json";
/// Its presence means that the folder was left on purpose (`--keep`).
pub const KEEP_FILE: &str = "keep";

/// Starts the name of a folder that is being made: nothing runs in it yet.
pub const MAKING: &str = ".new-";
/// Starts the name of a folder that is being removed: nothing runs in it any more.
pub const REMOVING: &str = ".dead-";

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

/// What a run of scenarios needs of it at the most, in bytes, with room to spare for others.
const ROOM: u64 = 4 << 30;

/// The largest backup that is restored in memory, in bytes. A restored one takes a multiple of it.
const IN_MEMORY: u64 = 256 << 20;

/// How long a folder may resist removal while its last processes end.
const REMOVAL: Duration = Duration::from_secs(3);

/// Others may pass through to what is theirs (PostgreSQL's user), but not look around.
const MODE: u32 = 0o711;

/// The folder that holds the folders of all runs of one user.
#[derive(Clone, Debug)]
pub struct Base(PathBuf);

impl Base {
    /// The one below `$TMPDIR`; without that, below memory where there is room enough (databases
    /// are made of hundreds of small files) and the backup that is to be restored is small, else below the
    /// system's temporary folder.
    pub fn of_user(backup: u64) -> Result<Self, Error> {
        if std::env::var_os("TMPDIR").is_none_or(|folder| folder.is_empty())
            && backup <= IN_MEMORY
            && free_bytes(Path::new(MEMORY)).is_ok_and(|free| free >= ROOM)
        {
            return Self::below(Path::new(MEMORY));
        }
        Self::below(&std::env::temp_dir())
    }

    /// All that runs of this user may have used: where a dead run's leftovers can be.
    pub fn all_of_user() -> Vec<Self> {
        let mut places = vec![std::env::temp_dir()];
        if Path::new(MEMORY).is_dir() {
            places.push(PathBuf::from(MEMORY));
        }
        places.iter().filter_map(|place| Self::below(place).ok()).collect()
    }

    /// The one below this folder; made when it is not there. A link, a folder of somebody else or
    /// one that others may write to is refused: they could have put anything there.
    pub fn below(temp: &Path) -> Result<Self, Error> {
        let temp = temp
            .canonicalize()
            .or_environment(|| format!("can't use the temporary folder {}", temp.display()))
            .map_err(|t| t.hint("set TMPDIR to a folder that you can write to"))?;
        let us = geteuid().as_raw();
        let path = temp.join(format!("pulp-drill-{us}"));
        match std::fs::DirBuilder::new().mode(MODE).create(&path) {
            Ok(()) => set_mode(&path)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Error::environment(format!("can't make {}", path.display()))
                    .because(&error)
                    .hint("set TMPDIR to a folder that you can write to"));
            }
        }
        let meta = path.symlink_metadata().or_environment(|| format!("can't look at {}", path.display()))?;
        let refused = if !meta.is_dir() {
            Some("it is not a folder")
        } else if meta.uid() != us {
            Some("it belongs to another user")
        } else if meta.mode() & 0o022 != 0 {
            Some("others may write to it")
        } else {
            None
        };
        match refused {
            None => Ok(Self(path)),
            Some(why) => Err(Error::environment(format!("won't use {}: {why}", path.display()))
                .hint("remove it, or set TMPDIR to another folder")),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps every other harness from making or taking over run folders until the file is dropped.
    pub fn lock(&self) -> Result<File, Error> {
        let path = self.0.join(".lock");
        let context = || format!("can't lock {}", path.display());
        let file = open_lock(&path).or_environment(context)?;
        file.lock().or_environment(context)?;
        Ok(file)
    }
}

/// Who made a run folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The harness's process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot, where the system provides it.
    pub start_ticks: Option<u64>,
    /// Which start of the machine that was.
    pub boot_id: String,
}

/// The folder of this run. Dropping it ends what is left of the run's processes and removes the
/// folder, unless it was [left running](RunDir::leave_running).
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    children: Children,
    kept: bool,
    _lock: File,
}

impl RunDir {
    /// Makes the folder `name` (up to 24 letters, digits and hyphens). With `keep`, daemons that are
    /// recorded in it are not ended by the system when the harness ends.
    pub fn create(base: &Base, name: &str, keep: bool) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.len() > 24 || !name.chars().all(plain) {
            return Err(Error::harness(format!("{name:?} can't be the name of a run's folder")));
        }
        // While we hold it, nobody takes our half-made folder for a dead one.
        let _making = base.lock()?;
        let fresh = base.path().join(format!("{MAKING}{name}"));
        let path = base.path().join(name);
        let context = || format!("can't make the run's folder {}", path.display());
        std::fs::DirBuilder::new().mode(MODE).create(&fresh).or_environment(context)?;
        let lock = match furnish(&fresh, &path) {
            Ok(lock) => lock,
            Err(error) => {
                // What can't be removed now is found by the next run's sweep.
                let _later = std::fs::remove_dir_all(&fresh);
                return Err(Error::environment(context()).because(&error));
            }
        };
        let children = Children::in_folder(&path, keep);
        Ok(Self { path, children, kept: false, _lock: lock })
    }

    /// Where it is. Short, and passable by other users.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The list of the run's children, for [`Command::recorded_in`](crate::base::process::Command).
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Makes a folder in it that is private to a user, or to us.
    pub fn private(&self, name: &str, user: Option<&super::User>) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .or_environment(|| format!("can't make {}", path.display()))?;
        if let Some(user) = user {
            super::give_tree(&path, user)?;
        }
        Ok(path)
    }

    /// Leaves folder and processes for inspection; the next run's sweep leaves them too.
    pub fn leave_running(mut self) -> Result<PathBuf, Error> {
        let path = self.path.join(KEEP_FILE);
        std::fs::write(&path, "").or_environment(|| format!("can't write {}", path.display()))?;
        self.kept = true;
        Ok(self.path.clone())
    }

    /// Ends what is left of the run's processes and removes the folder. Blocks.
    pub fn remove(mut self) -> Result<(), Error> {
        self.kept = true;
        end_processes_of(&self.path);
        remove_run_folder(&self.path).or_environment(|| format!("can't remove {}", self.path.display()))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !self.kept {
            end_processes_of(&self.path);
            // What can't be removed now is found by the next run's sweep.
            let _later = remove_run_folder(&self.path);
        }
    }
}

/// Puts lock and owner into a new folder and gives it its real name.
fn furnish(fresh: &Path, path: &Path) -> std::io::Result<File> {
    std::fs::set_permissions(fresh, Permissions::from_mode(MODE))?;
    let lock = open_lock(&fresh.join(LOCK_FILE))?;
    lock.try_lock()?;
    let pid = std::process::id();
    let owner = Owner { pid, start_ticks: start_ticks(pid), boot_id: boot_id() };
    std::fs::write(fresh.join(OWNER_FILE), serde_json::to_string(&owner)?)?;
    std::fs::rename(fresh, path)?;
    Ok(lock)
}

/// Removes the folder of a run without processes, under a name that marks it: were we killed
/// half-way, the next sweep would still know it for ours.
pub fn remove_run_folder(path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let doomed = if name.starts_with(REMOVING) {
        path.to_owned()
    } else {
        path.with_file_name(format!("{REMOVING}{name}"))
    };
    if doomed != path {
        std::fs::rename(path, &doomed)?;
    }
    let since = Instant::now();
    loop {
        match std::fs::remove_dir_all(&doomed).or_gone() {
            Ok(()) => return Ok(()),
            // A server's children may write for a moment after it has gone.
            Err(_) if since.elapsed() < REMOVAL => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(error),
        }
    }
}

fn set_mode(path: &Path) -> Result<(), Error> {
    // The umask may have taken more than we want.
    std::fs::set_permissions(path, Permissions::from_mode(MODE))
        .or_environment(|| format!("can't set the rights of {}", path.display()))
}

fn open_lock(path: &Path) -> std::io::Result<File> {
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Bytes that we may still write to the file system of a path.
pub fn free_bytes(path: &Path) -> nix::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    #[expect(clippy::useless_conversion, reason = "the types differ between systems")]
    Ok(u64::from(stat.blocks_available()) * u64::from(stat.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_folder_that_could_be_somebody_elses_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().canonicalize().unwrap().join(format!("pulp-drill-{}", geteuid().as_raw()));
        let refusal = || Base::below(temp.path()).unwrap_err().what;

        std::os::unix::fs::symlink(temp.path(), &path).unwrap();
        assert!(refusal().ends_with("it is not a folder"), "{}", refusal());
        std::fs::remove_file(&path).unwrap();

        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert!(refusal().ends_with("others may write to it"), "{}", refusal());

        std::fs::set_permissions(&path, Permissions::from_mode(0o711)).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            assert!(refusal().ends_with("it belongs to another user"), "{}", refusal());
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        }
        assert!(Base::below(temp.path()).is_ok());
    }

    #[test]
    fn a_run_folder_is_owned_passable_and_gone_when_dropped() {
        let temp = tempfile::tempdir().unwrap();
        let base = Base::below(temp.path()).unwrap();
        let run_dir = RunDir::create(&base, "abc-1", false).unwrap();
        let path = run_dir.path().to_owned();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, MODE);
        let owner: Owner = serde_json::from_slice(&std::fs::read(path.join(OWNER_FILE)).unwrap()).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert!(open_lock(&path.join(LOCK_FILE)).unwrap().try_lock().is_err(), "nobody holds the lock");
        assert!(RunDir::create(&base, "abc-1", false).is_err(), "two runs share a folder");
        drop(run_dir);
        let left: Vec<_> = base.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [".lock"]);
    }
}
