//! Everything in a database, in one snapshot.

use crate::base::error::{Error, ErrorContext};
use crate::model::profile::Profile;
use crate::model::state::Database;
use crate::system::postgres::{catalog, sequences, tables};
use sqlx::{AssertSqlSafe, PgPool};

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
    let context = || "can't begin to read".to_owned();
    let mut snapshot = pool.begin_with(BEGIN).await.or_environment(context)?;
    sqlx::raw_sql(AssertSqlSafe(SETTINGS)).execute(&mut *snapshot).await.or_environment(context)?;
    let tables = tables::read_all(&mut snapshot, profile, as_of).await?;
    let sequences = sequences::read_all(&mut snapshot, profile).await?;
    let catalog = catalog::read(&mut snapshot).await?;
    snapshot.rollback().await.or_environment(|| "can't end reading".to_owned())?;
    Ok(Database { tables, sequences, catalog })
}
