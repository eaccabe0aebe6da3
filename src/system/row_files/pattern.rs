//! The files that a pattern of the profile names: `*/template.json`.

use crate::base::error::{Error, ErrorContext};
use std::io::ErrorKind;
use std::path::Path;

/// The files below a folder, as paths from there, in order. A folder that is not there has none.
pub(super) fn files(folder: &Path, pattern: &str) -> Result<Vec<String>, Error> {
    let (first, rest) = match pattern.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern, None),
    };
    let context = || format!("can't list {}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.or_environment(context)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.or_environment(context)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.path().is_dir();
        match rest {
            _ if !fits(first, &name) => {}
            Some(rest) if is_folder => {
                found.extend(files(&entry.path(), rest)?.into_iter().map(|below| format!("{name}/{below}")));
            }
            None if !is_folder => found.push(name),
            Some(_) | None => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a part of a pattern. As in a shell, a `*` in front takes no hidden file.
fn fits(pattern: &str, name: &str) -> bool {
    if pattern.starts_with('*') && name.starts_with('.') {
        return false;
    }
    let Some((before, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(before) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_part_of_one_name() {
        for (pattern, name, fit) in [
            ("template.json", "template.json", true),
            ("template.json", "template.jso", false),
            ("*", "invoice", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("*.json", "1.0.0.json", true),
            ("*.json", ".1.0.0.json", false),
            ("*.json", "1.0.0.json.part", false),
            ("v*-*.json", "v1-2.json", true),
            ("v*-*.json", "v1.json", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
