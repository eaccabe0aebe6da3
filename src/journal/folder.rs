//! Folders of runs and files that are there whole or not at all. Knows nothing of what is in them.

use crate::base::error::{Error, ErrorContext as _};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Room that a run's folder must have to begin with, in bytes.
const PROBE: usize = 64 * 1024;

/// Makes `<reports>/<name>` with an empty file in it; takes everything away again if that fails.
pub(super) fn make(reports: &Path, name: &str, file: &str) -> Result<(PathBuf, File), Error> {
    let missing: Vec<&Path> = reports.ancestors().take_while(|p| !p.exists()).collect();
    let dir = reports.join(name);
    let mut made = false;
    // The system would say "file exists", which is the answer to another question.
    let usable = match reports.exists() && !reports.is_dir() {
        true => Err(ErrorKind::NotADirectory.into()),
        false => fs::create_dir_all(reports),
    };
    let begun = usable.and_then(|()| fs::create_dir(&dir)).and_then(|()| {
        made = true;
        probe(&dir.join(file))
    });
    begun.map(|file| (dir.clone(), file)).map_err(|error| {
        if made {
            let _ = fs::remove_dir_all(&dir);
        }
        for path in missing {
            // Only what was made here, and only while it is empty.
            let _ = fs::remove_dir(path);
        }
        io_error(format!("can't make the run's folder {}", dir.display()), &error)
    })
}

/// A new file into which the beginning of a journal would fit.
fn probe(path: &Path) -> io::Result<File> {
    let mut file = File::options().read(true).write(true).create_new(true).open(path)?;
    file.write_all(&vec![b' '; PROBE])?;
    file.set_len(0)?;
    file.rewind()?;
    Ok(file)
}

/// Writes a file so that a reader sees the old one or the new one, never a part; makes its folder.
///
/// # Errors
/// Blames the environment; the old file is as it was then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        fs::create_dir_all(dir)?;
        // The default of 0600 would hide reports from a web server or a CI's archiver.
        let permissions = fs::Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().prefix(".part-").permissions(permissions).tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|e| e.error).map(drop)
    };
    write().map_err(|e: io::Error| io_error(format!("can't write {}", path.display()), &e))
}

/// Lets `<reports>/latest` name the run: a symbolic link, or a file with the name where links are
/// not possible. Readers see the old one or the new one.
///
/// # Errors
/// Blames the environment.
pub fn update_latest(reports: &Path, dir: &Path) -> Result<(), Error> {
    let name = dir.file_name().unwrap_or(dir.as_os_str());
    let latest = reports.join("latest");
    let temp = tempfile::Builder::new()
        .prefix(".latest-")
        .make_in(reports, |path| std::os::unix::fs::symlink(name, path));
    match temp {
        Ok(temp) => {
            let moved = temp.into_temp_path().persist(&latest);
            moved.map_err(|e| e.error).or_environment(|| format!("can't replace {}", latest.display()))
        }
        Err(_) => write_whole(&latest, format!("{}\n", name.to_string_lossy()).as_bytes()),
    }
}

/// A name for a file from any text: letters, digits, `.`, `_` and `-`, no dot first, at most 80.
pub(super) fn safe_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let text: String = name.trim_start_matches('.').chars().take(80).map(plain).collect();
    if text.is_empty() { "file".to_owned() } else { text }
}

/// An I/O error with what to do about it.
pub(super) fn io_error(what: String, error: &io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free some room, or choose a folder on another disk with --report-dir"
        }
        ErrorKind::AlreadyExists => "another run has this name: wait a second and start again",
        _ => "choose a folder that you may write to with --report-dir",
    };
    Error::environment(what).because(error).hint(hint)
}
