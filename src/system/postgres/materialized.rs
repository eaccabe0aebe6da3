//! Materialised views: what they hold, and what their query returns at the same instant. A restore
//! refreshes them, so that a view which was out of date at the source rightly comes back with other rows.

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::model::profile::Profile;
use crate::model::state::StoredQuery;
use crate::system::postgres::text::{OURS, all, qualified, table_name, text};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeMap;

const LIST: &str = "
select n.nspname, c.relname, pg_get_viewdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and ";

/// The number of rows and a sum over the digests of their texts, which no order changes.
fn summary(of: &str) -> String {
    format!(
        "select format('%s rows, checksum %s', count(*), \
         coalesce(sum(('x' || md5(t::text))::bit(64)::bigint::numeric), 0)) from {of} t"
    )
}

/// All materialised views that are populated and that the profile does not ignore.
pub(super) async fn read_all(
    connection: &mut PgConnection,
    profile: &Profile,
) -> Result<BTreeMap<TableName, StoredQuery>, Error> {
    let mut views = BTreeMap::new();
    for row in all(connection, format!("{LIST}{OURS}")).await? {
        let (schema, relation, query) = (text(&row, 0)?, text(&row, 1)?, text(&row, 2)?);
        let name = table_name(&schema, &relation);
        if profile.ignore_tables.contains(&name) {
            continue;
        }
        let read = all(connection, summary(&format!("only {}", qualified(&schema, &relation)))).await;
        let read = read.map_err(|error| error.while_doing(format!("can't read {name}")))?;
        let rows = read.first().map(|row| text(row, 0)).transpose()?.unwrap_or_default();
        let query = answer(connection, query.trim_end().trim_end_matches(';')).await?;
        views.insert(name, StoredQuery { rows, query });
    }
    Ok(views)
}

/// What a view's query returns now. It may fail: it is not run as its owner here.
async fn answer(connection: &mut PgConnection, query: &str) -> Result<Option<String>, Error> {
    let run = async |connection: &mut PgConnection, sql: &'static str| {
        let context = || format!("the server won't do this: {sql}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.or_environment(context)
    };
    run(connection, "savepoint materialized").await?;
    let answered = all(connection, summary(&format!("({query})"))).await;
    run(connection, "rollback to savepoint materialized; release savepoint materialized").await?;
    match answered {
        Ok(rows) => rows.first().map(|row| text(row, 0)).transpose(),
        Err(_) => Ok(None),
    }
}
