//! The substrate, started once a run and gone at its end, and the sites on it: each scenario gets a
//! database, two buckets and an engine of its own, so that scenarios run side by side.

use crate::{
    base::{
        clock,
        error::{Error, ErrorContext},
        process::{Base, RunDir, Teardown},
        redact::Redactor,
    },
    model::profile::{Profile, TargetApi},
    procedure::command::own_words,
    scenario::method::{BackupSchema, Method},
    site::{EngineSlot, Handles, RowStore, Site, Source},
    system::{
        cluster::{OwnServer, ServerPrograms},
        destroy::Guard,
        engine::{ApiKeys, Launch},
        external_site::SiteLease,
        objects::S3Access,
        postgres::{Access, Postgres, create_database, drop_database},
        programs::PgBin,
        row_files::RowFiles,
    },
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

mod binaries;
mod restrict_role;
pub mod containers;
pub mod attached;
pub mod external;
mod keep;
pub mod leftovers;
pub mod processes;

use attached::Elsewhere;
use binaries::binaries;
use containers::ContainerStores;
use processes::{Durability, ObjectKind, ObjectProgram, ObjectServer, Places, PostgresServer, discover};

/// How long a server may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(25);

/// The database's name in the runbook; each site adds its number.
const DATABASE: &str = "pulp-engine";

/// Which engine is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineChoice {
    /// How it is come by.
    pub launch: Launch,
    /// Whether that was said on the command line: then it goes before the profile's `start`.
    pub asked_for: bool,
    /// Its name in reports.
    pub name: String,
    /// How long it may take until it is ready.
    pub ready_within: Duration,
}

impl EngineChoice {
    /// How a target is started, and whether that is by its own profile's command. What was asked for
    /// on the command line is for the run's own profile.
    fn launch_of(&self, profile: &Profile, of_run: &Profile) -> Result<(Launch, bool), Error> {
        let asked_for = self.asked_for && profile == of_run;
        Ok(match (&profile.start[..], profile.api) {
            ([_, ..], _) if !asked_for => (Launch::Command(own_words(&profile.start)?), true),
            ([], TargetApi::None) => (Launch::Nothing, false),
            (_, TargetApi::PulpEngine | TargetApi::None) => (self.launch.clone(), false),
        })
    }
}

/// PostgreSQL and an object store, up.
pub struct Substrate {
    stores: Stores,
    programs: PgBin,
    run_dir: Arc<RunDir>,
    profile: Arc<Profile>,
    engine: EngineChoice,
    redactor: Redactor,
}

/// Where the stores come from.
enum Stores {
    /// Started by us; every scenario gets its own part of them.
    Local { postgres: PostgresServer, objects: ObjectServer },
    /// The same, in containers.
    Containers(ContainerStores),
    /// The user's own, marked as a site; all scenarios take turns on them.
    External(Arc<SiteLease>),
    /// Those of an engine that runs elsewhere; all scenarios take turns on them.
    Elsewhere(Elsewhere),
}

impl Substrate {
    /// Takes the stores of an engine that runs elsewhere.
    pub async fn elsewhere(
        run: &str,
        stores: Elsewhere,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        Self::on_others(run, Stores::Elsewhere(stores), profile, engine, redactor, teardown).await
    }

    /// Takes stores that are there, with a folder of the run's own that is gone at its end.
    async fn on_others(
        run: &str,
        stores: Stores,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        let programs = discover(&Places::of_machine()).await.or_error()?;
        let run_dir = Arc::new(RunDir::create(&Base::of_user()?, run, false)?);
        let held = Arc::clone(&run_dir);
        teardown.push("remove the run's folder", STOP, async move { remove(held).await }, || {});
        Ok(Self { stores, programs, run_dir, profile, engine, redactor: redactor.clone() })
    }

