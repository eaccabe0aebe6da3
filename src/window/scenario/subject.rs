//! The assets, templates and fixtures of a replayed schedule's writes: a different one for each write.

use crate::model::write::{WriteKind, WritePath};

/// The subject of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// The name of the write: that of the asset, for uploads and copies the new one; the template of a job
    /// or label.
    pub(super) name: &'static str,
    /// The name that no other write may use: of a copy that of the copied asset.
    taken: &'static str,
    /// The write as a scenario's step.
    pub(super) act: String,
    /// Whether its replacement has the same size.
    pub(super) same_size: bool,
}

/// Fixtures to upload.
const UPLOADS: [&str; 4] = ["late-logo.png", "late-seal.png", "late-photo.jpg", "logo-replacement.png"];

/// Assets without earlier versions; no template refers to the first.
const DELETES: [&str; 4] = ["draft-mark.png", "signature.png", "banner.jpg", "overdue-stamp.png"];

/// Assets, their replacements, and whether those have the same size: then only the content differs.
const REPLACES: [(&str, &str, bool); 4] = [
    ("paid-stamp.png", "stamp-replacement.png", true),
    ("overdue-stamp.png", "stamp-replacement.png", true),
    ("logo.png", "logo-replacement.png", false),
    ("warehouse.jpg", "late-photo.jpg", false),
];

/// Assets, and the names of their copies.
const COPIES: [(&str, &str); 4] = [
    ("seal.png", "second-seal.png"),
    ("banner.jpg", "second-banner.jpg"),
    ("signature.png", "second-signature.png"),
    ("logo.png", "second-logo.png"),
];

/// Templates, labels to move or set, and the numbers of their new versions: the engine names versions.
const LABELS: [(&str, &str, u8); 4] = [
    ("invoice", "production", 2),
    ("receipt", "staging", 1),
    ("reminder", "production", 1),
    ("statement", "production", 1),
];

/// Templates without a batch job in the seed.
const BATCHES: [&str; 4] = ["reminder", "delivery-note", "statement", "packing-slip"];

/// The subjects of writes, in their order: four of each kind, for at most four writes.
pub(super) fn subjects(writes: &[WritePath]) -> Vec<Subject> {
    let mut all: Vec<Subject> = Vec::new();
    for write in writes {
        let free = |subject: &Subject| !all.iter().any(|other| other.taken == subject.taken);
        let found = of(write.kind).into_iter().find(free);
        all.extend(found);
    }
    all
}

fn of(operation: WriteKind) -> Vec<Subject> {
    let plain = |name: &'static str, act: String| Subject { name, taken: name, act, same_size: true };
    match operation {
        WriteKind::Upload => UPLOADS.map(|name| plain(name, format!("upload: {name}"))).to_vec(),
        WriteKind::Delete => DELETES.map(|name| plain(name, format!("delete: {name}"))).to_vec(),
        WriteKind::Replace => REPLACES
            .map(|(name, with, same_size)| {
                let act = format!("replace: {{asset: {name}, with: {with}}}");
                Subject { same_size, ..plain(name, act) }
            })
            .to_vec(),
        WriteKind::Copy => COPIES
            .map(|(of, name)| {
                let act = format!("copy: {{asset: {of}, as: {name}}}");
                Subject { taken: of, ..plain(name, act) }
            })
            .to_vec(),
        WriteKind::Label => LABELS
            .map(|(name, label, to)| {
                plain(name, format!("move label: {{template: {name}, label: {label}, to: {to}}}"))
            })
            .to_vec(),
        WriteKind::Batch => BATCHES.map(|name| plain(name, format!("run batch: {name}"))).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::table::combinations;
    use crate::window::vocabulary::MOST_WRITES;
    use std::collections::BTreeSet;

    #[test]
    fn every_write_of_a_schedule_is_about_something_else() {
        let all = WritePath::all();
        for chosen in combinations(all.len(), MOST_WRITES) {
            let writes: Vec<WritePath> = chosen.iter().map(|n| all[*n]).collect();
            for writes in [writes.clone(), writes.into_iter().rev().collect()] {
                let subjects = subjects(&writes);
                assert_eq!(subjects.len(), writes.len(), "{writes:?}");
                let taken: BTreeSet<_> = subjects.iter().map(|subject| subject.taken).collect();
                assert_eq!(taken.len(), writes.len(), "{writes:?}");
            }
        }
    }
}
