//! The loss that a backup is for: the database, the objects, or everything.

use crate::{base::trouble::Trouble, scenario::Destroy, site::Handles, system::postgres::drop_database};

/// Destroys the site or one store of it. The backup bucket is elsewhere and stays.
pub async fn destroy(site: &Handles, what: Destroy) -> Result<(), Trouble> {
    if what != Destroy::Objects {
        site.disconnect().await;
    }
    match what {
        Destroy::Everything => {
            site.engine.kill().await;
            drop_database(&site.database.maintenance(), &site.database.database).await?;
            empty(site).await
        }
        Destroy::Database => drop_database(&site.database.maintenance(), &site.database.database).await,
        Destroy::Objects => empty(site).await,
    }
}

async fn empty(site: &Handles) -> Result<(), Trouble> {
    site.store.delete_bucket(&site.bucket).await?;
    // An operator rebuilds the empty bucket before anything is copied into it.
    site.store.create_bucket(&site.bucket).await
}
