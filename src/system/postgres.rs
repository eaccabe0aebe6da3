//! Adapter to PostgreSQL: the only place that connects to a server. It knows nothing of what the
//! tables mean; PostgreSQL's own programs (`pg_dump`, `psql`) are run elsewhere.

mod access;
mod amcheck;
mod capture;
mod catalog;
mod hold;
mod maintenance;
mod pointers;
mod sequences;
mod materialized;
mod survey;
mod normalize;
pub mod references;
mod privileges;
mod reader;
pub mod sample;
mod tables;
mod text;

pub use access::{Access, quote_ident};
pub use amcheck::RelationIntegrity;
pub use catalog::{DUMPED, Elsewhere, MATVIEW_ROWS, belongs_to, elsewhere};
pub use hold::{HeldTable, Statements};
pub use maintenance::{DatabaseFacts, Maintenance, contents, tables_with_rows};
pub use normalize::settle;
pub use pointers::{PointerPages, Pointers};
pub use reader::Reader;
pub use survey::Survey;
pub use text::quote_table;

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::{ObjectKey, TableName};
use crate::model::profile::Profile;
use crate::model::reference::ObjectReference;
use crate::model::state::Database;
use crate::system::destroy::Destructible;
use capture::CaptureScope;
use references::{Relation, RowAddress};
use sample::SampledTable;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row, Transaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// More are never wanted at a time: a capture uses one.
const CONNECTIONS: u32 = 4;

/// How long a connection may take, a new one included.
const ACQUIRE: Duration = Duration::from_secs(10);

/// How rows are printed, so that equal values have equal texts whatever the server's and the
/// database's settings are. (`DateStyle`, `TimeZone` and the encoding are sent by sqlx: ISO, UTC
/// and UTF-8.) `extra_float_digits` over 0 is the shortest text that reads back exactly.
const OUTPUT: [(&str, &str); 5] = [
    ("IntervalStyle", "iso_8601"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("lc_monetary", "C"),
];

/// A few connections to one database. Cheap to clone.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    access: Access,
}

impl Postgres {
    /// Connects; fails at once when the server can't be reached or won't have us.
    pub async fn connect(access: &Access) -> Result<Self, Error> {
        Self::connect_with(access, &[]).await
    }

    /// Connects with settings of the session.
    async fn connect_with(access: &Access, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let options = options_for(access).options(settings.iter().copied());
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(options);
        // The pool retries until its timeout where nothing listens; a socket reports that at once.
        let server = async {
            listening(access).await.or_environment(|| cannot_connect(access))?;
            pool.acquire().await.or_environment(|| cannot_connect(access)).map(drop)
        };
        within(server, access).await?;
        Ok(Self { pool, access: access.clone() })
    }

    /// Reads the database in one snapshot, see [`Database`]: every ordinary table outside the system
    /// schemas, the leaves of partitioned ones included, by the name that [`TableName`] says or, outside the
    /// schema `public`, as `schema.table`; sequences; the catalog. Left out is what the profile
    /// does not promise: its `ignore_tables` (with the sequences that feed them) and columns that
    /// it marks as volatile.
    ///
    /// With `as_of`, a table that is in it is read by *its* column list and keys, so that a later
    /// migration can be distinguished from damage: a column that is new is left out, one that is gone reads
    /// as absent, which is another digest than any value.
    ///
    /// The row's key is its primary key as a JSON array (`["a", 1]`), else `sha256 #n`. The JSON
    /// of a row is kept in tables up to 20,000 rows, up to 64 KiB a row.
    ///
    /// # Errors
    /// Also when row security would hide rows from this role.
    ///
    /// [`TableName`]: crate::base::ids::TableName
    pub async fn capture(&self, profile: &Profile, as_of: Option<&Database>) -> Result<Database, Error> {
        self.read(profile, as_of, CaptureScope::Everything).await
    }

    /// The same without the catalog. Such a capture records no keys: it is never the `as_of` of another.
    pub async fn capture_contents(
        &self,
        profile: &Profile,
        as_of: Option<&Database>,
    ) -> Result<Database, Error> {
        self.read(profile, as_of, CaptureScope::Contents).await
    }

    async fn read(
        &self,
        profile: &Profile,
        as_of: Option<&Database>,
        scope: CaptureScope,
    ) -> Result<Database, Error> {
        capture::capture(&self.pool, profile, as_of, scope)
            .await
            .map_err(|error| error.while_doing(format!("can't read all of {:?}", self.access.database)))
    }

