//! A look at a live database without changing it: how many rows its tables have, its schema, and where its
//! sequences stand.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        ids::TableName,
    },
    model::{
        profile::Profile,
        state::{Catalog, Sequence},
    },
    system::postgres::{Access, Postgres, catalog, sequences, tables},
};
use std::collections::BTreeMap;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The major version of the server.
    pub major: Option<u32>,
    /// Rows by table, without the tables that the profile ignores.
    pub tables: BTreeMap<TableName, u64>,
    /// The schema, as far as it can be compared with that of another server.
    pub catalog: Catalog,
    /// How many large objects there are.
    pub large_objects: u64,
    /// The positions of sequences, or why this role can't read them.
    pub sequences: Result<BTreeMap<String, Sequence>, String>,
}

impl Survey {
    /// Reads a database.
    ///
    /// # Errors
    /// Blames the environment, also where row security would hide rows from this role.
    pub async fn of(access: &Access, profile: &Profile) -> Result<Self, Error> {
        let source = Postgres::connect_read_only(access).await?;
        let read = Self::read(&source, profile).await;
        source.close().await;
        read.map_err(|error| {
            error.hint(
                "the role needs SELECT on all tables and sequences, and BYPASSRLS where tables have row security",
            )
        })
    }

    async fn read(source: &Postgres, profile: &Profile) -> Result<Self, Error> {
        let context = || "can't begin to read".to_owned();
        let mut snapshot = super::capture::begin(&source.pool).await?;
        let tables = tables::count_all(&mut snapshot, profile).await?;
        let catalog = catalog::read_comparable(&mut snapshot).await?;
        let large_objects = catalog::large_objects(&mut snapshot).await?;
        // Last: an error ends the transaction. A role that may read tables need not be allowed to read sequences.
        let sequences = sequences::read_all(&mut snapshot, profile).await.map_err(|error| error.to_string());
        snapshot.rollback().await.or_environment(context)?;
        let major = source.major().await?;
        Ok(Self { major, tables, catalog, large_objects, sequences })
    }
}
