//! Rows: each with its key, the digest of its exact text, and itself as JSON.

use crate::base::digest::{Digest, Hasher};
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::base::sorted::SortedMapBuilder;
use crate::model::profile::Profile;
use crate::model::state::{Database, Row, Table};
use crate::system::postgres::normalize::key_columns;
use crate::system::postgres::quote_ident;
use crate::system::postgres::references::Relation;
use crate::system::postgres::text::{OURS, all, field, maybe, qualified, table_name, text};
use futures::TryStreamExt;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::{BTreeMap, BTreeSet};

/// A table whose file holds more rows than this, at the most, is digested on the server before it is read.
const READ_AT_ONCE: u64 = 20_000;

/// How the server digests the rows of a large table without sending them. The text of a row
/// (`record_out`) is injective: it quotes what could be taken for a separator and leaves null empty, and the
/// columns' own texts are the same as elsewhere in a capture, with the settings of the connection. SHA-256 of
/// each text makes rows of any width alike long. The hashes are sorted, so that neither the order of rows on disk
/// nor a collation has an effect and duplicates count, and digested again in 256 groups by their first byte,
/// which bounds what one sort holds. Two different sets of rows have the same digest only where SHA-256 has a
/// collision. `offset 0` keeps the planner from computing a hash for the group and once more for the digest.
const DIGEST: &str = "
select n, count(*), encode(sha256(string_agg(h, '' order by h)), 'hex')
from (select get_byte(h, 0) as n, h
      from (select sha256(textsend({row}::text)) as h from {table} t offset 0) x offset 0) y
group by n order by n";

/// The greatest row that is kept as whole JSON, in bytes of its JSON. Of wider ones the columns that the profile
/// names are kept.
const JSON_BYTES: usize = 64 * 1024;

