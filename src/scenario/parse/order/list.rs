//! A copy of the bucket in parts: the list, and which of its objects are copied.

use super::timeline::Timeline;
use crate::scenario::{Act, At, BackupStep, SourcePosition, method::BackupJob};

/// Whether it is a step that copies one object.
pub(super) fn copies(step: &At<BackupStep>) -> bool {
    matches!(&step.value, BackupStep::Act(Act::CopyObject(_) | Act::CopyNewObject(_)))
}

impl Timeline<'_> {
    pub(super) fn list_objects(&mut self, place: SourcePosition) {
        let bucket = [crate::scenario::method::DurableStore::Bucket];
        self.must_fit(BackupJob::ListObjects.describe(), &bucket, place);
        self.list.made = Some(place);
    }

    /// Something of the list is copied.
    pub(super) fn copy_of_list(&mut self, description: &str, place: SourcePosition) {
        self.list.copied = true;
        self.saved.insert(crate::scenario::method::DurableStore::Bucket);
        let word = description.split(':').next().unwrap_or(description);
        if !self.list.in_backup {
            let help = "put it in the list of a `back up`, after `list objects`";
            self.wrong(place, format!("`{word}` outside of a backup"), "a sub-step of a backup", help);
        } else if self.list.made.is_none() {
            let message = format!("`{word}` without `list objects`");
            self.wrong(place, message, "nothing was listed yet", "put `- list objects` before it");
        }
    }

    /// A backup ends.
    pub(super) fn end_list(&mut self) {
        let list = std::mem::take(&mut self.list);
        if let (Some(place), false) = (list.made, list.copied) {
            let help = "add `- copy listed objects` after it";
            self.wrong(place, "`list objects` without any copy", "this list is not used", help);
        }
    }
}
