//! A private PostgreSQL cluster: made, started and stopped by us, on a loopback port and a socket
//! in the run's folder. Its postmaster is our direct child. It speaks no SQL.

use super::verifier::verifier;
use crate::base::clock::password;
use crate::base::process::{
    Command, Daemon, Input, PORT_TRIES, RunDir, Signal, User, free_port, run, unprivileged, until,
};
use crate::base::redact::Redactor;
use crate::base::trouble::{OrTrouble, Trouble};
use crate::system::programs::{PgBin, PgVersion, forget_shared_memory};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cluster's superuser.
const SUPERUSER: &str = "pulp-drill";

/// What the path of a Unix socket can hold (`sun_path`, the smaller of Linux's 108 and macOS's 104).
const SOCKET_PATH: usize = 103;

const READY: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(15);

/// Whether what is committed survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `fsync`, `synchronous_commit` and `full_page_writes` off: fast; the cluster must not be
    /// started again after a crash of the machine.
    Off,
    /// PostgreSQL's defaults, for drills about crashes and recovery.
    Full,
}

impl Durability {
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Off => &["fsync=off", "synchronous_commit=off", "full_page_writes=off"],
            Self::Full => &["fsync=on", "synchronous_commit=on", "full_page_writes=on"],
        }
    }
}

/// A running cluster.
#[derive(Clone)]
pub struct PostgresServer {
    /// `127.0.0.1`.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The folder of its Unix socket.
    pub socket_dir: PathBuf,
    /// The role that owns everything.
    pub superuser: String,
    /// Its password; registered with the redactor.
    pub password: String,
    /// The version of the server.
    pub version: PgVersion,
    /// The programs it was started with; clients of the same version.
    pub bin: PgBin,
    /// What it was started with.
    pub durability: Durability,
    /// Its data directory, for faults and recovery at the level of files.
    pub data_dir: PathBuf,
    /// Whom it runs as, when not as us.
    pub user: Option<User>,
    daemon: Daemon,
}

impl PostgresServer {
    /// Makes a new cluster in the run's folder, starts it and waits until it takes connections.
    pub async fn start(
        run_dir: &RunDir,
        bin: &PgBin,
        durability: Durability,
        redactor: &Redactor,
    ) -> Result<Self, Trouble> {
        Self::start_on(run_dir, bin, durability, redactor, free_port).await
    }

    async fn start_on(
        run_dir: &RunDir,
        bin: &PgBin,
        durability: Durability,
        redactor: &Redactor,
        mut port: impl FnMut() -> Result<u16, Trouble>,
    ) -> Result<Self, Trouble> {
        let user = unprivileged();
        let password = password();
        redactor.add(&password);
        if user.is_some() {
            passable(run_dir.path())?;
        }
        let socket_dir = run_dir.private("s", user.as_ref())?;
        if socket_dir.join(".s.PGSQL.65535").as_os_str().len() > SOCKET_PATH {
            return Err(Trouble::environment(format!(
                "the path of the run's folder is too long for a Unix socket: {}",
                socket_dir.display()
            ))
            .hint("set TMPDIR to a folder with a shorter path, /tmp for example"));
        }
        let home = run_dir.private("pg", user.as_ref())?;
        let cluster = Cluster { run_dir, bin, redactor, user, data: home.join("data"), socket_dir };
        cluster.init(&home, &password).await?;
        let (daemon, port) = cluster.launch(durability, &mut port).await?;
        let Cluster { user, data, socket_dir, .. } = cluster;
        Ok(Self {
            host: "127.0.0.1".to_owned(),
            port,
            socket_dir,
            superuser: SUPERUSER.to_owned(),
            password,
            version: bin.version.clone(),
            bin: bin.clone(),
            durability,
            data_dir: data,
            user,
            daemon,
        })
    }

    /// The URL of a database for the superuser, without the password.
    pub fn url(&self, database: &str) -> url::Url {
        let mut url = url::Url::parse(&format!("postgresql://{}:{}", self.host, self.port))
            .expect("a loopback address and a port make a URL");
        url.set_username(&self.superuser).expect("a URL with a host takes a user name");
        url.path_segments_mut().expect("a URL with a host takes a path").push(database);
        url
    }

    /// The postmaster, to be watched, paused or killed.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Shuts it down in PostgreSQL's fast mode: clients are cut off. Its files stay.
    pub async fn stop(&self) {
        self.daemon.terminate(STOP).await;
        // Only a server that was killed has left something here.
        let forgotten = until(|| (!forget_shared_memory(&self.data_dir)).then_some(()));
        drop(tokio::time::timeout(STOP, forgotten).await);
    }
}

impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresServer({}, {:?})", self.url("postgres"), self.daemon)
    }
}

/// A cluster's files, before a server runs on them.
struct Cluster<'a> {
    run_dir: &'a RunDir,
    bin: &'a PgBin,
    redactor: &'a Redactor,
    user: Option<User>,
    data: PathBuf,
    socket_dir: PathBuf,
}

