//! The S3 server of the local substrate: our embedded one, started as a process of our own
//! executable, or MinIO where that is asked for. It speaks no S3.

use crate::base::clock::password;
use crate::base::error::Error;
use crate::base::folder;
use crate::base::process::{Command, Daemon, PORT_TRIES, RunDir, free_port, own_program, run};
use crate::base::redact::Redactor;
use crate::system::objects::S3Access;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READY: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(5);

/// Which S3 server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// Ours: `standin objects`.
    Embedded,
    /// MinIO.
    Minio,
}

/// The program that will be the S3 server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectProgram {
    /// Which server it is.
    pub kind: ObjectKind,
    /// The executable.
    pub path: PathBuf,
    /// As it says itself.
    pub version: String,
}

/// The variable that names a MinIO server, and by that asks for it.
const MINIO_BIN: &str = "MINIO_BIN";

impl ObjectProgram {
    /// The program of what was asked for. Without a wish it is MinIO where `MINIO_BIN` names one,
    /// else the embedded one: what happens to be installed does not change what a run does.
    pub async fn choose(asked: Option<ObjectKind>) -> Result<Self, Error> {
        let named = std::env::var_os(MINIO_BIN).filter(|value| !value.is_empty());
        match (asked, named) {
            (Some(ObjectKind::Minio), None) => Self::installed_minio().await,
            (Some(ObjectKind::Minio) | None, Some(path)) => Self::minio(Path::new(&path))
                .await
                .map_err(|error| error.hint("MINIO_BIN is set: let it name a MinIO server, or unset it")),
            (Some(ObjectKind::Embedded), _) | (None, None) => Ok(Self::embedded(own_program()?)),
        }
    }

    /// MinIO from where `make minio` puts it, the newest there, else from `PATH`.
    async fn installed_minio() -> Result<Self, Error> {
        let mut last = None;
        for path in built().into_iter().chain(on_path()) {
            match Self::minio(&path).await {
                Ok(minio) => return Ok(minio),
                Err(error) => last = Some(error),
            }
        }
        let none = || Error::environment("there is no MinIO server: not built, and none on PATH");
        Err(last.unwrap_or_else(none).hint("make minio builds one with Go, or let MINIO_BIN name one"))
    }

    /// The embedded server in this executable of ours.
    pub fn embedded(executable: impl Into<PathBuf>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { kind: ObjectKind::Embedded, path: executable.into(), version }
    }

    /// A MinIO server by path; it must answer `--version`.
    pub async fn minio(path: &Path) -> Result<Self, Error> {
        let command = Command::new(path).arg("--version").limit(Duration::from_secs(10));
        let ran = run(command, &Redactor::new()).await?;
        let ran = ran.or_error(format!("{} does not say its version", path.display()))?;
        let version = ran.stdout.text.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self { kind: ObjectKind::Minio, path: path.to_owned(), version })
    }
}

/// What `deploy/minio.sh` has built: `<cache>/pulp-drill/minio-<version>/minio`, the newest first.
/// Its pseudo-versions sort by time.
fn built() -> Vec<PathBuf> {
    let folders = folder::user_cache().and_then(|cache| cache.read_dir().ok());
    let mut found: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .flatten()
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("minio-"))
        .map(|folder| folder.path().join("minio"))
        .filter(|file| file.is_file())
        .collect();
    found.sort();
    found.reverse();
    found
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("minio")).find(|file| file.is_file())
}

/// A running S3 server, reached with path-style addresses.
#[derive(Clone)]
pub struct ObjectServer {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// The access key id; registered with the redactor.
    pub access_key: String,
    /// The secret access key; registered with the redactor.
    pub secret_key: String,
    /// `us-east-1`.
    pub region: String,
    /// Which server it is.
    pub kind: ObjectKind,
    /// As it says itself.
    pub version: String,
    /// Where it keeps its objects.
    pub data_dir: PathBuf,
    daemon: Daemon,
}

impl ObjectServer {
    /// Name and version, for the record.
    pub fn describe(&self) -> String {
        match self.kind {
            ObjectKind::Embedded => format!("embedded {}", self.version),
            ObjectKind::Minio => format!("MinIO, {}", self.version),
        }
    }

