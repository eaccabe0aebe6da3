//! Everything in a database, in one snapshot.

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::model::profile::Profile;
use crate::model::reference::{ObjectReference, unknown_columns};
use crate::model::state::Database;
use crate::system::postgres::references::Relation;
use crate::system::postgres::{catalog, references, sequences, tables};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, PgPool, Transaction};
use std::collections::BTreeMap;

/// One snapshot that nothing can be written in. The empty search path makes every definition name
/// its objects in full; with row security off, a policy that would hide rows is an error.
const BEGIN: &str = "begin isolation level repeatable read, read only";
const SETTINGS: &str = "set local search_path = ''; set local row_security = off; \
    set local lock_timeout = '10s'; set local statement_timeout = '10min'; \
    set local quote_all_identifiers = off";

/// See [`Postgres::capture`](crate::system::postgres::Postgres::capture).
pub(super) async fn capture(
    pool: &PgPool,
    profile: &Profile,
    as_of: Option<&Database>,
) -> Result<Database, Error> {
    let mut snapshot = begin(pool).await?;
    let tables = tables::read_all(&mut snapshot, profile, as_of).await?;
    let sequences = sequences::read_all(&mut snapshot, profile).await?;
    let catalog = catalog::read(&mut snapshot).await?;
    snapshot.rollback().await.or_environment(|| "can't end reading".to_owned())?;
    Ok(Database { tables, sequences, catalog })
}

pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, sqlx::Postgres>, Error> {
    let context = || "can't begin to read".to_owned();
    let mut snapshot = pool.begin_with(BEGIN).await.or_environment(context)?;
    sqlx::raw_sql(AssertSqlSafe(SETTINGS)).execute(&mut *snapshot).await.or_environment(context)?;
    Ok(snapshot)
}

/// All relations, by name.
pub(super) async fn relations(pool: &PgPool) -> Result<BTreeMap<TableName, Relation>, Error> {
    let mut snapshot = begin(pool).await?;
    tables::relations(&mut snapshot).await
}

/// See [`Postgres::references`](crate::system::postgres::Postgres::references).
pub(super) async fn references(
    pool: &PgPool,
    profile: &Profile,
    mut each: impl FnMut(ObjectReference),
) -> Result<Vec<String>, Error> {
    let mut snapshot = begin(pool).await?;
    let relations = tables::relations(&mut snapshot).await?;
    if let Some(sql) = references::query(profile, &relations) {
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut *snapshot);
        let context = || "the references broke off".to_owned();
        while let Some(row) = rows.try_next().await.or_environment(context)? {
            each(references::read(profile, &row)?);
        }
    }
    snapshot.rollback().await.or_environment(|| "can't end reading".to_owned())?;
    let known = |table: &TableName| relations.get(table).map(|relation| relation.columns.as_slice());
    Ok(unknown_columns(profile, known))
}
