//! Which assets a known-good PDF shows for certain: a definition may refer to one in a branch that its
//! data does not take.

use crate::{
    base::{error::Error, ids::AssetName},
    model::state::{Golden, Known},
    site::Handles,
    system::objects::Got,
};
use std::collections::BTreeMap;

/// Finds out which assets each known-good PDF shows: it holds as many pictures of an asset's size
/// as the template has assets of that size. Where that cannot be determined, the asset is not counted:
/// a render without it that looks the same proves nothing then.
pub async fn find_shown(site: &Handles, known: &mut Known) -> Result<(), Error> {
    let mut sizes = BTreeMap::new();
    for (name, asset) in &known.assets {
        if let Got::Found { bytes, .. } = site.objects.get(&asset.key).await?
            && let Ok(size) = imagesize::blob_size(&bytes)
        {
            sizes.insert(name.clone(), (size.width, size.height));
        }
    }
    for template in known.templates.values_mut() {
        let Some(golden) = &template.golden else { continue };
        let pictures = pdf_compare::picture_sizes(&golden_bytes(golden)?).unwrap_or_default();
        let of_size = |size| template.assets.iter().filter(|name| sizes.get(*name) == Some(size)).count();
        let is_shown = |name: &&AssetName| {
            sizes.get(*name).is_some_and(|size| {
                pictures.iter().filter(|picture| *picture == size).count() >= of_size(size)
            })
        };
        template.shown = template.assets.iter().filter(is_shown).cloned().collect();
    }
    Ok(())
}

/// The bytes of a known-good PDF.
pub fn golden_bytes(golden: &Golden) -> Result<Vec<u8>, Error> {
    std::fs::read(&golden.path)
        .map_err(|error| Error::environment(format!("can't read {}", golden.path.display())).because(&error))
}