/// Tables, views and partitioned tables, with their columns in order and the columns of their keys.
const LIST: &str = "
select n.nspname, c.relname, c.relkind::text,
    (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    (select coalesce(json_agg(a.attname order by k.place), '[]')
     from pg_index i, unnest(i.indkey::int2[]) with ordinality k (num, place), pg_attribute a
     where i.indrelid = c.oid and i.indisprimary and k.place <= i.indnkeyatts
       and a.attrelid = c.oid and a.attnum = k.num),
    case when h.oid is not null and c.relkind in ('r', 'm') then pg_relation_size(c.oid) end,
    c.relpersistence = 'u'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_am h on h.oid = c.relam and h.amname = 'heap'
where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't' and ";

/// What has rows of its own; a partitioned table's rows are its leaves'.
const ORDINARY: &str = "r";

/// All relations, by name.
pub(super) async fn relations(connection: &mut PgConnection) -> Result<BTreeMap<TableName, Relation>, Error> {
    let mut all = BTreeMap::new();
    for row in self::all(connection, format!("{LIST}{OURS}")).await? {
        let (schema, name) = (text(&row, 0)?, text(&row, 1)?);
        let relation = Relation {
            source: qualified(&schema, &name),
            columns: names(&text(&row, 3)?)?,
            key: names(&text(&row, 4)?)?,
            own_rows: text(&row, 2)? == ORDINARY,
            bytes: maybe(&row, 5)?.and_then(|bytes| bytes.parse().ok()),
            unlogged: text(&row, 6)? == "t",
        };
        all.insert(table_name(&schema, &name), relation);
    }
    Ok(all)
}

/// The least that a row takes in a heap, in bytes: an item pointer (4) and an aligned tuple header (24),
/// PostgreSQL documentation, "Database Page Layout".
const LEAST_ROW: u64 = 28;

/// How one table is read.
struct Plan {
    /// How SQL calls it, after `from`.
    source: String,
    /// Whether its rows are in no other table.
    own_rows: bool,
    /// The columns of the capture, in order, and whether each is there.
    columns: Vec<(String, bool)>,
    /// The columns of the key; empty for a table without one.
    key: Vec<String>,
    /// The columns that the profile names: they are kept whatever the size of the row.
    named: BTreeSet<String>,
    /// The size of its file in bytes; none where it is no heap.
    bytes: Option<u64>,
    unlogged: bool,
}

/// What to select a relation's rows from; none for what is not read. The rows of a table that others inherit from
/// are its own.
fn read_from(name: &TableName, relation: &Relation, profile: &Profile) -> Option<String> {
    let named = profile.entities.values().any(|entity| entity.table == *name);
    match (profile.ignore_tables.contains(name), relation.own_rows) {
        (true, _) => None,
        (false, true) => Some(format!("only {}", relation.source)),
        (false, false) => named.then(|| relation.source.clone()),
    }
}

/// All tables that the profile does not ignore, and the views and partitioned tables that it names.
pub(super) async fn read_all(
    connection: &mut PgConnection,
    profile: &Profile,
    as_of: Option<&Database>,
) -> Result<BTreeMap<TableName, Table>, Error> {
    let mut tables = BTreeMap::new();
    for (name, relation) in relations(connection).await? {
        let Some(source) = read_from(&name, &relation, profile) else { continue };
        let plan = Plan {
            source,
            own_rows: relation.own_rows,
            columns: relation.columns.into_iter().map(|column| (column, true)).collect(),
            key: relation.key,
            named: profile.columns_of(&name).map(str::to_owned).collect(),
            bytes: relation.bytes,
            unlogged: relation.unlogged,
        };
        let plan = plan.without_volatile(profile, &name).at_the_time_of(as_of, &name);
        let then = as_of.and_then(|then| then.tables.get(&name));
        let context = |error: Error| error.while_doing(format!("can't read {name}"));
        tables.insert(name.clone(), read(connection, &plan, then).await.map_err(context)?);
    }
    Ok(tables)
}

/// How many rows each table has that [`read_all`] reads.
pub(super) async fn count_all(
    connection: &mut PgConnection,
    profile: &Profile,
) -> Result<BTreeMap<TableName, u64>, Error> {
    let mut counts = BTreeMap::new();
    for (name, relation) in relations(connection).await? {
        let Some(source) = read_from(&name, &relation, profile) else { continue };
        let count = all(connection, format!("select count(*) from {source}")).await?;
        let count = count.first().map(|row| text(row, 0)).transpose()?.unwrap_or_default();
        counts.insert(name, count.parse().or_harness(|| format!("{count:?} is no number of rows"))?);
    }
    Ok(counts)
}

fn names(json: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(json).or_harness(|| "the catalog's column names are not valid JSON".to_owned())
}

impl Plan {
    fn without_volatile(mut self, profile: &Profile, name: &TableName) -> Self {
        let volatile = |column: &String| {
            profile.entities.values().any(|e| e.table == *name && e.volatile.contains(column))
        };
        self.columns.retain(|(column, _)| !volatile(column));
        self
    }

    /// By the columns and the key that the table had then.
    fn at_the_time_of(mut self, then: Option<&Database>, name: &TableName) -> Self {
        let Some((then, table)) = then.and_then(|then| Some((then, then.tables.get(name)?))) else {
            return self;
        };
        let there = |column: &String| self.columns.iter().any(|(now, _)| now == column);
        let columns = table.columns.iter().map(|column| (column.clone(), there(column))).collect();
        let key = then
            .catalog
            .parts
            .values()
            .filter(|(owner, _)| owner.as_ref() == Some(name))
            .find_map(|(_, definition)| key_columns(definition));
        match key {
            // The key of a column that is gone can't be read; the rest of the row is still compared.
            Some(key) if key.iter().all(&there) => self.key = key,
            Some(_) => {}
            None => self.key = Vec::new(),
        }
        self.columns = columns;
        self
    }

    fn present(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|(_, there)| *there).map(|(column, _)| column.as_str())
    }

    /// Field 0 is the key, field 1 the JSON, then the columns that are there.
    fn sql(&self) -> String {
        let list = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("t.{}", quote_ident(name))).collect::<Vec<_>>()
        };
        let columns = list(&mut self.present());
        let key = match list(&mut self.key.iter().map(String::as_str)) {
            none if none.is_empty() => "null".to_owned(),
            some => format!("json_build_array({})", some.join(", ")),
        };
        let named = list(&mut self.present().filter(|column| self.named.contains(*column)));
        let json = format!(
            "(select case when octet_length(j) <= {JSON_BYTES} then j else {} end \
              from (select {} as j offset 0) x)",
            self.as_json(&named),
            self.as_json(&columns)
        );
        let fields = [vec![key, json], columns].concat();
        format!("select {} from {} t", fields.join(", "), self.source)
    }

    /// Columns of the row as the text of a JSON object; null without any. Text JSON: binary JSON
    /// refuses \u0000, which a column of type json may hold.
    fn as_json(&self, columns: &[String]) -> String {
        if columns.is_empty() {
            return "null".to_owned();
        }
        // A column by the row's name would be taken for the row.
        let mut whole = "whole".to_owned();
        while self.present().any(|column| column == whole) {
            whole.push('_');
        }
        format!("(select row_to_json({whole})::text from (select {}) {whole})", columns.join(", "))
    }
}