impl Cluster<'_> {
    fn command(&self, program: &str) -> Command {
        self.bin.command(program).user(self.user.clone()).recorded_in(self.run_dir.children())
    }

    /// `initdb`: passwords for everybody, UTF-8, byte order. A verifier is taken in the
    /// place of a password. macOS has no `C.UTF-8`.
    async fn init(&self, home: &Path, password: &str) -> Result<(), Trouble> {
        let file = home.join("password");
        let words = || format!("can't write {}", file.display());
        let mut open = std::fs::OpenOptions::new();
        let mut writer = open.write(true).create_new(true).mode(0o600).open(&file).or_environment(words)?;
        std::io::Write::write_all(&mut writer, verifier(password).as_bytes()).or_environment(words)?;
        if let Some(user) = &self.user {
            crate::base::process::give_tree(&file, user)?;
        }
        let init = |locale: &str| {
            self.command("initdb")
                .args(["--auth=scram-sha-256", "--no-sync", "--no-instructions", "--encoding=UTF8"])
                .arg(format!("--username={SUPERUSER}"))
                .arg(format!("--locale={locale}"))
                .arg(format!("--pwfile={}", file.display()))
                .arg(format!("--pgdata={}", self.data.display()))
        };
        let mut ran = run(init("C.UTF-8"), self.redactor).await?;
        if !ran.exit.is_success() && ran.stderr.text.contains("locale") {
            ran = run(init("C"), self.redactor).await?;
        }
        ran.or_trouble("can't make a PostgreSQL cluster")?;
        std::fs::remove_file(&file).or_environment(|| format!("can't remove {}", file.display()))
    }

    /// Starts the server; once more on another port when somebody took the one it was given.
    async fn launch(
        &self,
        durability: Durability,
        port: &mut impl FnMut() -> Result<u16, Trouble>,
    ) -> Result<(Daemon, u16), Trouble> {
        let mut attempt = 1;
        loop {
            let port = port()?;
            let log = self.run_dir.path().join(format!("postgres-{attempt}.log"));
            let daemon = Daemon::start(self.server(durability, port), &log, self.redactor).await?;
            let pid = daemon.pid();
            let ready = until(|| says_ready(&self.data, pid).then_some(()));
            match daemon.wait_ready("PostgreSQL", READY, ready).await {
                Ok(()) => return Ok((daemon, port)),
                Err(_) if attempt < PORT_TRIES && daemon.log_text().contains("Address already in use") => {
                    attempt += 1;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    fn server(&self, durability: Durability, port: u16) -> Command {
        let sockets = format!("unix_socket_directories={}", self.socket_dir.display());
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_permissions=0700",
            "max_connections=200",
            "shared_buffers=32MB",
            // Files in the data directory, so that nothing is left in /dev/shm by a killed server.
            "dynamic_shared_memory_type=mmap",
            "logging_collector=off",
            "log_destination=stderr",
            "lc_messages=C",
            sockets.as_str(),
        ];
        let mut command = self
            .command("postgres")
            .cwd(&self.data)
            .arg("-D")
            .arg(&self.data)
            .arg("-p")
            .arg(port.to_string())
            // Fast shutdown when asked to end; immediate shutdown, which cleans up, when we are dead.
            .stop_signal(Signal::SIGINT)
            .death_signal(Signal::SIGQUIT)
            .input(Input::Nothing);
        for setting in settings.iter().chain(durability.settings()) {
            command = command.arg("-c").arg(setting);
        }
        command
    }
}

/// Whether this very postmaster takes connections: the eighth line of `postmaster.pid`
/// (`LOCK_FILE_LINE_PM_STATUS` in PostgreSQL's `miscadmin.h`), which `pg_ctl` waits for too.
fn says_ready(data: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// Another user must be able to pass through every folder above the run's.
fn passable(folder: &Path) -> Result<(), Trouble> {
    for above in folder.ancestors() {
        let meta = above.metadata().or_environment(|| format!("can't look at {}", above.display()))?;
        if meta.mode() & 0o001 == 0 {
            return Err(Trouble::environment(format!(
                "PostgreSQL's user can't pass through {}",
                above.display()
            ))
            .hint("set TMPDIR to a folder that everybody can pass through, /tmp for example"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::process::Base;
    use crate::runbook::provision::processes::{Places, discover};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_cannot_pass_is_named() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        std::fs::create_dir_all(closed.join("run")).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::set_permissions(closed.join("run"), std::fs::Permissions::from_mode(0o711)).unwrap();
        let trouble = passable(&closed.join("run")).unwrap_err();
        assert!(trouble.what.ends_with(&closed.display().to_string()), "{trouble}");
        assert!(trouble.hint.unwrap().contains("TMPDIR"));
    }

    #[tokio::test]
    async fn a_port_lost_to_somebody_else_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "port", false).unwrap();
        let bin = discover(&Places::of_machine()).await.or_trouble().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy = taken.local_addr().unwrap().port();
        let mut asked = 0;
        let port = || {
            asked += 1;
            if asked == 1 { Ok(busy) } else { free_port() }
        };
        let redactor = Redactor::new();
        let server =
            PostgresServer::start_on(&run_dir, &bin, Durability::Off, &redactor, port).await.unwrap();
        assert_ne!(server.port, busy);
        server.stop().await;
        assert_eq!(asked, 2);
    }
}
