//! Writers under load beside the steps of a backup: when they begin, when the backup read which store,
//! what is waited for, when they end.

use crate::{
    base::error::{Error, ErrorContext},
    model::workload::{
        BackupMethod, Load, Marks, MillisRange, Times, Written,
        write_outcome::{Judged, judge},
    },
    procedure::manifest::Manifest,
    runbook::{
        drill::state::DrillState,
        restore,
        verify::acknowledged::{UnderLoad, sights},
        workload::{WriterTargets, Writing},
    },
    scenario::method::{BackupJob, DurableStore, Topology},
};
use std::time::Instant;

/// The load of a scenario, from its beginning to the end of the scenario.
pub(super) struct Loaded {
    load: Load,
    /// When its clock stood at 0.
    began: Instant,
    /// The writers, until they are stopped.
    writing: Option<Writing>,
    writes: Vec<Written>,
    /// What of the stores the present backup has read, and when.
    rows: Option<MillisRange>,
    objects: Option<MillisRange>,
    /// When the objects were listed that are copied later.
    listed: Option<u64>,
    /// Whether the engine was stopped when a store was read last.
    stopped: bool,
    /// Whether the stores are brought to one moment.
    moment: bool,
    /// When the last sub-step of a backup ended.
    backed_up: u64,
    earlier: Vec<(Times, Vec<Judged>)>,
    /// The inventory before anybody wrote.
    manifest: Manifest,
}

impl Loaded {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The inventory of what was there before the load.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        self.writing.is_some().then(|| self.manifest.clone())
    }

    fn times(&self) -> Option<Times> {
        Some(Times { rows: self.rows?, objects: self.objects? })
    }

    /// Takes note of when a sub-step of a backup was done: it began then and has ended now.
    pub(super) fn backed_up(&mut self, job: BackupJob, topology: Topology, from: u64, stopped: bool) {
        let span = MillisRange { from, to: self.now() };
        self.backed_up = span.to;
        let saves = |place| job.saves().contains(&place);
        let moment = job == BackupJob::ChooseTarget || job == BackupJob::RunBackupCommand;
        let (rows, binaries) = match topology {
            Topology::PostgresS3 => (DurableStore::Database, DurableStore::Bucket),
            Topology::PostgresFiles => (DurableStore::Database, DurableStore::Assets),
            Topology::Files => (DurableStore::Assets, DurableStore::Assets),
            Topology::FilesS3 => (DurableStore::Assets, DurableStore::Bucket),
        };
        // A base backup alone has read nothing that will come back as it was then.
        if job == BackupJob::TakeBaseBackup {
            return;
        }
        let (rows, binaries) = (moment || saves(rows), moment || saves(binaries));
        if rows {
            self.rows = Some(span);
        }
        if job == BackupJob::ListObjects {
            self.listed = Some(span.from);
        }
        if binaries {
            self.objects = Some(MillisRange { from: self.listed.take().unwrap_or(span.from), ..span });
        }
        // The results of batch jobs are objects as well, copied before the others or after them.
        if saves(DurableStore::Results) {
            let of_both = |o: MillisRange| MillisRange { from: o.from.min(span.from), to: o.to.max(span.to) };
            self.objects = Some(self.objects.map_or(span, of_both));
        }
        if rows || binaries {
            (self.stopped, self.moment) = (stopped, job == BackupJob::ChooseTarget);
        }
    }

    fn way(&self) -> BackupMethod {
        let copied_first = self.times().is_some_and(|times| times.objects.from < times.rows.from);
        match (self.moment, self.stopped, copied_first) {
            (true, ..) => BackupMethod::PointInTime,
            (false, true, _) => BackupMethod::Maintenance,
            (false, false, true) => BackupMethod::CopyFirst,
            (false, false, false) => BackupMethod::DumpFirst,
        }
    }
}

