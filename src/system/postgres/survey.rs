//! What a database has, without its rows: the schema and the number of rows of each table. Everything is
//! read in one read-only transaction on a read-only connection, so that it can be asked of a live source.

use super::{Access, Postgres, catalog, tables};
use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::TableName,
    },
    model::{profile::Profile, state::Catalog},
};
use std::collections::BTreeMap;

/// What a database has.
#[derive(Debug)]
pub struct Survey {
    /// Rows by table, without the tables that the profile ignores.
    pub tables: BTreeMap<TableName, u64>,
    /// The schema.
    pub catalog: Catalog,
}

impl Survey {
    /// Reads a database.
    ///
    /// # Errors
    /// Blames the environment, also where row security would hide rows from this role.
    pub async fn of(access: &Access, profile: &Profile) -> Result<Self, Error> {
        let source = Postgres::connect_read_only(access).await?;
        let context = || "can't begin to read".to_owned();
        let mut snapshot = super::capture::begin(&source.pool).await?;
        let tables = tables::count_all(&mut snapshot, profile).await?;
        let catalog = catalog::read(&mut snapshot).await?;
        snapshot.rollback().await.or_environment(context)?;
        source.close().await;
        Ok(Self { tables, catalog })
    }
}
