//! A table that is held: statements of others on it wait, so that a backup can be put between an
//! engine's two writes without touching the engine. It changes no row.

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::system::postgres::{Access, connect, options_for, quote_table};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::{Duration, Instant};

/// How long the lock itself may take: somebody else's transaction may have the table.
const LOCK_SECONDS: u32 = 10;

/// How long a session may take to end.
const BROKEN_OFF: Duration = Duration::from_secs(10);

/// How long between two looks at who waits.
const LOOK: Duration = Duration::from_millis(5);

/// Which statements wait (PostgreSQL documentation, "Explicit Locking").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// `INSERT`, `UPDATE`, `DELETE` and changes of the schema. Reads go on, and so does `pg_dump`
    /// (lock mode `SHARE ROW EXCLUSIVE`).
    Writes,
    /// Everything, `SELECT` and `pg_dump` included (lock mode `ACCESS EXCLUSIVE`).
    All,
}

/// A table that is held by a transaction of our own. Dropping it closes the connection; the server
/// then gives the lock back, a little later than [`HeldTable::release`] does.
#[derive(Debug)]
pub struct HeldTable {
    connection: PgConnection,
    regclass: String,
    table: TableName,
}

impl HeldTable {
    /// Holds a table, named as in a profile: `assets`, or `schema.table` outside of `public`. From
    /// now on others' statements of this kind wait, and one of a transaction in flight too,
    /// unless it has touched the table already.
    ///
    /// # Errors
    /// There is no such table, or the lock was not to be had within ten seconds.
    pub async fn hold(access: &Access, table: &TableName, which: Statements) -> Result<Self, Error> {
        let regclass = quote_table(table);
        let mode = match which {
            Statements::Writes => "share row exclusive",
            Statements::All => "access exclusive",
        };
        let sql = format!(
            "begin; set local idle_in_transaction_session_timeout = 0; \
             set local lock_timeout = '{LOCK_SECONDS}s'; lock table {regclass} in {mode} mode"
        );
        let mut connection = connect(&options_for(access), access).await?;
        let context = || format!("can't hold the table {table}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.or_environment(context)?;
        Ok(Self { connection, regclass, table: table.clone() })
    }

    /// How many sessions wait for the table now.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn waiting(&mut self) -> Result<u64, Error> {
        let context = || format!("can't see who waits for the table {}", self.table);
        let count: i64 = sqlx::query_scalar(
            "select count(distinct pid) from pg_locks where relation = $1::regclass and not granted",
        )
        .bind(&self.regclass)
        .fetch_one(&mut self.connection)
        .await
        .or_environment(context)?;
        u64::try_from(count).or_harness(context)
    }

    /// Waits until a statement waits for the table. Where none comes it waits for ever: put a limit
    /// around it.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn reached(&mut self) -> Result<(), Error> {
        while self.waiting().await? == 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Breaks off whoever waits, as if their clients had died, and lets the table go: what they had
    /// written so far is rolled back.
    ///
    /// # Errors
    /// The connection broke, or the sessions of others are not ours to end.
    pub async fn break_off(mut self) -> Result<(), Error> {
        let context = || format!("can't end the sessions that wait for the table {}", self.table);
        let _ended: Vec<bool> = sqlx::query_scalar(
            "select pg_terminate_backend(pid) from \
             (select distinct pid from pg_locks where relation = $1::regclass and not granted) waiting",
        )
        .bind(&self.regclass)
        .fetch_all(&mut self.connection)
        .await
        .or_environment(context)?;
        let began = Instant::now();
        while self.waiting().await? > 0 {
            if began.elapsed() > BROKEN_OFF {
                let limit = BROKEN_OFF.as_secs();
                let what = format!("sessions wait for the table {} and do not end", self.table);
                return Err(Error::environment(what).cause(format!("they were terminated {limit} s ago")));
            }
            tokio::time::sleep(LOOK).await;
        }
        self.release().await
    }

    /// Lets the table go. When it returns, whoever waited may write.
    ///
    /// # Errors
    /// The connection broke; the table is free all the same.
    pub async fn release(mut self) -> Result<(), Error> {
        let context = || format!("can't let the table {} go", self.table);
        sqlx::raw_sql("rollback").execute(&mut self.connection).await.or_environment(context)?;
        self.connection.close().await.or_environment(context)
    }
}