impl DrillState<'_> {
    /// Starts the writers, and waits until each kind of write has been acknowledged.
    pub(super) async fn write_under_load(&mut self, load: Load) -> Result<(), Error> {
        let manifest = self.inventory().await?;
        let began = Instant::now();
        let writing = Writing::start(self.site, load, self.beside_assets(load).await?, began);
        writing.until_begun().await?;
        self.loaded = Some(Loaded {
            load,
            began,
            writing: Some(writing),
            writes: Vec::new(),
            rows: None,
            objects: None,
            listed: None,
            stopped: false,
            moment: false,
            backed_up: 0,
            earlier: Vec::new(),
            manifest,
        });
        Ok(())
    }

    /// What writers write to beside assets of their own.
    async fn beside_assets(&self, load: Load) -> Result<WriterTargets, Error> {
        let mut reach = WriterTargets::default();
        if load.mix.label > 0 {
            let template = self.seed()?.templates.iter().find(|template| !template.then.is_empty());
            let missing = || Error::usage("no template of the seed has two versions");
            reach.labelled = template.ok_or_else(missing)?.key.clone();
            let versions = self.site.engine.api().await?.template_versions(reach.labelled.as_str()).await?;
            reach.versions = versions.into_iter().rev().map(|version| version.version).collect();
        }
        if load.mix.batch > 0 {
            let template = self.put.known.templates.keys().next();
            let missing = || Error::usage("the seed has no template that a batch job could render");
            reach.batch = Some(self.put.batch(template.ok_or_else(missing)?)?);
        }
        Ok(reach)
    }

    /// Whether writers write now.
    pub(super) fn is_under_load(&self) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.writing.is_some())
    }

    /// The load's clock; nothing where there is no load.
    pub(super) fn load_clock(&self) -> u64 {
        self.loaded.as_ref().map_or(0, Loaded::now)
    }

    pub(super) async fn wait_for_writes(&self, count: u32) -> Result<(), Error> {
        match self.loaded.as_ref().and_then(|loaded| loaded.writing.as_ref()) {
            Some(writing) => writing.until_more(count).await,
            None => Err(Error::usage("nobody writes at this point of the timeline")),
        }
    }

    /// Stops the writers when one has been acknowledged after the backup, and keeps what they wrote.
    pub(super) async fn stop_writing(&mut self) -> Result<(), Error> {
        if let Some(loaded) = &self.loaded
            && let Some(writing) = &loaded.writing
        {
            writing.until_after(loaded.backed_up).await?;
        }
        self.end_load().await
    }

    /// Stops the writers, if any write, and keeps what they wrote.
    pub(super) async fn end_load(&mut self) -> Result<(), Error> {
        let Some(loaded) = &mut self.loaded else { return Ok(()) };
        let Some(writing) = loaded.writing.take() else { return Ok(()) };
        loaded.writes = writing.stop().await?;
        let mut lines = String::new();
        for write in &loaded.writes {
            lines += &serde_json::to_string(write).or_harness(|| "can't write down a write".to_owned())?;
            lines.push('\n');
        }
        let name = format!("{}-writes.jsonl", self.log.name());
        self.log.artefact(&name, lines.as_bytes(), "every write under load, with its time and answer")?;
        Ok(())
    }

    /// Compares the present backup with itself while the writers go on.
    pub(super) async fn look_into_backup(&mut self) -> Result<(), Error> {
        let state = restore::look_into(self.site, &self.backup, &self.cut.state, &self.log).await?;
        let Some(loaded) = &mut self.loaded else { return Ok(()) };
        let (Some(writing), Some(times)) = (&loaded.writing, loaded.times()) else {
            return Err(Error::usage("no backup of both stores was taken under load"));
        };
        let writes = writing.so_far();
        let judged = judge(&writes, &sights(&writes, &state, &self.site.profile), times);
        loaded.earlier.push((times, judged));
        (loaded.rows, loaded.objects) = (None, None);
        Ok(())
    }

    /// What the check after the restore needs to know.
    pub(super) fn under_load(&self) -> Option<UnderLoad> {
        let loaded = self.loaded.as_ref()?;
        Some(UnderLoad {
            load: loaded.load,
            writes: loaded.writes.clone(),
            way: loaded.way(),
            times: loaded.times(),
            earlier: loaded.earlier.clone(),
            marks: Marks::of(&loaded.writes),
        })
    }
}
