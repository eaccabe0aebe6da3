//! The backup stage: runbook 2.1, 2.2 and 2.4, one sub-step at a time, so that anything can happen
//! between two of them.

use crate::{
    base::{
        clock::{self, Clock},
        trouble::{OrTrouble, Trouble},
    },
    journal::Logbook,
    model::finding::Finding,
    plan::BackupJob,
    procedure::{Armed, Backup, manifest, pg_dump, s3},
    site::{Site, Source},
};

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
        BackupJob::DumpDatabase => {
            let path = site.folder.join(format!("pulp-engine-{stamp}.dump"));
            let failed = pg_dump::dump(site, &path, armed, log).await?;
            armed.without_tables.clear();
            backup.dump = Some(path);
            Ok(failed)
        }
        BackupJob::CopyObjects => {
            let prefix = format!("assets-{stamp}/");
            let (_, failed) = s3::back_up(site, &prefix, armed).await?;
            armed.first_page = None;
            armed.without_objects.clear();
            backup.copy = Some(prefix);
            Ok(failed)
        }
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
