//! The metadata inventory of runbook 2.4 and 4: what `backup create` writes and `backup verify`
//! compares. It reads no binary and computes no checksum, like the tool that it stands in for.

use crate::{base::trouble::Trouble, system::engine::Engine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The manifest's form, raised with its fields.
const SCHEMA_VERSION: u32 = 1;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form.
    pub schema_version: u32,
    /// When it was taken.
    pub created_at: String,
    /// The API that was asked.
    pub api_url: String,
    /// How many of each.
    pub counts: BTreeMap<String, usize>,
    /// The templates.
    pub templates: Vec<TemplateItem>,
    /// The assets' metadata.
    pub assets: Vec<AssetItem>,
}

/// A template in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateItem {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its current version.
    pub current_version: String,
}

/// An asset in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetItem {
    /// Its id.
    pub id: String,
    /// Its storage key.
    pub filename: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its media type.
    pub mime_type: String,
}

/// One drifted item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// `templates` or `assets`.
    pub section: &'static str,
    /// The item's key or id.
    pub item: String,
    /// What the manifest says; nothing for an added item.
    pub recorded: Option<String>,
    /// What the live API says; nothing for a removed item.
    pub live: Option<String>,
}

/// Takes the inventory of a live API (runbook 4, `backup create`).
pub async fn record(api: &Engine, created_at: String) -> Result<Manifest, Trouble> {
    let templates: Vec<TemplateItem> = api
        .templates()
        .await?
        .into_iter()
        .map(|t| TemplateItem { key: t.key, name: t.name, current_version: t.current_version })
        .collect();
    let assets: Vec<AssetItem> = api
        .assets()
        .await?
        .into_iter()
        .map(|a| AssetItem {
            id: a.id,
            filename: a.filename,
            size_bytes: a.size_bytes,
            mime_type: a.mime_type,
        })
        .collect();
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        created_at,
        api_url: api.base().to_string(),
        counts: [("templates".to_owned(), templates.len()), ("assets".to_owned(), assets.len())].into(),
        templates,
        assets,
    })
}

/// Compares a recorded manifest with a live one (runbook 4, `backup verify`): templates by key,
/// assets by id.
pub fn drift(recorded: &Manifest, live: &Manifest) -> Vec<Drift> {
    let templates = |m: &Manifest| -> BTreeMap<String, String> {
        m.templates
            .iter()
            .map(|t| (t.key.clone(), format!("{} at version {}", t.name, t.current_version)))
            .collect()
    };
    let assets = |m: &Manifest| -> BTreeMap<String, String> {
        m.assets
            .iter()
            .map(|a| (a.id.clone(), format!("{}, {} bytes, {}", a.filename, a.size_bytes, a.mime_type)))
            .collect()
    };
    let mut drifted = section("templates", &templates(recorded), &templates(live));
    drifted.extend(section("assets", &assets(recorded), &assets(live)));
    drifted
}

fn section(
    section: &'static str,
    recorded: &BTreeMap<String, String>,
    live: &BTreeMap<String, String>,
) -> Vec<Drift> {
    let items: std::collections::BTreeSet<&String> = recorded.keys().chain(live.keys()).collect();
    items
        .into_iter()
        .filter(|item| recorded.get(*item) != live.get(*item))
        .map(|item| Drift {
            section,
            item: item.clone(),
            recorded: recorded.get(item).cloned(),
            live: live.get(item).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(templates: &[(&str, &str)]) -> Manifest {
        Manifest {
            schema_version: SCHEMA_VERSION,
            created_at: String::new(),
            api_url: String::new(),
            counts: BTreeMap::new(),
            templates: templates
                .iter()
                .map(|(key, version)| TemplateItem {
                    key: (*key).into(),
                    name: (*key).into(),
                    current_version: (*version).into(),
                })
                .collect(),
            assets: Vec::new(),
        }
    }

    #[test]
    fn added_removed_and_changed_items_drift_and_equal_ones_do_not() {
        let recorded = manifest(&[("a", "1.0.0"), ("b", "1.0.0"), ("c", "1.0.0")]);
        let live = manifest(&[("b", "1.0.1"), ("c", "1.0.0"), ("d", "1.0.0")]);
        let items: Vec<_> = drift(&recorded, &live)
            .into_iter()
            .map(|d| (d.item, d.recorded.is_some(), d.live.is_some()))
            .collect();
        assert_eq!(items, [("a".into(), true, false), ("b".into(), true, true), ("d".into(), false, true)]);
        assert!(drift(&live, &live).is_empty());
    }
}
