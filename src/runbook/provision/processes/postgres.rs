//! The run's private PostgreSQL cluster, with the connection's particulars. How a cluster is made and
//! run is `system::cluster`.

use crate::base::clock::password;
use crate::base::error::Error;
use crate::base::process::{Daemon, RunDir, User, free_port, unprivileged};
use crate::base::redact::Redactor;
use crate::system::cluster::{Cluster, Durability, Launched, SUPERUSER, stop};
use crate::system::postgres::Access;
use crate::system::programs::{PgBin, PgVersion};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// Its database `postgres`, as the superuser.
    pub fn access(&self) -> Access {
        Access {
            host: self.host.clone(),
            port: self.port,
            user: self.superuser.clone(),
            password: self.password.clone(),
            database: "postgres".to_owned(),
            tls: BTreeMap::new(),
        }
    }

    /// Makes a new cluster in the run's folder, starts it and waits until it takes connections.
    pub async fn start(
        run_dir: &RunDir,
        bin: &PgBin,
        durability: Durability,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        Self::start_on(run_dir, bin, durability, redactor, free_port).await
    }

    async fn start_on(
        run_dir: &RunDir,
        bin: &PgBin,
        durability: Durability,
        redactor: &Redactor,
        mut port: impl FnMut() -> Result<u16, Error>,
    ) -> Result<Self, Error> {
        let user = unprivileged();
        let password = password();
        redactor.add(&password);
        let cluster = Cluster {
            bin: bin.clone(),
            socket_dir: run_dir.private("s", user.as_ref())?,
            user,
            children: run_dir.children().clone(),
            redactor: redactor.clone(),
        };
        cluster.check()?;
        let home = run_dir.private("pg", cluster.user.as_ref())?;
        let data = home.join("data");
        cluster.init(&home, &data, &password, &[]).await?;
        let log = run_dir.path().join("postgres");
        let (daemon, port) = match cluster.launch(&data, (durability, &[]), &log, &mut port).await? {
            Launched::Ready(daemon, port) => (daemon, port),
            Launched::Ended(_, error) => return Err(error),
        };
        let Cluster { user, socket_dir, .. } = cluster;
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
        stop(&self.daemon, &self.data_dir).await;
    }
}

impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresServer({}, {:?})", self.url("postgres"), self.daemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::process::Base;
    use crate::runbook::provision::processes::{Places, discover};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_port_lost_to_somebody_else_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "port", false).unwrap();
        let bin = discover(&Places::of_machine(), None).await.or_error().unwrap();
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
