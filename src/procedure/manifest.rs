//! The inventory of runbook 2.4 and 4: what `backup create` writes and `backup verify` compares.
//!
//! [`record`] reads no binary and computes no checksum, like the tool that it stands in for.
//! [`complete`] adds what that lacks: digests of every binary, definition and table.

use crate::{
    base::{digest::Digest, error::Error},
    model::{event::TableFacts, figures::SchemaFigures},
    system::engine::Engine,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Where the database's dump is, if the manifest names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_dump: Option<String>,
    /// The dump's SHA-256, where it is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_dump_sha256: Option<Digest>,
    /// Rows and digests by table, where the database could be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableFacts>,
    /// The schema and the positions of its sequences, where the database could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaFigures>,
}

impl Manifest {
    /// A manifest of an application without an API: it has no templates and no assets.
    pub fn of_rows(created_at: String) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            created_at,
            api_url: String::new(),
            counts: BTreeMap::new(),
            templates: Vec::new(),
            assets: Vec::new(),
            db_dump: None,
            db_dump_sha256: None,
            tables: BTreeMap::new(),
            schema: None,
        }
    }

    /// Reads `manifest.json`; or why it can't be read.
    pub fn read(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.schema_version > SCHEMA_VERSION {
            return Err(format!("its schema version {} is not known here", manifest.schema_version));
        }
        for (what, listed) in [("templates", manifest.templates.len()), ("assets", manifest.assets.len())] {
            match manifest.counts.get(what) {
                Some(counted) if *counted != listed => {
                    return Err(format!("it counts {counted} {what} and lists {listed}"));
                }
                Some(_) | None => {}
            }
        }
        Ok(manifest)
    }

    /// Whether it holds more than metadata.
    pub fn has_digests(&self) -> bool {
        !self.tables.is_empty()
            || self.templates.iter().any(|t| t.definition_sha256.is_some())
            || self.assets.iter().any(|a| a.sha256.is_some())
    }
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
    /// SHA-256 of its current definition, as canonical JSON (keys sorted, no blanks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_sha256: Option<Digest>,
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
    /// SHA-256 of its binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// One drifted item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// `templates`, `assets`, `tables` or `schema`.
    pub section: &'static str,
    /// The item's key or id.
    pub item: String,
    /// What the manifest says; nothing for an added item.
    pub recorded: Option<String>,
    /// What the live API says; nothing for a removed item.
    pub live: Option<String>,
}

/// Takes the inventory of a live API (runbook 4, `backup create`).
pub async fn record(api: &Engine, created_at: String) -> Result<Manifest, Error> {
    let templates: Vec<TemplateItem> = api
        .templates()
        .await?
        .into_iter()
        .map(|t| TemplateItem {
            key: t.key,
            name: t.name,
            current_version: t.current_version,
            definition_sha256: None,
        })
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
            sha256: None,
        })
        .collect();
    Ok(Manifest {
        api_url: api.base().to_string(),
        counts: [("templates".to_owned(), templates.len()), ("assets".to_owned(), assets.len())].into(),
        templates,
        assets,
        ..Manifest::of_rows(created_at)
    })
}

/// Adds the digests of every binary and definition. What can't be read has none: verified against a
/// manifest that has one, it is drift.
pub async fn complete(manifest: &mut Manifest, api: &Engine) -> Result<(), Error> {
    for template in &mut manifest.templates {
        let definition = api.template(&template.key).await?.definition;
        // A map of serde_json is sorted by key.
        template.definition_sha256 = Some(Digest::of(definition.to_string()));
    }
    for asset in &mut manifest.assets {
        let answer = api.binary(&asset.filename).await.map_err(Error::from)?;
        asset.sha256 = (answer.is_success() && answer.whole).then(|| Digest::of(&answer.body));
    }
    Ok(())
}

