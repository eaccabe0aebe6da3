//! What the stores of pgBackRest and WAL-G have in common: the choice of a backup by its end, the segments of WAL
//! that it needs, and the loop that fetches them.

use super::{tools::Tools, wal::SegmentId};
use crate::{
    base::{
        error::Error,
        process::{Command, Ran},
    },
    procedure::foreign::Room,
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeSet, path::Path};

/// A backup in the list of a store.
#[derive(Clone, Debug)]
pub struct StoredBackup {
    /// As the tool calls it.
    pub name: String,
    /// The first segment of WAL that it needs.
    pub first: String,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// The major version of its cluster, if it is known.
    pub major: Option<u32>,
    /// Bytes of the restored cluster, as far as they are known.
    pub size: u64,
}

/// The newest backup, or the newest one that ended before the target time. `place` is for people. Gives why there
/// is none.
pub(super) fn choose(
    all: Vec<StoredBackup>,
    target: Option<DateTime<Utc>>,
    place: &str,
) -> Result<StoredBackup, String> {
    let count = all.len();
    let in_time = |backup: &StoredBackup| target.is_none_or(|target| backup.ended <= target);
    let newest = all.into_iter().filter(in_time).max_by_key(|backup| backup.ended);
    newest.ok_or_else(|| match target {
        Some(target) if count > 0 => format!("none of the {count} backups of {place} ended before {target}"),
        Some(_) | None => format!("{place} has no backup"),
    })
}

/// The segments that are needed from the first one of a backup on, and the histories of timelines. The names are
/// those of files, with what the tool appends: a digest, the ending of a compression.
pub(super) fn needed(files: impl Iterator<Item = String>, first: &str) -> BTreeSet<String> {
    // The size of a segment does not matter for the order of names.
    let parse = |name: &str| SegmentId::parse(name, 1 << 20);
    let begin = parse(first);
    let follows = |stem: &str| {
        let timeline = parse(stem).zip(begin).is_some_and(|(id, begin)| id.timeline >= begin.timeline);
        timeline && stem[8..] >= first[8..]
    };
    files
        .filter_map(|file| {
            let stem = file.split(['-', '.']).next().unwrap_or_default();
            if file.contains(".history") {
                return Some(format!("{stem}.history"));
            }
            let whole = !file.contains(".backup") && !file.contains(".partial");
            (whole && follows(stem)).then(|| stem.to_owned())
        })
        .collect()
}

/// Fetches segments into a folder. `get` makes the command that writes a segment to a path.
pub(super) async fn fetch_wal(
    tool: &str,
    names: &BTreeSet<String>,
    wal: &Path,
    tools: &Tools<'_>,
    room: &mut Room,
    get: impl Fn(&str, &Path) -> Command,
) -> Result<(), Error> {
    for name in names {
        let to = wal.join(name);
        let ran = tools.run(get(name, &to)).await?;
        succeeded(&ran, &format!("{tool} cannot read {name} of the archive"))?;
        room.take(to.metadata().map_or(0, |meta| meta.len()))?;
    }
    Ok(())
}

/// A tool that failed shows a damaged backup, except where it may not read it.
pub(super) fn succeeded(ran: &Ran, what: &str) -> Result<(), Error> {
    if ran.exit.is_success() {
        return Ok(());
    }
    let said = format!("{}\n{}", ran.describe_failure(), ran.stdout.tail(6));
    let denied = ["Permission denied", "permission denied"].iter().any(|text| said.contains(text));
    let error = match denied {
        true => Error::environment(what).hint("run pulp-drill as a user that may read the backup"),
        false => Error::usage(what),
    };
    Err(error.cause(said.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(name: &str, hour: u32) -> StoredBackup {
        let ended = format!("2026-04-13T{hour:02}:00:00Z").parse().unwrap();
        StoredBackup { name: name.to_owned(), first: String::new(), ended, major: None, size: 0 }
    }

    #[test]
    fn the_newest_backup_that_ended_in_time_is_chosen() {
        let all = || vec![backup("b", 4), backup("a", 2), backup("c", 6)];
        let chosen = |target: Option<&str>| {
            let target = target.map(|target| target.parse().unwrap());
            choose(all(), target, "the store").map(|backup| backup.name)
        };
        assert_eq!(chosen(None).unwrap(), "c");
        assert_eq!(chosen(Some("2026-04-13T04:00:00Z")).unwrap(), "b");
        let why = chosen(Some("2026-04-13T01:00:00Z")).unwrap_err();
        assert!(why.starts_with("none of the 3 backups of the store ended before 2026-04-13"), "{why}");
        assert_eq!(choose(Vec::new(), None, "the store").unwrap_err(), "the store has no backup");
    }

    #[test]
    fn segments_from_the_first_one_on_are_needed_by_whatever_name_they_are_stored() {
        let names = [
            "00000001000000000000000A-0123.gz",
            "000000010000000000000009-0123.gz",
            "00000001000000000000000A.00000028.backup",
            "00000002.history-0123",
            "00000002000000000000000B.lz4",
            "00000002000000000000000C.partial.lz4",
            "00000003.history.lz4",
            "other",
        ];
        let needed = needed(names.into_iter().map(str::to_owned), "00000001000000000000000A");
        let expected =
            ["00000001000000000000000A", "00000002.history", "00000002000000000000000B", "00000003.history"];
        assert_eq!(needed.into_iter().collect::<Vec<_>>(), expected);
    }
}
