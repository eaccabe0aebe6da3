//! The backup stage: runbook 2.1, 2.2 and 2.4, one sub-step at a time, so that anything can happen
//! between two of them.

use crate::{
    base::{
        clock::{self, Clock},
        ids::ObjectKey,
        trouble::{OrTrouble, Trouble},
    },
    journal::Logbook,
    model::{event::Event, finding::Finding},
    procedure::{
        Armed, Backup, archive, backup_failed, command, manifest, pg_dump, pitr, s3, throttle::Throttled,
    },
    scenario::method::{BackupJob, Place},
    site::{Rows, Site, Source},
    system::objects::Listed,
};

/// Copies one object of the list. What was not listed, is copied by now or is gone is noted.
pub async fn copy_object(
    key: &ObjectKey,
    words: &str,
    site: &Site<Source>,
    backup: &mut Backup,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let (wanted, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut backup.listed).into_iter().partition(|listed| listed.key == *key);
    backup.listed = rest;
    if wanted.is_empty() {
        log.event(Event::Noted { text: format!("{words}: {key} is not in the rest of the list") })?;
        return Ok(None);
    }
    copy_listed(site, backup, wanted, words, log).await
}

async fn copy_listed(
    site: &Site<Source>,
    backup: &Backup,
    listed: Vec<Listed>,
    words: &str,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let prefix = backup.copy.as_deref().ok_or_else(|| Trouble::harness("a copy of what nobody listed"))?;
    match s3::back_up_listed(&site.objects, &site.backups, prefix, listed).await {
        Ok(gone) => {
            for key in gone {
                let text = format!("{words}: {key} was listed and is gone");
                log.event(Event::Noted { text })?;
            }
            Ok(None)
        }
        Err(trouble) => Ok(Some(backup_failed(words, trouble.to_string()))),
    }
}

/// Does one sub-step. A failed one is a finding.
pub async fn perform(
    job: BackupJob,
    site: &Site<Source>,
    backup: &mut Backup,
    armed: &mut Armed,
    clock: &Clock,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let stamp = clock::stamp(clock.now());
    match job {
        BackupJob::StopEngine => {
            site.engine.stop().await;
            Ok(None)
        }
        BackupJob::StartEngine => {
            let started = site.engine.start(&site.redactor).await;
            Ok(started.err().map(|trouble| backup_failed(job.words(), trouble.to_string())))
        }
        BackupJob::DumpDatabase => {
            let path =
                site.folder.join(format!("pulp-engine-{stamp}.{}", site.method.dump.format.extension()));
            let failed = pg_dump::dump(site, &path, armed, log).await?;
            armed.without_tables.clear();
            backup.dump = Some(path);
            Ok(failed)
        }
        BackupJob::CopyObjects => {
            let prefix = format!("assets-{stamp}/");
            let failed = match armed.throttle {
                Some(every) => {
                    let slow = Throttled::begin(site, every).await?;
                    let (_, failed) = s3::back_up(&slow.from, &slow.backups, &prefix, armed).await?;
                    armed.refused = Some(slow.refused());
                    failed
                }
                None => s3::back_up(&site.objects, &site.backups, &prefix, armed).await?.1,
            };
            armed.throttle = None;
            armed.first_page = None;
            armed.without_objects.clear();
            backup.copy = Some(prefix);
            Ok(failed)
        }
        BackupJob::ListObjects => {
            backup.listed = s3::list(&site.objects, armed).await?;
            armed.first_page = None;
            armed.without_objects.clear();
            backup.copy = Some(format!("assets-{stamp}/"));
            Ok(None)
        }
        BackupJob::CopyListed => {
            let listed = std::mem::take(&mut backup.listed);
            copy_listed(site, backup, listed, job.words(), log).await
        }
        BackupJob::CopyResults if std::mem::take(&mut armed.without_results) => {
            backup.results = None;
            backup.forgotten.insert(Place::Results);
            Ok(None)
        }
        BackupJob::CopyResults => {
            backup.forgotten.remove(&Place::Results);
            let prefix = format!("results-{stamp}/");
            let Some((results, _)) = &site.results else { return Ok(None) };
            let (_, failed) = s3::back_up(results, &site.backups, &prefix, &Armed::default()).await?;
            backup.results = Some(prefix);
            Ok(failed)
        }
        BackupJob::ArchiveTemplates => {
            let Rows::Files(files) = &site.rows else { return Ok(None) };
            let path = site.folder.join(format!("pulp-engine-templates-{stamp}.tar.gz"));
            let failed = archive::back_up(site, job.words(), &files.templates, &path, log).await?;
            backup.templates = Some(path);
            Ok(failed)
        }
        BackupJob::ArchiveAssets if std::mem::take(&mut armed.without_assets) => {
            backup.assets = None;
            backup.forgotten.insert(Place::Assets);
            Ok(None)
        }
        BackupJob::ArchiveAssets => {
            backup.forgotten.remove(&Place::Assets);
            let path = site.folder.join(format!("pulp-engine-assets-{stamp}.tar.gz"));
            let failed = archive::back_up(site, job.words(), &site.assets_dir(), &path, log).await?;
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
