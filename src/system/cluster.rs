//! PostgreSQL clusters of our own: made, started and stopped by us, on a loopback port and a socket
//! in the run's folder. A postmaster is our direct child, or the one of a container. An existing
//! cluster is never touched.

mod checksums;
mod container;
mod dedicated;
mod foreign;
mod verifier;

pub use checksums::PageChecksums;
pub use container::{Contained, InContainer};
pub use dedicated::{Came, OwnServer, ServerPrograms};
pub use foreign::ControlData;

use crate::base::error::{Error, ErrorContext};
use crate::base::process::{
    Children, Command, CommandInput, Daemon, PORT_TRIES, Progress, Signal, User, give_tree, run, until,
};
use crate::base::redact::Redactor;
use crate::system::programs::{PgBin, forget_shared_memory};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use verifier::verifier;

/// The superuser of every cluster of ours.
pub const SUPERUSER: &str = "pulp-drill";

/// What the path of a Unix socket can hold (`sun_path`, the smaller of Linux's 108 and macOS's 104).
const SOCKET_PATH: usize = 103;

/// How long a server in a container may take, `initdb` included.
const READY: Duration = Duration::from_secs(90);

/// How long a server that starts or recovers may read and write nothing. There is no limit on a recovery
/// that makes progress.
const STALLED: Duration = Duration::from_secs(120);

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

/// How clusters are made and run: by which programs, as whom, with which socket.
#[derive(Clone)]
pub struct Cluster {
    /// The programs.
    pub bin: PgBin,
    /// Whom servers run as, when not as us.
    pub user: Option<User>,
    /// Where processes are recorded.
    pub children: Children,
    /// Removes secrets from server output.
    pub redactor: Redactor,
    /// The folder of the socket; that user's.
    pub socket_dir: PathBuf,
}

/// How a start went.
#[derive(Debug)]
pub enum Launched {
    /// The server takes connections on this port. One that recovers has come to its end, unless it
    /// is a hot standby.
    Ready(Daemon, u16),
    /// It ended by itself: why, with the end of its log.
    Ended(Daemon, Error),
}

impl Cluster {
    /// Refuses a folder whose path is too long for a socket, or that its user can't reach.
    pub fn check(&self) -> Result<(), Error> {
        if self.socket_dir.join(".s.PGSQL.65535").as_os_str().len() > SOCKET_PATH {
            return Err(Error::environment(format!(
                "the path of the run's folder is too long for a Unix socket: {}",
                self.socket_dir.display()
            ))
            .hint("set TMPDIR to a folder with a shorter path, /tmp for example"));
        }
        match (&self.user, self.socket_dir.parent()) {
            (Some(user), Some(above)) => passable(above, user),
            _ => Ok(()),
        }
    }

    fn command(&self, program: &str) -> Command {
        self.bin.command(program).user(self.user.clone()).recorded_in(&self.children)
    }

    /// `initdb`: passwords for everybody, UTF-8, byte order. A verifier is taken in the
    /// place of a password. macOS has no `C.UTF-8`. `home` is the folder around `data`.
    pub async fn init(
        &self,
        home: &Path,
        data: &Path,
        password: &str,
        options: &[&str],
    ) -> Result<(), Error> {
        let file = home.join("password");
        let context = || format!("can't write {}", file.display());
        let mut open = std::fs::OpenOptions::new();
        let mut writer = open.write(true).create_new(true).mode(0o600).open(&file).or_environment(context)?;
        // Before PostgreSQL 14, initdb cuts what it reads at 99 characters: no room for a verifier.
        let secret = match self.bin.version.major {
            ..14 => password.to_owned(),
            14.. => verifier(password),
        };
        std::io::Write::write_all(&mut writer, secret.as_bytes()).or_environment(context)?;
        if let Some(user) = &self.user {
            give_tree(&file, user)?;
        }
        let init = |locale: &str| {
            self.command("initdb")
                .args(["--auth=scram-sha-256", "--no-sync", "--encoding=UTF8"])
                .args(options)
                .arg(format!("--username={SUPERUSER}"))
                .arg(format!("--locale={locale}"))
                .arg(format!("--pwfile={}", file.display()))
                .arg(format!("--pgdata={}", data.display()))
        };
        let mut ran = run(init("C.UTF-8"), &self.redactor).await?;
        if !ran.exit.is_success() && ran.stderr.text.contains("locale") {
            ran = run(init("C"), &self.redactor).await?;
        }
        ran.or_error("can't make a PostgreSQL cluster")?;
        std::fs::remove_file(&file).or_environment(|| format!("can't remove {}", file.display()))
    }

