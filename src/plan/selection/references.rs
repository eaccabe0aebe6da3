//! Foreign keys as PostgreSQL prints them, and whether a row is referred to.

use crate::{
    base::ids::TableName,
    model::state::{Catalog, Database, Table},
};
use serde_json::Value;

/// A foreign key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignKey {
    of: Option<TableName>,
    columns: Vec<String>,
    table: String,
    referred: Vec<String>,
}

impl ForeignKey {
    /// All foreign keys of a schema.
    pub(super) fn all(catalog: &Catalog) -> Vec<Self> {
        let constraints = catalog.parts.iter().filter(|(name, _)| name.starts_with("constraint "));
        constraints.filter_map(|(_, (of, definition))| Self::parse(of.clone(), definition)).collect()
    }

    /// `FOREIGN KEY (album_id) REFERENCES public.albums(id) ON DELETE CASCADE`.
    fn parse(of: Option<TableName>, definition: &str) -> Option<Self> {
        let (columns, rest) = definition.strip_prefix("FOREIGN KEY (")?.split_once(") REFERENCES ")?;
        let (table, rest) = rest.split_once('(')?;
        let (referred, _) = rest.split_once(')')?;
        let list = |text: &str| text.split(", ").map(unquoted).collect();
        let table = unquoted(table.strip_prefix("public.").unwrap_or(table));
        Some(Self { of, columns: list(columns), table, referred: list(referred) })
    }

    /// Whether it is a key of this table.
    pub(super) fn is_of(&self, table: &TableName) -> bool {
        self.of.as_ref() == Some(table)
    }

    /// Whether it refers to rows of this table.
    pub(super) fn refers_to(&self, table: &TableName) -> bool {
        self.table == table.as_str()
    }

    /// Whether a row of the key's table has the values of this row in the columns of the key. The rows of a
    /// partitioned table may be read as those of its partitions only, which have the same columns. A value that
    /// was not kept may be the same.
    pub(super) fn is_used(&self, row: &Value, database: &Database) -> bool {
        let wanted: Option<Vec<&Value>> = self.referred.iter().map(|column| row.get(column)).collect();
        let Some(wanted) = wanted else { return true };
        let own = self.of.as_ref().and_then(|of| database.tables.get(of));
        let has_columns = |table: &&Table| self.columns.iter().all(|column| table.columns.contains(column));
        let tables: Vec<&Table> = match own {
            Some(own) => vec![own],
            None => database.tables.values().filter(has_columns).collect(),
        };
        tables.into_iter().flat_map(|table| table.rows.values()).any(|other| {
            let other = other.json.value();
            let mut pairs = self.columns.iter().zip(&wanted);
            pairs.all(|(column, value)| other.get(column).is_none_or(|own| own == *value && !own.is_null()))
        })
    }
}

/// A name without its quotes.
pub(super) fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_postgresql_prints_them() {
        let key = ForeignKey::parse(
            None,
            "FOREIGN KEY (\"Album\", n) REFERENCES public.albums(id, n) ON DELETE CASCADE",
        );
        assert_eq!(
            key,
            Some(ForeignKey {
                of: None,
                columns: vec!["Album".to_owned(), "n".to_owned()],
                table: "albums".to_owned(),
                referred: vec!["id".to_owned(), "n".to_owned()],
            })
        );
        assert_eq!(ForeignKey::parse(None, "PRIMARY KEY (id)"), None);
    }
}
