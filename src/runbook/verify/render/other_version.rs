//! A known-good PDF although a binary that it shows has other bytes now: either those bytes show
//! the same picture, or the engine did not read them. Another picture in their place decides which.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, TemplateKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::{KnownTemplate, State},
    },
    runbook::verify::{Reference, render::render},
    site::{Restored, Site},
    system::{engine::Engine, objects::Got},
};

/// What the probe needs.
pub struct Another<'a> {
    pub site: &'a Site<Restored>,
    pub reference: &'a Reference,
    pub observed: &'a State,
    pub api: &'a Engine,
    pub log: &'a Logbook,
}

impl Another<'_> {
    /// Puts another asset's picture in the place of the damaged one, renders, and puts the damaged
    /// one back. A render that is still the known-good PDF came from a cache.
    pub async fn still_shows(
        &self,
        key: &TemplateKey,
        template: &KnownTemplate,
        damaged: &AssetName,
    ) -> Result<Option<Finding>, Error> {
        let known = &self.reference.known.assets;
        let Some(asset) = known.get(damaged) else { return Ok(None) };
        let sound = |other: &&crate::model::state::KnownAsset| {
            other.size != asset.size
                && self.observed.objects.get(&other.key).is_some_and(|o| o.sha256 == other.sha256)
        };
        let Some(other) = known.values().find(sound) else { return Ok(None) };
        let (here, there) =
            (self.site.objects.get(&asset.key).await?, self.site.objects.get(&other.key).await?);
        let (Got::Found { bytes, metadata }, Got::Found { bytes: picture, metadata: its }) = (here, there)
        else {
            return Ok(None);
        };
        self.site.objects.put(&asset.key, picture, &its).await?;
        let rendered = render(self.api, key, template, ("probe", &self.site.profile.pdf), self.log).await;
        self.site.objects.put(&asset.key, bytes, &metadata).await?;
        if !rendered?.1 {
            return Ok(None);
        }
        let expected = format!("not the known-good PDF: {damaged} has other bytes now");
        let actual = "the known-good PDF, also with another picture in its place";
        Ok(Some(Finding::new(
            CheckId::Render,
            FindingKind::StaleRender,
            Entity::Template(key.clone()),
            expected,
            actual,
        )))
    }
}
