//! A repository of pgBackRest: a backup is chosen by its catalogue, restored by `pgbackrest restore`, and
//! its WAL is fetched by `archive-get`. Both only read the repository. Locks, logs and queues are in a
//! folder of ours.

use super::{
    store::{StoredBackup, choose, fetch_wal, needed, succeeded},
    tools::{TABLESPACES, Tools},
};
use crate::{
    base::{
        error::{Error, ErrorContext as _},
        process::{self, Command},
        redact::Redactor,
    },
    procedure::foreign::Room,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// One backup of a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
    stanza: String,
    backup: StoredBackup,
    /// The archive's id, such as `15-1`.
    archive: String,
}

#[derive(Deserialize)]
struct Stanza {
    #[serde(default)]
    backup: Vec<Backup>,
    #[serde(default)]
    archive: Vec<Archive>,
    #[serde(default)]
    db: Vec<Db>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    message: String,
}

#[derive(Deserialize)]
struct Backup {
    label: String,
    archive: Range,
    database: DbRef,
    info: Info,
    timestamp: Times,
}

#[derive(Deserialize)]
struct Range {
    start: Option<String>,
}

#[derive(Deserialize)]
struct DbRef {
    id: u32,
}

#[derive(Deserialize)]
struct Info {
    size: u64,
}

#[derive(Deserialize)]
struct Times {
    stop: i64,
}

#[derive(Deserialize)]
struct Archive {
    id: String,
    database: DbRef,
}

#[derive(Deserialize)]
struct Db {
    id: u32,
    version: String,
}

/// pgBackRest on a repository: a folder, or what a configuration file names.
fn command(repository: &Path, stanza: &str) -> Command {
    let command = Command::new("pgbackrest").arg(format!("--stanza={stanza}")).args(["--log-level-file=off"]);
    let command = command
        .hint_if_missing("install pgbackrest in the version that wrote the repository, or a newer one");
    match repository.is_dir() {
        true => command.arg("--no-config").arg(format!("--repo1-path={}", repository.display())),
        false => command.arg(format!("--config={}", repository.display())),
    }
}

impl Repository {
    /// Chooses the newest backup of a stanza, or the newest one that ended before the target time.
    ///
    /// # Errors
    /// Blames the user where the repository, the stanza or such a backup does not exist, the environment where
    /// pgBackRest is not installed.
    pub async fn find(
        path: &Path,
        stanza: String,
        target: Option<DateTime<Utc>>,
    ) -> Result<Result<Self, String>, Error> {
        let context = || format!("can't read the repository {}", path.display());
        let path = path.canonicalize().or_usage(context)?;
        let ran =
            process::run(command(&path, &stanza).args(["--output=json", "info"]), &Redactor::new()).await?;
        let ran = ran.or_error(context())?;
        let stanzas: Vec<Stanza> = serde_json::from_str(&ran.stdout.text).or_environment(context)?;
        let found = stanzas.into_iter().next().filter(|found| !found.db.is_empty());
        let no_stanza = || Error::usage(format!("{} has no stanza {stanza:?}", path.display()));
        let found =
            found.ok_or_else(|| no_stanza().hint("pgbackrest info lists the stanzas of a repository"))?;
        let version =
            |id: u32| found.db.iter().find(|db| db.id == id)?.version.split('.').next()?.parse().ok();
        let stored = |backup: &Backup| StoredBackup {
            name: backup.label.clone(),
            first: backup.archive.start.clone().unwrap_or_default(),
            ended: DateTime::from_timestamp(backup.timestamp.stop, 0).unwrap_or_default(),
            major: version(backup.database.id),
            size: backup.info.size,
        };
        let place = format!("stanza {stanza:?} ({})", found.status.message);
        let chosen = match choose(found.backup.iter().map(stored).collect(), target, &place) {
            Ok(chosen) => chosen,
            Err(why) => return Ok(Err(why)),
        };
        let id = found.backup.iter().find(|backup| backup.label == chosen.name).map(|b| b.database.id);
        let archive = found.archive.iter().find(|archive| Some(archive.database.id) == id);
        let archive = archive.map(|archive| archive.id.clone()).unwrap_or_default();
        Ok(Ok(Repository { backup: chosen, archive, path, stanza }))
    }

    /// For people.
    pub fn shown(&self) -> String {
        format!("{} of stanza {} in {}", self.backup.name, self.stanza, self.path.display())
    }

    /// The backup that was chosen.
    pub fn backup(&self) -> &StoredBackup {
        &self.backup
    }

    /// Restores the backup and fetches the WAL from its start on.
    pub(super) async fn fetch(
        &self,
        data: &Path,
        wal: &Path,
        home: &Path,
        tools: &Tools<'_>,
        room: &mut Room,
    ) -> Result<(), Error> {
        let own = Own::make(home)?;
        // It restores into folders that exist and are empty.
        for folder in [data, &home.join(TABLESPACES)] {
            let make = std::fs::DirBuilder::new().mode(0o700).create(folder);
            make.or_environment(|| format!("can't make {}", folder.display()))?;
        }
        let restore = own.options(command(&self.path, &self.stanza), data);
        let restore = restore
            .arg(format!("--set={}", self.backup.name))
            .arg(format!("--tablespace-map-all={}", home.join(TABLESPACES).display()))
            // Recovery is configured by us: nothing of the backup's own settings is used.
            .args(["--type=none", "restore"]);
        let ran = tools.run(restore).await?;
        succeeded(&ran, &format!("pgBackRest cannot restore the backup {}", self.backup.name))?;
        let get = |name: &str, to: &Path| {
            let get = own.options(command(&self.path, &self.stanza), data);
            get.arg("--no-archive-async").args(["archive-get", name]).arg(to)
        };
        fetch_wal("pgBackRest", &self.wal_names(tools).await?, wal, tools, room, get).await
    }

    /// The segments from the start of the backup on, and the histories of timelines.
    async fn wal_names(&self, tools: &Tools<'_>) -> Result<BTreeSet<String>, Error> {
        let folder = format!("archive/{}/{}", self.stanza, self.archive);
        let list = command(&self.path, &self.stanza).args(["repo-ls", &folder, "--recurse", "--output=json"]);
        let ran = tools.run(list).await?;
        succeeded(&ran, "pgBackRest cannot list the archive")?;
        let context = || "can't read what pgbackrest repo-ls lists".to_owned();
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&ran.stdout.text).or_environment(context)?;
        let files = all.keys().map(|path| path.rsplit('/').next().unwrap_or_default().to_owned());
        Ok(needed(files, &self.backup.first))
    }
}

/// Where pgBackRest keeps what it writes.
struct Own {
    folder: PathBuf,
}

impl Own {
    fn make(home: &Path) -> Result<Self, Error> {
        let folder = home.join("pgbackrest");
        for name in ["log", "lock"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).or_environment(|| format!("can't make {}", path.display()))?;
        }
        Ok(Self { folder })
    }

    fn options(&self, command: Command, data: &Path) -> Command {
        let at = |name: &str| self.folder.join(name).display().to_string();
        command
            .arg(format!("--pg1-path={}", data.display()))
            .arg(format!("--log-path={}", at("log")))
            .arg(format!("--lock-path={}", at("lock")))
            .args(["--log-level-console=error", "--log-level-stderr=error"])
    }
}
