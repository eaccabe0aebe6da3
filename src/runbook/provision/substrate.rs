//! The substrate itself: started once a run, removed at its end.

use super::attached::AttachedStores;
use super::engine_choice::EngineChoice;
use super::processes::{
    Durability, ObjectKind, ObjectProgram, ObjectServer, Places, PostgresServer, WantedMajor, discover,
};
use super::stores::Stores;
use crate::{
    base::{
        error::Error,
        folder,
        process::{Base, RunDir, Teardown},
        redact::Redactor,
    },
    model::{profile::Profile, verdict::limit::Limit},
    scenario::method::Method,
    site::{Site, Source},
    system::{
        postgres::{Postgres, drop_database},
        programs::PgBin,
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// How long a server may take to stop before it is killed.
pub(super) const STOP: Duration = Duration::from_secs(25);

/// The entry of PostgreSQL's setting among the versions.
const FSYNC: &str = "postgres fsync";

/// PostgreSQL and an object store, running.
pub struct Substrate {
    pub(super) stores: Stores,
    pub(super) programs: PgBin,
    pub(super) run_dir: Arc<RunDir>,
    pub(super) profile: Arc<Profile>,
    pub(super) engine: EngineChoice,
    pub(super) redactor: Redactor,
}

/// Which servers are started.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerChoice {
    /// The object store; without it the embedded one.
    pub objects: Option<ObjectKind>,
    /// The version of PostgreSQL; without it the first installation.
    pub major: Option<WantedMajor>,
    /// Bytes of the backup that is restored, which decide between memory and disk.
    pub size: u64,
}

impl Substrate {
    /// Uses the stores of an engine that runs elsewhere.
    pub async fn attached(
        run: &str,
        stores: AttachedStores,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        Self::on_existing(run, Stores::Attached(stores), profile, engine, redactor, teardown).await
    }

    /// Uses stores that exist, with a folder of the run's own that is removed at its end.
    pub(super) async fn on_existing(
        run: &str,
        stores: Stores,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        let programs = discover(&Places::of_machine(), None).await.or_error()?;
        let run_dir = run_folder(run, 0, Some(teardown))?;
        Ok(Self { stores, programs, run_dir, profile, engine, redactor: redactor.clone() })
    }

    /// Starts a private PostgreSQL cluster and an S3 server in a folder of the run's own. With `keep`,
    /// nothing is torn down at the run's end.
    pub async fn start(
        run: &str,
        keep: bool,
        servers: ServerChoice,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        let bin = discover(&Places::of_machine(), servers.major).await.or_error()?;
        let program = ObjectProgram::choose(servers.objects).await?;
        let undo = (!keep).then_some(teardown);
        let run_dir = run_folder(run, servers.size, undo)?;
        let (postgres, objects) = tokio::join!(
            PostgresServer::start(&run_dir, &bin, Durability::Off, redactor),
            ObjectServer::start(&run_dir, &program, redactor),
        );
        // What came up is stopped even where the other did not.
        if let (Ok(server), Some(undo)) = (postgres.clone(), undo) {
            undo.push(
                "stop PostgreSQL",
                STOP,
                async move {
                    server.stop().await;
                    Ok(())
                },
                || {},
            );
        }
        if let (Ok(server), Some(undo)) = (objects.clone(), undo) {
            undo.push(
                "stop the object store",
                STOP,
                async move {
                    server.stop().await;
                    Ok(())
                },
                || {},
            );
        }
        let stores = Stores::Local { postgres: postgres?, objects: objects? };
        Ok(Self { stores, programs: bin, run_dir, profile, engine, redactor: redactor.clone() })
    }

    /// Names and versions of everything in the run, and the settings that matter.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>, Error> {
        let named = |objects: String| BTreeMap::from([("objects".to_owned(), objects)]);
        let (access, stores) = match &self.stores {
            Stores::Local { postgres, objects } => (postgres.access(), named(objects.describe())),
            Stores::Containers(stores) => (stores.database.clone(), stores.description.clone()),
            Stores::External(lease) => {
                (lease.place().database.clone(), named(lease.place().s3.endpoint.clone()))
            }
            Stores::Attached(stores) => (stores.database().clone(), named("attached".to_owned())),
        };
        let postgres = Postgres::connect(&access).await?;
        let fsync = postgres.setting("fsync").await?;
        let version = postgres.version().await?;
        postgres.close().await;
        let others = BTreeMap::from([
            ("postgres".to_owned(), version),
            ("postgres programs".to_owned(), self.programs.dir.display().to_string()),
            (FSYNC.to_owned(), fsync),
            ("pg_dump".to_owned(), self.programs.version.to_string()),
            ("engine".to_owned(), self.engine.name.clone()),
            ("profile".to_owned(), self.profile.name.clone()),
        ]);
        Ok(stores.into_iter().chain(others).collect())
    }

    /// What a run on these stores and this engine does not show. `versions` are those of [`Self::versions`].
    pub fn limits(&self, versions: &BTreeMap<String, String>) -> Vec<Limit> {
        let mut limits: Vec<Limit> = self.engine.limit.iter().cloned().collect();
        if matches!(&self.stores, Stores::Local { objects, .. } if objects.kind == ObjectKind::Embedded) {
            limits.push(Limit::EmbeddedObjectStore);
        }
        if versions.get(FSYNC).is_some_and(|fsync| fsync == "off") {
            limits.push(Limit::FsyncOff);
        }
        limits
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        self.run_dir.path()
    }

    /// The profile of the run's target.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Removes a site: its engine, database, buckets and folder.
    pub async fn dispose(&self, site: &Site<Source>) -> Result<(), Error> {
        site.engine.kill().await;
        site.disconnect().await;
        match &self.stores {
            Stores::Local { .. } | Stores::Containers(_) => {
                match &site.server {
                    Some(own) => own.remove().await?,
                    None => {
                        for database in site.databases() {
                            drop_database(site.guard.database(&database).await?).await?;
                        }
                    }
                }
                let results = site.results.as_ref().map(|(_, name)| name);
                for bucket in [&site.bucket, &site.backup_bucket].into_iter().chain(results) {
                    site.store.delete_bucket(site.guard.bucket(bucket).await?).await?;
                }
            }
            Stores::External(lease) => lease.clear().await?,
            Stores::Attached(stores) => stores.remove_site(site).await?,
        }
        folder::remove(&site.folder)
    }

    /// Whether the stores outlive the run: then they are left empty and migrated.
    pub fn outlives(&self) -> bool {
        matches!(self.stores, Stores::Attached(_))
    }

    /// Why a scenario's PostgreSQL runs on this machine although the substrate is in containers, if so.
    pub fn why_host_server(&self, method: &Method) -> Option<&'static str> {
        let files = method.needs_own_server() && method.commands.is_some();
        (files && matches!(self.stores, Stores::Containers(_))).then_some(
            "PostgreSQL ran on this machine and not in a container: own commands work on its files, and it \
             runs their archive command",
        )
    }
}

/// A new folder for the run, removed by the teardown if one is given. `backup` are the bytes of an existing
/// backup that it is to hold.
pub(super) fn run_folder(run: &str, backup: u64, teardown: Option<&Teardown>) -> Result<Arc<RunDir>, Error> {
    let run_dir = Arc::new(RunDir::create(&Base::of_user(backup)?, run, teardown.is_none())?);
    if let Some(teardown) = teardown {
        let removed = Arc::clone(&run_dir);
        teardown.push("remove the run's folder", STOP, remove(removed), || {});
    }
    Ok(run_dir)
}

async fn remove(run_dir: Arc<RunDir>) -> Result<(), Error> {
    // Sites hold nothing of it any more; where one still does, dropping it removes the folder.
    match Arc::try_unwrap(run_dir) {
        Ok(run_dir) => tokio::task::spawn_blocking(move || run_dir.remove())
            .await
            .unwrap_or_else(|e| Err(Error::harness("removing the run's folder panicked").because(&e))),
        Err(_) => Ok(()),
    }
}
