//! Writers beside the steps of a backup: when they started, when the backup read which store, and what
//! they wrote.

use crate::{
    model::workload::{BackupMethod, Load, Marks, MillisRange, Times, Written, write_outcome::Judged},
    procedure::manifest::Manifest,
    runbook::{verify::UnderLoad, workload::Writing},
    scenario::method::{BackupJob, DurableStore, Topology},
};
use std::time::Instant;

/// The workload of a drill, from its start to the end of the drill.
pub(super) struct Workload {
    pub(super) load: Load,
    /// When its clock was 0.
    began: Instant,
    /// The writers, until they are stopped.
    pub(super) writing: Option<Writing>,
    pub(super) writes: Vec<Written>,
    /// When the present backup read which store.
    pub(super) rows: Option<MillisRange>,
    pub(super) objects: Option<MillisRange>,
    /// When the objects were listed that are copied later.
    listed: Option<u64>,
    /// Whether the engine was stopped when a store was read last.
    stopped: bool,
    /// Whether both stores are restored to one instant.
    moment: bool,
    /// When the last sub-step of a backup ended.
    pub(super) backed_up: u64,
    pub(super) earlier: Vec<(Times, Vec<Judged>)>,
    /// The API's inventory before the writes.
    manifest: Option<Manifest>,
}

impl Workload {
    /// A workload whose writers write, since `began`.
    pub(super) fn new(load: Load, writing: Writing, began: Instant, manifest: Option<Manifest>) -> Self {
        Self {
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
        }
    }

    /// Its clock, in microseconds.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The inventory of what was there before the writes, while they continue.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        self.manifest.clone().filter(|_| self.writing.is_some())
    }

    /// When the present backup read the stores; none where it did not read both.
    pub(super) fn times(&self) -> Option<Times> {
        Some(Times { rows: self.rows?, objects: self.objects? })
    }

    /// Records when a sub-step of a backup was done: it began at `from` and has ended now.
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

    /// What the check after the restore compares with.
    pub(super) fn in_flight(&self) -> UnderLoad {
        UnderLoad {
            load: self.load,
            writes: self.writes.clone(),
            way: self.way(),
            times: self.times(),
            earlier: self.earlier.clone(),
            marks: Marks::of(&self.writes),
        }
    }
}
