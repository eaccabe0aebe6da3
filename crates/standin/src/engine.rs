//! The stand-in engine: implements Pulp Engine's contract on Postgres or files and a binary store, so
//! that drills run where the real engine is not available. It runs as its own process and is reached
//! over HTTP only. It is not Pulp Engine: it shares the wire format of the official client, the
//! environment variables and the documented behaviour.
//!
//! `settings` reads the environment, `schema` owns the database's shape, `rows` reads and writes it
//! (or the files of file mode), `store` holds the binaries,
//! `rendering` the way from a request to a document (drawn by `render`), `routes` the HTTP side,
//! `dispatcher`, `delivery` and `jobs` what runs by itself, `writes` in which order the stores are
//! touched, `defects` the deliberate misbehaviour.

mod access;
mod app;
mod caller;
mod defects;
mod delivery;
mod dispatcher;
mod error;
mod failure;
mod jobs;
pub mod render;
mod rendering;
mod routes;
mod rows;
mod schema;
pub mod settings;
mod store;
mod undeletes;
mod writes;

pub use defects::Defect;
pub use error::EngineError;

use app::{App, Shared};
use rows::{FileRows, PostgresRows, Rows};
use schema::Release;
use settings::{RowSettings, Settings};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreSettings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use writes::{Afterwards, Turns};

/// How long requests in flight may take to finish after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// `pulp-drill standin engine`: configured by the environment, misbehaving on request.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct EngineArgs {
    /// Misbehave in this way; may be given several times (also PULP_STANDIN_DEFECTS=a,b)
    #[arg(long = "defect", value_name = "NAME", value_enum)]
    pub defects: Vec<Defect>,
}

/// `pulp-drill standin migrate`: where to.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct MigrateArgs {
    /// Stop after this step of the schema, as an older release would
    #[arg(long, value_name = "STEP", env = "PULP_STANDIN_SCHEMA")]
    pub to: Option<i32>,
    /// Apply half of the last step and fail, like a migration that was killed
    #[arg(long, hide = true)]
    pub stop_in_the_middle: bool,
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight. Prints one line on stdout once
/// it listens.
///
/// # Errors
/// When it cannot start: see [`EngineError`].
pub async fn serve(args: EngineArgs) -> Result<(), EngineError> {
    let running = start(Settings::from_env(&args.defects)?).await?;
    let address = running.address();
    let broken = |source| EngineError::Serve { address: address.to_string(), source };
    // Before the line is out: who read it may send the signal at once.
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    announce(address).map_err(broken)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await
}

fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// Brings the schema of `DATABASE_URL` forward; does nothing when it is current. In file mode there
/// is no schema, and a message reports that.
///
/// # Errors
/// When the database cannot be used, or its schema is newer than this engine, not its own, or half
/// migrated.
pub async fn migrate(args: &MigrateArgs) -> Result<(), EngineError> {
    let lookup = |name: &str| std::env::var(name).ok();
    if settings::file_mode(&lookup)? {
        let unwritable = |source| EngineError::Serve { address: "standard output".into(), source };
        return writeln!(std::io::stdout(), "file mode has no schema: nothing to migrate")
            .map_err(unwritable);
    }
    migrate_database(&settings::database(&lookup)?, args).await
}

/// [`migrate`] for a database that is named otherwise.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_database(database: &PgConnectOptions, args: &MigrateArgs) -> Result<(), EngineError> {
    let release = match args.to {
        None => Release::NEWEST,
        Some(step) => Release::ending_at(step)
            .ok_or_else(|| EngineError::Settings(format!("the schema has no step {step}")))?,
    };
    let mut connection = PgConnection::connect_with(database).await?;
    let refused = schema::migrate(&mut connection, release, args.stop_in_the_middle).await?;
    connection.close().await?;
    refused
        .and_then(|state| state.complaint())
        .map_or(Ok(()), |complaint| Err(EngineError::Schema(complaint)))
}

/// An engine that listens.
pub struct EngineServer {
    address: SocketAddr,
    app: Shared,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    dispatcher: JoinHandle<()>,
}

impl EngineServer {
    /// Where it listens, the port resolved.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new requests, finishes those in flight and their remaining work, and closes the
    /// database connections.
    ///
    /// # Errors
    /// When serving had broken off.
    pub async fn stop(self) -> Result<(), EngineError> {
        self.dispatcher.abort();
        let _ = self.stop.send(true);
        let ended = tokio::time::timeout(DRAIN, self.server).await;
        let _ = tokio::time::timeout(DRAIN, self.app.afterwards.finish()).await;
        self.app.rows.close().await;
        match ended {
            Ok(Ok(Err(source))) => Err(EngineError::Serve { address: self.address.to_string(), source }),
            Ok(Ok(Ok(())) | Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// Checks database, schema and stores, then listens.
///
/// # Errors
/// When any of them cannot be used; nothing listens then.
pub async fn start(settings: Settings) -> Result<EngineServer, EngineError> {
    let rows = open_rows(&settings.rows).await?;
    let binaries = open("asset store", &settings.binaries).await?;
    let results = match &settings.results {
        Some(place) => Some(open("store for job results", place).await?),
        None => None,
    };
    let address = format!("{}:{}", settings.host, settings.port);
    let refused = |source| EngineError::Serve { address: address.clone(), source };
    let listener = TcpListener::bind(&address).await.map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    let (turns, afterwards, schedules_changed) = (Turns::default(), Afterwards::default(), Notify::new());
    let started = chrono::Utc::now();
    let app =
        Arc::new(App { rows, binaries, results, settings, turns, afterwards, schedules_changed, started });
    let begun = |failure: failure::Failure| EngineError::Begin(failure.message);
    app.settings.defects.start(&*app.rows).await.map_err(begun)?;
    jobs::recover(&app).await.map_err(begun)?;
    let (stop, mut stopped) = watch::channel(false);
    let asked = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let server = tokio::spawn(listen(listener, app.clone(), asked));
    let dispatcher = tokio::spawn(dispatcher::run(app.clone()));
    Ok(EngineServer { address: local, app, stop, server, dispatcher })
}

async fn listen(
    listener: TcpListener,
    app: Shared,
    asked: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes::router(app)).with_graceful_shutdown(asked).await
}

async fn open_rows(settings: &RowSettings) -> Result<Box<dyn Rows>, EngineError> {
    match settings {
        RowSettings::Database { options, release } => {
            let mut connection = PgConnection::connect_with(options).await?;
            if let Some(complaint) = schema::state(&mut connection, *release).await?.complaint() {
                return Err(EngineError::Schema(complaint));
            }
            connection.close().await?;
            let pool = PgPoolOptions::new().max_connections(5).acquire_timeout(Duration::from_secs(3));
            let db = pool.connect_lazy_with(options.as_ref().clone());
            Ok(Box::new(PostgresRows::new(db, *release)))
        }
        RowSettings::Files { templates, assets } => {
            let files = FileRows::open(templates.clone(), assets.clone());
            Ok(Box::new(files.map_err(|error| EngineError::Library(error.to_string()))?))
        }
    }
}

async fn open(what: &'static str, place: &StoreSettings) -> Result<Store, EngineError> {
    Store::open(place).await.map_err(|failure| EngineError::Store {
        what,
        place: place.to_string(),
        failure: failure.to_string(),
    })
}
