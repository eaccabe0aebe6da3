//! The files that the program carries with it (`crates/shipped-files`), in a folder of the user's cache: drills
//! read paths, and their scripts are started. Files of the current folder take precedence.

use crate::base::{
    error::{Error, ErrorContext as _},
    folder::{self, ANY_DEPTH, Links, is_visible, path_below, walk},
    process::Base,
};
use shipped_files::{CONTENT_ID, FILES, ShippedFile};
use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

static FOLDER: OnceLock<Result<PathBuf, Error>> = OnceLock::new();

/// The folder that has them. The first call compares every file with the program's copy and writes what
/// differs.
///
/// # Errors
/// Blames the environment if there is no folder to write them to.
pub fn folder() -> Result<&'static Path, Error> {
    FOLDER.get_or_init(unpack).as_deref().map_err(Error::clone)
}

/// The paths of the files, as in [`locate`].
pub fn paths() -> impl Iterator<Item = &'static Path> {
    FILES.iter().map(|file| Path::new(file.path))
}

/// The file or folder that a path means: the one that exists, else the shipped one of that name, else the
/// path itself.
///
/// # Errors
/// As [`folder`].
pub fn locate(path: &Path) -> Result<PathBuf, Error> {
    let plain = path.strip_prefix(".").unwrap_or(path);
    if plain.as_os_str().is_empty() || path.exists() || !paths().any(|shipped| shipped.starts_with(plain)) {
        return Ok(path.to_owned());
    }
    Ok(folder()?.join(plain))
}

/// Whether a path is that of a shipped file or folder.
pub fn is_shipped(path: &Path) -> bool {
    shown(path) != path
}

/// A path for reports and messages: that of a shipped file without the folder of the cache, so that
/// [`locate`] finds it again anywhere.
pub fn shown(path: &Path) -> &Path {
    match FOLDER.get() {
        Some(Ok(folder)) => path.strip_prefix(folder).unwrap_or(path),
        Some(Err(_)) | None => path,
    }
}

fn unpack() -> Result<PathBuf, Error> {
    let name = format!("shipped-{CONTENT_ID}");
    let cached = folder::user_cache().map(|cache| cache.join(&name));
    if let Some(folder) = cached.filter(|folder| fs::create_dir_all(folder).is_ok() && is_writable(folder)) {
        return unpack_to(&folder).map(|()| folder);
    }
    let folder = Base::below(&std::env::temp_dir())?.path().join(name);
    unpack_to(&folder).map(|()| folder)
}

/// Whether files can be made there; a file system may be read-only, which no mode shows.
fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

/// Makes the folder's content that of the program. Several processes may do so at once: a file is replaced
/// as a whole.
fn unpack_to(folder: &Path) -> Result<(), Error> {
    for file in FILES {
        let path = folder.join(file.path);
        if !is_same(&path, file) {
            write(&path, file).or_environment(|| format!("can't write {}", path.display()))?;
        }
    }
    // What somebody added would be read as a scenario.
    for entry in walk(folder, Links::Report, ANY_DEPTH, is_visible) {
        let entry = entry.or_environment(|| format!("can't list {}", folder.display()))?;
        let below = path_below(folder, &entry);
        if !entry.file_type().is_dir() && !FILES.iter().any(|file| file.path == below) {
            let path = entry.path();
            fs::remove_file(path).or_environment(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn mode(file: &ShippedFile) -> u32 {
    if file.executable { 0o755 } else { 0o644 }
}

fn is_same(path: &Path, file: &ShippedFile) -> bool {
    let same_mode = |meta: fs::Metadata| meta.permissions().mode() & 0o777 == mode(file);
    path.symlink_metadata().is_ok_and(same_mode) && fs::read(path).is_ok_and(|bytes| bytes == file.bytes)
}

fn write(path: &Path, file: &ShippedFile) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(file.bytes)?;
    fresh.as_file().set_permissions(Permissions::from_mode(mode(file)))?;
    fresh.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_the_programs_files_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("scenarios/binary-missing.yaml");
        let added = folder.path().join("scenarios/added.yaml");
        fs::create_dir_all(scenario.parent().unwrap()).unwrap();
        fs::write(&scenario, "changed").unwrap();
        fs::write(&added, "added").unwrap();
        unpack_to(folder.path()).unwrap();
        assert!(!added.exists());
        for file in FILES {
            assert!(is_same(&folder.path().join(file.path), file), "{}", file.path);
        }
        let script = folder.path().join("deploy/backup/awscli.sh");
        assert_eq!(script.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_local_folder_and_unknown_names_are_taken_as_they_are() {
        // The tests run in the repository, which has these folders.
        for path in ["scenarios", "./scenarios/none.yaml", "elsewhere/scenarios", "/scenarios", "none", "."] {
            assert_eq!(locate(Path::new(path)).unwrap(), Path::new(path));
        }
    }

    #[test]
    fn what_drills_read_is_shipped_and_what_only_the_repository_needs_is_not() {
        let has = |path: &str| FILES.iter().any(|file| file.path == path);
        for path in
            ["profiles/photo-archive.yaml", "fixtures/seeds/invoices/seed.yaml", "deploy/backup/rows.sh"]
        {
            assert!(has(path), "{path}");
        }
        assert!(!has("fixtures/make-assets.py"));
    }
}
