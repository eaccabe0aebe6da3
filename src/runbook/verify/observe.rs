//! Both stores of a site, read as they are.

use crate::{base::error::Error, model::state::State, site::Handles};
use std::collections::BTreeMap;

/// Reads both stores of a site as they are now.
pub async fn observe(site: &Handles, as_of: Option<&State>) -> Result<State, Error> {
    let database = site.capture(as_of.map(|s| &s.database)).await?;
    let checksums = site.profile.checksums();
    let results = match &site.results {
        Some((bucket, _)) => bucket.inventory("", &checksums).await?,
        None => BTreeMap::new(),
    };
    Ok(State { database, objects: site.objects.inventory("", &checksums).await?, results })
}
