//! What may be destroyed. Databases are dropped and buckets are emptied only with a
//! [`Destructible`], and only a [`Guard`] issues one, after it has checked the store itself. A
//! permission names what it was issued for and is consumed by the act.

mod permit;

pub use permit::Destructible;

use crate::base::error::Error;
use crate::base::ids::BucketName;
use crate::system::external_site::SiteLease;
use crate::system::objects::ObjectStore;
use crate::system::postgres::Access;
use std::sync::Arc;

/// Decides what may be destroyed. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Kind);

#[derive(Clone)]
enum Kind {
    /// Stores that this process has started.
    Own,
    /// What the operator has named, found empty when the run began.
    Named(Arc<(Access, Vec<BucketName>)>),
    /// A site that carries our marker, leased for this run.
    External(Arc<SiteLease>),
}

impl Guard {
    /// For stores that this process has started itself, for its own use: nobody else has anything
    /// there. Never for an address that came from outside.
    pub fn own() -> Self {
        Self(Kind::Own)
    }

    /// For stores that the operator has named and that were found empty.
    pub(crate) fn named(database: Access, buckets: Vec<BucketName>) -> Self {
        Self(Kind::Named(Arc::new((database, buckets))))
    }

    /// For a site that carries our marker.
    pub fn marked(lease: &Arc<SiteLease>) -> Self {
        Self(Kind::External(Arc::clone(lease)))
    }

    /// Checks whether a database may be dropped now.
    ///
    /// # Errors
    /// The user's: it is not ours. The message gives the reason.
    pub async fn database(&self, database: &Access) -> Result<Destructible<Access>, Error> {
        let allowed = match &self.0 {
            Kind::Own => true,
            Kind::Named(named) => *database == named.0,
            Kind::External(lease) => lease.must_be_ours(database).await.map(|()| true)?,
        };
        if allowed {
            return Ok(Destructible::new(database.clone()));
        }
        Err(Error::usage(format!("database {:?} was not named: it is not dropped", database.database)))
    }

    /// Checks whether a bucket may be emptied or removed now.
    ///
    /// # Errors
    /// As for [`Guard::database`].
    pub async fn bucket(&self, bucket: &BucketName) -> Result<Destructible<BucketName>, Error> {
        let allowed = match &self.0 {
            Kind::Own => true,
            Kind::Named(named) => named.1.contains(bucket),
            Kind::External(lease) => lease.bucket_must_be_ours(bucket).await.map(|()| true)?,
        };
        if allowed {
            return Ok(Destructible::new(bucket.clone()));
        }
        Err(Error::usage(format!("bucket {bucket} was not named: it is not emptied")))
    }

    /// Loses everything in a bucket, as if the bucket had been removed and created again. A bucket that
    /// we may not create keeps its name, settings and tags.
    pub async fn rebuild_bucket(&self, store: &ObjectStore, bucket: &BucketName) -> Result<(), Error> {
        let may = self.bucket(bucket).await?;
        match &self.0 {
            Kind::Own => {
                store.delete_bucket(may).await?;
                store.create_bucket(bucket).await
            }
            Kind::Named(_) | Kind::External(_) => store.empty_bucket(may).await,
        }
    }

    /// Puts the marker on a database that was just created on an external site.
    pub async fn made(&self, database: &Access) -> Result<(), Error> {
        match &self.0 {
            Kind::Own | Kind::Named(_) => Ok(()),
            Kind::External(lease) => lease.mark(&database.database).await,
        }
    }

    /// Checks all of an external site, before a step that writes to it.
    pub async fn still_ours(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::Own | Kind::Named(_) => Ok(()),
            Kind::External(lease) => lease.all_must_be_ours().await,
        }
    }
}
