//! The restore stage: runbook 3.1 to 3.5, one sub-step at a time.

use crate::{
    base::{error::Error, process::Ran},
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::{Database, Objects, State},
    },
    procedure::{Backup, PendingFaults, archive, command, pg_dump, pitr, s3, schema},
    scenario::method::{BackupSchema, DurableStore, RestoreJob},
    site::{Handles, RowStore},
    system::{
        containers::{ContainerSpec, Network, run_to_end},
        engine::{Launch, own_folders},
        postgres::{Access, Postgres, create_database, drop_database},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// No migration of a drill's size takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// The result of a sub-step.
#[derive(Debug)]
pub enum StepResult {
    /// Done.
    Done,
    /// A command failed: the operator would stop here.
    Failed(Box<Finding>),
    /// The engine did not become ready; why.
    NotReady(String),
}

/// Does one sub-step.
pub async fn perform(
    job: RestoreJob,
    site: &Handles,
    backup: &Backup,
    pending: &mut PendingFaults,
    log: &Logbook,
) -> Result<StepResult, Error> {
    if job.brings_back().iter().any(|place| backup.forgotten.contains(place)) {
        // There is nothing to bring back, and the procedure does not notice.
        return Ok(StepResult::Done);
    }
    if job.brings_back().contains(&DurableStore::Database) {
        change_release(site);
    }
    let failed = match job {
        RestoreJob::StopEngine => {
            site.engine.stop().await;
            None
        }
        RestoreJob::RestoreObjects => {
            s3::restore(&site.backups, made(backup.copy.as_ref(), job)?, &site.objects).await?.1
        }
        RestoreJob::RestoreResults => match &site.results {
            Some((results, _)) => {
                s3::restore(&site.backups, made(backup.results.as_ref(), job)?, results).await?.1
            }
            None => None,
        },
        RestoreJob::ExtractTemplates => match &site.rows {
            RowStore::Files(files) => {
                let from = made(backup.templates.as_ref(), job)?;
                archive::restore(site, job.describe(), from, &files.templates, log).await?
            }
            RowStore::Postgres(_) => None,
        },
        RestoreJob::ExtractAssets => {
            let from = made(backup.assets.as_ref(), job)?;
            archive::restore(site, job.describe(), from, &site.assets_dir(), log).await?
        }
        RestoreJob::RestoreDatabase => {
            let failed = pg_dump::restore(site, made(backup.dump.as_ref(), job)?, pending, log).await?;
            if failed.as_ref().is_some_and(|f| f.actual.contains("invalid command \\restrict")) {
                return Err(cannot_restrict());
            }
            pending.without_sequences = false;
            failed
        }
        RestoreJob::RestoreFreshDatabase => {
            let failed = pg_dump::restore_fresh(site, made(backup.dump.as_ref(), job)?, pending, log).await?;
            pending.without_sequences = false;
            failed
        }
        RestoreJob::RecoverDatabase => {
            let failed = pitr::recover_database(site, backup, pending, log).await?;
            pending.recovery.retain(|how| how.is_of_bucket());
            failed
        }
        RestoreJob::RecoverObjects => {
            let failed = pitr::recover_objects(site, backup, pending, log).await?;
            pending.recovery.retain(|how| !how.is_of_bucket());
            failed
        }
        RestoreJob::RunRestoreCommand => command::restore(site, log).await?,
        RestoreJob::Migrate if std::mem::take(&mut pending.half_migration) => {
            migration(site, &site.profile.migrate_by_half, None, log).await?
        }
        RestoreJob::Migrate => migrate(site, log).await?,
        RestoreJob::StartEngine => {
            return Ok(match site.engine.start(&site.redactor).await {
                Ok(()) => StepResult::Done,
                Err(error) => StepResult::NotReady(error.to_string()),
            });
        }
    };
    Ok(failed.map_or(StepResult::Done, |finding| StepResult::Failed(Box::new(finding))))
}

/// What a backup must have left for a step.
fn made<T>(artefact: Option<&T>, job: RestoreJob) -> Result<&T, Error> {
    artefact.ok_or_else(|| Error::usage(format!("`{job}`: no backup has left anything for this step")))
}

fn cannot_restrict() -> Error {
    Error::environment("this psql cannot be kept from running commands of a plain dump")
        .hint("use PostgreSQL 13.22, 14.19, 15.14, 16.10, 17.6 or newer, or a dump in custom format")
}

/// The rows come back under another release than they were saved under, where the scenario says so.
fn change_release(site: &Handles) {
    let Some(previous) = &site.profile.previous_release else { return };
    match site.method.schema {
        BackupSchema::Same => {}
        BackupSchema::Previous => previous.env.keys().for_each(|name| site.engine.unset(name)),
        BackupSchema::Newer => previous.env.iter().for_each(|(n, v)| site.engine.set(n, v.clone())),
    }
}

/// What the restoring release makes of an empty database: the schema that restored rows must have in
/// the end, where the backup was of another release, and the migrations that it records.
pub async fn reference(site: &Handles, log: &Logbook) -> Result<Database, Error> {
    in_empty_database(site, async |access| {
        if let Some(failed) = migration(site, &site.profile.migrate, Some(access), log).await? {
            return Err(Error::environment("can't migrate an empty database").cause(failed.actual));
        }
        let postgres = Postgres::connect(access).await?;
        let captured = async {
            let mut captured = postgres.capture(&site.profile, None).await?;
            match schema::complete_from(
                &mut captured.catalog,
                &postgres,
                &site.programs,
                &site.folder,
                &site.redactor,
            )
            .await?
            {
                Some(why) => Err(Error::environment("can't dump the migrated schema").cause(why)),
                None => Ok(captured),
            }
        };
        let captured = captured.await;
        postgres.close().await;
        captured
    })
    .await
}

/// Whether the migration fails in an empty database just as it `failed` in the restored one: then it is the
/// command that is at fault, and not the backup.
pub async fn fails_without_backup(site: &Handles, failed: &Finding, log: &Logbook) -> Result<bool, Error> {
    let restored = site.database()?.database;
    in_empty_database(site, async |access| {
        let empty = migration(site, &site.profile.migrate, Some(access), log).await?;
        Ok(empty.is_some_and(|empty| empty.actual.replace(&access.database, &restored) == failed.actual))
    })
    .await
}

/// Does something in an empty database beside the site's, which is dropped again.
async fn in_empty_database<T>(
    site: &Handles,
    work: impl AsyncFnOnce(&Access) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut access = site.database()?;
    access.database += "-reference";
    create_database(&access.maintenance(), &access.database, &access.user).await?;
    let done = work(&access).await;
    drop_database(site.guard.database(&access).await?).await?;
    done
}

/// What a backup holds, read beside the site: its dump, restored into a database of its own that is
/// dropped again, and its copy of the objects as stored.
pub async fn inspect(
    site: &Handles,
    backup: &Backup,
    as_of: Option<&State>,
    log: &Logbook,
) -> Result<State, Error> {
    let mut access = site.database()?;
    access.database += "-inspected";
    // Nothing is made that could not be dropped again.
    site.guard.database(&access).await?;
    create_database(&access.maintenance(), &access.database, &access.user).await?;
    site.guard.made(&access).await?;
    let read = async {
        let dump = made(backup.dump.as_ref(), RestoreJob::RestoreDatabase)?;
        if let Some(why) = pg_dump::fill_beside(site, &access, dump, log).await? {
            return Err(Error::environment("can't restore the dump beside the site").cause(why));
        }
        let postgres = Postgres::connect(&access).await?;
        let captured = postgres.capture(&site.profile, as_of.map(|state| &state.database)).await;
        postgres.close().await;
        captured
    };
    let read = read.await;
    drop_database(site.guard.database(&access).await?).await?;
    let copy = made(backup.copy.as_ref(), RestoreJob::RestoreObjects)?;
    let checksums = site.profile.checksums();
    let objects = site.backups.inventory(copy, &checksums).await?;
    let results = match &backup.results {
        Some(copy) => site.backups.inventory(copy, &checksums).await?,
        None => Objects::default(),
    };
    Ok(State { database: read?, objects, results })
}

/// Brings the schema forward with the profile's command (runbook 3.4); also makes a new site's.
pub async fn migrate(site: &Handles, log: &Logbook) -> Result<Option<Finding>, Error> {
    migration(site, &site.profile.migrate, None, log).await
}

/// A migration of the site's database, or of another one of its server.
async fn migration(
    site: &Handles,
    description: &[String],
    database: Option<&Access>,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    if description.is_empty() {
        return Ok(None);
    }
    let ran = match &site.engine.launch {
        Launch::Image(image) => {
            let mut env = site.engine.env();
            env.extend(database.map(|access| ("DATABASE_URL".to_owned(), access.url())));
            let ran = migrate_in_container(site, image, description, &env).await?;
            log.ran(&ran)?;
            ran
        }
        Launch::Command(_) | Launch::Url(_) | Launch::Nothing => {
            command::of_profile(site, "migrate", description, database, LIMIT, log).await?
        }
    };
    if ran.exit.is_success() {
        return Ok(None);
    }
    let step = Entity::Step("migrate".to_owned());
    let expected = "the migration succeeds";
    Ok(Some(Finding::new(
        CheckId::Procedure,
        FindingKind::RestoreFailed,
        step,
        expected,
        ran.describe_failure(),
    )))
}

/// The same command in a container of the engine's image, by its entrypoint.
async fn migrate_in_container(
    site: &Handles,
    image: &str,
    command: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Ran, Error> {
    let wanted = ContainerSpec {
        what: "the migration",
        image,
        args: command.to_vec(),
        network: Network::Host,
        folders: own_folders(env)?,
        user: None,
        run: site.engine.children.folder(),
        log: &site.folder.join("migrate.log"),
        env,
    };
    run_to_end(wanted, LIMIT, &site.redactor).await
}
