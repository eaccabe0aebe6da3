//! An existing backup brought to a site: its dump and its binaries are fetched from where they are
//! stored, through [`Origin`], which cannot write there. An error that blames the user means that the
//! backup is not what it should be; the drill turns it into a finding.

mod cluster;
mod dump;
mod objects;

pub use cluster::{database_of_cluster, prepare_cluster};
pub use dump::{FetchedDump, fetch_dump};
pub use objects::{FetchedObjects, fetch_objects, place_unpacked};

use crate::{
    base::error::Error,
    model::state::Database,
    site::Handles,
    system::postgres::{quote_ident, quote_table},
};

/// Moves every next run a hundred years ahead: the engine reads it from the restored rows and would
/// deliver on behalf of a system that still runs.
pub async fn hold_schedules(site: &Handles, loaded: &Database) -> Result<(), Error> {
    let postgres = site.connect().await?;
    for entity in site.profile.entities.values() {
        let Some(column) = entity.next_run.as_ref().filter(|_| loaded.tables.contains_key(&entity.table))
        else {
            continue;
        };
        let (table, column) = (quote_table(&entity.table), quote_ident(column));
        let later = format!("update {table} set {column} = {column} + interval '100 years'");
        postgres.execute(&later, &[]).await?;
    }
    Ok(())
}