    /// Starts a private PostgreSQL cluster and an S3 server in a folder of the run's own. What is to
    /// be undone is pushed onto the teardown as soon as it is there.
    pub async fn start(
        run: &str,
        keep: bool,
        objects: Option<ObjectKind>,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        let bin = discover(&Places::of_machine()).await.or_error()?;
        let program = ObjectProgram::choose(objects).await?;
        let run_dir = Arc::new(RunDir::create(&Base::of_user()?, run, keep)?);
        if !keep {
            let held = Arc::clone(&run_dir);
            teardown.push("remove the run's folder", STOP, async move { remove(held).await }, || {});
        }
        let (postgres, objects) = tokio::join!(
            PostgresServer::start(&run_dir, &bin, Durability::Off, redactor),
            ObjectServer::start(&run_dir, &program, redactor),
        );
        // What came up is torn down even where the other did not.
        if let (Ok(server), false) = (&postgres, keep) {
            let server = server.clone();
            teardown.push(
                "stop PostgreSQL",
                STOP,
                async move {
                    server.stop().await;
                    Ok(())
                },
                || {},
            );
        }
        if let (Ok(server), false) = (&objects, keep) {
            let server = server.clone();
            teardown.push(
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

    /// Names and versions of what takes part, and the settings that matter.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>, Error> {
        let named = |objects: String| BTreeMap::from([("objects".to_owned(), objects)]);
        let (access, stores) = match &self.stores {
            Stores::Local { postgres, objects } => (access(postgres), named(describe(objects))),
            Stores::Containers(stores) => (stores.database.clone(), stores.description.clone()),
            Stores::External(held) => {
                (held.place().database.clone(), named(held.place().s3.endpoint.clone()))
            }
            Stores::Elsewhere(stores) => (stores.database().clone(), named("elsewhere".to_owned())),
        };
        let postgres = Postgres::connect(&access).await?;
        let fsync = postgres.setting("fsync").await?;
        let version = postgres.version().await?;
        postgres.close().await;
        let others = BTreeMap::from([
            ("postgres".to_owned(), version),
            ("postgres programs".to_owned(), self.programs.dir.display().to_string()),
            ("postgres fsync".to_owned(), fsync),
            ("pg_dump".to_owned(), self.programs.version.to_string()),
            ("engine".to_owned(), self.engine.name.clone()),
            ("profile".to_owned(), self.profile.name.clone()),
        ]);
        Ok(stores.into_iter().chain(others).collect())
    }

    /// The profile of the run's target.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// A new, empty site: its number is part of every name.
    pub async fn site(
        &self,
        number: usize,
        method: &Method,
        profile: &Arc<Profile>,
    ) -> Result<Site<Source>, Error> {
        match &self.stores {
            Stores::Local { postgres, objects } => {
                self.own_site(number, method, profile, &access(postgres), &objects.access(), None).await
            }
            Stores::Containers(stores) => {
                self.own_site(number, method, profile, &stores.database, &stores.s3, None).await
            }
            Stores::External(held) => {
                // A scenario that could not be taken down is no other's burden.
                held.empty().await?;
                let place = held.place();
                self.own_site(number, method, profile, &place.database, &place.s3, Some(held)).await
            }
            Stores::Elsewhere(stores) => {
                let (programs, profile) = (self.programs.clone(), Arc::clone(profile));
                let within = self.engine.ready_within;
                stores.site(number, method, &self.run_dir, programs, profile, within, &self.redactor).await
            }
        }
    }

    /// A part of stores of ours, or all of a site of the user's.
    async fn own_site(
        &self,
        number: usize,
        method: &Method,
        profile: &Arc<Profile>,
        postgres: &Access,
        objects: &S3Access,
        held: Option<&Arc<SiteLease>>,
    ) -> Result<Site<Source>, Error> {
        let folder = self.run_dir.private(&format!("site-{number:03}"), None)?;
        self.run_dir.private(&format!("site-{number:03}/tmp"), None)?;
        let keys = self.keys();
        let mut variables = environment(&keys, &folder);
        if held.is_some() && method.schema == BackupSchema::Previous {
            return Err(Error::usage("this scenario needs a database beside the site's")
                .hint("leave it out by --filter: on your own stores nothing is made that was not named"));
        }
        variables.extend(release_of_source(profile, method)?);
        variables.extend(method.env.clone());
        variables.extend(order_of_writes(profile, method)?);
        let server = match method.needs_own_server() {
            true => Some(self.own_server(number, method).await?),
            false => None,
        };
        let rows = match held {
            Some(held) => external::rows(held, &mut variables),
            None => self.rows(number, method, postgres, server.as_ref(), &folder, &mut variables).await?,
        };
        let binaries = binaries(number, method, objects, held, &folder, &mut variables).await?;
        let (launch, starts_itself) = self.engine.launch_of(profile, &self.profile)?;
        let engine = EngineSlot {
            launch,
            starts_itself,
            profile: Arc::clone(profile),
            variables: RwLock::new(variables),
            keys,
            log: folder.join("engine.log"),
            ready_within: self.engine.ready_within,
            children: self.run_dir.children().clone(),
            running: Mutex::new(None),
        };
        Ok(Site::new(Handles {
            method: method.clone(),
            rows,
            guard: held.map_or_else(Guard::own, Guard::marked),
            objects: binaries.store.bucket(&binaries.bucket),
            backups: binaries.store.bucket(&binaries.backups),
            programs: self.programs.clone(),
            profile: match method.topology.has_database() {
                true => Arc::clone(profile),
                false => RowFiles::profile(profile)?,
            },
            redactor: self.redactor.clone(),
            gate: binaries.gate,
            server,
            connection: Mutex::new(None),
            former: std::sync::Mutex::default(),
            s3: binaries.s3,
            store: binaries.store,
            bucket: binaries.bucket,
            results: binaries.results,
            backup_bucket: binaries.backups,
            folder,
            engine,
        }))
    }

    /// A server that no other scenario is on.
    async fn own_server(&self, number: usize, method: &Method) -> Result<OwnServer, Error> {
        let origin = match (&self.stores, self.server_elsewhere(method)) {
            (Stores::Containers(stores), None) => ServerPrograms::Image(&stores.image),
            _ => ServerPrograms::Here(&self.programs),
        };
        OwnServer::start(&self.run_dir, &format!("own-{number:03}"), origin, &self.redactor).await
    }

    /// Why a scenario's PostgreSQL is not where the run's substrate would have it, if so.
    pub fn server_elsewhere(&self, method: &Method) -> Option<&'static str> {
        let files = method.needs_own_server() && method.commands.is_some();
        (files && matches!(self.stores, Stores::Containers(_))).then_some(
            "PostgreSQL ran on this machine and not in a container: own commands work on its files, and it \
             runs their archive command",
        )
    }

    /// Where the rows of a new site are.
    async fn rows(
        &self,
        number: usize,
        method: &Method,
        postgres: &Access,
        own: Option<&OwnServer>,
        folder: &Path,
        variables: &mut BTreeMap<String, String>,
    ) -> Result<RowStore, Error> {
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        if !method.topology.has_database() {
            set("STORAGE_MODE", "file".to_owned());
            return Ok(RowStore::Files(RowFiles {
                templates: folder.join("templates"),
                assets: folder.join("assets"),
            }));
        }
        let name = format!("{DATABASE}-{number:03}");
        let database = match own {
            Some(own) => own.access(&name).await,
            None => postgres.with_database(&name),
        };
        create_database(&database.maintenance(), &database.database, &database.user).await?;
        set("STORAGE_MODE", "postgres".to_owned());
        set("DATABASE_URL", database.url());
        Ok(RowStore::Postgres(RwLock::new(database)))
    }

    /// Takes a site down: its engine, database, buckets and folder.
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
            Stores::External(held) => held.clear().await?,
            Stores::Elsewhere(stores) => stores.take_down(site).await?,
        }
        std::fs::remove_dir_all(&site.folder)
            .or_environment(|| format!("can't remove {}", site.folder.display()))
    }

    /// Whether the stores outlive the run: then they are left empty and migrated.
    pub fn outlives(&self) -> bool {
        matches!(self.stores, Stores::Elsewhere(_))
    }

    fn keys(&self) -> ApiKeys {
        let key = || {
            let key = clock::password();
            self.redactor.add(&key);
            Some(key)
        };
        ApiKeys { admin: key(), render: key(), preview: key(), editor: key() }
    }
}

