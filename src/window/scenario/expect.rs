//! The findings that the stores must give after the restore: the rows of the dump joined with the
//! objects of the copy, in the model's final state. One property of the engine is not in the model and is
//! added here: a replacement in place keeps the earlier binary, with a row of its own.

use crate::model::{
    finding::{Expectation, FindingKind},
    write::WriteKind,
};
use crate::window::scenario::staged::Staged;
use crate::window::vocabulary::{ModelObject, ModelStep, Part, WriteNo};

/// Rows of the seed's batch jobs, whose results are lost with the third store.
const JOBS_OF_THE_SEED: [&str; 2] = ["batch_jobs/invoice", "batch_jobs/receipt"];

/// All findings about binaries, write by write.
pub(super) fn findings(staged: &Staged<'_>) -> Vec<Expectation> {
    let mut found = Vec::new();
    if staged.has_batch() && !staged.schedule.setting.results {
        found.extend(JOBS_OF_THE_SEED.map(|row| expectation(FindingKind::MissingBinary, row)));
    }
    for n in 0..staged.schedule.writes.len() {
        found.extend(of_stores(staged, n));
        found.extend(of_earlier_binary(staged, n));
    }
    found
}

fn expectation(kind: FindingKind, entity: &str) -> Expectation {
    Expectation { kind, entity: entity.to_owned() }
}

/// The rows and objects of one write, joined.
fn of_stores(staged: &Staged<'_>, n: usize) -> Vec<Expectation> {
    let (world, subject) = (&staged.world, &staged.subjects[n]);
    let slots = [2 * n, 2 * n + 1];
    let rows = slots.map(|slot| world.dump[slot]);
    let mut found = Vec::new();
    for row in rows {
        let Some(object) = row.object() else { continue };
        let kind = match world.copied[object] {
            0 => FindingKind::MissingBinary,
            content if content == row.value => continue,
            _ if subject.same_size => FindingKind::WrongContent,
            _ => FindingKind::WrongSize,
        };
        found.push(expectation(kind, &name(staged, object)));
    }
    let pointed_at = |slot| rows.iter().any(|row| row.object() == Some(slot));
    let orphans = slots.into_iter().filter(|slot| world.copied[*slot] != 0 && !pointed_at(*slot));
    found.extend(orphans.map(|slot| expectation(FindingKind::OrphanBinary, &name(staged, slot))));
    found
}

/// The name of an object: that of its asset, or of its job's row. The old object of a replacement under a
/// new key is an earlier binary.
fn name(staged: &Staged<'_>, slot: usize) -> String {
    let object = ModelObject::at(slot);
    let n = usize::from(object.write.0);
    let subject = &staged.subjects[n];
    let path = staged.schedule.writes[n];
    match path.kind {
        WriteKind::Batch => format!("batch_jobs/{}", subject.name),
        WriteKind::Replace if path.cleans_up() && !object.new => format!("{}@1", subject.name),
        WriteKind::Upload | WriteKind::Replace | WriteKind::Delete | WriteKind::Copy | WriteKind::Label => {
            subject.name.to_owned()
        }
    }
}

/// The earlier binary of an asset that is replaced in place: its object is stored before anything else of
/// the write, its row is written with the asset's own.
fn of_earlier_binary(staged: &Staged<'_>, n: usize) -> Option<Expectation> {
    let path = staged.schedule.writes[n];
    if path.kind != WriteKind::Replace || path.cleans_up() {
        return None;
    }
    let no = WriteNo(n as u8);
    let at = |wanted: &dyn Fn(ModelStep) -> bool| staged.schedule.steps.iter().position(|step| wanted(*step));
    let before = |one: Option<usize>, other: Option<usize>| one.is_some_and(|one| Some(one) < other);
    let object = at(&|step| matches!(step, ModelStep::Write(of, _) if of == no));
    let row = at(&|step| step == ModelStep::Write(no, Part::Row));
    let dumped = at(&|step| matches!(step, ModelStep::Dump | ModelStep::Instant));
    let listed = at(&|step| matches!(step, ModelStep::List | ModelStep::Instant));
    let name = format!("{}@1", staged.subjects[n].name);
    match (before(row, dumped), before(object, listed)) {
        (true, false) => Some(expectation(FindingKind::MissingBinary, &name)),
        (false, true) => Some(expectation(FindingKind::OrphanBinary, &name)),
        (true, true) | (false, false) => None,
    }
}