    /// Starts it on a new folder in the run's folder and waits until it answers.
    pub async fn start(
        run_dir: &RunDir,
        program: &ObjectProgram,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        let (access_key, secret_key) = (format!("drill{}", &password()[..15]), password());
        redactor.add(&access_key);
        redactor.add(&secret_key);
        let data_dir = run_dir.private("objects", None)?;
        let base = Command::new(&program.path)
            .without_inherited("AWS_")
            .without_inherited("S3_")
            .without_inherited("MINIO_")
            .cwd(&data_dir)
            .recorded_in(run_dir.children());
        let (daemon, endpoint) = match program.kind {
            ObjectKind::Embedded => {
                let base = base.env("S3_ACCESS_KEY_ID", &access_key).env("S3_SECRET_ACCESS_KEY", &secret_key);
                embedded(base, run_dir, &data_dir, redactor).await?
            }
            ObjectKind::Minio => {
                let base = base.env("MINIO_ROOT_USER", &access_key).env("MINIO_ROOT_PASSWORD", &secret_key);
                minio(base, run_dir, &data_dir, redactor).await?
            }
        };
        Ok(Self {
            endpoint,
            access_key,
            secret_key,
            region: "us-east-1".to_owned(),
            kind: program.kind,
            version: program.version.clone(),
            data_dir,
            daemon,
        })
    }

    /// The process, to be watched, paused or killed.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// How it is reached.
    pub fn access(&self) -> S3Access {
        S3Access {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            path_style: true,
        }
    }

    /// Stops it. Its files stay.
    pub async fn stop(&self) {
        self.daemon.terminate(STOP).await;
    }
}

impl std::fmt::Debug for ObjectServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectServer({}, {:?})", self.endpoint, self.daemon)
    }
}

/// The embedded server.
async fn embedded(
    base: Command,
    run_dir: &RunDir,
    data: &Path,
    redactor: &Redactor,
) -> Result<(Daemon, String), Error> {
    let command = |address: SocketAddr| {
        let command = base.clone().args(["standin", "objects", "--dir"]).arg(data);
        command.arg("--listen").arg(address.to_string())
    };
    let ready =
        async |daemon: &Daemon, _| daemon.wait_line("the embedded S3 server", "listening on ", READY).await;
    on_free_port("objects", run_dir, redactor, command, ready).await
}

/// A MinIO server.
async fn minio(
    base: Command,
    run_dir: &RunDir,
    data: &Path,
    redactor: &Redactor,
) -> Result<(Daemon, String), Error> {
    let base = base.env("MINIO_BROWSER", "off").env("MINIO_UPDATE", "off");
    let command =
        |address: SocketAddr| base.clone().arg("server").arg(data).arg("--address").arg(address.to_string());
    let ready = async |daemon: &Daemon, address| {
        daemon.wait_ready("MinIO", READY, minio_answers(address)).await?;
        Ok(format!("http://{address}"))
    };
    on_free_port("minio", run_dir, redactor, command, ready).await
}

/// Starts a server on a free port, anew if it loses the port to somebody else before it binds it. Also
/// gives its endpoint, which `ready` returns.
async fn on_free_port(
    name: &str,
    run_dir: &RunDir,
    redactor: &Redactor,
    command: impl Fn(SocketAddr) -> Command,
    ready: impl AsyncFn(&Daemon, SocketAddr) -> Result<String, Error>,
) -> Result<(Daemon, String), Error> {
    let mut attempt = 1;
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let log = run_dir.path().join(format!("{name}-{attempt}.log"));
        let daemon = Daemon::start(command(address), &log, redactor).await?;
        match ready(&daemon, address).await {
            Ok(endpoint) => return Ok((daemon, endpoint)),
            Err(_) if attempt < PORT_TRIES && daemon.log_text().contains("in use") => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Asks until `/minio/health/ready` says 200, and S3 that it takes requests: on a busy machine the first
/// comes before the second. MinIO refuses a request that names no host.
pub async fn minio_answers(address: SocketAddr) {
    let ask = async |path: &str| -> Option<u16> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let head = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        String::from_utf8_lossy(&answer).split_whitespace().nth(1)?.parse().ok()
    };
    while ask("/minio/health/ready").await != Some(200) || ask("/").await.is_none_or(|said| said >= 500) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
