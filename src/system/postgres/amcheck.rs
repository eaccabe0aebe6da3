//! Whether indexes and tables are intact and agree with each other: PostgreSQL's own `amcheck`, as
//! `pg_amcheck --heapallindexed` calls it, and look-ups of rows by the indexes that it does not know. The
//! extension is created in a transaction that is rolled back, so that the database stays as it was.

use crate::base::error::{Error, ErrorContext};
use crate::system::postgres::Postgres;
use crate::system::postgres::text::{all, maybe, name_in, text};
use sqlx::AssertSqlSafe;

/// A schema that no dump names, and functions that return what is wrong with an index or a table instead of
/// raising it: the file of one can be missing. The first error of a table is enough.
const PREPARE: &str = "
create schema pulp_drill_amcheck;
set local search_path = pg_catalog;
create extension amcheck with schema pulp_drill_amcheck;
create function pulp_drill_amcheck.index_error(i oid) returns text language plpgsql as $$
begin
    perform pulp_drill_amcheck.bt_index_check(i::regclass, true);
    return null;
exception when others then
    return sqlerrm;
end $$;
create function pulp_drill_amcheck.table_error(i oid, major int) returns text language plpgsql as $$
declare found text;
begin
    if major >= 14 then
        execute 'select msg from pulp_drill_amcheck.verify_heapam($1) limit 1' into found using i::regclass;
    else
        execute format('select null::text from %s having count(*) < 0', i::regclass) into found;
    end if;
    return found;
exception when others then
    return sqlerrm;
end $$";

/// A function that looks rows up by an index of another kind than a B-tree.
const MISSING_ROWS: &str = include_str!("missing_rows.sql");

/// Every index, with what is wrong with it. A materialised view that was never refreshed cannot be read, and has no rows.
const INDEXES: &str = "
select n.nspname, c.relname, case a.amname when 'btree' then pulp_drill_amcheck.index_error(c.oid)
    else pulp_drill_amcheck.missing_rows(c.oid) end
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid and t.relispopulated
join pg_am a on a.oid = c.relam
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'i' and c.relpersistence = 'p' and i.indisvalid and i.indisready
  and n.nspname <> 'pulp_drill_amcheck'
order by 1, 2";

/// Every table and refreshed materialised view, with the first thing that is wrong with it.
const TABLES: &str = "
select n.nspname, c.relname, pulp_drill_amcheck.table_error(c.oid, current_setting('server_version_num')::int / 10000)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_am a on a.oid = c.relam and a.amname = 'heap'
where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p' and c.relispopulated and n.nspname <> 'pulp_drill_amcheck'
order by 1, 2";

/// The collations whose order on this machine is not that under which the database's indexes were made.
const OTHER_ORDER: &str = "
select datname::text from pg_database
where datname = current_database() and datcollversion <> pg_database_collation_actual_version(oid)
union all
select collname::text from pg_collation c
where collversion <> pg_collation_actual_version(c.oid)
  and exists (select from pg_attribute a join pg_class t on t.oid = a.attrelid
              where a.attcollation = c.oid and t.relkind = 'i' and t.oid >= 16384)";

/// What `amcheck` reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationIntegrity {
    /// How many indexes and tables were checked.
    pub checked: usize,
    /// Indexes that are damaged or do not match their tables, with the reason.
    pub indexes: Vec<(String, String)>,
    /// Tables that are damaged, with the reason.
    pub tables: Vec<(String, String)>,
    /// Why an index can be in another order than this machine's without being damaged.
    pub other_order: Option<String>,
}

impl Postgres {
    /// Checks all indexes and tables, those of the catalog included. `Err` of the inner result is why `amcheck`
    /// can't be used here: it is not installed, or the role is not a superuser.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn integrity(&self) -> Result<Result<RelationIntegrity, String>, Error> {
        let context = || "can't check indexes and tables".to_owned();
        let version = self.version().await?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let mut transaction = self.pool.begin().await.or_environment(context)?;
        let prepare = format!("{PREPARE};\n{MISSING_ROWS}");
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *transaction).await {
            return Ok(Err(match error.as_database_error() {
                Some(error) => error.message().to_owned(),
                None => error.to_string(),
            }));
        }
        let mut found = RelationIntegrity::default();
        for sql in [INDEXES, TABLES] {
            for row in all(&mut transaction, sql.to_owned()).await? {
                found.checked += 1;
                let Some(why) = maybe(&row, 2)? else { continue };
                let damaged = if sql == INDEXES { &mut found.indexes } else { &mut found.tables };
                damaged.push((name_in(&text(&row, 0)?, &text(&row, 1)?), why));
            }
        }
        // Databases record the version of their collation from PostgreSQL 15 on.
        if major.is_some_and(|major| major >= 15) && !found.indexes.is_empty() {
            let other = all(&mut transaction, OTHER_ORDER.to_owned()).await?;
            let names: Vec<String> = other.iter().map(|row| text(row, 0)).collect::<Result<_, _>>()?;
            found.other_order = (!names.is_empty()).then(|| {
                let indexes: Vec<&str> = found.indexes.iter().map(|(name, _)| name.as_str()).collect();
                format!(
                    "this machine sorts text in another order than the source ({}), so that these indexes cannot be \
                     checked here: {}",
                    names.join(", "),
                    indexes.join(", ")
                )
            });
        }
        transaction.rollback().await.or_environment(context)?;
        Ok(Ok(found))
    }

    /// The table or index of a file of the data directory (`base/16384/16401.1`), if it is of this database.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn relation_of_file(&self, file: &str) -> Result<Option<String>, Error> {
        let mut parts = file.split('/').rev();
        let number = parts.next().and_then(|name| name.split(['.', '_']).next()).unwrap_or_default();
        let database = parts.next().unwrap_or_default();
        if number.parse::<u32>().is_err() {
            return Ok(None);
        }
        let sql = format!(
            "select r::text from pg_database, lateral pg_filenode_relation(0, {number}) r \
             where datname = current_database() and oid::text = '{}' and r is not null",
            database.replace('\'', "''")
        );
        Ok(self.texts(&sql).await?.into_iter().next())
    }
}
