//! `Site<Source>` and `Site<Restored>`: handles to a database, buckets and an engine, and nothing
//! else. A check takes a `Site<Restored>` and the recorded expectation: the type keeps it from
//! looking at the source, so it can't pass by comparing a thing with itself.

use crate::{
    base::{ids::BucketName, process::Children, redact::Redactor, trouble::Trouble},
    model::profile::Profile,
    system::{
        engine::{ApiKeys, Engine, EngineProcess, Launch, Start},
        gate::Gate,
        objects::{Bucket, S3Access, Store},
        postgres::{Access, Postgres},
        programs::PgBin,
    },
};
use std::{collections::BTreeMap, marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};
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
    /// The database, with the credentials of its owner.
    pub database: Access,
    /// The object store's credentials.
    pub s3: S3Access,
    /// The object store.
    pub store: Store,
    /// The engine's bucket.
    pub objects: Bucket,
    /// Its name.
    pub bucket: BucketName,
    /// The bucket that backups are copied into.
    pub backups: Bucket,
    /// Its name.
    pub backup_bucket: BucketName,
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
    /// The open door to the database.
    pub connection: Mutex<Option<Postgres>>,
    /// Secrets to keep out of what is printed.
    pub redactor: Redactor,
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
    /// The door to the site's database, opened once: logging in costs more than most questions.
    pub async fn connect(&self) -> Result<Postgres, Trouble> {
        let mut connection = self.connection.lock().await;
        if let Some(postgres) = &*connection {
            return Ok(postgres.clone());
        }
        let postgres = Postgres::connect(&self.database).await?;
        *connection = Some(postgres.clone());
        Ok(postgres)
    }

    /// Closes the door: before the database is dropped, and so that nothing of ours stands in an
    /// operator's way.
    pub async fn disconnect(&self) {
        if let Some(postgres) = self.connection.lock().await.take() {
            postgres.close().await;
        }
    }
}

/// How long an engine may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);

/// How much of an engine's output is kept with the run, in bytes.
const LAST_WORDS: usize = 256 * 1024;

/// The engine of a site: how it is started, and the one that runs.
pub struct EngineSlot {
    /// How to start it, or where it is.
    pub launch: Launch,
    /// Its environment (secrets included), without `PORT`.
    pub env: BTreeMap<String, String>,
    /// Its keys.
    pub keys: ApiKeys,
    /// Where its output goes.
    pub log: PathBuf,
    /// How long it may take until it is ready.
    pub ready_within: Duration,
    /// Where its process is recorded.
    pub children: Children,
    /// The one that runs.
    pub running: Mutex<Option<(EngineProcess, Engine)>>,
}

impl EngineSlot {
    /// Starts the engine and waits until it says that it is ready. One that runs already stays.
    pub async fn start(&self, redactor: &Redactor) -> Result<(), Trouble> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let with = Start {
                env: &self.env,
                log: &self.log,
                children: Some(&self.children),
                redactor,
                ready_within: self.ready_within,
            };
            let engine = EngineProcess::start(&self.launch, &with).await?;
            let client = engine.client(&self.keys);
            *running = Some((engine, client));
        }
        Ok(())
    }

    /// Stops the engine as an operator would (SIGTERM, then SIGKILL). Says whether one ran.
    pub async fn stop(&self) -> bool {
        match self.running.lock().await.take() {
            Some((engine, _)) => engine.stop(GRACE).await.is_some(),
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

    /// The API of the running engine.
    pub async fn api(&self) -> Result<Engine, Trouble> {
        match &*self.running.lock().await {
            Some((_, client)) => Ok(client.clone()),
            None => Err(Trouble::harness("the engine is asked while it is stopped")),
        }
    }
}
