//! Writes in flight along a timeline: whether they can be held at the given points, and which steps are
//! not possible meanwhile.

use super::timeline::{Timeline, WriteInFlight};
use crate::{
    base::ids::{AssetName, TemplateKey, WriteName},
    model::{
        fault::Fault,
        write::{WriteKind, WritePath},
    },
    scenario::{
        SourcePosition,
        diagnose::{Mistake, suggest},
        hold::{Begin, GoOn, HoldPoint, Stage, Stopper},
        method::Results,
    },
};

/// The end of a timeline, for messages.
pub(super) const END: &str = "the end";

impl Timeline<'_> {
    pub(super) fn begin(&mut self, begin: &Begin, place: SourcePosition) {
        let (name, kind) = (begin.write.name(), begin.write.kind());
        match kind {
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Label => self.write(place),
            WriteKind::Batch => self.may_run_batch(place),
        }
        self.alone(&name, place);
        let stage = self.stage(kind, begin.hold, place);
        self.may_come_to(stage, kind, place);
        self.writes.0.insert(name, WriteInFlight { kind, stage, place });
    }

    pub(super) fn go_on(&mut self, go_on: &GoOn, place: SourcePosition) {
        let Some(going) = self.in_flight(&go_on.write, "go on", place) else { return };
        let stage = self.stage(going.kind, go_on.hold, place);
        if let (Some(was), Some(stage)) = (going.stage, stage)
            && stage.number <= was.number
        {
            let message = format!("`{}` is already at `{}`", go_on.write, go_on.hold);
            let points = self.way(going.kind).map_or_else(Vec::new, WritePath::points);
            let help = format!("its points in their order: {}", in_order(&points));
            self.wrong(place, message, "not a later point", &help);
        }
        self.writes.0.remove(&go_on.write);
        self.may_come_to(stage, going.kind, place);
        self.writes.0.insert(go_on.write.clone(), WriteInFlight { stage, ..going });
    }

    pub(super) fn release(&mut self, name: &WriteName, place: SourcePosition) {
        let going = self.in_flight(name, "release", place);
        self.writes.0.remove(name);
        if let Some(going) = going.filter(|going| going.stage.is_some_and(|stage| !stage.row)) {
            self.table_is_free(going.kind == WriteKind::Batch, place);
        }
    }

    pub(super) fn kill(&mut self, place: SourcePosition) {
        self.must_run(
            "kill engine",
            self.method.runs != crate::scenario::method::TargetProcess::Nothing,
            place,
        );
        if !self.running {
            let help = "remove it, or put `start engine` before it";
            self.wrong(place, "`kill engine` while no engine runs", "no engine is running", help);
        }
        self.running = false;
        self.writes.0.clear();
    }

    /// Reports writes that are in flight here.
    pub(super) fn nothing_in_flight(&mut self, at: &str, place: SourcePosition) {
        for (name, going) in std::mem::take(&mut self.writes.0) {
            let message = format!("`{name}` is still in flight at {}", quoted(at));
            let also = format!("it was begun in line {}", going.place.line);
            let before = if at == END { "at the end" } else { "before it" };
            let help = format!("put `release: {name}` or `kill engine` {before}");
            self.wrong(place, message, &also, &help);
        }
    }

    /// A write of an asset.
    pub(super) fn write_asset(&mut self, name: &AssetName, place: SourcePosition) {
        self.write(place);
        self.alone(&name.as_str().into(), place);
        self.table_is_free(false, place);
    }

    /// A batch job.
    pub(super) fn write_batch(&mut self, template: &TemplateKey, place: SourcePosition) {
        self.may_run_batch(place);
        self.alone(&template.as_str().into(), place);
        self.table_is_free(true, place);
    }

    fn may_run_batch(&mut self, place: SourcePosition) {
        self.write(place);
        if !self.method.topology.has_database() {
            let help = "remove it, or choose a topology with Postgres";
            self.wrong(place, "batch jobs are not durable in file mode", "its results are not durable", help);
        }
    }

    /// A write must not wait for another one before it reaches its stage. A batch job writes its row at
    /// once.
    fn may_come_to(&mut self, stage: Option<Stage>, kind: WriteKind, place: SourcePosition) {
        let writes = |stage: Stage| stage.row || stage.by == Stopper::Table || kind == WriteKind::Batch;
        if stage.is_some_and(writes) {
            self.table_is_free(kind == WriteKind::Batch, place);
        }
    }

    /// A fault by SQL would wait for a write that has locked its rows or its table.
    pub(super) fn fault_beside_writes(&mut self, fault: &Fault, place: SourcePosition) {
        for name in fault.assets() {
            self.alone(&name.as_str().into(), place);
        }
        self.table_is_free(false, place);
    }

    /// No other write of this name may be in flight.
    fn alone(&mut self, name: &WriteName, place: SourcePosition) {
        if let Some(going) = self.writes.0.get(name).copied() {
            let message = format!("two concurrent writes of `{name}`");
            let also = format!("the write that was begun in line {} is still in flight", going.place.line);
            self.wrong(place, message, &also, &format!("put `release: {name}` before it"));
        }
    }

    /// No write in flight may hold this table.
    fn table_is_free(&mut self, of_batches: bool, place: SourcePosition) {
        let holder = self.writes.0.iter().find(|(_, going)| going.holds_table(of_batches));
        if let Some((name, going)) = holder.map(|(name, going)| (name.clone(), *going)) {
            let message = format!("this write would wait for `{name}`");
            let also = format!("the table is held since line {}: `before row`", going.place.line);
            let help = format!("release `{name}` before it, or hold that at another point");
            self.wrong(place, message, &also, &help);
        }
    }

    fn way(&self, kind: WriteKind) -> Option<WritePath> {
        Some(self.profile?.write_order.with(&self.method.writes).path(kind))
    }

    /// The stage of a point, if a write of this kind can be held there on this site.
    fn stage(&mut self, kind: WriteKind, point: HoldPoint, place: SourcePosition) -> Option<Stage> {
        let way = self.way(kind)?;
        let topology = self.method.topology;
        let Some(stage) = way.stage(point) else {
            let message = format!("this {} has no point `{point}`", kind.describe());
            let label = match point {
                HoldPoint::AfterRow => "it sends no request after its row",
                _ => "it has no old object to remove",
            };
            let help = format!("it can be held {}", in_order(&way.points()));
            self.wrong(place, message, label, &help);
            return None;
        };
        let in_bucket = match kind {
            WriteKind::Batch => self.method.results == Some(Results::Bucket),
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Label => topology.has_bucket(),
        };
        let (message, label, help) = match (stage.by, kind) {
            // Its row is also written when it is submitted and when it begins.
            (Stopper::Table, WriteKind::Batch) if stage.number == 0 => (
                format!("a batch job can't be held `{point}` where its row comes first"),
                "its row is also written earlier",
                "hold it `before binary`",
            ),
            // The API already reports it as completed, with its results.
            (Stopper::Answer, WriteKind::Batch) if stage.row => (
                format!("a batch job can't be held `{point}` where its row comes first"),
                "it is already complete, and reported as completed",
                "hold it `before binary`",
            ),
            (Stopper::Table, WriteKind::Batch) if !in_bucket => (
                format!("a batch job can't be held `{point}` without a bucket for results"),
                "it cannot be detected when its results are stored",
                "write `results: bucket`",
            ),
            (Stopper::Table, _) if topology.has_database() => return Some(stage),
            (Stopper::Table, _) => (
                format!("a write can't be held `{point}` in the topology `{}`", topology.describe()),
                "rows are in files: there is no table to lock",
                if in_bucket { "hold it at its binary" } else { "choose a topology with Postgres" },
            ),
            (Stopper::Request | Stopper::Answer | Stopper::Cleanup, _) if in_bucket => return Some(stage),
            (Stopper::Request | Stopper::Answer | Stopper::Cleanup, WriteKind::Batch) => (
                format!("a batch job can't be held `{point}` without a bucket for results"),
                "there is no request to an object store to hold",
                "write `results: bucket`",
            ),
            (Stopper::Request | Stopper::Answer | Stopper::Cleanup, _) => (
                format!("a write can't be held `{point}` in the topology `{}`", topology.describe()),
                "binaries are in a folder: there is no request to hold",
                "hold it `before row`, or choose a topology with a bucket",
            ),
        };
        self.wrong(place, message, label, help);
        None
    }

    /// The write of this name, which must be in flight.
    fn in_flight(&mut self, name: &WriteName, word: &str, place: SourcePosition) -> Option<WriteInFlight> {
        let going = self.writes.0.get(name).copied();
        if going.is_none() {
            let message = format!("`{word}`: no write `{}` is in flight here", suggest::short(name.as_str()));
            let known: Vec<&str> = self.writes.0.keys().map(WriteName::as_str).collect();
            let help = match known.is_empty() {
                true => "put a `begin` before it".to_owned(),
                false => suggest::instead_of(name.as_str(), known),
            };
            self.mistakes.push(Mistake::at(place, message).label("never begun, or already ended").help(help));
        }
        going
    }
}

fn in_order(points: &[HoldPoint]) -> String {
    points.iter().map(|point| format!("`{point}`")).collect::<Vec<_>>().join(", ")
}

fn quoted(at: &str) -> String {
    if at == END { at.to_owned() } else { format!("`{at}`") }
}
