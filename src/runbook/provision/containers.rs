//! The substrate in containers: PostgreSQL and MinIO from images, reached by published ports on
//! 127.0.0.1. The programs that dump and restore stay this machine's own. `system::containers`
//! finds the daemon.

use super::engine_choice::EngineChoice;
use super::processes::{Places, discover, minio_answers};
use super::stores::{ContainerStores, Stores};
use super::substrate::{STOP, Substrate, run_folder};
use crate::base::process::{RunDir, Teardown};
use crate::base::{clock::password, error::Error, redact::Redactor};
use crate::model::profile::Profile;
use crate::system::cluster::{Contained, Durability, InContainer};
use crate::system::containers::{Container, ContainerSpec, Network, daemon, remove_all_of};
use crate::system::objects::{ObjectStore, S3Access};
use crate::system::postgres::{Access, Postgres};
use crate::system::programs::PgBin;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long MinIO may take after its image is there.
const READY: Duration = Duration::from_secs(90);

/// What `deploy/minio.Dockerfile` builds: MinIO publishes no images any more.
pub const MINIO_IMAGE: &str = "pulp-drill/minio";

/// Which images are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// PostgreSQL's; `None` for the official one of the major version.
    pub postgres: Option<String>,
    /// The major version that was asked for; `None` for the client programs'.
    pub major: Option<u32>,
    /// A MinIO server whose entrypoint is `minio`, or takes its arguments.
    pub minio: String,
    /// Put before the names of the default images, for a registry of one's own: `mirror.local/`.
    pub registry: String,
}

impl Images {
    /// The official image of a major version.
    pub fn official(&self, major: u32) -> String {
        format!("{}postgres:{major}-alpine", self.registry)
    }
}

impl Substrate {
    /// Starts PostgreSQL and MinIO in containers. Whatever carries the run's label is removed at its
    /// end, engines too.
    ///
    /// # Errors
    /// The environment's: no daemon, no image, a server that does not get ready, or client programs
    /// that are older than the server.
    pub async fn in_containers(
        run: &str,
        images: &Images,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        let daemon = daemon().await?;
        let programs = discover(&Places::of_machine(), None).await.or_error()?;
        let run_dir = run_folder(run, 0, Some(teardown))?;
        let folder = run_dir.path().to_owned();
        let gone = async move { remove_all_of(&folder).await.map(|_count| ()) };
        teardown.push("remove the run's containers", STOP, gone, || {});
        let stores = ContainerStores::start(&run_dir, images, &programs, daemon, redactor).await?;
        let stores = Stores::Containers(stores);
        Ok(Self { stores, programs, run_dir, profile, engine, redactor: redactor.clone() })
    }
}

impl ContainerStores {
    async fn start(
        run_dir: &RunDir,
        images: &Images,
        programs: &PgBin,
        daemon: String,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        let major = images.major.unwrap_or(programs.version.major);
        let image = images.postgres.clone().unwrap_or_else(|| images.official(major));
        let minio = if images.minio == MINIO_IMAGE {
            format!("{}{MINIO_IMAGE}", images.registry)
        } else {
            images.minio.clone()
        };
        let (postgres, objects) =
            tokio::try_join!(postgres(run_dir, &image, redactor), objects(run_dir, &minio, redactor))?;
        let ((postgres, database), (objects, s3)) = (postgres, objects);
        must_suit(&database, images.major, &image, programs).await?;
        let description = [
            ("containers", daemon),
            ("postgres image", image.clone()),
            ("objects", format!("image {minio}")),
        ];
        let description = description.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self { database, s3, description, image, _containers: [postgres, objects] })
    }
}

/// `pg_dump` refuses a server that is newer than itself; and what an image is called is not what is in
/// it.
async fn must_suit(
    database: &Access,
    asked: Option<u32>,
    image: &str,
    programs: &PgBin,
) -> Result<(), Error> {
    let postgres = Postgres::connect(database).await?;
    let version = postgres.version().await?;
    postgres.close().await;
    let major = version.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    let major: u32 = major.and_then(|digits| digits.parse().ok()).unwrap_or_default();
    if asked.is_some_and(|asked| asked != major) {
        return Err(Error::environment(format!("{image} is PostgreSQL {version}"))
            .hint("see where the image is from: it is not what its name says"));
    }
    if major <= programs.version.major {
        return Ok(());
    }
    Err(Error::environment(format!(
        "the server is PostgreSQL {major}, and pg_dump {} can't dump it",
        programs.version
    ))
    .hint(format!(
        "install the client programs of PostgreSQL {major} or newer (PULP_DRILL_PG_BIN names their folder), \
         or choose another server: --postgres {}",
        programs.version.major
    )))
}

async fn postgres(run_dir: &RunDir, image: &str, redactor: &Redactor) -> Result<(Container, Access), Error> {
    let password = password();
    redactor.add(&password);
    let server = Contained {
        image,
        password: &password,
        initdb: &[],
        durability: Durability::Off,
        place: None,
        run: run_dir.path(),
        log: &run_dir.path().join("postgres.log"),
    };
    match server.launch(redactor).await? {
        InContainer::Ready(container, access) => Ok((container, access)),
        InContainer::Ended(_, error) => Err(error),
    }
}

async fn objects(run_dir: &RunDir, image: &str, redactor: &Redactor) -> Result<(Container, S3Access), Error> {
    let (access_key, secret_key) = (format!("drill{}", &password()[..15]), password());
    redactor.add(&access_key);
    redactor.add(&secret_key);
    let env = BTreeMap::from([
        ("MINIO_ROOT_USER".to_owned(), access_key.clone()),
        ("MINIO_ROOT_PASSWORD".to_owned(), secret_key.clone()),
        ("MINIO_BROWSER".to_owned(), "off".to_owned()),
        ("MINIO_UPDATE".to_owned(), "off".to_owned()),
    ]);
    let container = Container::start(
        ContainerSpec {
            what: "MinIO",
            image,
            env: &env,
            args: ["server", "/data", "--address", ":9000"].map(str::to_owned).into(),
            network: Network::Published(9000),
            folders: Vec::new(),
            user: None,
            run: run_dir.path(),
            log: &run_dir.path().join("minio.log"),
        },
        redactor,
    )
    .await
    .map_err(|error| match image.ends_with(MINIO_IMAGE) && error.hint.is_none() {
        true => error.hint("make minio-image builds it, or name another: --minio-image"),
        false => error,
    })?;
    let address = container.address();
    let ready = async {
        match address {
            Some(address) => minio_answers(address).await,
            None => std::future::pending().await,
        }
    };
    container.wait_ready(READY, ready).await?;
    let address = address.ok_or_else(|| Error::harness("a published port has no address"))?;
    let endpoint = format!("http://{address}");
    let s3 = S3Access { endpoint, region: "us-east-1".to_owned(), access_key, secret_key, path_style: true };
    ObjectStore::s3(&s3).ping().await?;
    Ok((container, s3))
}
