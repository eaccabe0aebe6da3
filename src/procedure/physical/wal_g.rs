//! A folder that WAL-G stores in: a backup is chosen by its list, fetched by `backup-fetch`, and its WAL
//! by `wal-fetch`. Both only read the folder.

use super::{
    store::{StoredBackup, choose, fetch_wal, needed, succeeded},
    tools::Tools,
};
use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{ANY_DEPTH, Links, walk},
        process::{self, Command},
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
    backup: StoredBackup,
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

/// Variables that name another storage, which WAL-G would prefer to the folder, or a place that it would write to.
const OTHER_STORAGE: [&str; 10] = [
    "WALG_S3_",
    "WALE_S3_",
    "WALG_GS_",
    "WALE_GS_",
    "WALG_AZ_",
    "WALG_SWIFT_",
    "WALG_SSH_",
    "WALG_FAILOVER_",
    "WALG_STATSD_",
    "WALG_PREFETCH_DIR",
];

/// WAL-G on a folder. Its own configuration file is not read; keys for decryption come from the environment.
fn command(folder: &Path, home: &Path) -> Command {
    let command = Command::new("wal-g").env("WALG_FILE_PREFIX", folder).env("HOME", home);
    let command = OTHER_STORAGE.into_iter().fold(command, Command::without_inherited);
    // A damaged file of a folder stays damaged. By default WAL-G reads it again 15 times, and once for each time that
    // it halves the number of files at a time, after a pause of a minute and more.
    command
        .env("WALG_DOWNLOAD_FILE_RETRIES", "0")
        .env("WALG_DOWNLOAD_CONCURRENCY", "1")
        .hint_if_missing("install wal-g for PostgreSQL in the version that wrote the folder, or a newer one")
}

impl Storage {
    /// Chooses the newest backup, or the newest one that ended before the target time.
    ///
    /// # Errors
    /// Blames the user where there is no such backup, the environment where WAL-G is not installed.
    pub async fn find(folder: &Path, target: Option<DateTime<Utc>>) -> Result<Result<Self, String>, Error> {
        let context = || format!("can't read the WAL-G folder {}", folder.display());
        let folder = folder.canonicalize().or_usage(context)?;
        if !folder.join(BACKUPS).is_dir() {
            return Err(Error::usage(context()).cause(format!("it has no folder {BACKUPS}")));
        }
        let list = command(&folder, Path::new("/")).args(["backup-list", "--detail", "--json"]);
        let ran = process::run(list, &Redactor::new()).await?.or_error(context())?;
        let all: Vec<Backup> = serde_json::from_str(&ran.stdout.text).or_environment(context)?;
        let stored = |backup: Backup| StoredBackup {
            name: backup.backup_name,
            first: backup.wal_file_name,
            ended: backup.finish_time,
            major: Some(backup.pg_version / 10_000),
            size: backup.uncompressed_size,
        };
        let chosen = choose(all.into_iter().map(stored).collect(), target, &folder.display().to_string());
        Ok(chosen.map(|backup| Storage { folder, backup }))
    }

    /// For people.
    pub fn shown(&self) -> String {
        format!("{} in {}", self.backup.name, self.folder.display())
    }

    /// The backup that was chosen.
    pub fn backup(&self) -> &StoredBackup {
        &self.backup
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
        let ran = tools
            .run(command(&self.folder, home).arg("backup-fetch").arg(data).arg(&self.backup.name))
            .await?;
        succeeded(&ran, &format!("WAL-G cannot fetch the backup {}", self.backup.name))?;
        let get = |name: &str, to: &Path| command(&self.folder, home).args(["wal-fetch", name]).arg(to);
        fetch_wal("WAL-G", &self.wal_names()?, wal, tools, room, get).await
    }

    /// WAL-G fetches tablespaces into the folders of the source, which can be on this machine.
    fn has_no_tablespace(&self) -> Result<(), Error> {
        let path = self.folder.join(BACKUPS).join(format!("{}_backup_stop_sentinel.json", self.backup.name));
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
        let mut files = Vec::new();
        for entry in walk(&folder, Links::Report, ANY_DEPTH, |_| true) {
            let entry = entry.or_environment(|| format!("can't list {}", folder.display()))?;
            files.push(entry.file_name().to_string_lossy().into_owned());
        }
        Ok(needed(files.into_iter(), &self.backup.first))
    }
}
