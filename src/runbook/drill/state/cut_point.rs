//! Fixes the cut point when a sub-step of the backup begins: what both stores hold and the API lists.

use crate::{
    base::{clock, error::Error},
    model::{
        event::{Event, TableFacts},
        profile::RowFolder,
    },
    procedure::manifest::{self, Manifest},
    runbook::{
        drill::{state::DrillState, workload::Workload},
        verify::api_snapshot::{self, ApiSnapshot},
    },
    scenario::method::BackupJob,
    site::RowStore,
};

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
        self.cut.fixed = true;
        let listed = match self.site.has_api() && self.site.engine.is_running().await {
            true => {
                self.source.api = Some(self.api_snapshot().await?);
                Some(self.promised_inventory().await?)
            }
            false => self.source.inventory.take(),
        };
        if !matches!(part, Part::Folder(RowFolder::Assets)) {
            self.cut.reference.api.clone_from(&self.source.api);
        }
        match part {
            Part::Whole => {
                self.cut.record(&self.source);
                self.cut.record_inventory(listed, None);
            }
            Part::Folder(folder) => {
                for key in self.cut.record_folder(folder, &self.source, &self.site.profile) {
                    let text = format!(
                        "skipped: the render of {key}. It was saved and its assets were changed between the \
                         two archives, so that its expected output is undefined"
                    );
                    self.log.event(Event::Noted { text })?;
                }
                self.cut.record_inventory(listed, Some(folder));
            }
        }
        self.cut.reference.api_is_current = true;
        let recorded = self.cut.reference.state.get_or_insert_default();
        let tables = recorded.database.tables.iter();
        let tables = tables
            .map(|(name, t)| (name.to_string(), TableFacts { rows: t.rows.len(), digest: t.digest() }))
            .collect();
        self.log.event(Event::CutPoint { tables, objects: recorded.objects.len() })
    }

    /// What the API must list again: what it lists now, or, while writes are in flight, what it listed
    /// before them.
    pub(super) async fn promised_inventory(&self) -> Result<Manifest, Error> {
        match self.workload.as_ref().and_then(Workload::manifest) {
            Some(before) => Ok(before),
            None => self.inventory().await,
        }
    }

    /// The API's inventory as it is now.
    pub(super) async fn inventory(&self) -> Result<Manifest, Error> {
        manifest::record(&self.site.engine.api().await?, clock::iso(self.context.clock.now())).await
    }

    /// What the API lists of tenants, labels, runs and dead letters now.
    pub(super) async fn api_snapshot(&self) -> Result<ApiSnapshot, Error> {
        api_snapshot::read(&self.site.engine.api().await?, self.workload.is_some()).await
    }
}
