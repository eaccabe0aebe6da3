//! What all parts of the translation need: a schedule with its result in the model.

use crate::{
    model::write::WriteKind,
    window::{
        scenario::subject::Subject,
        schedule::Schedule,
        world::{Course, World},
    },
};

/// A schedule that has been performed in the model.
pub(super) struct Staged<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) course: Course,
    /// The state at the end of the backup.
    pub(super) world: World,
    /// The asset, template or fixture of each write.
    pub(super) subjects: Vec<Subject>,
}

impl Staged<'_> {
    /// Whether the third store takes part.
    pub(super) fn has_batch(&self) -> bool {
        self.schedule.writes.iter().any(|write| write.kind == WriteKind::Batch)
    }
}
