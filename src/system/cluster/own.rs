//! A server of a scenario's own: archived WAL, a data directory at hand, and more data directories
//! that the server can be put on, one after another. Everything is in one folder and goes with it.

use super::{Cluster, Durability, Launched, SUPERUSER, stop};
use crate::base::clock::password;
use crate::base::process::{self, Daemon, RunDir, User, free_port, give_tree, unprivileged};
use crate::base::redact::Redactor;
use crate::base::trouble::{OrGone, OrTrouble, Trouble};
use crate::system::postgres::Access;
use crate::system::programs::PgBin;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// A PostgreSQL server of a site's own: with `archive_mode=on`, WAL segments of one MiB, full
/// durability, and the harness's superuser.
pub struct OwnServer {
    cluster: Cluster,
    home: PathBuf,
    password: String,
    at: Mutex<At>,
}

/// Where the server is now.
struct At {
    data: PathBuf,
    /// None while it is stopped.
    daemon: Option<Daemon>,
    port: u16,
    /// How many starts there were: their logs are told apart.
    starts: usize,
    /// How many data directories there were.
    folders: usize,
}

/// How a start of the server went.
#[derive(Debug)]
pub enum Came {
    /// It takes connections; on this port, which may be another than before.
    Up(u16),
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
        bin: &PgBin,
        redactor: &Redactor,
    ) -> Result<Self, Trouble> {
        let user = unprivileged();
        let password = password();
        redactor.add(&password);
        let home = run_dir.private(name, user.as_ref())?;
        let socket_dir = run_dir.private(&format!("{name}/s"), user.as_ref())?;
        run_dir.private(&format!("{name}/archive"), user.as_ref())?;
        let cluster = Cluster {
            bin: bin.clone(),
            user,
            children: run_dir.children().clone(),
            redactor: redactor.clone(),
            socket_dir,
        };
        cluster.check()?;
        let data = home.join("data");
        // Small segments: a drill switches often and writes little.
        cluster.init(&home, &data, &password, &["--wal-segsize=1"]).await?;
        let at = At { data: data.clone(), daemon: None, port: 0, starts: 0, folders: 1 };
        let server = Self { cluster, home, password, at: Mutex::new(at) };
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
        match server.start_on(&data).await? {
            Came::Up(_) => Ok(server),
            Came::Down(log) => Err(Trouble::environment("PostgreSQL ended before it was ready").cause(log.0)),
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
        self.cluster.user.as_ref()
    }

    /// The data directory that the server is on, or was on last.
    pub async fn data_dir(&self) -> PathBuf {
        self.at.lock().await.data.clone()
    }

    /// A database of the server, for the superuser.
    pub async fn access(&self, database: &str) -> Access {
        Access {
            host: "127.0.0.1".to_owned(),
            port: self.at.lock().await.port,
            user: SUPERUSER.to_owned(),
            password: self.password.clone(),
            database: database.to_owned(),
        }
    }

    /// The path of another data directory, which is not there yet.
    pub async fn fresh_dir(&self) -> PathBuf {
        let mut at = self.at.lock().await;
        at.folders += 1;
        self.home.join(format!("data-{}", at.folders))
    }

    /// Adds settings to a data directory's `postgresql.auto.conf`, as `ALTER SYSTEM` does; they take
    /// effect at the server's next start. The last value of a setting counts.
    pub fn set(&self, data: &Path, settings: &[(&str, &str)]) -> Result<(), Trouble> {
        let path = data.join("postgresql.auto.conf");
        let words = || format!("can't write {}", path.display());
        let lines: String = settings
            .iter()
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect();
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(&path).or_environment(words)?;
        file.write_all(lines.as_bytes()).or_environment(words)?;
        self.give(&path)
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
    pub fn give(&self, path: &Path) -> Result<(), Trouble> {
        self.user().map_or(Ok(()), |user| give_tree(path, user))
    }

    /// Starts the server on a data directory, after stopping it where it still runs. The site is put
    /// on it by [`Handles::flip`](crate::site::Handles::flip) with [`OwnServer::access`].
    ///
    /// It is up when it takes connections; with `hot_standby=off`, when recovery has ended.
    pub async fn start_on(&self, data: &Path) -> Result<Came, Trouble> {
        let mut at = self.at.lock().await;
        if let Some(daemon) = at.daemon.take() {
            stop(&daemon, &at.data).await;
        }
        data.clone_into(&mut at.data);
        at.starts += 1;
        let log = self.home.join(format!("postgres-{}", at.starts));
        match self.cluster.launch(data, Durability::Full, &log, &mut free_port).await? {
            Launched::Ready(daemon, port) => {
                at.daemon = Some(daemon);
                at.port = port;
                Ok(Came::Up(port))
            }
            Launched::Ended(daemon, _) => Ok(Came::Down(Log(daemon.log_text()))),
        }
    }

    /// Stops the server in fast mode. Its files stay.
    pub async fn stop(&self) {
        let mut at = self.at.lock().await;
        if let Some(daemon) = at.daemon.take() {
            stop(&daemon, &at.data).await;
        }
    }

    /// What the server that runs has written, redacted.
    pub async fn log_text(&self) -> String {
        self.at.lock().await.daemon.as_ref().map(Daemon::log_text).unwrap_or_default()
    }

    /// Stops the server and removes its data directory: the loss. The archive stays.
    pub async fn lose(&self) -> Result<(), Trouble> {
        self.stop().await;
        let data = self.data_dir().await;
        remove(&data)
    }

    /// Stops the server and removes all that is its.
    pub async fn remove(&self) -> Result<(), Trouble> {
        self.stop().await;
        remove(&self.home)
    }

    /// Lets the server run on after the harness has gone.
    pub async fn release(&self) {
        if let Some(daemon) = &self.at.lock().await.daemon {
            daemon.release();
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

fn remove(folder: &Path) -> Result<(), Trouble> {
    std::fs::remove_dir_all(folder).or_gone().or_environment(|| format!("can't remove {}", folder.display()))
}
