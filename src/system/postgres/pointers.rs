//! The references of rows to the objects of one store, as a stream in the byte order of their keys, read
//! through a cursor; and those to some keys as they are now. The connections refuse every write.

use crate::base::checksum::ChecksumAlgorithm;
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::{ObjectKey, TableName};
use crate::model::key_range::KeyRange;
use crate::model::profile::{BinaryStore, Profile};
use crate::model::reference::{ObjectReference, unknown_columns};
use crate::system::postgres::references::{query, read};
use crate::system::postgres::text::{all, text};
use crate::system::postgres::{Access, Postgres};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Transaction};
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// Rows that are fetched at a time.
const PAGE: usize = 5_000;

/// The references of a database to the objects of one store.
#[derive(Clone, Debug)]
pub struct Pointers {
    postgres: Postgres,
    profile: Profile,
    store: BinaryStore,
    query: String,
}

/// All references, in the byte order of their keys.
pub struct PointerPages {
    snapshot: Transaction<'static, sqlx::Postgres>,
    profile: Profile,
    store: BinaryStore,
    after: Option<ObjectKey>,
}

impl Pointers {
    /// Connects, for reading only.
    ///
    /// # Errors
    /// Blames the user where the profile names no rows that refer to this store, or columns that do not exist.
    pub async fn connect(access: &Access, profile: &Profile, store: BinaryStore) -> Result<Self, Error> {
        let hint = "describe the rows that have an object key, under `binary` in the profile";
        if !profile.with_binaries().any(|(_, binary)| binary.store == store) {
            let why = format!("the profile {:?} names no rows that point there", profile.name);
            return Err(Error::usage(why).hint(hint));
        }
        let postgres = Postgres::connect_read_only(access).await?;
        let relations = postgres.relations().await?;
        let known = |table: &TableName| relations.get(table).map(|relation| relation.columns.as_slice());
        let unknown = unknown_columns(profile, known);
        let query = query(profile, &relations).filter(|_| unknown.is_empty()).ok_or_else(|| {
            Error::usage(format!("the profile does not fit the database: {}", unknown.join("; "))).hint(hint)
        })?;
        Ok(Self { postgres, profile: profile.clone(), store, query })
    }

    /// Whether objects with this key have no rows by design.
    pub fn ignores(&self, key: &str) -> bool {
        self.profile.ignores(key)
    }

    /// The checksums that rows record.
    pub fn checksums(&self) -> BTreeSet<ChecksumAlgorithm> {
        self.profile.checksums()
    }

    /// How many rows refer to objects in a range now, of all stores of the profile.
    pub async fn count(&self, range: &KeyRange) -> Result<u64, Error> {
        self.counted("*", range).await
    }

    /// How many keys in a range they refer to.
    pub async fn count_keys(&self, range: &KeyRange) -> Result<u64, Error> {
        self.counted("distinct z.key", range).await
    }

    async fn counted(&self, what: &str, range: &KeyRange) -> Result<u64, Error> {
        let within =
            [above(range), Some(below(range))].into_iter().flatten().collect::<Vec<_>>().join(" and ");
        let sql = format!("select count({what}) from ({}) z where {within}", self.query);
        let rows = all(&mut *self.postgres.snapshot().await?, sql).await?;
        let count = rows.first().map(|row| text(row, 0)).transpose()?.unwrap_or_default();
        count.parse().or_harness(|| format!("the server counts {count:?} rows"))
    }

    /// The keys that split all rows into so many ranges with about as many rows each.
    pub async fn quantiles(&self, ranges: NonZeroU32) -> Result<Vec<ObjectKey>, Error> {
        let shares = (1..ranges.get()).map(|n| format!("{n}.0 / {ranges}")).collect::<Vec<_>>().join(", ");
        // One row for each share, in their order; none in an empty table.
        let sql = format!(
            "select unnest(percentile_disc(array[{shares}]::float8[]) within group (order by z.key collate \"C\")) \
             from ({}) z",
            self.query
        );
        let rows = all(&mut *self.postgres.snapshot().await?, sql).await?;
        rows.iter().map(|row| text(row, 0).map(ObjectKey::new)).collect()
    }

    /// All references to keys in this range, in one snapshot, after those to prefixes of what is in it.
    pub async fn pages(&self, range: &KeyRange) -> Result<PointerPages, Error> {
        let mut snapshot = self.postgres.snapshot().await?;
        let prefix = |key: &ObjectKey| format!("starts_with({}, z.key)", literal(key));
        let from = match (above(range), range.after.as_ref().map(prefix)) {
            (Some(above), Some(prefix)) => format!("({above} or {prefix})"),
            _ => "true".to_owned(),
        };
        let until = below(range);
        // Sorting and reading may take as long as the listing does.
        let sql = format!(
            "set local statement_timeout = 0; declare pulp_drill_pointers no scroll cursor for \
             select z.* from ({}) z where {from} and {until} order by z.key collate \"C\", z.number, z.\"row\"",
            self.query
        );
        let context = || "can't begin to read rows".to_owned();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *snapshot).await.or_environment(context)?;
        let after = range.after.clone();
        Ok(PointerPages { snapshot, profile: self.profile.clone(), store: self.store, after })
    }

    /// The references to these keys as they are now.
    pub async fn of_keys(&self, keys: &[&ObjectKey]) -> Result<Vec<ObjectReference>, Error> {
        let keys: Vec<String> = keys.iter().map(|key| literal(key)).collect();
        let sql = format!("select z.* from ({}) z where z.key = any(array[{}])", self.query, keys.join(", "));
        let mut snapshot = self.postgres.snapshot().await?;
        references(&all(&mut snapshot, sql).await?, &self.profile, self.store)
    }
}

impl PointerPages {
    /// The next references; none at the end.
    pub async fn next(&mut self) -> Result<Vec<ObjectReference>, Error> {
        loop {
            let rows = all(&mut self.snapshot, format!("fetch {PAGE} from pulp_drill_pointers")).await?;
            let mut page = references(&rows, &self.profile, self.store)?;
            if let Some(after) = &self.after {
                page.retain(|row| row.is_prefix || row.key > *after);
            }
            if rows.is_empty() || !page.is_empty() {
                return Ok(page);
            }
        }
    }
}

/// The condition that a key is above the range's begin, where it has one.
fn above(range: &KeyRange) -> Option<String> {
    range.after.as_ref().map(|key| format!("z.key collate \"C\" > {}", literal(key)))
}

/// The condition that a key is not above the range's end.
fn below(range: &KeyRange) -> String {
    let until = range.until.as_ref();
    until.map_or("true".to_owned(), |key| format!("z.key collate \"C\" <= {}", literal(key)))
}

/// Those to the store.
fn references(rows: &[PgRow], profile: &Profile, store: BinaryStore) -> Result<Vec<ObjectReference>, Error> {
    let all = rows.iter().map(|row| read(profile, row));
    all.filter(|row| row.as_ref().map_or(true, |row| row.store == store)).collect()
}

/// A string constant, whatever `standard_conforming_strings` is.
fn literal(key: &ObjectKey) -> String {
    format!("E'{}'", key.as_str().replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_quoted() {
        assert_eq!(literal(&"a'b\\c".into()), "E'a''b\\\\c'");
    }
}
