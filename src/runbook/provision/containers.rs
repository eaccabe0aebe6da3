//! The substrate in containers: PostgreSQL and MinIO from images, reached by published ports on
//! 127.0.0.1. The programs that dump and restore stay this machine's own. Which daemon runs the
//! containers is `system::containers`' business.

use super::{EngineChoice, STOP, Stores, Substrate, processes, remove};
use crate::base::process::{Base, RunDir, Teardown};
use crate::base::{clock::password, redact::Redactor, trouble::Trouble};
use crate::model::profile::Profile;
use crate::system::containers::{Container, Network, Wanted, daemon, remove_all_of};
use crate::system::objects::{S3Access, Store};
use crate::system::postgres::{Access, Postgres};
use crate::system::programs::PgBin;
use processes::{Places, discover, minio_answers};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take, `initdb` in it included, after its image is there.
const READY: Duration = Duration::from_secs(90);

/// The superuser that PostgreSQL's image makes.
const SUPERUSER: &str = "pulp-drill";

/// What `deploy/minio.Dockerfile` builds: MinIO publishes no images any more.
pub const MINIO_IMAGE: &str = "pulp-drill/minio";

/// Which images are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// PostgreSQL's; `None` for the official one of the client programs' major version.
    pub postgres: Option<String>,
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

/// PostgreSQL and MinIO in containers, up.
pub(super) struct ContainerStores {
    /// The server's database `postgres`, for its superuser.
    pub(super) database: Access,
    /// The object store.
    pub(super) s3: S3Access,
    /// What runs, for the record.
    pub(super) description: BTreeMap<String, String>,
    _containers: [Container; 2],
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
    ) -> Result<Self, Trouble> {
        let daemon = daemon().await?;
        let programs = discover(&Places::of_machine()).await.or_trouble()?;
        let run_dir = Arc::new(RunDir::create(&Base::of_user()?, run, false)?);
        let held = Arc::clone(&run_dir);
        teardown.push("remove the run's folder", STOP, async move { remove(held).await }, || {});
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
    ) -> Result<Self, Trouble> {
        let image = images.postgres.clone().unwrap_or_else(|| images.official(programs.version.major));
        let minio = if images.minio == MINIO_IMAGE {
            format!("{}{MINIO_IMAGE}", images.registry)
        } else {
            images.minio.clone()
        };
        let (postgres, objects) =
            tokio::try_join!(postgres(run_dir, &image, redactor), objects(run_dir, &minio, redactor))?;
        let ((postgres, database), (objects, s3)) = (postgres, objects);
        must_suit(&database, programs).await?;
        let description =
            [("containers", daemon), ("postgres image", image), ("objects", format!("image {minio}"))];
        let description = description.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self { database, s3, description, _containers: [postgres, objects] })
    }
}

/// `pg_dump` refuses a server that is newer than itself.
async fn must_suit(database: &Access, programs: &PgBin) -> Result<(), Trouble> {
    let postgres = Postgres::connect(database).await?;
    let version = postgres.version().await?;
    postgres.close().await;
    let major = version.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    let major: u32 = major.and_then(|digits| digits.parse().ok()).unwrap_or_default();
    if major <= programs.version.major {
        return Ok(());
    }
    Err(Trouble::environment(format!(
        "the server is PostgreSQL {major}, and pg_dump {} can't dump it",
        programs.version
    ))
    .hint(format!(
        "install the client programs of PostgreSQL {major} or newer (PULP_DRILL_PG_BIN names their folder), \
         or choose another server: --postgres {}",
        programs.version.major
    )))
}

async fn postgres(
    run_dir: &RunDir,
    image: &str,
    redactor: &Redactor,
) -> Result<(Container, Access), Trouble> {
    let password = password();
    redactor.add(&password);
    let env = BTreeMap::from([
        ("POSTGRES_USER".to_owned(), SUPERUSER.to_owned()),
        ("POSTGRES_PASSWORD".to_owned(), password.clone()),
        ("POSTGRES_DB".to_owned(), "postgres".to_owned()),
        ("POSTGRES_INITDB_ARGS".to_owned(), "--encoding=UTF8 --locale=C.UTF-8 --no-sync".to_owned()),
    ]);
    let settings = [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
        "lc_messages=C",
    ];
    let settings = settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]);
    let (container, address) = server(
        Wanted {
            what: "PostgreSQL",
            image,
            env: &env,
            args: std::iter::once("postgres".to_owned()).chain(settings).collect(),
            network: Network::Published(5432),
            folders: Vec::new(),
            run: run_dir.path(),
            log: &run_dir.path().join("postgres.log"),
        },
        redactor,
    )
    .await?;
    let access = Access {
        host: address.ip().to_string(),
        port: address.port(),
        user: SUPERUSER.to_owned(),
        password,
        database: "postgres".to_owned(),
    };
    // While the image sets the cluster up, its server listens on no port.
    let ready = until_some(|| async { Postgres::connect(&access).await.ok() });
    let ready = async { ready.await.close().await };
    container.wait_ready(READY, ready).await?;
    Ok((container, access))
}

async fn objects(
    run_dir: &RunDir,
    image: &str,
    redactor: &Redactor,
) -> Result<(Container, S3Access), Trouble> {
    let (access_key, secret_key) = (format!("drill{}", &password()[..15]), password());
    redactor.add(&access_key);
    redactor.add(&secret_key);
    let env = BTreeMap::from([
        ("MINIO_ROOT_USER".to_owned(), access_key.clone()),
        ("MINIO_ROOT_PASSWORD".to_owned(), secret_key.clone()),
        ("MINIO_BROWSER".to_owned(), "off".to_owned()),
        ("MINIO_UPDATE".to_owned(), "off".to_owned()),
    ]);
    let (container, address) = server(
        Wanted {
            what: "MinIO",
            image,
            env: &env,
            args: ["server", "/data", "--address", ":9000"].map(str::to_owned).into(),
            network: Network::Published(9000),
            folders: Vec::new(),
            run: run_dir.path(),
            log: &run_dir.path().join("minio.log"),
        },
        redactor,
    )
    .await
    .map_err(|trouble| match image.ends_with(MINIO_IMAGE) && trouble.hint.is_none() {
        true => trouble.hint("make minio-image builds it, or name another: --minio-image"),
        false => trouble,
    })?;
    let endpoint = format!("http://{address}");
    let s3 = S3Access { endpoint, region: "us-east-1".to_owned(), access_key, secret_key, path_style: true };
    container.wait_ready(READY, minio_answers(address)).await?;
    Store::s3(&s3).ping().await?;
    Ok((container, s3))
}

async fn server(wanted: Wanted<'_>, redactor: &Redactor) -> Result<(Container, SocketAddr), Trouble> {
    let container = Container::start(wanted, redactor).await?;
    let address = container.address();
    Ok((container, address.ok_or_else(|| Trouble::harness("a published port has no address"))?))
}

/// Asks until there is an answer.
async fn until_some<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
