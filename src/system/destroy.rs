//! What may be destroyed. Databases and buckets are dropped and emptied only with a
//! [`Destructible`], and only a [`Guard`] makes one, after it has looked at the place itself. A
//! permission holds the name of what it was given for and is used up by the act.

use crate::base::error::Error;
use crate::base::ids::BucketName;
use crate::system::external_site::SiteLease;
use crate::system::objects::ObjectStore;
use crate::system::postgres::Access;
use std::sync::Arc;

/// Something that may be destroyed, once, now.
#[derive(Debug)]
pub struct Destructible<T>(T);

impl<T> Destructible<T> {
    /// What.
    pub fn what(&self) -> &T {
        &self.0
    }
}

/// Who says what may be destroyed. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Kind);

#[derive(Clone)]
enum Kind {
    /// Stores that this process has started.
    Own,
    /// What the operator has named, found empty when the run began.
    Named(Arc<(Access, Vec<BucketName>)>),
    /// A site that carries our marker, held for this run.
    Marked(Arc<SiteLease>),
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
    pub fn marked(held: &Arc<SiteLease>) -> Self {
        Self(Kind::Marked(Arc::clone(held)))
    }

    /// Looks whether a database may be dropped now.
    ///
    /// # Errors
    /// Blames the user: it is not ours. The reason is in the words.
    pub async fn database(&self, database: &Access) -> Result<Destructible<Access>, Error> {
        let allowed = match &self.0 {
            Kind::Own => true,
            Kind::Named(named) => *database == named.0,
            Kind::Marked(held) => held.must_be_ours(database).await.map(|()| true)?,
        };
        if allowed {
            return Ok(Destructible(database.clone()));
        }
        Err(Error::usage(format!("database {:?} was not named: it is not dropped", database.database)))
    }

    /// Looks whether a bucket may be emptied or removed now.
    ///
    /// # Errors
    /// As for [`Guard::database`].
    pub async fn bucket(&self, bucket: &BucketName) -> Result<Destructible<BucketName>, Error> {
        let allowed = match &self.0 {
            Kind::Own => true,
            Kind::Named(named) => named.1.contains(bucket),
            Kind::Marked(held) => held.bucket_must_be_ours(bucket).await.map(|()| true)?,
        };
        if allowed {
            return Ok(Destructible(bucket.clone()));
        }
        Err(Error::usage(format!("bucket {bucket} was not named: it is not emptied")))
    }

    /// Loses all that is in a bucket, as if it had been removed and made anew: one that is not ours
    /// to make keeps its name, its settings and its tags.
    pub async fn rebuild_bucket(&self, store: &ObjectStore, bucket: &BucketName) -> Result<(), Error> {
        let may = self.bucket(bucket).await?;
        match &self.0 {
            Kind::Own => {
                store.delete_bucket(may).await?;
                store.create_bucket(bucket).await
            }
            Kind::Named(_) | Kind::Marked(_) => store.empty_bucket(may).await,
        }
    }

    /// Takes note of a database that we have just made: a marked site's gets its marker.
    pub async fn made(&self, database: &Access) -> Result<(), Error> {
        match &self.0 {
            Kind::Own | Kind::Named(_) => Ok(()),
            Kind::Marked(held) => held.mark(&database.database).await,
        }
    }

    /// Looks at all of a marked site: before a step that writes to it.
    pub async fn still_ours(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::Own | Kind::Named(_) => Ok(()),
            Kind::Marked(held) => held.all_must_be_ours().await,
        }
    }
}
