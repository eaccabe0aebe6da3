//! Queries whose answers are read as text, exactly as the types' output functions print them: the
//! simple query protocol does that for every type, also for those that sqlx has never heard of.

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::model::profile::ColumnPath;
use crate::system::postgres::quote_ident;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row, ValueRef};

/// Schemas that are the server's own: never captured.
pub(super) const OURS: &str = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/// A field as it was printed; `None` for null.
pub(super) fn field(row: &PgRow, index: usize) -> Result<Option<&[u8]>, Error> {
    let context = || format!("can't read field {index} of a row");
    let value = row.try_get_raw(index).or_harness(context)?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_bytes().map(Some).map_err(|error| Error::harness(context()).because(error.as_ref()))
}

/// A field that is never null in the catalog, as text.
pub(super) fn text(row: &PgRow, index: usize) -> Result<String, Error> {
    Ok(field(row, index)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default())
}

/// A field that may be null, as text.
pub(super) fn maybe(row: &PgRow, index: usize) -> Result<Option<String>, Error> {
    Ok(field(row, index)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// All rows of a query.
pub(super) async fn all(connection: &mut PgConnection, sql: String) -> Result<Vec<PgRow>, Error> {
    let short: String = sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .or_environment(|| format!("the server won't answer: {short}"))
}

/// How a table (or anything else in a schema) is called: without `public`, and with the parts
/// quoted where a dot in them could be taken for the one between them.
pub(super) fn name_in(schema: &str, name: &str) -> String {
    let part = |text: &str| if text.contains(['.', '"']) { quote_ident(text) } else { text.to_owned() };
    if schema == "public" { part(name) } else { format!("{}.{}", part(schema), part(name)) }
}

/// The same, as a table's name.
pub(super) fn table_name(schema: &str, name: &str) -> TableName {
    TableName::new(name_in(schema, name))
}

/// How SQL calls a table that a profile names.
pub fn quote_table(table: &TableName) -> String {
    // The parts of a table's name are quoted as those of a column's path.
    let parts: Vec<String> = match table.as_str().parse::<ColumnPath>() {
        Ok(path) => path.parts().map(quote_ident).collect(),
        Err(_) => vec![quote_ident(table.as_str())],
    };
    if parts.len() == 1 { format!("public.{}", parts.concat()) } else { parts.join(".") }
}

/// How SQL calls it.
pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_be_mistaken_for_one_another() {
        assert_eq!(name_in("public", "assets"), "assets");
        assert_eq!(name_in("a", "b"), "a.b");
        assert_eq!(name_in("public", "a.b"), "\"a.b\"");
        assert_eq!(name_in("a.b", "c"), "\"a.b\".c");
        for (schema, name) in [("public", "assets"), ("a", "B c"), ("public", "a.b"), ("a.b", "c\"d")] {
            assert_eq!(
                quote_table(&table_name(schema, name)),
                qualified(schema, name).replace("\"public\"", "public")
            );
        }
    }
}
