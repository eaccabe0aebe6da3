//! Physical backups that were made elsewhere: base backups of `pg_basebackup`, repositories of pgBackRest
//! and WAL-G. They are copied or restored into the folder of the site's own server, verified there, and
//! recovered as far as their WAL reaches or to a target time. The backup itself is only read.
//!
//! An error that blames the user means that the backup is not what it should be.

mod folder;
mod pgbackrest;
pub mod recovery;
mod store;
mod tools;
mod wal;
mod wal_g;

use crate::{
    base::error::{Error, ErrorContext as _},
    journal::Logbook,
    procedure::foreign::Room,
    site::Handles,
};
use chrono::{DateTime, Utc};
use folder::Folder;
use pgbackrest::Repository;
use recovery::FetchedCluster;
use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::PathBuf};
use tools::{TABLESPACES, Tools, own};
use wal_g::Storage;

pub use recovery::{recover, start_of};

/// A physical backup that existed before the run.
#[derive(Clone, Debug)]
pub struct PhysicalBackup {
    /// Where it is, and what made it.
    pub source: PhysicalSource,
    /// A folder with archived WAL, beside what the backup holds itself.
    pub wal: Option<PathBuf>,
    /// The time to recover to; without it, as far as the WAL reaches.
    pub target: Option<DateTime<Utc>>,
    /// The major version of the cluster, which must restore it.
    pub major: Option<u32>,
    /// Bytes of the restored cluster, as far as they are known before.
    pub size: u64,
}

/// What made a physical backup.
#[derive(Clone, Debug)]
pub enum PhysicalSource {
    /// `pg_basebackup`, or a copy of a data directory.
    Folder(Folder),
    /// pgBackRest.
    PgBackRest(Repository),
    /// WAL-G.
    WalG(Storage),
    /// No backup that can be restored: where it was looked for, and why.
    Nothing(PathBuf, String),
}

impl PhysicalSource {
    /// What to do where WAL is missing.
    fn wal_hint(&self) -> &'static str {
        match self {
            Self::Folder(_) | Self::Nothing(..) => {
                "name the folder of archived WAL with --wal DIR, or take the backup with --wal-method=stream"
            }
            Self::PgBackRest(_) => {
                "pgbackrest check shows whether the source archives its WAL; repo-retention-archive whether it was \
                 expired"
            }
            Self::WalG(_) => {
                "wal-g wal-verify integrity on the source shows what is missing: its archive_command must push every \
                 segment, and wal-g delete must keep those of this backup"
            }
        }
    }
}

/// Which physical backup the user names.
#[derive(Clone, Debug)]
pub enum PhysicalOrigin {
    /// A folder of `pg_basebackup`.
    Folder(PathBuf),
    /// A repository of pgBackRest, or a configuration file that names one; and the stanza.
    PgBackRest(PathBuf, String),
    /// A folder that WAL-G stores in (`WALG_FILE_PREFIX`).
    WalG(PathBuf),
}

impl PhysicalBackup {
    /// Finds out what is there, without changing anything.
    ///
    /// # Errors
    /// Blames the user where there is nothing, the environment where a tool is missing.
    pub async fn find(
        origin: PhysicalOrigin,
        wal: Option<PathBuf>,
        target: Option<DateTime<Utc>>,
    ) -> Result<Self, Error> {
        if let Some(wal) = wal.as_ref().filter(|wal| !wal.is_dir()) {
            return Err(Error::usage(format!("can't read the WAL archive {}", wal.display()))
                .cause("there is no such folder"));
        }
        let (source, major, size) = match origin {
            PhysicalOrigin::Folder(path) => {
                let (folder, major, size) = Folder::find(&path)?;
                (PhysicalSource::Folder(folder), major, size)
            }
            PhysicalOrigin::PgBackRest(path, stanza) => {
                match Repository::find(&path, stanza, target).await? {
                    Ok(found) => {
                        let (major, size) = (found.backup().major, found.backup().size);
                        (PhysicalSource::PgBackRest(found), major, size)
                    }
                    Err(why) => (PhysicalSource::Nothing(path, why), None, 0),
                }
            }
            PhysicalOrigin::WalG(path) => match Storage::find(&path, target).await? {
                Ok(found) => {
                    let (major, size) = (found.backup().major, found.backup().size);
                    (PhysicalSource::WalG(found), major, size)
                }
                Err(why) => (PhysicalSource::Nothing(path, why), None, 0),
            },
        };
        Ok(Self { source, wal, target, major, size })
    }

    /// For people.
    pub fn shown(&self) -> String {
        match &self.source {
            PhysicalSource::Folder(folder) => folder.path.display().to_string(),
            PhysicalSource::PgBackRest(repository) => repository.shown(),
            PhysicalSource::WalG(storage) => storage.shown(),
            PhysicalSource::Nothing(path, _) => path.display().to_string(),
        }
    }
}

/// Brings a physical backup into the folder of the site's own server and verifies its files.
///
/// # Errors
/// Blames the user where the backup is damaged or incomplete, the environment where there is too little
/// space or a program is missing.
pub async fn fetch(backup: &PhysicalBackup, site: &Handles, log: &Logbook) -> Result<FetchedCluster, Error> {
    let server = own(site)?;
    server.stop().await;
    let tools = Tools::of(site, log);
    let (data, wal) = (server.fresh_dir().await, server.home().join("wal"));
    std::fs::create_dir(&wal).or_environment(|| format!("can't make {}", wal.display()))?;
    let mut room = Room::of(server.home())?;
    let verified = match &backup.source {
        PhysicalSource::Folder(folder) => {
            folder.fetch(&data, server.home(), &mut room)?;
            tools.verify_backup(&data).await?
        }
        PhysicalSource::PgBackRest(repository) => {
            room.take(backup.size)?;
            repository.fetch(&data, &wal, server.home(), &tools, &mut room).await?;
            true
        }
        PhysicalSource::WalG(storage) => {
            room.take(backup.size)?;
            storage.fetch(&data, &wal, server.home(), &tools, &mut room).await?;
            false
        }
        PhysicalSource::Nothing(_, why) => return Err(Error::usage(why.clone())),
    };
    // A server starts on no other mode, and an archive may not have kept it.
    std::fs::set_permissions(&data, Permissions::from_mode(0o700))
        .or_environment(|| format!("can't change {}", data.display()))?;
    folder::remove_map(&data)?;
    let control = tools.control_data(&data).await?;
    let start = start_of(&data, &control)?;
    if let Some(archive) = &backup.wal {
        wal::bring(archive, &wal, start.as_ref(), &control, &mut room)?;
    }
    let segments = wal::inspect(&data, &wal, start.as_ref(), &control, backup.source.wal_hint())?;
    tools.no_tablespace_in(&segments, &data, &wal).await?;
    for folder in [&data, &wal, &server.home().join(TABLESPACES)] {
        if folder.is_dir() {
            server.give(folder)?;
        }
    }
    Ok(FetchedCluster { data, wal, control, segments, verified })
}
