//! A site of the user's own: a database and buckets that carry our marker, leased to one run by a
//! lock on the server. Its state is read from the stores before every decision and never cached.

mod lifecycle;
mod found;
mod marker;
mod location;

pub use found::{BucketFound, DatabaseFound, SiteInventory};
pub use location::{SiteLocation, must_be_drillable};
pub use marker::{Marker, SiteState};

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::BucketName;
use crate::system::objects::{ObjectStore, Tags};
use crate::system::postgres::{Access, Maintenance, contents};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The tag of a bucket that belongs to a site; its value is the site's id.
const TAG: &str = "pulp-drill-site";

/// A site that nobody else can use while this lives.
pub struct SiteLease {
    place: SiteLocation,
    store: ObjectStore,
    maintenance: Maintenance,
    server: String,
    /// What the operator has repeated by name.
    named: Vec<String>,
    /// Where an engine that is not ours is on the database, its schema is there, and sessions: the
    /// rows that may be there all the same, by table.
    inhabited: Option<BTreeMap<String, u64>>,
    /// The marker of whoever uses it now: ours.
    in_use: OnceLock<Marker>,
}

impl SiteLease {
    /// Takes the lock of a site. Nothing is read or changed yet.
    ///
    /// # Errors
    /// Blames the user where another run has it.
    pub async fn hold(
        place: SiteLocation,
        named: &[String],
        inhabited: Option<BTreeMap<String, u64>>,
    ) -> Result<Self, Error> {
        let maintenance = Maintenance::connect(&place.database).await?;
        if !maintenance.lock(&place.database.database).await? {
            return Err(Error::usage(format!("another run is using {}", place.database.place()))
                .hint("wait for its end; a site is for one run at a time"));
        }
        let server = maintenance.server().await;
        let store = ObjectStore::s3(&place.s3);
        let (named, in_use) = (named.to_vec(), OnceLock::new());
        Ok(Self { place, store, maintenance, server, named, inhabited, in_use })
    }

    /// Where it is.
    pub fn place(&self) -> &SiteLocation {
        &self.place
    }

    /// Its object store.
    pub fn store(&self) -> &ObjectStore {
        &self.store
    }

    /// Looks at databases and buckets as they are now.
    pub async fn look(&self) -> Result<SiteInventory, Error> {
        let mut buckets = Vec::new();
        for bucket in self.place.buckets() {
            let found = self.look_at_bucket(&bucket).await?;
            buckets.push((bucket, found));
        }
        Ok(SiteInventory {
            database: self.look_at(&self.place.database).await?,
            restored: self.look_at(&self.place.restored()).await?,
            buckets,
        })
    }

    async fn look_at(&self, database: &Access) -> Result<DatabaseFound, Error> {
        let name = &database.database;
        let facts = self.maintenance.facts(name).await?;
        Ok(facts.map_or(DatabaseFound::Absent, |facts| match Marker::read(name, &facts, &self.server) {
            marker::Read::None => DatabaseFound::Unmarked,
            marker::Read::Foreign(why) => DatabaseFound::Foreign(why),
            marker::Read::Ours(marker) => DatabaseFound::Marked(marker),
        }))
    }

    async fn look_at_bucket(&self, bucket: &BucketName) -> Result<BucketFound, Error> {
        Ok(match self.store.bucket(bucket).tags().await? {
            Tags::NoBucket => BucketFound::Absent,
            Tags::Unknown => BucketFound::Untaggable,
            Tags::Of(mut tags) => tags.remove(TAG).map_or(BucketFound::Unmarked, BucketFound::Of),
        })
    }

    /// Whether a database is this site's, marked as in use by us, or not there at all.
    pub(super) async fn must_be_ours(&self, database: &Access) -> Result<(), Error> {
        let ours = self.ours().await?;
        let (name, site) = (&database.database, &self.place.database);
        let refuse = |why: String| Err(refusal(format!("database {name:?} is not touched: {why}")));
        if *database != *site && *database != self.place.restored() {
            return refuse(format!("it is not part of the site {}", site.place()));
        }
        match self.look_at(database).await? {
            DatabaseFound::Absent => Ok(()),
            DatabaseFound::Unmarked => refuse("it carries no marker of ours".to_owned()),
            DatabaseFound::Foreign(why) => refuse(why),
            DatabaseFound::Marked(marker) if marker.id != ours.id => {
                refuse("it carries another site's marker".to_owned())
            }
            DatabaseFound::Marked(marker) if marker.state != ours.state => {
                refuse("it is not marked as in use by this run".to_owned())
            }
            DatabaseFound::Marked(_) => Ok(()),
        }
    }

