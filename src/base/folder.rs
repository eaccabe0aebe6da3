//! Folders: walked in one place, by the caller's rules for symbolic links and depth, and removed.

use crate::base::error::{Error, ErrorContext, IfMissing};
use std::io;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

pub use walkdir::DirEntry as Entry;

/// For walks without a limit of depth.
pub const ANY_DEPTH: usize = usize::MAX;

/// What a walk does with symbolic links below the folder. The folder itself may always be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// A link counts as what it leads to; a loop of links is an error.
    Follow,
    /// A link is reported as a link and never entered, so that the walk stays inside the folder.
    Report,
}

/// Everything below a folder, down to a depth (1: what lies directly in it), each folder before its
/// contents, in the order of names. What `wanted` refuses is left out with all that is below it.
/// What does not exist, or not any more, has no entry; a folder that is a file is an error.
pub fn walk(
    folder: &Path,
    links: Links,
    deepest: usize,
    wanted: impl FnMut(&Entry) -> bool,
) -> impl Iterator<Item = io::Result<Entry>> {
    let walk = WalkDir::new(folder).min_depth(1).max_depth(deepest).follow_links(links == Links::Follow);
    let entries = walk.sort_by_file_name().into_iter().filter_entry(wanted);
    let entries = entries.map(|entry| entry.map_err(io::Error::from));
    let is_file = folder.metadata().is_ok_and(|meta| !meta.is_dir());
    let error = is_file.then(|| Err(io::Error::from(io::ErrorKind::NotADirectory)));
    let gone = |entry: &io::Result<Entry>| matches!(entry, Err(e) if e.kind() == io::ErrorKind::NotFound);
    error.into_iter().chain(entries.filter(move |entry| !gone(entry)))
}

/// Whether an entry's name does not begin with a dot.
pub fn is_visible(entry: &Entry) -> bool {
    !entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// An entry's path below the folder of the walk, with replacement characters where it is not UTF-8.
pub fn path_below(folder: &Path, entry: &Entry) -> String {
    entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned()
}

/// Where programs of this user keep what they can make again: `$XDG_CACHE_HOME/pulp-drill`, else below
/// `$HOME/.cache`.
pub fn user_cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("pulp-drill"))
}

/// Removes a folder with its contents; one that does not exist is no error.
pub fn remove(folder: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(folder).or_gone().or_environment(|| format!("can't remove {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path, links: Links, deepest: usize) -> Vec<String> {
        let entries = walk(folder, links, deepest, is_visible).map(Result::unwrap);
        entries.map(|entry| path_below(folder, &entry)).collect()
    }

    #[test]
    fn links_depth_and_hidden_names_are_the_callers_choice() {
        let temp = tempfile::tempdir().unwrap();
        let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
        std::fs::create_dir_all(inside.join("a/b")).unwrap();
        std::fs::create_dir_all(inside.join(".hidden/c")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), "").unwrap();
        symlink(&outside, inside.join("link")).unwrap();
        symlink("nowhere", inside.join("dangling")).unwrap();
        assert_eq!(names(&inside, Links::Report, ANY_DEPTH), ["a", "a/b", "dangling", "link"]);
        assert_eq!(names(&inside, Links::Follow, ANY_DEPTH), ["a", "a/b", "link", "link/file"]);
        assert_eq!(names(&inside, Links::Report, 1), ["a", "dangling", "link"]);
        assert!(names(&temp.path().join("none"), Links::Report, 1).is_empty());
        assert!(walk(&outside.join("file"), Links::Report, 1, |_| true).any(|entry| entry.is_err()));
        symlink(&inside, inside.join("a/loop")).unwrap();
        assert!(walk(&inside, Links::Follow, ANY_DEPTH, is_visible).any(|entry| entry.is_err()));
    }

    #[test]
    fn a_folder_that_is_gone_need_not_be_removed() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a");
        std::fs::create_dir_all(folder.join("b")).unwrap();
        assert!(remove(&folder).is_ok() && remove(&folder).is_ok() && !folder.exists());
    }
}
