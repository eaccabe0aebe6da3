//! A look at a database that somebody else uses: its tables, their columns, and some rows of each, in one
//! read-only transaction.

use super::{
    capture, quote_ident,
    tables::relations,
    text::{OURS, all, table_name, text},
};
use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::TableName,
    },
    system::postgres::references::Relation,
};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeMap, BTreeSet};

/// Larger values are left out: they are no keys, and their JSON would fill the memory.
const LARGEST_VALUE: u32 = 65_536;

/// Tables whose rows may be read, without the partitions of others.
const READABLE: &str = "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'p') and not c.relispartition and has_table_privilege(c.oid, 'select') and ";

/// The columns whose values may be keys, sizes, types, checksums, labels or marks.
const COLUMNS: &str = "select n.nspname, c.relname, a.attname, format_type(a.atttypid, null) \
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and ";

/// A table with some of its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampledTable {
    /// Its columns in order, each with its type.
    pub columns: Vec<(String, String)>,
    /// The columns of its primary key.
    pub key: Vec<String>,
    /// Some of its rows, as JSON.
    pub rows: Vec<Value>,
}

/// Reads at most so many rows of every table.
pub(super) async fn sample(pool: &PgPool, most: usize) -> Result<BTreeMap<TableName, SampledTable>, Error> {
    let mut snapshot = capture::begin(pool).await?;
    let mut readable = BTreeSet::new();
    for row in all(&mut snapshot, format!("{READABLE}{OURS}")).await? {
        readable.insert(table_name(&text(&row, 0)?, &text(&row, 1)?));
    }
    let mut types: BTreeMap<(TableName, String), String> = BTreeMap::new();
    for row in all(&mut snapshot, format!("{COLUMNS}{OURS}")).await? {
        types.insert((table_name(&text(&row, 0)?, &text(&row, 1)?), text(&row, 2)?), text(&row, 3)?);
    }
    let mut tables = BTreeMap::new();
    for (name, relation) in
        relations(&mut snapshot).await?.into_iter().filter(|(name, _)| readable.contains(name))
    {
        let kind = |column: &String| types.get(&(name.clone(), column.clone())).cloned().unwrap_or_default();
        let columns = relation.columns.iter().map(|column| (column.clone(), kind(column))).collect();
        let rows = rows(&mut snapshot, &relation, most).await?;
        tables.insert(name, SampledTable { columns, key: relation.key, rows });
    }
    snapshot.rollback().await.or_environment(|| "can't end reading".to_owned())?;
    Ok(tables)
}

async fn rows(connection: &mut PgConnection, relation: &Relation, most: usize) -> Result<Vec<Value>, Error> {
    let small = |column: &String| {
        let column = quote_ident(column);
        format!(
            "case when coalesce(pg_column_size(t.{column}), 0) <= {LARGEST_VALUE} then t.{column} end as {column}"
        )
    };
    if relation.columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<String> = relation.columns.iter().map(small).collect();
    let sql = format!(
        "select row_to_json(pulp_drill_row)::text from (select {} from {} t limit {most}) pulp_drill_row",
        columns.join(", "),
        relation.source
    );
    let rows = all(connection, sql).await?;
    let parsed = |row| {
        serde_json::from_str(&text(row, 0)?)
            .or_environment(|| format!("a row of {} is not JSON", relation.source))
    };
    rows.iter().map(parsed).collect()
}
