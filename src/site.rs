//! `Site<Source>` and `Site<Restored>`: handles to a database, buckets and an engine, and nothing
//! else. A check takes a `Site<Restored>` and the recorded expectation: the type keeps it from
//! looking at the source, so it can't pass by comparing a thing with itself.

use crate::{
    base::{
        error::Error,
        ids::BucketName,
        process::{Children, Signal},
        redact::Redactor,
        sync::{MutexExt, RwLockExt},
    },
    model::{
        profile::{
            self, Profile, TargetApi,
            run::{DOCUMENTED_READINESS, PORT, PORT2, filled},
        },
        state::Database,
        write::WriteOrder,
    },
    scenario::method::Method,
    system::{
        cluster::OwnServer,
        destroy::Guard,
        engine::{ApiKeys, Engine, EngineProcess, Launch, ProcessStart},
        gate::Gate,
        objects::{Bucket, ObjectStore, S3Access},
        postgres::{Access, Postgres},
        programs::PgBin,
        row_files::RowFiles,
    },
};
use std::{
    collections::BTreeMap,
    marker::PhantomData,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

/// The site that is backed up, until it is lost.
#[derive(Clone, Copy, Debug)]
pub struct Source;

/// The site that came back from the backup.
#[derive(Clone, Copy, Debug)]
pub struct Restored;

/// One scenario's own database, buckets and engine on the run's substrate.
pub struct Site<S> {
    handles: Arc<Handles>,
    state: PhantomData<S>,
}

impl<S> Clone for Site<S> {
    fn clone(&self) -> Self {
        Self { handles: Arc::clone(&self.handles), state: PhantomData }
    }
}

impl<S> std::ops::Deref for Site<S> {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.handles
    }
}

/// What a site is made of.
pub struct Handles {
    /// Where its state lives, and how it is backed up.
    pub method: Method,
    /// Where the rows are.
    pub rows: RowStore,
    /// The object store's credentials, where binaries or results are in a bucket.
    pub s3: Option<S3Access>,
    /// What keeps the binaries: an object store, or the folder with `ASSETS_DIR`.
    pub store: ObjectStore,
    /// What may be destroyed of it, asked every time.
    pub guard: Guard,
    /// The engine's bucket, or `ASSETS_DIR`.
    pub objects: Bucket,
    /// Its name.
    pub bucket: BucketName,
    /// The results of batch jobs, where they have a place of their own, and its name.
    pub results: Option<(Bucket, BucketName)>,
    /// The bucket that backups are copied into.
    pub backups: Bucket,
    /// Its name.
    pub backup_bucket: BucketName,
    /// The PostgreSQL server of the site's own, where its method needs one: archived WAL, data
    /// directories to start it on.
    pub server: Option<OwnServer>,
    /// PostgreSQL's client programs.
    pub programs: PgBin,
    /// The target profile.
    pub profile: Arc<Profile>,
    /// The site's own folder: dumps, manifests, engine logs. Gone with the site.
    pub folder: PathBuf,
    /// The proxy between engine and object store, where the engine is ours to configure.
    pub gate: Option<Gate>,
    /// The engine.
    pub engine: EngineSlot,
    /// The databases that it was on before it was flipped: gone with the site.
    pub former: std::sync::Mutex<Vec<Access>>,
    /// The open connection to the database.
    pub connection: Mutex<Option<Postgres>>,
    /// Secrets to keep out of what is printed.
    pub redactor: Redactor,
}

/// Where the rows of a site are.
pub enum RowStore {
    /// In Postgres: the database, with the credentials of its owner. A restore into a fresh database
    /// or on another server flips it.
    Postgres(RwLock<Access>),
    /// In the files of `TEMPLATES_DIR` and `ASSETS_DIR`.
    Files(RowFiles),
}

impl Site<Source> {
    /// A new, empty site.
    pub fn new(handles: Handles) -> Self {
        Self { handles: Arc::new(handles), state: PhantomData }
    }

    /// The same stores after a restore.
    pub fn restored(&self) -> Site<Restored> {
        Site { handles: Arc::clone(&self.handles), state: PhantomData }
    }
}

impl Handles {
    /// The database that the site is on now.
    ///
    /// # Errors
    /// The rows of this site are in files: a step that asks does not fit the topology.
    pub fn database(&self) -> Result<Access, Error> {
        match &self.rows {
            RowStore::Postgres(access) => Ok(access.read_unpoisoned().clone()),
            RowStore::Files(_) => Err(Error::harness("a site whose rows are in files has no database")),
        }
    }

