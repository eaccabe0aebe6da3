//! Import cycles between source files. A file depends on the file that defines what it names:
//! re-exports are followed, and neither a `mod` declaration nor a re-export is a dependency.

use super::{Kind, Reading, Use};
use std::collections::{BTreeMap, BTreeSet};

/// Re-exports of re-exports that are followed before a path counts as unresolvable.
const RE_EXPORTS: usize = 8;

/// The files by module path, and what they name.
pub(crate) struct Graph<'a>(BTreeMap<&'a str, &'a Reading>);

impl<'a> Graph<'a> {
    pub(crate) fn new(files: impl Iterator<Item = (&'a str, &'a Reading)>) -> Self {
        Self(files.collect())
    }

    /// Groups of files of which each depends on every other, directly or not. `in_test` tells
    /// which files exist in test builds only; they are ignored.
    pub(crate) fn cycles(&self, in_test: impl Fn(&str) -> bool) -> Vec<BTreeSet<&'a str>> {
        let files = || self.0.keys().copied().filter(|file| !in_test(file));
        let direct: BTreeMap<&str, BTreeSet<&'a str>> =
            files().map(|file| (file, self.dependencies(file))).collect();
        let reachable: BTreeMap<&str, BTreeSet<&'a str>> =
            files().map(|file| (file, reachable(file, &direct))).collect();
        let in_cycle = files().filter(|file| reachable[file].contains(file));
        let groups: BTreeSet<BTreeSet<&'a str>> = in_cycle
            .map(|file| {
                reachable[file].iter().copied().filter(|other| reachable[other].contains(file)).collect()
            })
            .collect();
        groups.into_iter().collect()
    }

    /// The uses that tie a group of files together: one line for each pair, with the first use.
    pub(crate) fn explain(&self, group: &BTreeSet<&str>) -> String {
        let mut first = BTreeMap::new();
        for (file, used) in
            group.iter().flat_map(|file| self.0[file].uses.iter().map(move |used| (*file, used)))
        {
            if let Some(target) = self.target(file, used).filter(|target| group.contains(target)) {
                first.entry((file, target)).or_insert(used);
            }
        }
        let line = |((file, target), used): ((&str, &str), &Use)| {
            format!("  {file}:{} {} -> {target}\n", used.line, used.path.join("::"))
        };
        first.into_iter().map(line).collect()
    }

    fn dependencies(&self, file: &str) -> BTreeSet<&'a str> {
        self.0[file].uses.iter().filter_map(|used| self.target(file, used)).collect()
    }

    /// The other file that a use depends on.
    fn target(&self, file: &str, used: &Use) -> Option<&'a str> {
        if used.in_test || used.kind == Kind::ReExport {
            return None;
        }
        let path = self.absolute(file, used)?;
        if used.kind == Kind::Import && self.0.contains_key(path.join("::").as_str()) {
            // A module itself: what the file takes from it counts, where it takes it.
            return None;
        }
        self.definer(path).filter(|target| *target != file)
    }

    /// A path from the crate's root on; `None` for what is not of this crate.
    fn absolute(&self, file: &str, used: &Use) -> Option<Vec<String>> {
        if used.ours {
            return Some(used.path.clone());
        }
        let first = used.path.first()?;
        let bare = used.kind == Kind::Code && used.path.len() == 1;
        if !bare && self.0.contains_key(format!("{file}::{first}").as_str()) {
            return Some(file.split("::").map(str::to_owned).chain(used.path.iter().cloned()).collect());
        }
        if used.kind != Kind::Code {
            return None;
        }
        let imported = self.import(file, first)?;
        (!bare || imported.kind == Kind::ReExport).then_some(())?;
        let mut path = self.absolute(file, imported)?;
        path.extend(used.path.iter().skip(1).cloned());
        Some(path)
    }

    /// The `use` that brings a name into a file.
    fn import(&self, file: &str, name: &str) -> Option<&'a Use> {
        let mut imports =
            self.0.get(file)?.uses.iter().filter(|used| used.kind != Kind::Code && !used.in_test);
        imports.find(|used| used.name() == Some(name))
    }

    /// The file that defines what a path names.
    fn definer(&self, mut path: Vec<String>) -> Option<&'a str> {
        for _ in 0..RE_EXPORTS {
            let mut prefixes = (1..=path.len()).rev().map(|length| (length, path[..length].join("::")));
            let (length, file) = prefixes.find_map(|(length, prefix)| {
                self.0.get_key_value(prefix.as_str()).map(|(file, _)| (length, *file))
            })?;
            let import = path.get(length).and_then(|name| self.import(file, name));
            let Some(mut next) = import.and_then(|import| self.absolute(file, import)) else {
                return Some(file);
            };
            next.extend(path.drain(length + 1..));
            path = next;
        }
        None
    }
}

/// All that can be reached from a file in one or more steps.
fn reachable<'a>(from: &str, direct: &BTreeMap<&str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&'a str> = direct[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(direct.get(file).into_iter().flatten());
        }
    }
    found
}
