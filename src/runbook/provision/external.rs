//! The user's own PostgreSQL and object store: a site created by `pulp-drill site create`. The
//! scenarios use its one database and its buckets one after another, with engines that we start.

use super::engine_choice::EngineChoice;
use super::stores::Stores;
use super::substrate::Substrate;
use crate::base::ids::BucketName;
use crate::base::process::Teardown;
use crate::base::{error::Error, redact::Redactor};
use crate::model::profile::Profile;
use crate::site::RowStore;
use crate::system::external_site::SiteLease;
use crate::system::objects::{ObjectStore, S3Access};
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// How long it may take to empty database and buckets at the end.
const CLEAR: Duration = Duration::from_secs(300);

impl Substrate {
    /// Drills on a site that was taken.
    pub async fn external(
        run: &str,
        held: Arc<SiteLease>,
        profile: Arc<Profile>,
        engine: EngineChoice,
        redactor: &Redactor,
        teardown: &Teardown,
    ) -> Result<Self, Error> {
        Self::on_existing(run, Stores::External(held), profile, engine, redactor, teardown).await
    }
}

/// Takes a site for a run. It is given back, empty, at the run's end: this is to be the first thing
/// on the teardown, so that it is done last, when the engines are gone.
pub async fn take(held: &Arc<SiteLease>, run: &str, now: String, teardown: &Teardown) -> Result<(), Error> {
    let site = Arc::clone(held);
    let end = async move {
        site.end().await.map_err(|error| {
            error.while_doing(format!("can't give the site {} back", site.place().database.place()))
        })
    };
    teardown.push("give the site back", CLEAR, end, || {});
    held.begin(run, now).await
}

/// The store and the buckets of a held site, in the order in which a site wants them: binaries,
/// results, backups.
pub(super) fn stores(
    held: &SiteLease,
) -> (ObjectStore, Option<S3Access>, BucketName, BucketName, BucketName) {
    let place = held.place();
    let results = place.results.clone().unwrap_or_default();
    (held.store().clone(), Some(place.s3.clone()), place.assets.clone(), results, place.backups.clone())
}

/// Where the rows of a leased site are, as the engine is configured.
pub(super) fn rows(held: &SiteLease, variables: &mut BTreeMap<String, String>) -> RowStore {
    let database = held.place().database.clone();
    variables.insert("STORAGE_MODE".to_owned(), "postgres".to_owned());
    variables.insert("DATABASE_URL".to_owned(), database.url());
    RowStore::Postgres(RwLock::new(database))
}