    /// The database for a superuser of its cluster: where a plain role restored, the role before it.
    ///
    /// # Errors
    /// As [`Handles::database`].
    pub fn as_superuser(&self) -> Result<Access, Error> {
        let now = self.database()?;
        let former = self.former.lock_unpoisoned();
        let of_cluster = |was: &&Access| (&was.host, was.port) == (&now.host, now.port);
        Ok(former.iter().find(of_cluster).map_or(now.clone(), |was| was.with_database(&now.database)))
    }

    /// Puts the site on another database: the engine finds it there when it is started next.
    pub async fn flip(&self, to: Access) -> Result<(), Error> {
        self.disconnect().await;
        let RowStore::Postgres(access) = &self.rows else {
            return Err(Error::harness("a site whose rows are in files has no database"));
        };
        self.engine.set("DATABASE_URL", to.url());
        let was = std::mem::replace(&mut *access.write_unpoisoned(), to);
        self.former.lock_unpoisoned().push(was);
        Ok(())
    }

    /// Whether the target has an API that sites are filled, listed and rendered through.
    pub fn has_api(&self) -> bool {
        self.profile.api == TargetApi::PulpEngine
    }

    /// In which order the target's writes touch the two stores here.
    pub fn write_order(&self) -> WriteOrder {
        self.profile.write_order.with(&self.method.writes)
    }

    /// The buckets that keep versions where recovery is to a point in time: of the binaries, and of the
    /// results of batch jobs.
    pub fn versioned(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::once(&self.objects).chain(self.results.as_ref().map(|(bucket, _)| bucket))
    }

    /// `ASSETS_DIR`.
    pub fn assets_dir(&self) -> PathBuf {
        match (&self.rows, &self.objects) {
            (RowStore::Files(files), _) => files.assets.clone(),
            (RowStore::Postgres(_), Bucket::Files(folder)) => folder.path().to_owned(),
            (RowStore::Postgres(_), Bucket::S3(_)) => self.folder.join("assets"),
        }
    }

    /// All databases of the site, former ones first, each by the first role that used it.
    pub fn databases(&self) -> Vec<Access> {
        let mut all: Vec<Access> = Vec::new();
        for access in self.former.lock_unpoisoned().iter().cloned().chain(self.database().ok()) {
            let same = |known: &Access| {
                (&known.host, known.port, &known.database) == (&access.host, access.port, &access.database)
            };
            if !all.iter().any(same) {
                all.push(access);
            }
        }
        all
    }

    /// Reads all rows as they are now, see [`Postgres::capture`].
    pub async fn capture(&self, as_of: Option<&Database>) -> Result<Database, Error> {
        match &self.rows {
            RowStore::Postgres(_) => self.connect().await?.capture(&self.profile, as_of).await,
            RowStore::Files(files) => files.capture(&self.profile),
        }
    }

    /// The same without the catalog, see [`Postgres::capture_contents`].
    pub async fn capture_contents(&self, as_of: Option<&Database>) -> Result<Database, Error> {
        match &self.rows {
            RowStore::Postgres(_) => self.connect().await?.capture_contents(&self.profile, as_of).await,
            RowStore::Files(files) => files.capture(&self.profile),
        }
    }

    /// The connection to the site's database, opened once: logging in costs more than most queries.
    pub async fn connect(&self) -> Result<Postgres, Error> {
        let mut connection = self.connection.lock().await;
        if let Some(postgres) = &*connection {
            return Ok(postgres.clone());
        }
        let postgres = Postgres::connect(&self.database()?).await?;
        *connection = Some(postgres.clone());
        Ok(postgres)
    }

    /// Disconnects: before the database is dropped, and so that nothing of ours stands in an
    /// operator's way.
    pub async fn disconnect(&self) {
        if let Some(postgres) = self.connection.lock().await.take() {
            postgres.close().await;
        }
    }
}

/// How much of an engine's output is kept with the run, in bytes.
const LAST_WORDS: usize = 256 * 1024;

/// The engine of a site: how it is started, and the one that runs.
pub struct EngineSlot {
    /// How to start it, or where it is.
    pub launch: Launch,
    /// Whether that is the profile's own command, which runs in the profile's folder.
    pub starts_itself: bool,
    /// Its environment (secrets included), without `PORT`; see [`EngineSlot::env`].
    pub variables: RwLock<BTreeMap<String, String>>,
    /// Its keys.
    pub keys: ApiKeys,
    /// Where its output goes.
    pub log: PathBuf,
    /// How long it may take until it is ready.
    pub ready_within: Duration,
    /// What the profile says of starting and stopping it.
    pub profile: Arc<Profile>,
    /// Where its process is recorded.
    pub children: Children,
    /// The one that runs.
    pub running: Mutex<Option<(EngineProcess, Engine)>>,
}

