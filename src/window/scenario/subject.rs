//! Which assets, templates and fixtures the writes of a replayed schedule are about: each another one.

use crate::model::write::{WriteKind, WritePath};

/// What a write is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// What the write is called by: the asset, for uploads and copies the new one; the job's or label's
    /// template.
    pub(super) name: &'static str,
    /// Whose name nobody else may take: of a copy that of the asset that is copied.
    taken: &'static str,
    /// The write in the words of a scenario.
    pub(super) act: String,
    /// Whether what replaces it has as many bytes.
    pub(super) same_size: bool,
}

/// A fixture that is uploaded as it is.
const UPLOADS: [&str; 4] = ["late-logo.png", "late-seal.png", "late-photo.jpg", "logo-replacement.png"];

/// Assets without earlier versions; no template refers to the first.
const DELETES: [&str; 4] = ["draft-mark.png", "signature.png", "banner.jpg", "overdue-stamp.png"];

/// Assets, what replaces them, and whether that has as many bytes: then only the content tells.
const REPLACES: [(&str, &str, bool); 4] = [
    ("paid-stamp.png", "stamp-replacement.png", true),
    ("overdue-stamp.png", "stamp-replacement.png", true),
    ("logo.png", "logo-replacement.png", false),
    ("warehouse.jpg", "late-photo.jpg", false),
];

/// Assets, and what their copies are called.
const COPIES: [(&str, &str); 4] = [
    ("seal.png", "second-seal.png"),
    ("banner.jpg", "second-banner.jpg"),
    ("signature.png", "second-signature.png"),
    ("logo.png", "second-logo.png"),
];

/// Labels that are moved or put, and the number of the version to which: what versions are called is the
/// engine's to say.
const LABELS: [(&str, &str, u8); 4] = [
    ("invoice", "production", 2),
    ("receipt", "staging", 1),
    ("reminder", "production", 1),
    ("statement", "production", 1),
];

/// Templates whose batch jobs are no part of the seed.
const BATCHES: [&str; 4] = ["reminder", "delivery-note", "statement", "packing-slip"];

/// The subjects of writes, in their order. There are enough: four of each kind, and at most four writes.
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
