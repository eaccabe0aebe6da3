//! The backup stage: runbook 2.1, 2.2 and 2.4, one sub-step at a time, so that anything can happen
//! between two of them.

pub mod commands;
pub mod tools;

use commands::VerifyCommand;

use crate::{
    base::{
        clock::{self, Clock},
        digest::Digest,
        error::{Error, ErrorContext},
        ids::ObjectKey,
    },
    journal::Logbook,
    model::{event::Event, finding::Finding},
    procedure::{
        Backup, PendingFaults, archive, backup_failed, command, manifest, pg_dump, pitr, s3,
        throttle::Throttled,
    },
    scenario::method::{BackupJob, DurableStore},
    site::{RowStore, Site, Source},
    system::objects::{Bucket, Listing},
};

/// Which other programs examine each backup.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Whether those do that operators use most.
    pub common_tools: bool,
    /// Commands of the user's.
    pub commands: Vec<VerifyCommand>,
}

/// Copies one object of the list. What was not listed, is copied by now or is gone is noted.
pub async fn copy_object(
    key: &ObjectKey,
    description: &str,
    site: &Site<Source>,
    backup: &mut Backup,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let (wanted, rest): (Vec<_>, Vec<_>) = backup.listed.iter().partition(|listed| listed.key == *key);
    backup.listed = rest.into_iter().collect();
    if wanted.is_empty() {
        log.event(Event::Noted { text: format!("{description}: {key} is not in the rest of the list") })?;
        return Ok(None);
    }
    copy_listed(site, backup, wanted.into_iter().collect(), None, description, log).await
}

async fn copy_listed(
    site: &Site<Source>,
    backup: &Backup,
    listed: Listing,
    slow: Option<&Throttled>,
    description: &str,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let prefix = backup.copy.as_deref().ok_or_else(|| Error::harness("a copy of what nobody listed"))?;
    let (from, backups) = buckets(site, slow);
    let abreast = if slow.is_some() { s3::ONE } else { s3::ABREAST };
    match s3::back_up_listed(from, backups, prefix, listed, abreast).await {
        Ok(gone) => {
            for key in gone {
                let text = format!("{description}: {key} was listed and is gone");
                log.event(Event::Noted { text })?;
            }
            Ok(None)
        }
        Err(error) => Ok(Some(backup_failed(description, error.to_string()))),
    }
}

/// A store that throttles from now on, where a fault wants one.
async fn throttled(site: &Site<Source>, armed: &PendingFaults) -> Result<Option<Throttled>, Error> {
    match armed.throttle {
        Some(every) => Throttled::begin(site, every).await.map(Some),
        None => Ok(None),
    }
}

/// The engine's bucket and that of the backups, as the copier sees them.
fn buckets<'a>(site: &'a Site<Source>, slow: Option<&'a Throttled>) -> (&'a Bucket, &'a Bucket) {
    slow.map_or((&site.objects, &site.backups), |slow| (&slow.from, &slow.backups))
}

/// Ends the throttling, and keeps how much of it there was.
fn no_longer(slow: Option<Throttled>, armed: &mut PendingFaults) {
    armed.throttle = None;
    armed.refused = slow.map(|slow| slow.refused());
}