    /// Starts a server on a data directory and waits until it takes connections; once more on another
    /// port when another process took the first one. Each attempt writes `<log>-<attempt>.log`.
    ///
    /// `settings` are options of `postgres -c`, beside those of every cluster.
    pub async fn launch(
        &self,
        data: &Path,
        (durability, settings): (Durability, &[String]),
        log: &Path,
        port: &mut impl FnMut() -> Result<u16, Error>,
    ) -> Result<Launched, Error> {
        let mut attempt = 1;
        loop {
            let port = port()?;
            let log = PathBuf::from(format!("{}-{attempt}.log", log.display()));
            let server = self.server(data, durability, port, settings);
            let daemon = Daemon::start(server, &log, &self.redactor).await?;
            let pid = daemon.pid();
            let ready = until(|| says_ready(data, pid).then_some(()));
            let progress = Progress::with_patience(STALLED);
            match daemon.wait_progressing("PostgreSQL", &progress, ready).await {
                Ok(()) => return Ok(Launched::Ready(daemon, port)),
                Err(_) if attempt < PORT_TRIES && daemon.log_text().contains("Address already in use") => {
                    attempt += 1;
                }
                Err(error) if daemon.exit().is_some() => return Ok(Launched::Ended(daemon, error)),
                Err(error) => return Err(error),
            }
        }
    }

    fn server(&self, data: &Path, durability: Durability, port: u16, more: &[String]) -> Command {
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
            .cwd(data)
            .arg("-D")
            .arg(data)
            .arg("-p")
            .arg(port.to_string())
            // Fast shutdown when asked to end; immediate shutdown, which cleans up, when we are dead.
            .stop_signal(Signal::SIGINT)
            .death_signal(Signal::SIGQUIT)
            .input(CommandInput::Nothing);
        let settings = settings.iter().chain(durability.settings()).copied();
        for setting in settings.chain(more.iter().map(String::as_str)) {
            command = command.arg("-c").arg(setting);
        }
        command
    }
}

/// Shuts a server down in PostgreSQL's fast mode: clients are cut off. Its files stay.
pub async fn stop(daemon: &Daemon, data: &Path) {
    daemon.terminate(STOP).await;
    // Only a server that was killed has left something here.
    let forgotten = until(|| (!forget_shared_memory(data)).then_some(()));
    drop(tokio::time::timeout(STOP, forgotten).await);
}

/// Whether this very postmaster takes connections: the eighth line of `postmaster.pid`
/// (`LOCK_FILE_LINE_PM_STATUS` in PostgreSQL's `miscadmin.h`), which `pg_ctl` waits for too. Without
/// hot standby it says so only after recovery has ended.
fn says_ready(data: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// The user must be able to pass through every folder above its own.
fn passable(folder: &Path, user: &User) -> Result<(), Error> {
    for above in folder.ancestors() {
        let meta = above.metadata().or_environment(|| format!("can't look at {}", above.display()))?;
        if meta.mode() & 0o001 == 0 && meta.uid() != user.uid {
            return Err(Error::environment(format!(
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
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_cannot_pass_is_named() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        std::fs::create_dir_all(closed.join("run")).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::set_permissions(closed.join("run"), std::fs::Permissions::from_mode(0o711)).unwrap();
        let nobody = User { name: "nobody".to_owned(), uid: 65534, gid: 65534 };
        let error = passable(&closed.join("run"), &nobody).unwrap_err();
        assert!(error.what.ends_with(&closed.display().to_string()), "{error}");
        assert!(error.hint.unwrap().contains("TMPDIR"));
    }
}
