//! The state of a site and its backup at a point of a timeline, and mistakes that concern it.

use crate::{
    base::ids::WriteName,
    model::{fault::FaultTarget, profile::Profile, write::WriteKind},
    scenario::{
        SourcePosition,
        diagnose::Mistake,
        hold::{Stage, Stopper},
        method::{BackupJob, DurableStore, Method, Procedure},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// The state of a site and its backup at a point of the timeline.
pub(super) struct Timeline<'a> {
    pub(super) method: &'a Method,
    /// None where it could not be read.
    pub(super) profile: Option<&'a Profile>,
    pub(super) running: bool,
    pub(super) writes: Writes,
    pub(super) list: List,
    /// The durable places that exist.
    pub(super) there: BTreeSet<DurableStore>,
    /// The durable places that some backup holds.
    pub(super) saved: BTreeSet<DurableStore>,
    pub(super) backed_up: bool,
    pub(super) dumped: bool,
    /// Whether a base backup was taken.
    pub(super) based: bool,
    /// Whether a recovery target was chosen.
    pub(super) targeted: bool,
    /// Faults that take effect at a later step: their place, and which step.
    pub(super) pending: Vec<(SourcePosition, FaultTarget)>,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

/// The writes in flight at a point of the timeline.
#[derive(Default)]
pub(super) struct Writes(pub(super) BTreeMap<WriteName, WriteInFlight>);

/// A write in flight.
#[derive(Clone, Copy)]
pub(super) struct WriteInFlight {
    pub(super) kind: WriteKind,
    /// None after a mistake.
    pub(super) stage: Option<Stage>,
    /// Where it was begun.
    pub(super) place: SourcePosition,
}

impl WriteInFlight {
    /// Whether it holds the table of assets, or that of batch jobs.
    pub(super) fn holds_table(self, of_batches: bool) -> bool {
        self.stage.is_some_and(|stage| stage.by == Stopper::Table)
            && (self.kind == WriteKind::Batch) == of_batches
    }
}

/// The list of the backup that is being taken.
#[derive(Default)]
pub(super) struct List {
    pub(super) in_backup: bool,
    /// Where it was made.
    pub(super) made: Option<SourcePosition>,
    pub(super) copied: bool,
}

impl List {
    /// A backup begins.
    pub(super) fn begin(&mut self) {
        *self = Self { in_backup: true, ..Self::default() };
    }
}

impl Timeline<'_> {
    pub(super) fn wrong(
        &mut self,
        place: SourcePosition,
        message: impl Into<String>,
        label: &str,
        help: &str,
    ) {
        self.mistakes.push(Mistake::at(place, message).label(label).help(help));
    }

    pub(super) fn is_whole(&self) -> bool {
        self.method.places().iter().all(|place| self.there.contains(place))
    }

    pub(super) fn has_rows(&self) -> bool {
        self.there.contains(&DurableStore::Database) || self.there.contains(&DurableStore::Templates)
    }

    pub(super) fn has_binaries(&self) -> bool {
        let of = if self.method.topology.has_bucket() { DurableStore::Bucket } else { DurableStore::Assets };
        self.there.contains(&of)
    }

    /// Reports a step for places that this topology does not have.
    pub(super) fn must_fit(&mut self, description: &str, of: &[DurableStore], place: SourcePosition) {
        let places = self.method.places();
        if !of.is_empty() && !of.iter().any(|of| places.contains(of)) {
            let topology = self.method.topology.describe();
            let message = format!("`{description}` in the topology `{topology}`");
            let there: Vec<&str> = places.iter().map(|place| place.describe()).collect();
            let help = format!("its durable places: {}", there.join(", "));
            self.wrong(place, message, "there is no such place", &help);
        }
    }

    pub(super) fn recovers(&self) -> bool {
        self.method.procedure == Procedure::PointInTime
    }

    /// Reports a step or fault of a point-in-time recovery in another procedure.
    pub(super) fn must_recover(&mut self, description: &str, place: SourcePosition) {
        if !self.recovers() {
            let message = format!("`{description}` in the procedure `{}`", self.method.procedure.describe());
            let help = "write `procedure: point in time`";
            self.wrong(place, message, "no WAL is archived and no versions are kept", help);
        }
    }

    /// Reports a step for a process that the target does not have, or an inventory without an API.
    pub(super) fn must_run(&mut self, description: &str, can: bool, place: SourcePosition) {
        if !can {
            let message = format!("the target does not support `{description}`");
            let (label, help) = if description == BackupJob::RecordManifest.describe() {
                ("it has no API", "remove it: there is no inventory")
            } else {
                ("it has no process", "remove it, or give the profile a `start`")
            };
            self.wrong(place, message, label, help);
        }
    }
}
