//! Faults in the versions that a bucket keeps.

use crate::{
    base::{error::Error, ids::AssetName},
    runbook::fault::site::{FaultSite, Injected},
};

/// Suspends versioning, as a wrong script or a new bucket does.
pub async fn suspend(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let was_on = target.site.objects.is_versioned().await?;
    target.site.objects.set_versioning(false).await?;
    let is_on = target.site.objects.is_versioned().await?;
    let state = |on: bool| if on { "on" } else { "off" };
    let detail = format!("versioning was {} and is {}", state(was_on), state(is_on));
    Ok(Injected { changed: was_on != is_on, detail })
}

/// Removes all versions of an asset's object, as a lifecycle rule does with noncurrent versions.
pub async fn expire(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let Some(key) = target.keys.get(name) else {
        return Ok(Injected::nothing(format!("{name} has no object")));
    };
    let mut versions = target.site.objects.versions(key.as_str()).await?;
    versions.retain(|version| version.key == *key && !version.marker);
    for version in &versions {
        target.site.objects.remove_version(version).await?;
    }
    let detail = format!("{key}: {} versions removed", versions.len());
    Ok(Injected { changed: !versions.is_empty(), detail })
}
