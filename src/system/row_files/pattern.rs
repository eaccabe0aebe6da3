//! The files that a pattern of the profile names: `*/template.json`.

use crate::base::error::{Error, ErrorContext};
use crate::base::folder::{Entry, Links, is_visible, path_below, walk};
use crate::base::pattern::matches;
use std::path::Path;

/// The files below a folder, as paths from there, in order. A folder that does not exist has none.
pub(super) fn files(folder: &Path, pattern: &str) -> Result<Vec<String>, Error> {
    let parts: Vec<&str> = pattern.split('/').collect();
    let wanted = |entry: &Entry| parts.get(entry.depth() - 1).is_some_and(|part| fits(part, entry));
    let mut found = Vec::new();
    for entry in walk(folder, Links::Follow, parts.len(), wanted) {
        let entry = entry.or_environment(|| format!("can't list {}", folder.display()))?;
        if entry.depth() == parts.len() && !entry.file_type().is_dir() {
            found.push(path_below(folder, &entry));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits one part of a pattern. As in a shell, a `*` in front takes no hidden file.
fn fits(part: &str, entry: &Entry) -> bool {
    (is_visible(entry) || !part.starts_with('*')) && matches(part, &entry.file_name().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_pattern_is_one_name() {
        let temp = tempfile::tempdir().unwrap();
        for file in ["a/x.json", "a/y.txt", "a/b/x.json", ".c/x.json", "x.json", "a/.x.json"] {
            std::fs::create_dir_all(temp.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(temp.path().join(file), "").unwrap();
        }
        for (pattern, wanted) in [
            ("*/*.json", &["a/x.json"][..]),
            ("*.json", &["x.json"]),
            ("*/.*", &["a/.x.json"]),
            (".c/x.json", &[".c/x.json"]),
            ("a", &[]),
            ("none/*", &[]),
        ] {
            assert_eq!(files(temp.path(), pattern).unwrap(), wanted, "{pattern}");
        }
    }
}
