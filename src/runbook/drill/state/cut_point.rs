//! What must come back, fixed at the instant that a backup promises. With a database that is one
//! instant: the dump's. In file mode rows lie in two folders that are archived one after the other
//! (runbook 6), so there are two: templates, versions, labels and the audit trail come back as they
//! were when the archive of `TEMPLATES_DIR` began, the index and the binaries as they were when that
//! of `ASSETS_DIR` did. An upload between the two is promised whole, without its line in the audit
//! trail; a template that is saved between them is not promised.

use crate::{
    base::{clock, error::Error, ids::TemplateKey},
    model::{
        event::{Event, TableFacts},
        profile::RowFolder,
        state::{Known, KnownTemplate},
    },
    procedure::manifest::{self, Manifest},
    runbook::{
        drill::state::{DrillState, workload::Loaded},
        verify::operations,
    },
    scenario::method::BackupJob,
    site::RowStore,
    system::row_files::RowFiles,
};
use std::collections::BTreeMap;

/// What the harness knew at an instant, and how often each template had been saved by then.
#[derive(Clone, Debug, Default)]
pub(super) struct Instant {
    pub known: Known,
    pub saves: BTreeMap<TemplateKey, usize>,
}

/// What a sub-step's beginning fixes.
enum Part {
    /// Both stores.
    Whole,
    /// The rows of a folder; with `ASSETS_DIR` the binaries too.
    Folder(RowFolder),
}

impl DrillState<'_> {
    fn fixed_by(&self, job: BackupJob) -> Option<Part> {
        match (&self.site.rows, job) {
            (RowStore::Files(_), BackupJob::ArchiveTemplates) => Some(Part::Folder(RowFolder::Templates)),
            (RowStore::Files(_), BackupJob::ArchiveAssets) => Some(Part::Folder(RowFolder::Assets)),
            (RowStore::Files(_) | RowStore::Postgres(_), job) => job.fixes_cut_point().then_some(Part::Whole),
        }
    }

    /// Fixes what must come back, as far as this sub-step does.
    pub(super) async fn fix_cut_point(&mut self, job: BackupJob) -> Result<(), Error> {
        let Some(part) = self.fixed_by(job) else { return Ok(()) };
        self.counts = false;
        let listed = match self.site.has_api() && self.site.engine.is_running().await {
            true => {
                self.shown = Some(self.operations().await?);
                Some(self.promised_inventory().await?)
            }
            false => self.listed.take(),
        };
        if !matches!(part, Part::Folder(RowFolder::Assets)) {
            self.cut.shown.clone_from(&self.shown);
        }
        match part {
            Part::Whole => {
                self.take_as_cut_point();
                self.cut.manifest = listed.or(self.cut.manifest.take());
            }
            Part::Folder(folder) => {
                self.take_folder(folder)?;
                if let Some(now) = listed {
                    let before = self.cut.manifest.take();
                    self.cut.manifest = Some(joined(before, now, folder));
                }
            }
        }
        let tables = self.cut.state.database.tables.iter();
        let tables = tables
            .map(|(name, t)| (name.to_string(), TableFacts { rows: t.rows.len(), digest: t.digest() }))
            .collect();
        self.log.event(Event::CutPoint { tables, objects: self.cut.state.objects.len() })
    }

    /// Takes what a folder holds now.
    fn take_folder(&mut self, folder: RowFolder) -> Result<(), Error> {
        for name in RowFiles::tables_in(folder, &self.site.profile) {
            if let Some(table) = self.live.database.tables.get(&name) {
                self.cut.state.database.tables.insert(name, table.clone());
            }
        }
        let now = Instant { known: self.put.known.clone(), saves: self.saves.clone() };
        match folder {
            RowFolder::Templates => self.templates_at = now,
            RowFolder::Assets => {
                self.cut.state.objects = self.live.objects.clone();
                self.assets_at = now;
            }
        }
        let (known, unknown) = woven(&self.templates_at, &self.assets_at);
        self.cut.known = known;
        for key in unknown {
            let text = format!(
                "{key} was saved and its assets were changed between the two archives: nobody has seen what \
                 comes back rendered"
            );
            self.log.event(Event::Noted { text })?;
        }
        Ok(())
    }

    /// What the API must list again: what it lists now, and while writers write what it listed before.
    pub(super) async fn promised_inventory(&self) -> Result<Manifest, Error> {
        match self.loaded.as_ref().and_then(Loaded::manifest) {
            Some(before) => Ok(before),
            None => self.inventory().await,
        }
    }

    /// The API's inventory as it is now.
    pub(super) async fn inventory(&self) -> Result<Manifest, Error> {
        manifest::record(&self.site.engine.api().await?, clock::iso(self.ground.clock.now())).await
    }

    /// What the API shows of tenants, labels, runs and dead letters now.
    pub(super) async fn operations(&self) -> Result<operations::ApiSnapshot, Error> {
        operations::shown(&self.site.engine.api().await?).await
    }

    /// Everything as it is now must come back.
    pub(super) fn take_as_cut_point(&mut self) {
        self.cut.state = self.live.clone();
        self.cut.known = self.put.known.clone();
        self.templates_at = Instant { known: self.put.known.clone(), saves: self.saves.clone() };
        self.assets_at = self.templates_at.clone();
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
fn woven(templates: &Instant, assets: &Instant) -> (Known, Vec<TemplateKey>) {
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
                assets: [("logo.png".into(), logo)].into(),
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
            let (known, unknown) = woven(&templates, &assets);
            let path = known.templates.get(&"invoice".into()).and_then(|t| t.golden.as_ref());
            assert_eq!(path.map(|golden| golden.path.to_str().unwrap()), good);
            assert_eq!(unknown.is_empty(), good.is_some());
            assert_eq!(known.assets, assets.known.assets);
        }
    }
}