/// Takes away from a live manifest what the recorded one does not know, so that a plain manifest
/// (runbook 4) compares metadata only.
pub fn as_far_as(recorded: &Manifest, live: &mut Manifest) {
    let templates: BTreeSet<&String> =
        recorded.templates.iter().filter(|t| t.definition_sha256.is_some()).map(|t| &t.key).collect();
    let assets: BTreeSet<&String> =
        recorded.assets.iter().filter(|a| a.sha256.is_some()).map(|a| &a.id).collect();
    for template in live.templates.iter_mut().filter(|t| !templates.contains(&t.key)) {
        template.definition_sha256 = None;
    }
    for asset in live.assets.iter_mut().filter(|a| !assets.contains(&a.id)) {
        asset.sha256 = None;
    }
    if recorded.tables.is_empty() {
        live.tables.clear();
    }
    if recorded.schema.is_none() {
        live.schema = None;
    }
}

/// Compares a recorded manifest with a live one (runbook 4, `backup verify`): templates by key,
/// assets by id.
pub fn drift(recorded: &Manifest, live: &Manifest) -> Vec<Drift> {
    let templates = |m: &Manifest| -> BTreeMap<String, String> {
        m.templates
            .iter()
            .map(|t| {
                let content = describe(", definition", t.definition_sha256.as_ref());
                (t.key.clone(), format!("{} at version {}{content}", t.name, t.current_version))
            })
            .collect()
    };
    let assets = |m: &Manifest| -> BTreeMap<String, String> {
        m.assets
            .iter()
            .map(|a| {
                let content = describe(", content", a.sha256.as_ref());
                (a.id.clone(), format!("{}, {} bytes, {}{content}", a.filename, a.size_bytes, a.mime_type))
            })
            .collect()
    };
    let mut drifted = section("templates", &templates(recorded), &templates(live));
    drifted.extend(section("assets", &assets(recorded), &assets(live)));
    let tables = |m: &Manifest| -> BTreeMap<String, String> {
        let describe = |t: &TableFacts| format!("{} rows, SHA-256 {}", t.rows, t.digest);
        m.tables.iter().map(|(name, table)| (name.clone(), describe(table))).collect()
    };
    drifted.extend(section("tables", &tables(recorded), &tables(live)));
    drifted.extend(section("schema", &schema(recorded), &schema(live)));
    drifted
}

/// The parts of a schema, its sequences and the number of its large objects.
fn schema(manifest: &Manifest) -> BTreeMap<String, String> {
    let Some(SchemaFigures { parts, sequences, large_objects, major: _ }) = &manifest.schema else {
        return BTreeMap::new();
    };
    let parts = parts.iter().map(|(name, (_, digits))| (name.clone(), format!("SHA-256 {digits}…")));
    let positions =
        sequences.iter().map(|(name, s)| (format!("position of sequence {name}"), s.next.to_string()));
    let large = ("large objects".to_owned(), large_objects.to_string());
    parts.chain(positions).chain([large]).collect()
}

fn describe(what: &str, digest: Option<&Digest>) -> String {
    digest.map_or_else(String::new, |digest| format!("{what} {digest}"))
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
            templates: templates
                .iter()
                .map(|(key, version)| TemplateItem {
                    key: (*key).into(),
                    name: (*key).into(),
                    current_version: (*version).into(),
                    definition_sha256: None,
                })
                .collect(),
            ..Manifest::of_rows(String::new())
        }
    }

    #[test]
    fn a_manifest_of_another_form_or_cut_short_is_not_read() {
        let whole = Manifest { counts: [("templates".to_owned(), 1)].into(), ..manifest(&[("a", "1.0.0")]) };
        let read = |manifest: &Manifest| Manifest::read(&serde_json::to_string(manifest).unwrap());
        assert_eq!(read(&whole).unwrap(), whole);
        let newer = Manifest { schema_version: SCHEMA_VERSION + 1, ..whole.clone() };
        assert_eq!(read(&newer).unwrap_err(), "its schema version 2 is not known here");
        let short = Manifest { templates: Vec::new(), ..whole };
        assert_eq!(read(&short).unwrap_err(), "it counts 1 templates and lists 0");
        assert!(Manifest::read("{").is_err());
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
