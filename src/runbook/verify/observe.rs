//! Both stores of a site, read as they are.

use crate::{
    base::error::Error,
    model::state::{Database, Objects, State},
    site::Handles,
};

/// Reads both stores of a site as they are now.
pub async fn observe(site: &Handles, as_of: Option<&State>) -> Result<State, Error> {
    let database = site.capture(as_of.map(|s| &s.database)).await?;
    with_objects(site, database, as_of).await
}

/// The same without the catalog, for comparisons of rows and objects only.
pub async fn observe_contents(site: &Handles, as_of: Option<&State>) -> Result<State, Error> {
    let database = site.capture_contents(as_of.map(|s| &s.database)).await?;
    with_objects(site, database, as_of).await
}

async fn with_objects(site: &Handles, database: Database, as_of: Option<&State>) -> Result<State, Error> {
    let checksums = site.profile.checksums();
    let results = match &site.results {
        Some((bucket, _)) => bucket.inventory("", &checksums).await?,
        None => Objects::default(),
    };
    let objects = site.objects.inventory("", &checksums).await?;
    let mut state = State { database, objects, results };
    if let Some(as_of) = as_of {
        state.share_with(as_of);
    }
    Ok(state)
}