/// Does one sub-step. A failed one is a finding.
pub async fn perform(
    job: BackupJob,
    site: &Site<Source>,
    backup: &mut Backup,
    armed: &mut PendingFaults,
    clock: &Clock,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let stamp = clock::stamp(clock.now());
    match job {
        BackupJob::StopEngine => {
            site.engine.stop().await;
            Ok(None)
        }
        BackupJob::StartEngine => {
            let started = site.engine.start(&site.redactor).await;
            Ok(started.err().map(|error| backup_failed(job.describe(), error.to_string())))
        }
        BackupJob::DumpDatabase => {
            let extension = site.method.dump.format.extension();
            let path = site.folder.join(backup.fresh(&format!("pulp-engine-{stamp}")) + "." + extension);
            let failed = pg_dump::dump(site, &path, armed, log).await?;
            armed.dump_options.clear();
            // Of what was written: a fault may change it later.
            backup.dump_sha256 = path
                .is_file()
                .then(|| Digest::of_file(&path))
                .transpose()
                .or_environment(|| format!("can't read {}", path.display()))?;
            backup.dump = Some(path);
            Ok(failed)
        }
        BackupJob::CopyObjects => {
            let prefix = backup.fresh(&format!("assets-{stamp}")) + "/";
            let slow = throttled(site, armed).await?;
            let (from, backups) = buckets(site, slow.as_ref());
            let (gone, failed) = s3::back_up(from, backups, &prefix, armed).await?;
            no_longer(slow, armed);
            if gone > 0 {
                let text = format!("{gone} objects were deleted between being listed and being copied");
                log.event(Event::Noted { text })?;
            }
            armed.first_page = None;
            armed.without_objects.clear();
            backup.copy = Some(prefix);
            Ok(failed)
        }
        BackupJob::ListObjects => {
            backup.listed = s3::list(&site.objects, armed).await?;
            armed.first_page = None;
            armed.without_objects.clear();
            backup.copy = Some(backup.fresh(&format!("assets-{stamp}")) + "/");
            Ok(None)
        }
        BackupJob::CopyListed => {
            let listed = std::mem::take(&mut backup.listed);
            let slow = throttled(site, armed).await?;
            let copied = copy_listed(site, backup, listed, slow.as_ref(), job.describe(), log).await;
            no_longer(slow, armed);
            copied
        }
        BackupJob::CopyResults if std::mem::take(&mut armed.without_results) => {
            backup.results = None;
            backup.forgotten.insert(DurableStore::Results);
            Ok(None)
        }
        BackupJob::CopyResults => {
            backup.forgotten.remove(&DurableStore::Results);
            let prefix = format!("results-{stamp}/");
            let Some((results, _)) = &site.results else { return Ok(None) };
            let (_, failed) = s3::back_up(results, &site.backups, &prefix, &PendingFaults::default()).await?;
            backup.results = Some(prefix);
            Ok(failed)
        }
        BackupJob::ArchiveTemplates => {
            let RowStore::Files(files) = &site.rows else { return Ok(None) };
            let path = site.folder.join(format!("pulp-engine-templates-{stamp}.tar.gz"));
            let failed = archive::back_up(site, job.describe(), &files.templates, &path, log).await?;
            backup.templates = Some(path);
            Ok(failed)
        }
        BackupJob::ArchiveAssets if std::mem::take(&mut armed.without_assets) => {
            backup.assets = None;
            backup.forgotten.insert(DurableStore::Assets);
            Ok(None)
        }
        BackupJob::ArchiveAssets => {
            backup.forgotten.remove(&DurableStore::Assets);
            let path = site.folder.join(format!("pulp-engine-assets-{stamp}.tar.gz"));
            let failed = archive::back_up(site, job.describe(), &site.assets_dir(), &path, log).await?;
            backup.assets = Some(path);
            Ok(failed)
        }
        BackupJob::TakeBaseBackup => pitr::base_backup(site, backup, &stamp, log).await,
        BackupJob::ChooseTarget => pitr::choose_target(site, backup, log).await,
        BackupJob::RunBackupCommand => command::back_up(site, log).await,
        BackupJob::RecordManifest => {
            let manifest = manifest::record(&site.engine.api().await?, clock::iso(clock.now())).await?;
            let json =
                serde_json::to_vec_pretty(&manifest).or_harness(|| "can't write the manifest".to_owned())?;
            log.artefact(&format!("{}-manifest.json", log.name()), &json, "the manifest of the backup")?;
            backup.manifest = Some(manifest);
            Ok(None)
        }
    }
}
