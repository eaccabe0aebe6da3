//! A server of a scenario's own: archived WAL, a data directory at hand, and more data directories
//! that the server can be put on, one after another. Everything is in one folder and goes with it.

use super::container::{Contained, DataDirectory, InContainer};
use super::{Cluster, Durability, Launched, PageChecksums, STOP, SUPERUSER, stop};
use crate::base::clock::password;
use crate::base::error::{Error, ErrorContext};
use crate::base::folder;
use crate::base::process::{self, Daemon, RunDir, User, free_port, give_tree, unprivileged};
use crate::base::redact::Redactor;
use crate::base::sync::MutexExt as _;
use crate::system::containers::Container;
use crate::system::postgres::Access;
use crate::system::programs::PgBin;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, MutexGuard};

/// Small segments: a drill switches often and writes little.
const SEGMENTS: &str = "--wal-segsize=1";

/// A page that is damaged in a backup must be noticed.
const CHECKSUMS: &str = "--data-checksums";

/// A PostgreSQL server of a site's own: with `archive_mode=on`, WAL segments of one MiB, full
/// durability, and the harness's superuser.
pub struct OwnServer {
    by: By,
    run: PathBuf,
    /// Whom the server runs as, when not as us.
    user: Option<User>,
    pub(super) redactor: Redactor,
    home: PathBuf,
    password: String,
    at: Mutex<At>,
    /// What the checksums of the data directory showed that was restored last.
    pages: std::sync::Mutex<Option<PageChecksums>>,
}

