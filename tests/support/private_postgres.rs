//! A PostgreSQL cluster for one test binary: private, on loopback, removed when the binary ends,
//! however it ends. Nothing in the caller's environment (`LANG`, `PG*`) has an effect on it.
//!
//! A shell supervises it: the shell waits for the end of its standard input, which only this process
//! holds open, and then ends the server and removes the folder. So a killed test leaves nothing.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, atomic};
use std::time::{Duration, Instant};

/// Needs percent-encoding in a URL, on purpose.
const PASSWORD: &str = "p@ss/w%rd";
const PASSWORD_ENCODED: &str = "p%40ss%2Fw%25rd";

const SUPERVISOR: &str = r#"
cd "$2" || exit 1
"$1/initdb" --pgdata=data --username=pulp-engine --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync >initdb.log 2>&1 || exit 1
"$1/postgres" -D data -k "$2" -h 127.0.0.1 -p "$3" -c fsync=off -c max_connections=200 >postgres.log 2>&1 &
server=$!
read -r _
kill -QUIT "$server"
wait "$server"
rm -rf "$2"
"#;

/// A running cluster.
pub struct Cluster {
    port: u16,
    _supervisor: Child,
}

static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(start);
static DATABASES: atomic::AtomicU32 = atomic::AtomicU32::new(1);

/// A fresh, empty, hyphenated database: its URL as an operator would write it. `None` (and a line
/// with the word *skipped*) where PostgreSQL is not installed.
pub async fn database() -> Option<String> {
    // The first caller starts the cluster, which waits for processes: not on the async threads.
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.as_ref()).await.expect("no panic");
    let Some(cluster) = cluster else {
        println!("skipped: no PostgreSQL server binaries (initdb, postgres) found");
        return None;
    };
    let url =
        |name: &str| format!("postgresql://pulp-engine:{PASSWORD_ENCODED}@127.0.0.1:{}/{name}", cluster.port);
    let number = DATABASES.fetch_add(1, atomic::Ordering::SeqCst);
    let begun = Instant::now();
    let mut connection = loop {
        match PgConnection::connect(&url("postgres")).await {
            Ok(connection) => break connection,
            Err(error) if begun.elapsed() > Duration::from_secs(60) => panic!("no answer: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let create = format!("CREATE DATABASE \"pulp-engine-{number}\"");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.expect("create database");
    Some(url(&format!("pulp%2Dengine-{number}")))
}

fn start() -> Option<Cluster> {
    let binaries = binaries()?;
    let folder = tempfile::Builder::new().prefix("pd-pg-").tempdir().expect("tempdir").keep();
    std::fs::write(folder.join("password"), PASSWORD).expect("write password");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port();
    let mut supervisor = Command::new("sh");
    supervisor.args(["-c", SUPERVISOR, "sh"]).arg(&binaries).arg(&folder).arg(port.to_string());
    supervisor.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TZ", "UTC");
    supervisor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C goes to the test binary; the supervisor learns of its end by the pipe.
    supervisor.process_group(0);
    if nix::unistd::Uid::effective().is_root() {
        let user = nix::unistd::User::from_name("postgres").expect("passwd")?;
        let owner = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
        std::os::unix::fs::chown(&folder, owner.0, owner.1).expect("chown");
        std::os::unix::fs::chown(folder.join("password"), owner.0, owner.1).expect("chown");
        supervisor.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Some(Cluster { port, _supervisor: supervisor.spawn().expect("sh") })
}

/// The newest folder that has both programs; a lone `postgres` on PATH is no server.
fn binaries() -> Option<PathBuf> {
    let complete = |folder: &Path| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let listed = versions.into_iter().rev().map(|(_, folder)| folder);
    listed.chain(std::env::split_paths(&path)).find(|folder| complete(folder))
}
