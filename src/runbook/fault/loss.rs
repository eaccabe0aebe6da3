//! The loss that a backup is for: the database, the objects, or everything.

use crate::{
    base::{
        error::{Error, ErrorContext},
        folder,
    },
    scenario::{
        Destroy,
        method::{Procedure, Topology},
    },
    site::{Handles, RowStore},
    system::{objects::Bucket, postgres::drop_database},
};

/// Destroys the site or the stores of one kind. The backup bucket is elsewhere and stays.
pub async fn destroy(site: &Handles, what: Destroy) -> Result<(), Error> {
    match what {
        Destroy::Everything => {
            site.engine.kill().await;
            rows(site).await?;
            binaries(site).await
        }
        Destroy::Database => rows(site).await,
        Destroy::Objects => binaries(site).await,
    }
}

async fn rows(site: &Handles) -> Result<(), Error> {
    site.disconnect().await;
    if let Some(server) = &site.server {
        // The archive of WAL is elsewhere and stays.
        return server.lose().await;
    }
    match &site.rows {
        RowStore::Postgres(_) => drop_database(site.guard.database(&site.database()?).await?).await,
        RowStore::Files(files) => folder::remove(&files.templates),
    }
}

/// An operator rebuilds empty buckets before anything is copied into them.
async fn binaries(site: &Handles) -> Result<(), Error> {
    if site.method.procedure == Procedure::PointInTime {
        // Versions are the backup here: the loss is of what can be read. No version outlives its bucket.
        for bucket in site.versioned() {
            for object in bucket.list("").await? {
                bucket.delete(&object.key).await?;
            }
        }
        return Ok(());
    }
    site.guard.rebuild_bucket(&site.store, &site.bucket).await?;
    if site.method.topology == Topology::FilesS3
        && let RowStore::Files(files) = &site.rows
    {
        // The index of the assets lies apart from the binaries.
        folder::remove(&files.assets)?;
    }
    let Some((bucket, name)) = &site.results else { return Ok(()) };
    match bucket {
        Bucket::Files(folder) => {
            folder::remove(folder.path())?;
            std::fs::create_dir_all(folder.path())
                .or_environment(|| format!("can't make {}", folder.path().display()))
        }
        Bucket::S3(_) => site.guard.rebuild_bucket(&site.store, name).await,
    }
}