    /// Whether a bucket is this site's, or not there at all.
    pub(super) async fn bucket_must_be_ours(&self, bucket: &BucketName) -> Result<(), Error> {
        let ours = self.ours().await?;
        if !self.place.buckets().contains(bucket) {
            return Err(refusal(format!("bucket {bucket} is not touched: it is not part of the site")));
        }
        match self.look_at_bucket(bucket).await? {
            BucketFound::Absent => Ok(()),
            found => self.bucket_fits(bucket, &found, ours),
        }
    }

    /// All of it, the databases that are there included.
    pub(super) async fn all_must_be_ours(&self) -> Result<(), Error> {
        self.must_be_ours(&self.place.database).await?;
        self.must_be_ours(&self.place.restored()).await?;
        for bucket in self.place.buckets() {
            self.bucket_must_be_ours(&bucket).await?;
        }
        Ok(())
    }

    /// Whether a bucket that is there belongs to the site with this marker.
    fn bucket_fits(&self, bucket: &BucketName, found: &BucketFound, marker: &Marker) -> Result<(), Error> {
        let refuse = |why: &str| Err(refusal(format!("bucket {bucket} is not touched: {why}")));
        match found {
            BucketFound::Of(id) if *id == marker.id => Ok(()),
            BucketFound::Of(_) => refuse("it belongs to another site"),
            BucketFound::Absent => refuse("it is not there"),
            BucketFound::Unmarked => refuse("it carries no marker of ours"),
            BucketFound::Untaggable => {
                let listed = marker.buckets.contains(&bucket.0) && marker.endpoint == self.place.s3.endpoint;
                if !listed {
                    return refuse("the database's marker does not name it");
                }
                self.must_be_named(
                    bucket.as_str(),
                    "this store keeps no tags of buckets, so it can't be marked",
                )
            }
        }
    }

    /// Whether the operator has repeated a name.
    fn must_be_named(&self, name: &str, why: &str) -> Result<(), Error> {
        if self.named.iter().any(|named| named == name) {
            return Ok(());
        }
        Err(Error::usage(format!("{name} is not touched: {why}"))
            .hint(format!("if that is meant, add --i-understand-this-destroys {name}")))
    }

    /// The marker of our use of the site, while the lock is held.
    async fn ours(&self) -> Result<&Marker, Error> {
        if !self.maintenance.holds_lock().await {
            return Err(Error::environment("the connection that held the site's lock is gone")
                .hint("connect to PostgreSQL itself, not through a pool that shares sessions"));
        }
        self.in_use.get().ok_or_else(|| Error::harness("a site is touched that is not in use"))
    }

    /// Writes our marker on a database of the site: one that carries it already, or that has
    /// nothing in it.
    pub(super) async fn mark(&self, name: &str) -> Result<(), Error> {
        let marker = self.in_use.get().ok_or_else(|| Error::harness("there is no marker to write"))?;
        self.write(name, marker.clone()).await
    }

    async fn write(&self, name: &str, mut marker: Marker) -> Result<(), Error> {
        let access = self.place.database.with_database(name);
        if access != self.place.database && access != self.place.restored() {
            return Err(refusal(format!("database {name:?} is not marked: it is not part of the site")));
        }
        let context = || format!("can't mark database {name:?}");
        match self.look_at(&access).await? {
            DatabaseFound::Marked(there) if there.id == marker.id => {}
            DatabaseFound::Unmarked if contents(&access).await?.is_empty() => {}
            found => return Err(refusal(format!("database {name:?} is not marked: it is {found}"))),
        }
        let facts = self.maintenance.facts(name).await?;
        let facts = facts.ok_or_else(|| Error::environment(context()).cause("it is gone"))?;
        marker.database = name.to_owned();
        marker.oid = facts.oid;
        marker.server.clone_from(&self.server);
        self.maintenance.comment(name, &marker.comment().or_harness(context)?).await
    }

    /// Puts the site's tag on a bucket, beside the ones that it has. A store without tags keeps none.
    async fn tag(&self, bucket: &BucketName, id: &str) -> Result<(), Error> {
        let bucket = self.store.bucket(bucket);
        let mut tags = match bucket.tags().await? {
            Tags::Of(tags) => tags,
            Tags::NoBucket => BTreeMap::new(),
            Tags::Unknown => return Ok(()),
        };
        tags.insert(TAG.to_owned(), id.to_owned());
        bucket.set_tags(&tags).await
    }
}

/// We don't do it; blames whoever asked.
fn refusal(why: impl Into<String>) -> Error {
    Error::usage(why).hint(
        "a drill destroys only what `pulp-drill site create` has made; `pulp-drill site show` says what is there",
    )
}
