//! The chain over the runs of a report folder: each run names, in its first event, those runs before
//! it that no other has named yet, so that a run that is taken away is missed by a later one.
//!
//! A run is known by the digest of its first line, and by its seal once it has ended. The newest runs
//! are named by nobody: only somebody who kept their seals elsewhere can miss them.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    journal::read::{EVENTS, MAX_LINE, seal_in},
    model::event::{Entry, Event, Previous},
};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

/// A run of a report folder, as its first line and its seal tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its folder.
    pub folder: PathBuf,
    /// What a later run says of it.
    pub itself: Previous,
    /// The runs that it names.
    pub previous: Vec<Previous>,
}

/// A place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The run that is missing or changed.
    pub run: String,
    /// What is wrong.
    pub why: String,
}

/// The runs in a report folder, oldest first. What is no run, or has no first line that can be read,
/// is left out.
///
/// # Errors
/// Blames the environment where the folder is there and can't be read.
pub fn runs_in(reports: &Path) -> Result<Vec<Link>, Error> {
    if !reports.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("can't read {}", reports.display());
    let entries: Result<Vec<_>, _> = fs::read_dir(reports).and_then(Iterator::collect);
    let mut folders: Vec<PathBuf> = entries
        .or_environment(unreadable)?
        .into_iter()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    Ok(folders.iter().filter_map(|folder| link(folder)).collect())
}

/// A run by its folder; none where it is no run.
pub fn link(folder: &Path) -> Option<Link> {
    let path = folder.join(EVENTS);
    if !fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
        return None;
    }
    let mut line = Vec::new();
    let file = File::open(path).ok()?;
    BufReader::new(file).take(MAX_LINE as u64).read_until(b'\n', &mut line).ok()?;
    let line = line.strip_suffix(b"\n")?;
    let entry: Entry = serde_json::from_slice(line).ok()?;
    let Event::RunStarted(started) = entry.event else { return None };
    // The seal's line begins with the digest of the whole file.
    let sealed = seal_in(folder).and_then(|text| text.split_whitespace().next()?.parse().ok());
    let itself = Previous { run: started.run, began: Digest::of(line), sealed };
    Some(Link { folder: folder.to_owned(), itself, previous: started.previous })
}

/// Those runs that no other names as they are now: what the next run has to name.
pub fn not_yet_named(runs: &[Link]) -> Vec<Previous> {
    let named = |run: &&Link| runs.iter().any(|other| other.previous.contains(&run.itself));
    runs.iter().filter(|run| !named(run)).map(|run| run.itself.clone()).collect()
}

/// Where the chain over these runs does not hold: runs that are named and are not there, or are not
/// what was named.
pub fn gaps(runs: &[Link]) -> Vec<Gap> {
    let named = runs.iter().flat_map(|run| run.previous.iter().map(move |named| (run, named)));
    let gap = |(by, named): (&Link, &Previous)| {
        let found = || runs.iter().filter(|run| run.itself.run == named.run);
        // All: one that was written anew may lie beside the one that was named.
        let why = match (found().next(), found().all(|run| same(&run.itself, named))) {
            (None, _) => "is not here",
            (Some(_), false) => "is not what it was then",
            (Some(_), true) => return None,
        };
        Some(Gap {
            run: named.run.to_string(),
            why: format!("{why}: run {} names it (began {})", by.itself.run, seen(named)),
        })
    };
    named.filter_map(gap).collect()
}

/// Whether a run is the one that was named; one that was still in flight then may have ended since.
pub fn same(found: &Previous, named: &Previous) -> bool {
    found.began == named.began && (named.sealed.is_none() || named.sealed == found.sealed)
}

fn seen(named: &Previous) -> String {
    let sealed = named.sealed.map_or_else(|| "not ended then".to_owned(), |d| format!("sealed {d}"));
    format!("{}, {sealed}", named.began)
}
