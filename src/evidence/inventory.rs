//! What lies in a run's folder: every file by its path and digest. Nothing is followed: a link or a
//! device in it is reported, not read.

use crate::base::{
    digest::Digest,
    error::{Error, ErrorContext as _},
    folder::{Links, path_below, walk},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// How deep a run's folder is: `artefacts/` and what is in it.
const DEPTH: usize = 4;

/// What lies in a folder.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// Plain files: path below the folder, with `/`, and digest.
    pub(super) files: BTreeMap<String, Digest>,
    /// What is neither a file nor a folder with files in it, and what it is.
    pub(super) odd: Vec<(String, &'static str)>,
}

/// Looks at everything in a folder.
///
/// # Errors
/// Blames the environment where something can't be read.
pub(super) fn take(dir: &Path) -> Result<Inventory, Error> {
    let unreadable = |path: &Path| format!("can't read {}", path.display());
    dir.metadata().or_environment(|| unreadable(dir))?;
    let mut inventory = Inventory::default();
    let mut empty = BTreeSet::new();
    for entry in walk(dir, Links::Report, DEPTH + 1, |_| true) {
        let entry = entry.or_environment(|| unreadable(dir))?;
        let (path, kind, name) = (entry.path(), entry.file_type(), path_below(dir, &entry));
        path.parent().map(|parent| empty.remove(parent));
        if kind.is_dir() && entry.depth() <= DEPTH {
            empty.insert(path.to_owned());
        } else if kind.is_file() && path.to_str().is_some() {
            let digest = Digest::of_file(path).or_environment(|| unreadable(path))?;
            inventory.files.insert(name, digest);
        } else {
            // A name that is not UTF-8 is none that a run gives.
            let what = if kind.is_symlink() { "a symbolic link" } else { "no plain file" };
            inventory.odd.push((name, what));
        }
    }
    let below = |path: &Path| path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned();
    inventory.odd.extend(empty.iter().map(|path| (below(path), "an empty folder")));
    inventory.odd.sort();
    Ok(inventory)
}