/// Reads a table, except for one whose rows are known to be the same as then.
async fn read(connection: &mut PgConnection, plan: &Plan, then: Option<&Table>) -> Result<Table, Error> {
    let small = plan.bytes.is_some_and(|bytes| bytes / LEAST_ROW <= READ_AT_ONCE);
    let on_server = if small { None } else { digest(connection, plan).await? };
    if let Some(then) = then.filter(|then| on_server.is_some() && then.on_server == on_server) {
        return Ok(then.clone());
    }
    let mut rows = SortedMapBuilder::new();
    let context = || "the rows broke off".to_owned();
    {
        let mut stream = sqlx::raw_sql(AssertSqlSafe(plan.sql())).fetch(&mut *connection);
        while let Some(raw) = stream.try_next().await.or_environment(context)? {
            let row = one(plan, &raw)?;
            let key = match field(&raw, 0)? {
                Some(key) => String::from_utf8_lossy(key).into_owned(),
                None => row.digest.to_string(),
            };
            rows.add(&key, &row);
        }
    }
    // Types with an own way to JSON could print two keys alike.
    let rows = rows.finish_numbered(plan.key.is_empty());
    let columns = plan.present().map(str::to_owned).collect();
    let (of_others, unlogged) = (!plan.own_rows, plan.unlogged);
    Ok(Table { columns, rows, on_server, damaged: BTreeMap::new(), of_others, unlogged })
}

/// The digest of all rows with the names of their columns and the key; none where the server can't compute it,
/// as for rows whose text is beyond a gigabyte.
async fn digest(connection: &mut PgConnection, plan: &Plan) -> Result<Option<Digest>, Error> {
    let mut names: Vec<&str> = plan.present().collect();
    if names.len() < plan.columns.len() {
        return Ok(None);
    }
    names.sort_unstable();
    let columns: Vec<String> = names.iter().map(|name| format!("t.{}", quote_ident(name))).collect();
    let sql =
        DIGEST.replace("{row}", &format!("row({})", columns.join(", "))).replace("{table}", &plan.source);
    let context = || "can't continue after a digest".to_owned();
    let run = |sql: &'static str| sqlx::raw_sql(sql);
    run("savepoint pulp_drill_digest").execute(&mut *connection).await.or_environment(context)?;
    let Ok(groups) = all(connection, sql).await else {
        run("rollback to pulp_drill_digest").execute(connection).await.or_environment(context)?;
        return Ok(None);
    };
    run("release pulp_drill_digest").execute(connection).await.or_environment(context)?;
    let mut hasher = Hasher::new();
    hasher.field(names.len().to_string());
    for name in names.into_iter().chain(plan.key.iter().map(String::as_str)) {
        hasher.field(name);
    }
    for group in &groups {
        for index in 0..3 {
            hasher.field(text(group, index)?);
        }
    }
    Ok(Some(hasher.finish()))
}

/// The digest over each column's name and text, by name: the order of columns in the table does
/// not matter. Null, a value and a column that is gone are distinct.
fn one(plan: &Plan, raw: &PgRow) -> Result<Row, Error> {
    let mut values: BTreeMap<&str, Option<Option<&[u8]>>> =
        plan.columns.iter().map(|(column, _)| (column.as_str(), None)).collect();
    for (index, column) in plan.present().enumerate() {
        values.insert(column, Some(field(raw, index + 2)?));
    }
    let mut hasher = Hasher::new();
    for (column, value) in &values {
        hasher.field(column);
        match value {
            None => hasher.update([2]),
            Some(None) => hasher.update([0]),
            Some(Some(value)) => {
                hasher.update([1]);
                hasher.field(value);
            }
        }
    }
    let json = match field(raw, 1)? {
        None => Value::Null,
        // Numbers beyond a double and deep nesting are not valid JSON for serde: their text is.
        Some(json) => serde_json::from_slice(json).unwrap_or_else(|_| as_texts(&values)),
    };
    Ok(Row { digest: hasher.finish(), json: json.into() })
}

fn as_texts(values: &BTreeMap<&str, Option<Option<&[u8]>>>) -> Value {
    let text = |value: &[u8]| Value::from(String::from_utf8_lossy(value));
    values
        .iter()
        .filter_map(|(column, value)| Some(((*column).to_owned(), value.as_ref()?.map_or(Value::Null, text))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
