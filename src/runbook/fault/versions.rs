//! Faults in the versions that a bucket keeps.

use crate::{
    base::{error::Error, ids::AssetName},
    model::fault::Fault,
    runbook::fault::{FaultSite, Injected},
};

/// Injects a fault in the bucket's versions; none where it is not one of these.
pub async fn inject(fault: &Fault, target: &FaultSite<'_>) -> Result<Option<Injected>, Error> {
    match fault {
        Fault::SuspendVersioning => suspend(target).await.map(Some),
        Fault::ExpireVersions(name) => expire(target, name).await.map(Some),
        _ => Ok(None),
    }
}

/// Suspends versioning: what a wrong script or a bucket made anew leaves.
async fn suspend(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let was_on = target.site.objects.is_versioned().await?;
    target.site.objects.set_versioning(false).await?;
    let is_on = target.site.objects.is_versioned().await?;
    let say = |on: bool| if on { "on" } else { "off" };
    let detail = format!("versioning was {} and is {}", say(was_on), say(is_on));
    Ok(Injected { changed: was_on != is_on, detail })
}

/// Removes all versions of an asset's object, as a lifecycle rule does with what is not current.
async fn expire(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let Some(key) = target.keys.get(name) else {
        return Ok(Injected::nothing(format!("no object is known of {name}")));
    };
    let mut versions = target.site.objects.versions(key.as_str()).await?;
    versions.retain(|version| version.key == *key && !version.marker);
    for version in &versions {
        target.site.objects.remove_version(version).await?;
    }
    let detail = format!("{key}: {} versions removed", versions.len());
    Ok(Injected { changed: !versions.is_empty(), detail })
}