impl EngineSlot {
    /// The environment that it is started with, and its migrations: with the profile's own variables, in which
    /// `${PORT}` and `${PORT2}` are not replaced yet.
    pub fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.variables.read_unpoisoned().clone();
        let mut known = env.clone();
        known.extend([PORT, PORT2].map(|name| (name.to_owned(), format!("${{{name}}}"))));
        if let Some(database) = env.get("DATABASE_URL").and_then(|url| Access::parse(url).ok()) {
            known.extend(database.libpq());
        }
        let own = self.profile.env.iter().map(|(name, value)| (name.clone(), filled(value, &known)));
        env.extend(own);
        env
    }

    /// The same for commands beside it: the ports are those of the one that runs.
    pub async fn env_of_commands(&self) -> BTreeMap<String, String> {
        let ports = self.running.lock().await.as_ref().map(|(engine, _)| engine.ports());
        let mut env = self.env();
        for (name, port) in ports.iter().flatten() {
            let wanted = format!("${{{name}}}");
            env.values_mut().for_each(|value| *value = value.replace(&wanted, port));
            env.insert((*name).to_owned(), port.clone());
        }
        env.retain(|_, value| ![PORT, PORT2].iter().any(|name| value.contains(&format!("${{{name}}}"))));
        env
    }

    /// What it is started with, as the profile says it.
    pub fn start_with<'a>(
        &'a self,
        env: &'a BTreeMap<String, String>,
        redactor: &'a Redactor,
    ) -> ProcessStart<'a> {
        let ready = self.profile.ready.as_ref().unwrap_or(&DOCUMENTED_READINESS);
        ProcessStart {
            env,
            log: &self.log,
            children: Some(&self.children),
            redactor,
            ready_within: ready.within.map_or(self.ready_within, |within| within.0.max(self.ready_within)),
            ready,
            cwd: self.starts_itself.then_some(self.profile.folder.as_path()),
            stop_signal: match self.profile.stop.signal {
                profile::Signal::Term => Signal::SIGTERM,
                profile::Signal::Int => Signal::SIGINT,
                profile::Signal::Quit => Signal::SIGQUIT,
                profile::Signal::Hup => Signal::SIGHUP,
            },
        }
    }

    /// Whether there is one to start.
    pub fn exists(&self) -> bool {
        self.launch != Launch::Nothing
    }

    /// Changes a variable for the next start.
    pub fn set(&self, name: &str, value: String) {
        self.variables.write_unpoisoned().insert(name.to_owned(), value);
    }

    /// Takes a variable away for the next start.
    pub fn unset(&self, name: &str) {
        self.variables.write_unpoisoned().remove(name);
    }

    /// Starts the engine and waits until it says that it is ready. One that runs already stays, and
    /// where there is none nothing is done.
    pub async fn start(&self, redactor: &Redactor) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        if running.is_none() && self.exists() {
            let env = self.env();
            let with = self.start_with(&env, redactor);
            let engine = EngineProcess::start(&self.launch, &with).await?;
            let client = engine.client(&self.keys);
            *running = Some((engine, client));
        }
        Ok(())
    }

    /// Stops the engine as an operator would (the profile's signal, then SIGKILL). Says whether one ran.
    pub async fn stop(&self) -> bool {
        match self.running.lock().await.take() {
            Some((engine, _)) => engine.stop(self.profile.grace()).await.is_some(),
            None => false,
        }
    }

    /// Kills the engine without warning. Says whether one ran.
    pub async fn kill(&self) -> bool {
        match self.running.lock().await.take() {
            Some((engine, _)) => engine.kill().await.is_some(),
            None => false,
        }
    }

    /// The last lines of all that it wrote, redacted; empty where it wrote nothing or is not ours.
    pub fn last_words(&self, redactor: &Redactor) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let mut tail = &bytes[bytes.len().saturating_sub(LAST_WORDS)..];
        if tail.len() < bytes.len() {
            // A line that is cut could hold the end of a secret, which nobody would know for one.
            tail = tail.iter().position(|byte| *byte == b'\n').map_or(&[], |at| &tail[at + 1..]);
        }
        redactor.clean(&String::from_utf8_lossy(tail))
    }

    /// Whether one runs.
    pub async fn is_running(&self) -> bool {
        self.running.lock().await.is_some()
    }

    /// The API of the running engine.
    pub async fn api(&self) -> Result<Engine, Error> {
        match &*self.running.lock().await {
            Some((_, client)) => Ok(client.clone()),
            None => Err(Error::harness("the engine is asked while it is stopped")),
        }
    }
}
