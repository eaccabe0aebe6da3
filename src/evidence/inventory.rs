//! What lies in a run's folder: every file by its path and digest. Nothing is followed: a link or a
//! device in there is told, not read.

use crate::base::{
    digest::Digest,
    error::{Error, ErrorContext as _},
};
use std::{collections::BTreeMap, fs, io, path::Path};

/// How deep a run's folder is: `artefacts/` and what is in it.
const DEPTH: usize = 4;

/// What lies in a folder.
#[derive(Debug, Default)]
pub(in crate::evidence) struct Inventory {
    /// Plain files: path below the folder, with `/`, and digest.
    pub(in crate::evidence) files: BTreeMap<String, Digest>,
    /// What is neither a file nor a folder with files in it, and what it is.
    pub(in crate::evidence) odd: Vec<(String, &'static str)>,
}

/// Looks at everything in a folder.
///
/// # Errors
/// Blames the surroundings where something can't be read.
pub(in crate::evidence) fn take(dir: &Path) -> Result<Inventory, Error> {
    let mut inventory = Inventory::default();
    let mut folders = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, below, depth)) = folders.pop() {
        let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(&folder).and_then(Iterator::collect);
        let entries = entries.or_environment(|| format!("can't read {}", folder.display()))?;
        if entries.is_empty() && depth > 0 {
            inventory.odd.push((below.trim_end_matches('/').to_owned(), "an empty folder"));
        }
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().or_environment(|| format!("can't read {}", path.display()))?;
            // A name that is not UTF-8 is no name that a run gives; it is told as such.
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() && depth < DEPTH {
                folders.push((path, name + "/", depth + 1));
            } else if kind.is_file() && entry.file_name().to_str().is_some() {
                let digest = digest(&path)?;
                inventory.files.insert(name, digest);
            } else {
                let what = if kind.is_symlink() { "a symbolic link" } else { "no plain file" };
                inventory.odd.push((name, what));
            }
        }
    }
    inventory.odd.sort();
    Ok(inventory)
}

fn digest(path: &Path) -> Result<Digest, Error> {
    Digest::of_file(path).or_environment(|| format!("can't read {}", path.display()))
}
