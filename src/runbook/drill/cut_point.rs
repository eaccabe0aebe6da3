//! What must come back, fixed at the instant that a backup promises. With a database that is one
//! instant: the dump's. In file mode rows lie in two folders that are archived one after the other
//! (runbook 6), so there are two: templates, versions, labels and the audit trail come back as they
//! were when the archive of `TEMPLATES_DIR` began, the index and the binaries as they were when that
//! of `ASSETS_DIR` did. An upload between the two is promised whole, without its line in the audit
//! trail; a template that is saved between them is not promised.

use crate::{
    base::ids::TemplateKey,
    model::{
        profile::{Profile, RowFolder},
        state::{Known, KnownTemplate},
    },
    procedure::manifest::Manifest,
    runbook::{drill::source::SourceRecord, verify::Reference},
    system::row_files::RowFiles,
};
use std::collections::BTreeMap;

/// What must come back.
#[derive(Default)]
pub(super) struct CutPoint {
    /// What the restored site is compared with.
    pub(super) reference: Reference,
    /// The instant that its templates are of, and the one of its assets.
    templates: Instant,
    assets: Instant,
    /// Whether a backup has fixed it: what is written from then on need not come back.
    pub(super) fixed: bool,
}

/// What the harness knew at an instant, and how often each template had been saved by then.
#[derive(Clone, Debug, Default)]
struct Instant {
    known: Known,
    saves: BTreeMap<TemplateKey, usize>,
}

impl CutPoint {
    /// Everything that is at the source now must come back.
    pub(super) fn record(&mut self, source: &SourceRecord) {
        self.reference.api_is_current = false;
        self.reference.state = Some(source.live.clone());
        self.reference.known = source.seeded.known.clone();
        self.templates = Instant::of(source);
        self.assets = self.templates.clone();
    }

    /// What a folder of the source holds now must come back. Returns the templates whose render is
    /// undefined: neither instant has their definition together with their assets.
    pub(super) fn record_folder(
        &mut self,
        folder: RowFolder,
        source: &SourceRecord,
        profile: &Profile,
    ) -> Vec<TemplateKey> {
        let recorded = self.reference.state.get_or_insert_default();
        for name in RowFiles::tables_in(folder, profile) {
            if let Some(table) = source.live.database.tables.get(&name) {
                recorded.database.tables.insert(name, table.clone());
            }
        }
        match folder {
            RowFolder::Templates => self.templates = Instant::of(source),
            RowFolder::Assets => {
                recorded.objects = source.live.objects.clone();
                self.assets = Instant::of(source);
            }
        }
        let (known, undefined) = merge_instants(&self.templates, &self.assets);
        self.reference.known = known;
        undefined
    }

    /// The API's inventory as it is expected to be listed again: of both stores, or of one folder.
    pub(super) fn record_inventory(&mut self, now: Option<Manifest>, folder: Option<RowFolder>) {
        let Some(now) = now else { return };
        let before = self.reference.manifest.take();
        self.reference.manifest = Some(match folder {
            None => now,
            Some(folder) => joined(before, now, folder),
        });
    }
}

impl Instant {
    fn of(source: &SourceRecord) -> Self {
        Self { known: source.seeded.known.clone(), saves: source.saves.clone() }
    }
}

/// An inventory of which one folder's part is new.
fn joined(before: Option<Manifest>, now: Manifest, folder: RowFolder) -> Manifest {
    let Some(mut before) = before else { return now };
    let section = match folder {
        RowFolder::Templates => {
            before.templates = now.templates;
            "templates"
        }
        RowFolder::Assets => {
            before.assets = now.assets;
            "assets"
        }
    };
    if let Some(count) = now.counts.get(section) {
        before.counts.insert(section.to_owned(), *count);
    }
    before
}

/// Templates of one instant with the assets of another. A known-good PDF holds for one definition and
/// the assets that it needs: it is taken from whichever instant had both. Also gives the templates of
/// which neither had.
fn merge_instants(templates: &Instant, assets: &Instant) -> (Known, Vec<TemplateKey>) {
    let mut known = Known {
        assets: assets.known.assets.clone(),
        templates: BTreeMap::new(),
        jobs: templates.known.jobs.clone(),
        unfinished: templates.known.unfinished.clone(),
    };
    let mut unknown = Vec::new();
    let same_assets = |template: &KnownTemplate| {
        let of = |at: &Instant| {
            template.assets.iter().map(|name| at.known.assets.get(name).cloned()).collect::<Vec<_>>()
        };
        of(templates) == of(assets)
    };
    for (key, template) in &templates.known.templates {
        let same_definition = templates.saves.get(key) == assets.saves.get(key);
        let other = assets.known.templates.get(key).filter(|_| same_definition);
        if same_assets(template) {
            known.templates.insert(key.clone(), template.clone());
        } else if let Some(other) = other {
            known.templates.insert(key.clone(), other.clone());
        } else {
            unknown.push(key.clone());
        }
    }
    (known, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::digest::Digest,
        model::state::{Golden, KnownAsset},
    };

    /// A template whose PDF is called like the definition and the asset that it was made of.
    fn at(definition: usize, asset: &str) -> Instant {
        let logo = KnownAsset {
            id: "7".to_owned(),
            key: "7-logo.png".into(),
            size: asset.len() as u64,
            sha256: Digest::of(asset),
        };
        let golden = Golden { sha256: Digest::ZERO, path: format!("{definition}{asset}").into() };
        let template = KnownTemplate {
            data: serde_json::Value::Null,
            assets: vec!["logo.png".into()],
            shown: Vec::new(),
            golden: Some(golden),
        };
        Instant {
            known: Known {
                assets: [("logo.png".into(), logo)].into_iter().collect(),
                templates: [("invoice".into(), template)].into(),
                ..Known::default()
            },
            saves: [("invoice".into(), definition)].into(),
        }
    }

    #[test]
    fn a_known_good_pdf_is_of_the_instants_definition_and_assets() {
        for (templates, assets, good) in [
            (at(1, "a"), at(1, "a"), Some("1a")),
            // A template that was saved between: its earlier definition.
            (at(1, "a"), at(2, "a"), Some("1a")),
            // An asset that was replaced between: its later binary.
            (at(1, "a"), at(1, "b"), Some("1b")),
            (at(1, "a"), at(2, "b"), None),
        ] {
            let (known, unknown) = merge_instants(&templates, &assets);
            let path = known.templates.get(&"invoice".into()).and_then(|t| t.golden.as_ref());
            assert_eq!(path.map(|golden| golden.path.to_str().unwrap()), good);
            assert_eq!(unknown.is_empty(), good.is_some());
            assert_eq!(known.assets, assets.known.assets);
        }
    }
}
