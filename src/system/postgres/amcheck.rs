//! Whether indexes and tables are intact and agree with each other: PostgreSQL's own `amcheck`, as
//! `pg_amcheck --heapallindexed` calls it. The extension is created in a transaction that is rolled
//! back, so that the database stays as it was.

use crate::base::error::{Error, ErrorContext};
use crate::system::postgres::Postgres;
use crate::system::postgres::text::{all, maybe, text};
use sqlx::AssertSqlSafe;

/// A schema that no dump names, and a function that returns an index's error instead of raising it.
const PREPARE: &str = "
create schema pulp_drill_amcheck;
create extension amcheck with schema pulp_drill_amcheck;
create function pulp_drill_amcheck.index_error(i oid) returns text language plpgsql as $$
begin
    perform pulp_drill_amcheck.bt_index_check(i::regclass, true);
    return null;
exception when others then
    return sqlerrm;
end $$";

/// Every B-tree of the site's own tables, with what is wrong with it.
const INDEXES: &str = "
select c.oid::regclass::text, pulp_drill_amcheck.index_error(c.oid)
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am a on a.oid = c.relam and a.amname = 'btree'
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'i' and c.relpersistence = 'p' and i.indisvalid and i.indisready
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pulp_drill_amcheck')";

/// Every table and materialised view of the site, with the first thing that is wrong with it.
const TABLES: &str = "
select c.oid::regclass::text, (select v.msg from pulp_drill_amcheck.verify_heapam(c.oid::regclass) v limit 1)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_am a on a.oid = c.relam and a.amname = 'heap'
where c.relkind in ('r', 'm') and c.relpersistence = 'p'
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pulp_drill_amcheck')";

/// `verify_heapam` came with PostgreSQL 14.
const HEAP_SINCE: u32 = 14;

/// What `amcheck` reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationIntegrity {
    /// How many indexes and tables were checked.
    pub checked: usize,
    /// Indexes that are damaged or do not match their tables, with the reason.
    pub indexes: Vec<(String, String)>,
    /// Tables that are damaged, with the reason.
    pub tables: Vec<(String, String)>,
}

impl Postgres {
    /// Checks all indexes and tables. `Err` of the inner result is why `amcheck` can't be used here: it is
    /// not installed, or the role is not a superuser.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn integrity(&self) -> Result<Result<RelationIntegrity, String>, Error> {
        let context = || "can't check indexes and tables".to_owned();
        let major = self.version().await?.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let mut transaction = self.pool.begin().await.or_environment(context)?;
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(PREPARE)).execute(&mut *transaction).await {
            return Ok(Err(match error.as_database_error() {
                Some(error) => error.message().to_owned(),
                None => error.to_string(),
            }));
        }
        let mut found = RelationIntegrity::default();
        let parts = [(INDEXES, true), (TABLES, major.is_some_and(|major| major >= HEAP_SINCE))];
        for (sql, wanted) in parts {
            if !wanted {
                continue;
            }
            for row in all(&mut transaction, sql.to_owned()).await? {
                found.checked += 1;
                let Some(why) = maybe(&row, 1)? else { continue };
                let damaged = if sql == INDEXES { &mut found.indexes } else { &mut found.tables };
                damaged.push((text(&row, 0)?, why));
            }
        }
        transaction.rollback().await.or_environment(context)?;
        Ok(Ok(found))
    }
}
