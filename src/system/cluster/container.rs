//! A PostgreSQL server in a container, of an image that takes the official one's variables: its
//! entrypoint makes the cluster where `PGDATA` holds none, and then is the server.

use super::{Durability, READY, SUPERUSER};
use crate::base::error::Error;
use crate::base::redact::Redactor;
use crate::system::containers::{Container, ContainerSpec, Network};
use crate::system::postgres::{Access, Postgres};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What is to be started.
pub struct Contained<'a> {
    /// Name and tag of the image.
    pub image: &'a str,
    /// The superuser's password.
    pub password: &'a str,
    /// Options of `initdb`, beside those of every cluster.
    pub initdb: &'a [&'a str],
    /// Whether what is committed survives.
    pub durability: Durability,
    /// The data directory; `None` for one in the container, which goes with it.
    pub place: Option<DataDirectory<'a>>,
    /// The folder of the run that it belongs to.
    pub run: &'a Path,
    /// Where its output goes.
    pub log: &'a Path,
}

/// A data directory of this machine.
pub struct DataDirectory<'a> {
    /// The folder around it, which the server sees under the same path: archive and all.
    pub home: &'a Path,
    /// The directory.
    pub data: &'a Path,
    /// User and group that own it, and that the server runs as.
    pub owner: (u32, u32),
}

/// How a start went.
#[derive(Debug)]
pub enum InContainer {
    /// It takes connections, for the superuser's database `postgres`. One that recovers has come to its
    /// end, unless it is a hot standby.
    Ready(Container, Access),
    /// It ended by itself: why, with its last words.
    Ended(Container, Error),
}

impl Contained<'_> {
    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// The environment's: no daemon, no image, or a server that neither gets ready nor ends.
    pub async fn launch(&self, redactor: &Redactor) -> Result<InContainer, Error> {
        let initdb = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"].iter().chain(self.initdb);
        let mut env = BTreeMap::from([
            ("POSTGRES_USER", SUPERUSER.to_owned()),
            ("POSTGRES_PASSWORD", self.password.to_owned()),
            ("POSTGRES_DB", "postgres".to_owned()),
            ("POSTGRES_INITDB_ARGS", initdb.copied().collect::<Vec<_>>().join(" ")),
        ]);
        if let Some(place) = &self.place {
            env.insert("PGDATA", place.data.display().to_string());
        }
        let settings = ["max_connections=200", "lc_messages=C"].iter().chain(self.durability.settings());
        let settings = settings.flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]);
        let wanted = ContainerSpec {
            what: "PostgreSQL",
            image: self.image,
            env: &env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            args: std::iter::once("postgres".to_owned()).chain(settings).collect(),
            network: Network::Published(5432),
            folders: self.place.iter().map(|place| place.home.to_owned()).collect(),
            user: self.place.as_ref().map(|place| place.owner),
            run: self.run,
            log: self.log,
        };
        let container = Container::start(wanted, redactor).await?;
        let access = container.address().map(|address| Access {
            host: address.ip().to_string(),
            port: address.port(),
            user: SUPERUSER.to_owned(),
            password: self.password.to_owned(),
            database: "postgres".to_owned(),
            tls: BTreeMap::new(),
        });
        let ready = async {
            match &access {
                Some(access) => connects(access).await,
                None => std::future::pending().await,
            }
        };
        match (container.wait_ready(READY, ready).await, access) {
            (Ok(()), Some(access)) => Ok(InContainer::Ready(container, access)),
            (Ok(()), None) => Err(Error::harness("a published port has no address")),
            (Err(error), _) if container.runs().await => Err(error),
            (Err(error), _) => Ok(InContainer::Ended(container, error)),
        }
    }
}

/// Asks until it answers: while the image makes the cluster, its server listens on no port, and one
/// that recovers refuses.
async fn connects(access: &Access) {
    loop {
        if let Ok(connection) = Postgres::connect(access).await {
            return connection.close().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
