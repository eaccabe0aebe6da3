//! A connection to the maintenance database, while another database is inspected, marked and
//! locked: a comment on a database can be written after it was created again, and an advisory lock
//! survives the drop. It drops and creates nothing.

use super::{Access, connect, options_for};
use crate::base::error::{Error, ErrorContext};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// What the server knows of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Its identity: a database that is made anew, copied or restored has another.
    pub oid: i64,
    /// `COMMENT ON DATABASE`.
    pub comment: Option<String>,
    /// The sessions on it.
    pub sessions: i64,
}

/// One connection to the database `postgres`, kept open: what it has locked is locked while it
/// lives.
pub struct Maintenance {
    connection: Mutex<PgConnection>,
    access: Access,
}

impl Maintenance {
    /// Connects to the server of this database.
    pub async fn connect(access: &Access) -> Result<Self, Error> {
        let access = access.maintenance();
        let mut connection = connect(&options_for(&access), &access).await?;
        // A lock is held for as long as a run takes (PostgreSQL 14 and later know this setting).
        let stay = "select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'";
        sqlx::query(stay).fetch_all(&mut connection).await.or_environment(|| describe("asked", &access))?;
        Ok(Self { connection: Mutex::new(connection), access })
    }

    /// The cluster's identity (`system_identifier`); empty where this role may not know it.
    pub async fn server(&self) -> String {
        let mut connection = self.connection.lock().await;
        let asked = sqlx::query_scalar("select system_identifier::text from pg_control_system()");
        asked.fetch_one(&mut *connection).await.unwrap_or_default()
    }

    /// Takes the lock of a database's name, if nobody else has it. It is the server's: whatever name
    /// the host is reached by, it is the same lock.
    pub async fn lock(&self, name: &str) -> Result<bool, Error> {
        let mut connection = self.connection.lock().await;
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('pulp-drill site ' || $1, 0))")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .or_environment(|| describe("locked", &self.access))
    }

    /// Whether a lock that was taken is still held: a connection that was cut has lost it.
    pub async fn holds_lock(&self) -> bool {
        let mut connection = self.connection.lock().await;
        let held = "select exists (select from pg_locks \
                    where locktype = 'advisory' and pid = pg_backend_pid() and granted)";
        sqlx::query_scalar(held).fetch_one(&mut *connection).await.unwrap_or(false)
    }

    /// What is known of a database; `None` where there is none of this name.
    pub async fn facts(&self, name: &str) -> Result<Option<DatabaseFacts>, Error> {
        let sql = "select d.oid::int8, shobj_description(d.oid, 'pg_database'), \
                   (select count(*) from pg_stat_activity a where a.datid = d.oid and a.pid <> pg_backend_pid()) \
                   from pg_database d where d.datname = $1";
        let asked = || describe("asked", &self.access);
        let mut connection = self.connection.lock().await;
        let row = sqlx::query(sql).bind(name).fetch_optional(&mut *connection).await.or_environment(asked)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(DatabaseFacts {
            oid: row.try_get(0).or_harness(asked)?,
            comment: row.try_get(1).or_harness(asked)?,
            sessions: row.try_get(2).or_harness(asked)?,
        }))
    }

    /// Sets the comment on a database, or takes it away. Needs its owner.
    pub async fn comment(&self, name: &str, text: &str) -> Result<(), Error> {
        let context = || format!("can't mark database {name:?}");
        let mut connection = self.connection.lock().await;
        let sql = "select format('comment on database %I is %L', $1::text, $2::text)";
        let sql: String = sqlx::query_scalar(sql)
            .bind(name)
            .bind(text)
            .fetch_one(&mut *connection)
            .await
            .or_environment(context)?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.or_environment(context)?;
        Ok(())
    }
}

/// What somebody has made in a database, a few of it: nothing where it is as `CREATE DATABASE …
/// TEMPLATE template0` leaves it. Ids below 16384 are the server's own (PostgreSQL,
/// `FirstNormalObjectId`).
pub async fn contents(access: &Access) -> Result<Vec<String>, Error> {
    few(
        access,
        "select 'table ' || c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
           where c.oid >= 16384 and c.relkind in ('r', 'p', 'f', 'm', 'v', 'S') and n.nspname !~ '^pg_toast' \
         union all select 'schema ' || nspname from pg_namespace where oid >= 16384 and nspname !~ '^pg_(toast_)?temp_' \
         union all select 'function ' || proname from pg_proc where oid >= 16384 \
         union all select 'type ' || typname from pg_type where oid >= 16384 and typrelid = 0 and typcategory <> 'A' \
         union all select 'extension ' || extname from pg_extension where oid >= 16384 \
         union all select 'large object ' || oid from pg_largeobject_metadata \
         limit 4",
    )
    .await
}

/// Tables that hold more rows than `but` allows them; counting ends at a thousand.
pub async fn tables_with_rows(access: &Access, but: &BTreeMap<String, u64>) -> Result<Vec<String>, Error> {
    // One statement for all tables: `query_to_xml` runs the one that it is given.
    let tables = few(
        access,
        "select c.oid::regclass::text || ' ' || (xpath('//n/text()', query_to_xml(format( \
           'select count(*) as n from (select 1 from %s limit 1000) few', c.oid::regclass), false, false, '')))[1]::text \
         from pg_class c where c.oid >= 16384 and c.relkind = 'r' order by 1",
    )
    .await?;
    let counted = tables.iter().filter_map(|line| {
        let (table, rows) = line.rsplit_once(' ')?;
        Some((table, rows.parse::<u64>().ok()?))
    });
    let more = counted.filter(|(table, rows)| *rows > but.get(*table).copied().unwrap_or(0));
    Ok(more.map(|(table, _)| table.to_owned()).collect())
}

async fn few(access: &Access, sql: &'static str) -> Result<Vec<String>, Error> {
    let asked = || format!("can't see what is in database {:?}", access.database);
    let mut connection = connect(&options_for(access), access).await?;
    let found = sqlx::query_scalar(sql).fetch_all(&mut connection).await.or_environment(asked)?;
    connection.close().await.or_environment(asked)?;
    Ok(found)
}

fn describe(what: &str, access: &Access) -> String {
    format!("the server at {}:{} can't be {what}", access.host, access.port)
}