    /// Reads the references of all rows that the profile describes, in the order of the bytes of the keys,
    /// in one snapshot in which nothing can be written. The list of columns and tables that the profile
    /// names and that do not exist is the other answer.
    ///
    /// # Errors
    /// Also when a value cannot be read as the profile says: text that is not JSON.
    pub async fn references(
        &self,
        profile: &Profile,
        each: impl FnMut(ObjectReference),
    ) -> Result<Vec<String>, Error> {
        capture::references(&self.pool, profile, each).await.map_err(|error| {
            error.while_doing(format!("can't read the references of {:?}", self.access.database))
        })
    }

    /// Every table that this role may read, with at most so many rows, in one transaction in which nothing can
    /// be written.
    pub async fn sample(&self, most: usize) -> Result<BTreeMap<TableName, SampledTable>, Error> {
        sample::sample(&self.pool, most)
            .await
            .map_err(|error| error.while_doing(format!("can't examine {:?}", self.access.database)))
    }

    /// The rows that refer to an object.
    ///
    /// # Errors
    /// As [`Postgres::references`].
    pub async fn rows_of(&self, profile: &Profile, key: &ObjectKey) -> Result<Vec<RowAddress>, Error> {
        let relations = self.relations().await?;
        let mut rows = Vec::new();
        let keep = |row: ObjectReference| rows.extend(row.includes(key).then_some(row));
        self.references(profile, keep).await?;
        Ok(rows.into_iter().filter_map(|row| references::address(row, &relations)).collect())
    }

    /// All relations, by name.
    async fn relations(&self) -> Result<BTreeMap<TableName, Relation>, Error> {
        capture::relations(&self.pool).await
    }

    /// A snapshot to read in.
    async fn snapshot(&self) -> Result<Transaction<'static, sqlx::Postgres>, Error> {
        capture::begin(&self.pool).await
    }

    /// The rows of a query with one column of type `json` or `jsonb`. Arguments are bound as text:
    /// the query casts them (`$1::uuid`).
    pub async fn rows(&self, sql: &str, args: &[&str]) -> Result<Vec<serde_json::Value>, Error> {
        // Not kept prepared: a migration may change what a `*` means.
        let query = args.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, arg| query.bind(*arg));
        let context = || self.failed(sql);
        let rows = query.persistent(false).fetch_all(&self.pool).await.or_environment(context)?;
        rows.iter().map(|row| row.try_get(0).or_harness(context)).collect()
    }

    /// Runs one query whose only column is text, such as names of the catalog.
    pub async fn texts(&self, sql: &str) -> Result<Vec<String>, Error> {
        let context = || self.failed(sql);
        sqlx::query_scalar(AssertSqlSafe(sql))
            .persistent(false)
            .fetch_all(&self.pool)
            .await
            .or_environment(context)
    }

    /// Runs one statement and gives how many rows it touched. Arguments are bound as text.
    pub async fn execute(&self, sql: &str, args: &[&str]) -> Result<u64, Error> {
        let query = args.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, arg| query.bind(*arg));
        let done = query.persistent(false).execute(&self.pool).await.or_environment(|| self.failed(sql))?;
        Ok(done.rows_affected())
    }

    /// A setting of the server: `setting("fsync")`.
    pub async fn setting(&self, name: &str) -> Result<String, Error> {
        let context = || format!("can't read the setting {name} of the server");
        sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(&self.pool)
            .await
            .or_environment(context)
    }

    /// The server's version: `15.12`.
    pub async fn version(&self) -> Result<String, Error> {
        let version = self.setting("server_version").await?;
        // Distributions add their own: `15.12 (Debian 15.12-0+deb12u2)`.
        Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// The server's major version: 15.
    pub async fn major(&self) -> Result<Option<u32>, Error> {
        let number = self.setting("server_version_num").await?;
        Ok(number.parse::<u32>().ok().map(|number| number / 10_000))
    }

    /// The database that it speaks to.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Closes every connection, for example before the database is dropped.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn failed(&self, sql: &str) -> String {
        let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = line.chars().take(160).collect();
        format!("database {:?} won't do this: {short}", self.access.database)
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Postgres({})", self.access.url_without_password())
    }
}

/// `CREATE DATABASE … STRATEGY` came with PostgreSQL 15; before that, files were always copied.
const STRATEGY_SINCE: u32 = 150_000;

