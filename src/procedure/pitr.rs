//! Both stores to one moment: a base backup, archived WAL and bucket versions (runbook 2.1, 2.3).
//! PostgreSQL's part follows "Continuous Archiving and Point-in-Time Recovery (PITR)" of its
//! documentation. WAL is archived and versions are kept all the time: the backup's steps only take
//! the base backup and choose the moment.

mod clocks;
mod marks;

use crate::{
    base::{
        error::{Error, ErrorContext},
        process::{self, Command, Ran, until},
    },
    journal::Logbook,
    model::{event::Event, finding::Finding},
    procedure::{Backup, BaseBackup, PendingFaults, RecoveryFault, backup_failed, restore_failed},
    scenario::method::{BackupJob, RestoreJob},
    site::Handles,
    system::{
        cluster::{Came, OwnServer},
        objects::versions::{ObjectVersion, VersionChange, changes},
        postgres::Postgres,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use marks::ClockMark;
use std::{collections::BTreeSet, path::Path, time::Duration};

/// No command of a drill's size takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// Where `pg_basebackup` and `pg_verifybackup` are from.
const HINT: &str = "it belongs to PostgreSQL's client programs, or to its server's on some systems";

/// How long a WAL segment may take into the archive.
const ARCHIVED: Duration = Duration::from_secs(60);

/// Versions that are brought back at a time.
const ABREAST: usize = 8;

/// Takes a base backup and has it verified. WAL is left to the archive.
pub async fn base_backup(
    site: &Handles,
    backup: &mut Backup,
    stamp: &str,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let step = BackupJob::TakeBaseBackup.describe();
    let server = own(site)?;
    if let Some(why) = unversioned(site).await? {
        return Ok(Some(backup_failed(step, why)));
    }
    let postgres = Postgres::connect(&server.access("postgres").await).await?;
    let begun = clocks::of_postgres(&postgres).await;
    postgres.close().await;
    let begun = begun?;
    let base = site.folder.join(format!("base-{stamp}"));
    let access = server.access("postgres").await;
    let take = site.programs.command("pg_basebackup").args([
        format!("--dbname={}", access.url_without_password()),
        format!("--pgdata={}", base.display()),
        "--wal-method=none".to_owned(),
        "--checkpoint=fast".to_owned(),
        "--no-sync".to_owned(),
    ]);
    let take = access.client_env().into_iter().fold(take, |take, (name, value)| take.env(name, value));
    let taken = ran(site, take.hint_if_missing(HINT), log).await?;
    let failed = (!taken.exit.is_success()).then(|| taken.describe_failure());
    let failed = match failed {
        Some(why) => Some(why),
        None => unverified(site, &base, log).await?,
    };
    if let Some(why) = failed {
        return Ok(Some(backup_failed(step, why)));
    }
    backup.point = Some(BaseBackup { base, begun, target: None });
    Ok(None)
}

/// Compares a base backup with its manifest. Gives what is wrong with it. The WAL that it needs is in the
/// archive, not beside it.
async fn unverified(site: &Handles, base: &Path, log: &Logbook) -> Result<Option<String>, Error> {
    let verify = site.programs.command("pg_verifybackup").args(["--no-parse-wal", "--quiet"]).arg(base);
    let verified = ran(site, verify.hint_if_missing(HINT), log).await?;
    Ok((!verified.exit.is_success()).then(|| verified.describe_failure()))
}

/// Chooses the moment to recover to: the commit of a mark, between two ticks of the object store's
/// clock; another mark is committed after it. Both clocks are compared.
pub async fn choose_target(
    site: &Handles,
    backup: &mut Backup,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let step = BackupJob::ChooseTarget.describe();
    let server = own(site)?;
    let Some(point) = &mut backup.point else {
        return Err(Error::usage(format!("`{step}`: no base backup was taken")));
    };
    if let Some(why) = unversioned(site).await? {
        return Ok(Some(backup_failed(step, why)));
    }
    let postgres = Postgres::connect(&server.access("postgres").await).await?;
    let chosen = async {
        // What was written until now goes into segments of its own.
        let written = marks::switch(&postgres).await?;
        let skew = clocks::skew(&site.backups, &postgres).await?;
        clocks::tick(&site.backups, None).await?;
        let target = marks::commit(&postgres, ClockMark::Before).await?;
        clocks::tick(&site.backups, Some(target)).await?;
        marks::commit(&postgres, ClockMark::After).await?;
        Ok::<_, Error>((target, skew, [written, marks::switch(&postgres).await?]))
    };
    let chosen = chosen.await;
    postgres.close().await;
    let (target, skew, segments) = chosen?;
    if skew.is_much() {
        log.event(Event::Noted { text: skew.describe() })?;
    }
    for segment in &segments {
        if !archived(server, segment).await {
            let why = format!("{segment} was not archived within {} s", ARCHIVED.as_secs());
            return Ok(Some(backup_failed(step, why)));
        }
    }
    let text = format!(
        "base backup begun  {}\nrecovery target    {}\nWAL until there    {}\n{}\n",
        precise(point.begun),
        precise(target),
        segments.join(", "),
        skew.describe()
    );
    log.artefact(&format!("{}-recovery-target.txt", log.name()), text.as_bytes(), "the recovery target")?;
    point.target = Some(target);
    Ok(None)
}

/// Brings the buckets to their versions as of the moment: later keys go, deleted and replaced ones
/// come back. Nothing is undone by removing versions.
pub async fn recover_objects(
    site: &Handles,
    backup: &Backup,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let step = RestoreJob::RecoverObjects.describe();
    let (point, target) = chosen(backup, step)?;
    let injected = |how| armed.recovery.contains(&how);
    let at = if injected(RecoveryFault::BucketAtBaseBackup) { point.begun } else { target };
    let mut listed = String::new();
    for bucket in site.versioned() {
        let todo = changes(&bucket.versions("").await?, at, !injected(RecoveryFault::MarkersPassedOver));
        for change in &todo {
            listed += &match change {
                VersionChange::Bring(ObjectVersion { key, id, modified, .. }) => {
                    format!("bring {key} {id} {modified}\n")
                }
                VersionChange::Delete(key) => format!("delete {key}\n"),
            };
        }
        let done: Result<(), Error> = stream::iter(todo)
            .map(|change| async move {
                match change {
                    VersionChange::Bring(version) => bucket.bring_back(&version).await,
                    VersionChange::Delete(key) => bucket.delete(&key).await,
                }
            })
            .buffer_unordered(ABREAST)
            .try_collect()
            .await;
        if let Err(error) = done {
            return Ok(Some(restore_failed(step, error.to_string())));
        }
    }
    let name = format!("{}-bucket-changes.txt", log.name());
    log.artefact(&name, listed.as_bytes(), "what the recovery did to the buckets")?;
    Ok(None)
}

/// Brings the database to the moment, on a new data directory, and puts the site on it.
pub async fn recover_database(
    site: &Handles,
    backup: &Backup,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let step = RestoreJob::RecoverDatabase.describe();
    let (point, target) = chosen(backup, step)?;
    let server = own(site)?;
    let database = site.database()?.database;
    if let Some(why) = unverified(site, &point.base, log).await? {
        return Ok(Some(restore_failed(step, why)));
    }
    site.disconnect().await;
    server.stop().await;
    let data = server.fresh_dir().await;
    let copy = Command::new("cp").arg("-a").args([&point.base, &data]);
    ran(site, copy, log).await?.or_error("can't copy the base backup")?;
    configure(server, &data, point, target, armed)?;
    let before = segments(server)?;
    let came = server.start_restored(&data).await?;
    let (Came::Up(text) | Came::Down(text)) = &came;
    let name = format!("{}-recovery.log", log.name());
    log.artefact(&name, text.0.as_bytes(), "the log of the server while it recovered")?;
    if let Came::Down(log) = came {
        return Ok(Some(restore_failed(step, log.end())));
    }
    site.flip(server.access(&database).await).await?;
    let why = deviation(server, &before).await?;
    Ok(why.map(|why| restore_failed(step, why)))
}

/// What tells the server to recover, in the words of PostgreSQL's documentation ("Recovery Target").
fn configure(
    server: &OwnServer,
    data: &Path,
    point: &BaseBackup,
    target: DateTime<Utc>,
    armed: &PendingFaults,
) -> Result<(), Error> {
    let injected = |how| armed.recovery.contains(&how);
    let hour = TimeDelta::hours(1);
    let at = if injected(RecoveryFault::PastArchive) {
        target + hour
    } else if injected(RecoveryFault::BeforeBaseBackup) {
        point.begun - hour
    } else {
        target
    };
    let (restore, at) = (server.restore_command(), precise(at));
    let mut settings = vec![
        ("restore_command", restore.as_str()),
        ("recovery_target_time", at.as_str()),
        ("recovery_target_inclusive", if injected(RecoveryFault::Exclusive) { "off" } else { "on" }),
        ("recovery_target_timeline", if injected(RecoveryFault::WrongTimeline) { "7" } else { "current" }),
        ("recovery_target_action", "promote"),
        // It takes connections when it has recovered, and not before.
        ("hot_standby", "off"),
    ];
    if !injected(RecoveryFault::Archiving) {
        // The archive is the source's: a second server that writes into it ruins both.
        settings.push(("archive_mode", "off"));
    }
    server.set(data, &settings)?;
    let signal = data.join("recovery.signal");
    std::fs::write(&signal, "").or_environment(|| format!("can't write {}", signal.display()))?;
    server.give(data)
}

/// What is wrong with a server that has recovered: it stopped at another moment than its recovery target,
/// or it writes into the source's archive.
async fn deviation(server: &OwnServer, before: &BTreeSet<String>) -> Result<Option<String>, Error> {
    let postgres = Postgres::connect(&server.access("postgres").await).await?;
    let looked = async {
        let elsewhere = marks::look(&postgres).await?;
        let archives = postgres.setting("archive_mode").await? != "off";
        let segment = if archives { Some(marks::switch(&postgres).await?) } else { None };
        Ok::<_, Error>((elsewhere, segment))
    };
    let looked = looked.await;
    postgres.close().await;
    let (elsewhere, segment) = looked?;
    if let Some(segment) = segment {
        archived(server, &segment).await;
    }
    if elsewhere.is_some() {
        return Ok(elsewhere);
    }
    let new: Vec<String> = segments(server)?.difference(before).cloned().collect();
    let why = format!("the recovered server writes into the source's archive: {}", new.join(", "));
    Ok((!new.is_empty()).then_some(why))
}

/// Waits for a segment to come into the archive. Whether it came.
async fn archived(server: &OwnServer, segment: &str) -> bool {
    let data = server.data_dir().await;
    let came = until(|| server.has_archived(&data, segment).then_some(()));
    tokio::time::timeout(ARCHIVED, came).await.is_ok()
}

/// The names of the files in the archive.
fn segments(server: &OwnServer) -> Result<BTreeSet<String>, Error> {
    let archive = server.archive();
    let context = || format!("can't list {}", archive.display());
    let entries = archive.read_dir().or_environment(context)?;
    entries.map(|e| Ok(e.or_environment(context)?.file_name().to_string_lossy().into_owned())).collect()
}

/// Why a bucket can't be brought back to any moment, if so.
async fn unversioned(site: &Handles) -> Result<Option<String>, Error> {
    let results = site.results.as_ref().map(|(_, name)| name);
    for (bucket, name) in site.versioned().zip([Some(&site.bucket), results].into_iter().flatten()) {
        if !bucket.is_versioned().await? {
            let why = format!("versioning is not on in bucket {name}: what is replaced or deleted is lost");
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn own(site: &Handles) -> Result<&OwnServer, Error> {
    site.server.as_ref().ok_or_else(|| Error::usage("recovery needs a server of the scenario's own"))
}

/// The base backup and the target that a recovery goes by.
fn chosen<'a>(backup: &'a Backup, step: &str) -> Result<(&'a BaseBackup, DateTime<Utc>), Error> {
    let none = |what: &str| Error::usage(format!("`{step}`: {what}"));
    let point = backup.point.as_ref().ok_or_else(|| none("no base backup was taken"))?;
    Ok((point, point.target.ok_or_else(|| none("no recovery target was chosen"))?))
}

/// Runs a command and keeps it in the journal.
async fn ran(site: &Handles, command: Command, log: &Logbook) -> Result<Ran, Error> {
    let ran = process::run(command.limit(LIMIT).recorded_in(&site.engine.children), &site.redactor).await?;
    log.ran(&ran)?;
    Ok(ran)
}

/// The moment as `recovery_target_time` takes it, with PostgreSQL's precision:
/// `2026-11-22 14:02:00.123456+00`. That setting knows zones by their offset only.
fn precise(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}
