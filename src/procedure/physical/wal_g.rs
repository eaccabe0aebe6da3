//! A folder that WAL-G stores in: a backup is chosen by its list, fetched by `backup-fetch`, and its WAL
//! by `wal-fetch`. Both only read the folder.

use super::{tools::Tools, wal::SegmentId};
use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{ANY_DEPTH, Links, walk},
        process::{self, Command, Ran},
        redact::Redactor,
    },
    procedure::foreign::Room,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The folders of WAL-G's storage (`utility.go`).
const BACKUPS: &str = "basebackups_005";
const WAL: &str = "wal_005";

/// One backup of a storage.
#[derive(Clone, Debug)]
pub struct Storage {
    folder: PathBuf,
    name: String,
    first: String,
}

#[derive(Deserialize)]
struct Backup {
    backup_name: String,
    wal_file_name: String,
    finish_time: DateTime<Utc>,
    pg_version: u32,
    #[serde(default)]
    uncompressed_size: u64,
}

/// WAL-G on a folder. Its own configuration file is not read.
fn command(folder: &Path, home: &Path) -> Command {
    let command = Command::new("wal-g").env("WALG_FILE_PREFIX", folder).env("HOME", home);
    command
        .hint_if_missing("install wal-g for PostgreSQL in the version that wrote the folder, or a newer one")
}

impl Storage {
    /// Chooses the newest backup, or the newest one that ended before the target time.
    ///
    /// # Errors
    /// Blames the user where there is no such backup, the environment where WAL-G is not installed.
    pub async fn find(
        folder: &Path,
        target: Option<DateTime<Utc>>,
    ) -> Result<Result<(Self, Option<u32>, u64), String>, Error> {
        let context = || format!("can't read the WAL-G folder {}", folder.display());
        let folder = folder.canonicalize().or_usage(context)?;
        if !folder.join(BACKUPS).is_dir() {
            return Err(Error::usage(context()).cause(format!("it has no folder {BACKUPS}")));
        }
        let list = command(&folder, Path::new("/")).args(["backup-list", "--detail", "--json"]);
        let ran = process::run(list, &Redactor::new()).await?.or_error(context())?;
        let all: Vec<Backup> = serde_json::from_str(&ran.stdout.text).or_environment(context)?;
        let in_time = |backup: &&Backup| target.is_none_or(|target| backup.finish_time <= target);
        let newest = all.iter().filter(in_time).max_by_key(|backup| backup.finish_time);
        let Some(newest) = newest else {
            return Ok(Err(match target {
                Some(target) if !all.is_empty() => {
                    format!("none of the {} backups in {} ended before {target}", all.len(), folder.display())
                }
                Some(_) | None => format!("{} has no backup", folder.display()),
            }));
        };
        let (major, size) = (newest.pg_version / 10_000, newest.uncompressed_size);
        let storage = Storage {
            name: newest.backup_name.clone(),
            first: newest.wal_file_name.clone(),
            folder: folder.clone(),
        };
        Ok(Ok((storage, Some(major), size)))
    }

    /// For people.
    pub fn shown(&self) -> String {
        format!("{} in {}", self.name, self.folder.display())
    }

    /// Fetches the backup and the WAL from its start on.
    pub(super) async fn fetch(
        &self,
        data: &Path,
        wal: &Path,
        home: &Path,
        tools: &Tools<'_>,
        room: &mut Room,
    ) -> Result<(), Error> {
        self.has_no_tablespace()?;
        let ran =
            tools.run(command(&self.folder, home).arg("backup-fetch").arg(data).arg(&self.name)).await?;
        succeeded(&ran, &format!("WAL-G cannot fetch the backup {}", self.name))?;
        for name in self.wal_names()? {
            let to = wal.join(&name);
            let ran = tools.run(command(&self.folder, home).args(["wal-fetch", &name]).arg(&to)).await?;
            succeeded(&ran, &format!("WAL-G cannot read {name} of the archive"))?;
            room.take(to.metadata().map_or(0, |meta| meta.len()))?;
        }
        Ok(())
    }

    /// WAL-G fetches tablespaces into the folders of the source, which can be on this machine.
    fn has_no_tablespace(&self) -> Result<(), Error> {
        let path = self.folder.join(BACKUPS).join(format!("{}_backup_stop_sentinel.json", self.name));
        let context = || format!("can't read {}", path.display());
        let text = std::fs::read_to_string(&path).or_usage(context)?;
        let sentinel: serde_json::Value = serde_json::from_str(&text).or_usage(context)?;
        let tablespaces = sentinel["Spec"]["tablespaces"].as_array().is_some_and(|all| !all.is_empty());
        match tablespaces {
            false => Ok(()),
            true => Err(Error::environment("the backup has tablespaces, which WAL-G would fetch into the source's folders")
                .hint("fetch it with wal-g backup-fetch --restore-spec, and test the folder with --physical DIR --wal DIR")),
        }
    }

    /// The segments from the start of the backup on, and the histories of timelines.
    fn wal_names(&self) -> Result<BTreeSet<String>, Error> {
        let folder = self.folder.join(WAL);
        // The size of a segment does not matter for the order of names.
        let parse = |name: &str| SegmentId::parse(name, 1 << 20);
        let first = parse(&self.first);
        let mut all = BTreeSet::new();
        for entry in walk(&folder, Links::Report, ANY_DEPTH, |_| true) {
            let entry = entry.or_environment(|| format!("can't list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.split('.').next().unwrap_or_default();
            let follows = |id: SegmentId| {
                first.is_some_and(|first| id.timeline >= first.timeline) && stem[8..] >= self.first[8..]
            };
            if name.contains(".history") {
                all.insert(format!("{stem}.history"));
            } else if parse(stem).is_some_and(follows) && !name.contains(".backup") {
                all.insert(stem.to_owned());
            }
        }
        Ok(all)
    }
}

fn succeeded(ran: &Ran, what: &str) -> Result<(), Error> {
    match ran.exit.is_success() {
        true => Ok(()),
        false => Err(Error::usage(what).cause(ran.describe_failure())),
    }
}