/// Makes a database: its name and owner are quoted, it has the encoding UTF-8 and nothing in it.
pub async fn create_database(maintenance: &Access, name: &str, owner: &str) -> Result<(), Error> {
    let context = || format!("can't create database {name:?}");
    let mut connection = connect(&options_for(maintenance), maintenance).await?;
    // Copying the template's files takes a third of the time that writing them to the WAL takes.
    let strategy = match connection.server_version_num() {
        Some(version) if version >= STRATEGY_SINCE => " strategy file_copy",
        Some(_) | None => "",
    };
    let sql = format!(
        "create database {} owner {} template template0 encoding 'UTF8'{strategy}",
        quote_ident(name),
        quote_ident(owner)
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.or_environment(context)?;
    connection.close().await.or_environment(context)
}

/// Drops a database, and whoever is connected to it. One that does not exist is no error.
pub async fn drop_database(database: Destructible<Access>) -> Result<(), Error> {
    let (maintenance, name) = (database.what().maintenance(), database.what().database.clone());
    let context = || format!("can't drop database {name:?}");
    let mut connection = connect(&options_for(&maintenance), &maintenance).await?;
    // The list of subscriptions is shared by all databases; only the owner's one can drop them.
    let subscribed = sqlx::query_scalar(SUBSCRIBED).bind(&name).fetch_one(&mut connection).await;
    if subscribed.or_environment(context)? {
        drop_subscriptions(&database).await?;
    }
    let sql = AssertSqlSafe(drop_statement(database));
    sqlx::raw_sql(sql).execute(&mut connection).await.or_environment(context)?;
    connection.close().await.or_environment(context)
}

/// Whether a database has subscriptions. The columns that any role may read.
const SUBSCRIBED: &str = "select exists (select subdbid from pg_subscription s \
    join pg_database d on d.oid = s.subdbid where d.datname = $1)";

/// Drops the subscriptions of a database, which can't be dropped with them. Their slots at the publisher
/// are left alone (PostgreSQL documentation, ALTER SUBSCRIPTION, `slot_name`). A database that can't be
/// reached has none that matter: dropping it reports why.
pub async fn drop_subscriptions(database: &Destructible<Access>) -> Result<(), Error> {
    const NAMES: &str = "select subname::text from pg_subscription s join pg_database d on d.oid = s.subdbid \
        where d.datname = current_database()";
    let Ok(postgres) = Postgres::connect(database.what()).await else { return Ok(()) };
    for name in postgres.texts(NAMES).await? {
        let name = quote_ident(&name);
        for action in [
            "alter subscription {} disable",
            "alter subscription {} set (slot_name = none)",
            "drop subscription {}",
        ] {
            postgres.execute(&action.replace("{}", &name), &[]).await?;
        }
    }
    postgres.close().await;
    Ok(())
}

/// The statement that drops a database, for whoever runs it himself (runbook 3.3).
pub fn drop_statement(database: Destructible<Access>) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE);", quote_ident(&database.what().database))
}

async fn connect(options: &PgConnectOptions, access: &Access) -> Result<PgConnection, Error> {
    let connecting = PgConnection::connect_with(options);
    within(async { connecting.await.or_environment(|| cannot_connect(access)) }, access).await
}

/// Whether somebody listens at the server's address.
async fn listening(access: &Access) -> std::io::Result<()> {
    if access.host.starts_with('/') {
        let socket = format!("{}/.s.PGSQL.{}", access.host, access.port);
        return tokio::net::UnixStream::connect(socket).await.map(drop);
    }
    tokio::net::TcpStream::connect((access.host.as_str(), access.port)).await.map(drop)
}

/// A connection in time, or why there is none.
async fn within<T>(connecting: impl Future<Output = Result<T, Error>>, access: &Access) -> Result<T, Error> {
    match tokio::time::timeout(ACQUIRE, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(Error::environment(cannot_connect(access)).cause("no answer in time")),
    }
    .map_err(|t| t.hint("see whether the server runs, and whether host, port, role and password are right"))
}

fn cannot_connect(access: &Access) -> String {
    format!("can't connect to {}", access.url_without_password())
}

fn options_for(access: &Access) -> PgConnectOptions {
    // As with the client programs, what the URL says counts and not what stands in our environment.
    let tls = |name: &str| access.tls.get(name);
    let mode = tls("sslmode").and_then(|mode| mode.parse().ok()).unwrap_or(PgSslMode::Prefer);
    let options = PgConnectOptions::new_without_pgpass()
        .host(&access.host)
        .port(access.port)
        .username(&access.user)
        .password(&access.password)
        .database(&access.database)
        .application_name("pulp-drill")
        .ssl_mode(mode)
        .extra_float_digits(None)
        .options(OUTPUT);
    let options = tls("sslrootcert").into_iter().fold(options, PgConnectOptions::ssl_root_cert);
    let options = tls("sslcert").into_iter().fold(options, PgConnectOptions::ssl_client_cert);
    let options = tls("sslkey").into_iter().fold(options, PgConnectOptions::ssl_client_key);
    if access.host.starts_with('/') { options.socket(&access.host) } else { options }
}