/// Where a server's programs are from.
#[derive(Clone, Copy, Debug)]
pub enum ServerPrograms<'a> {
    /// This machine.
    Here(&'a PgBin),
    /// This image. The server sees its folders under the paths that they have here.
    Image(&'a str),
}

/// How the server is started.
pub(super) enum By {
    Programs(Cluster),
    Image(String),
}

/// The server that runs.
enum Running {
    Process(Daemon),
    Container(Container),
}

/// Where the server is now.
pub(super) struct At {
    data: PathBuf,
    durability: Durability,
    /// Options of `postgres -c`.
    settings: Vec<String>,
    /// None while it is stopped.
    running: Option<Running>,
    /// How the superuser reaches the database `postgres`.
    access: Access,
    /// How many starts there were, for distinct log names.
    starts: usize,
    /// How many data directories there were.
    folders: usize,
}

/// How a start of the server went.
#[derive(Debug)]
pub enum Came {
    /// It takes connections, on another port than before. What it wrote until then, redacted.
    Up(Log),
    /// It ended by itself. What it wrote, redacted.
    Down(Log),
}

/// What a server wrote, redacted.
#[derive(Clone, Debug)]
pub struct Log(pub String);

impl Log {
    /// How it ended, for a finding.
    pub fn end(&self) -> String {
        format!("the server ended by itself:\n{}", process::tail(&self.0, 12))
    }
}

impl OwnServer {
    /// Makes a cluster in the run's folder `name`, turns archiving on and starts the server.
    pub async fn start(
        run_dir: &RunDir,
        name: &str,
        origin: ServerPrograms<'_>,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        let user = unprivileged();
        let password = password();
        redactor.add(&password);
        let home = run_dir.private(name, user.as_ref())?;
        run_dir.private(&format!("{name}/archive"), user.as_ref())?;
        let by = match origin {
            ServerPrograms::Here(bin) => {
                let cluster = Cluster {
                    bin: bin.clone(),
                    user: user.clone(),
                    children: run_dir.children().clone(),
                    redactor: redactor.clone(),
                    socket_dir: run_dir.private(&format!("{name}/s"), user.as_ref())?,
                };
                cluster.check()?;
                By::Programs(cluster)
            }
            ServerPrograms::Image(name) => By::Image(name.to_owned()),
        };
        let data = home.join("data");
        let access = Access {
            host: "127.0.0.1".to_owned(),
            port: 0,
            user: SUPERUSER.to_owned(),
            password: password.clone(),
            database: "postgres".to_owned(),
            tls: BTreeMap::new(),
        };
        let (durability, settings) = (Durability::Full, Vec::new());
        let at =
            At { data: data.clone(), durability, settings, running: None, access, starts: 0, folders: 1 };
        let (run, redactor) = (run_dir.path().to_owned(), redactor.clone());
        let (at, pages) = (Mutex::new(at), std::sync::Mutex::default());
        let server = Self { by, run, user, redactor, home, password, at, pages };
        server.init(&data).await?;
        let archive = archive_command(&server.archive());
        server.set(
            &data,
            &[
                ("wal_level", "replica"),
                ("archive_mode", "on"),
                ("archive_command", archive.as_str()),
                // A recovery target can then be a transaction's very time.
                ("track_commit_timestamp", "on"),
            ],
        )?;
        server.must_start_on(&data).await?;
        Ok(server)
    }

    async fn init(&self, data: &Path) -> Result<(), Error> {
        match &self.by {
            By::Programs(cluster) => {
                cluster.init(&self.home, data, &self.password, &[SEGMENTS, CHECKSUMS]).await
            }
            By::Image(_) => {
                // Its entrypoint makes the cluster when it is first started.
                self.must_start_on(data).await?;
                let hba = data.join("pg_hba.conf");
                self.append(&hba, "host replication all all scram-sha-256\n")
            }
        }
    }

    async fn must_start_on(&self, data: &Path) -> Result<(), Error> {
        match self.start_on(data).await? {
            Came::Up(_) => Ok(()),
            Came::Down(log) => Err(Error::environment("PostgreSQL ended before it was ready").cause(log.0)),
        }
    }

    /// The folder that holds all that is the server's; private to the user that it runs as.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where `archive_command` puts WAL segments. It outlives the data directory.
    pub fn archive(&self) -> PathBuf {
        self.home.join("archive")
    }

    /// Whom the server runs as, when not as us: whoever writes into its folders must be it, or give
    /// what is written to it.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// The data directory that the server is on, or was on last.
    pub async fn data_dir(&self) -> PathBuf {
        self.at.lock().await.data.clone()
    }

    /// A database of the server, for the superuser.
    pub async fn access(&self, database: &str) -> Access {
        self.at.lock().await.access.with_database(database)
    }

    /// The path of another data directory, which is not there yet.
    pub async fn fresh_dir(&self) -> PathBuf {
        let mut at = self.at.lock().await;
        at.folders += 1;
        self.home.join(format!("data-{}", at.folders))
    }

    /// Adds settings to a data directory's `postgresql.auto.conf`, as `ALTER SYSTEM` does; they take
    /// effect at the server's next start. The last value of a setting counts.
    pub fn set(&self, data: &Path, settings: &[(&str, &str)]) -> Result<(), Error> {
        let lines: String = settings
            .iter()
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect();
        self.append(&data.join("postgresql.auto.conf"), &lines)
    }

    fn append(&self, path: &Path, text: &str) -> Result<(), Error> {
        let context = || format!("can't write {}", path.display());
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(path).or_environment(context)?;
        file.write_all(text.as_bytes()).or_environment(context)?;
        self.give(path)
    }

    /// The command by which a recovery fetches WAL from the archive (`restore_command`).
    pub fn restore_command(&self) -> String {
        format!("cp {}/%f %p", quoted(&self.archive()))
    }

    /// Whether a WAL segment of a server on this data directory is whole in the archive: the server
    /// has no more to do about it.
    pub fn has_archived(&self, data: &Path, segment: &str) -> bool {
        let waiting = data.join("pg_wal/archive_status").join(format!("{segment}.ready"));
        self.archive().join(segment).is_file() && !waiting.exists()
    }

    /// Gives a file or folder to the user that the server runs as.
    pub fn give(&self, path: &Path) -> Result<(), Error> {
        self.user().map_or(Ok(()), |user| give_tree(path, user))
    }

    /// Starts the server on a data directory, after stopping it where it still runs. The site is put
    /// on it by [`Handles::flip`](crate::site::Handles::flip) with [`OwnServer::access`].
    ///
    /// It is up when it takes connections; with `hot_standby=off`, when recovery has ended.
    pub async fn start_on(&self, data: &Path) -> Result<Came, Error> {
        let mut at = self.at.lock().await;
        at.stop().await;
        data.clone_into(&mut at.data);
        at.starts += 1;
        let log = self.home.join(format!("postgres-{}", at.starts));
        let cluster = match &self.by {
            By::Programs(cluster) => cluster,
            By::Image(image) => return self.start_image(image, &mut at, &log).await,
        };
        let with = (at.durability, &*at.settings);
        match cluster.launch(data, with, &log, &mut free_port).await? {
            Launched::Ready(daemon, port) => {
                let log = Log(daemon.log_text());
                at.running = Some(Running::Process(daemon));
                at.access.port = port;
                Ok(Came::Up(log))
            }
            Launched::Ended(daemon, _) => Ok(Came::Down(Log(daemon.log_text()))),
        }
    }

    async fn start_image(&self, image: &str, at: &mut At, log: &Path) -> Result<Came, Error> {
        let us = || (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let server = Contained {
            image,
            password: &self.password,
            initdb: &[SEGMENTS, CHECKSUMS],
            durability: Durability::Full,
            place: Some(DataDirectory {
                home: &self.home,
                data: &at.data,
                owner: self.user.as_ref().map_or_else(us, |user| (user.uid, user.gid)),
            }),
            run: &self.run,
            log: &log.with_extension("log"),
        };
        match server.launch(&self.redactor).await? {
            InContainer::Ready(container, access) => {
                let log = Log(container.output().await);
                (at.running, at.access) = (Some(Running::Container(container)), access);
                Ok(Came::Up(log))
            }
            InContainer::Ended(container, _) => {
                let log = Log(container.output().await);
                container.kill().await;
                Ok(Came::Down(log))
            }
        }
    }

    /// Starts the server on a restored data directory and lets it recover; then the checksums of all pages are
    /// checked, for which it is stopped in between.
    pub async fn start_restored(&self, data: &Path) -> Result<Came, Error> {
        let recovered = match self.start_on(data).await? {
            Came::Up(log) => log,
            down @ Came::Down(_) => return Ok(down),
        };
        if let By::Programs(cluster) = &self.by {
            self.stop().await;
            self.check_pages(cluster, data).await?;
            self.must_start_on(data).await?;
        } else {
            let why = "the server runs in a container".to_owned();
            *self.pages.lock_unpoisoned() = Some(PageChecksums::Unchecked(why));
        }
        Ok(Came::Up(recovered))
    }

    /// Checks the pages of a data directory that the server was stopped on.
    pub(super) async fn check_pages(&self, cluster: &Cluster, data: &Path) -> Result<(), Error> {
        let pages = cluster.page_checksums(data).await?;
        *self.pages.lock_unpoisoned() = Some(pages);
        Ok(())
    }

    /// What the checksums of the data directory showed that was restored last, if one was.
    pub fn pages(&self) -> Option<PageChecksums> {
        self.pages.lock_unpoisoned().clone()
    }

    pub(super) fn by(&self) -> &By {
        &self.by
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) async fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().await
    }

    /// Stops the server in fast mode. Its files stay.
    pub async fn stop(&self) {
        self.at.lock().await.stop().await;
    }

    /// Stops the server and removes its data directory: the loss. The archive stays.
    pub async fn lose(&self) -> Result<(), Error> {
        self.stop().await;
        let data = self.data_dir().await;
        folder::remove(&data)
    }

    /// Stops the server and removes all that is its.
    pub async fn remove(&self) -> Result<(), Error> {
        self.stop().await;
        folder::remove(&self.home)
    }

    /// Lets the server run on after the harness has gone.
    pub async fn release(&self) {
        // Containers are never left running.
        if let Some(Running::Process(daemon)) = &self.at.lock().await.running {
            daemon.release();
        }
    }
}

impl At {
    /// From the next start on the server has these settings.
    pub(super) fn started_with(&mut self, durability: Durability, settings: Vec<String>) {
        (self.durability, self.settings) = (durability, settings);
    }

    async fn stop(&mut self) {
        match self.running.take() {
            Some(Running::Process(daemon)) => stop(&daemon, &self.data).await,
            Some(Running::Container(container)) => drop(container.interrupt(STOP).await),
            None => {}
        }
    }
}

impl std::fmt::Debug for OwnServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnServer({})", self.home.display())
    }
}

/// Copies a segment and never overwrites one (PostgreSQL, "Setting Up WAL Archiving").
fn archive_command(archive: &Path) -> String {
    let folder = quoted(archive);
    format!("test ! -f {folder}/%f && cp %p {folder}/%f")
}

/// One word for a shell.
fn quoted(path: &Path) -> String {
    shell_words::quote(&path.display().to_string()).into_owned()
}