/// The server's database `postgres`.
fn access(postgres: &PostgresServer) -> Access {
    Access {
        host: postgres.host.clone(),
        port: postgres.port,
        user: postgres.superuser.clone(),
        password: postgres.password.clone(),
        database: "postgres".to_owned(),
        tls: BTreeMap::new(),
    }
}

/// Which object store runs.
fn describe(objects: &ObjectServer) -> String {
    match objects.kind {
        ObjectKind::Embedded => format!("embedded {}", objects.version),
        ObjectKind::Minio => format!("MinIO, {}", objects.version),
    }
}

/// What the source's release has in its environment beside what this one has.
fn release_of_source(profile: &Profile, method: &Method) -> Result<BTreeMap<String, String>, Error> {
    if method.schema == BackupSchema::Same {
        return Ok(BTreeMap::new());
    }
    let Some(previous) = &profile.previous_release else {
        return Err(Error::usage("the profile does not say how the release before this one is come by")
            .hint("give it a `previous-release`, or leave scenarios with a `schema` out"));
    };
    Ok(match method.schema {
        BackupSchema::Previous => previous.env.clone(),
        BackupSchema::Same | BackupSchema::Newer => BTreeMap::new(),
    })
}

/// What the engine is told of the order of its writes, where it is to be another one.
fn order_of_writes(profile: &Profile, method: &Method) -> Result<Option<(String, String)>, Error> {
    let order = profile.write_order.with(&method.writes);
    if order == profile.write_order {
        return Ok(None);
    }
    let Some(name) = &profile.write_order_env else {
        return Err(Error::usage("the profile does not say how its target is told another order of writes")
            .hint("give it a `write-order-env`, or leave scenarios with `writes` out"));
    };
    Ok(Some((name.clone(), order.env_value())))
}

/// The environment that the real server documents, apart from the stores'.
fn environment(keys: &ApiKeys, folder: &Path) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = [
        ("HOST", "127.0.0.1".to_owned()),
        ("ASSET_ACCESS_MODE", "private".to_owned()),
        ("ASSETS_DIR", folder.join("assets").display().to_string()),
        ("TEMPLATES_DIR", folder.join("templates").display().to_string()),
        // What an engine caches there is its site's, and outlives its restarts.
        ("TMPDIR", folder.join("tmp").display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let keys = [
        ("API_KEY_ADMIN", &keys.admin),
        ("API_KEY_RENDER", &keys.render),
        ("API_KEY_PREVIEW", &keys.preview),
        ("API_KEY_EDITOR", &keys.editor),
    ];
    env.extend(keys.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key.clone()?))));
    env
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
