//! The model's state: two stores (three with batch results), a backup, and what each step changes. Small
//! enough to be copied at every step. Which step comes next is chosen elsewhere.

use crate::model::{
    workload::BackupMethod,
    write::{ReplaceKeys, WriteKind, WritePath},
};
use crate::window::vocabulary::{MOST_WRITES, ModelObject, ModelStep, Part, PartsOf, Setting, WriteNo};

/// Two objects and two rows for each write: the old ones and the new ones.
const SLOTS: usize = MOST_WRITES * 2;

/// Content of an object, or the content that a row records; 0: no object, no row.
pub(super) type Value = u8;

/// The content of an asset before any write.
pub(super) const BEFORE: Value = 1;
/// The content after a write.
pub(super) const AFTER: Value = 2;
/// A row that points at no object: a label, a job that is not complete.
const NOTHING: u8 = u8::MAX;

/// A row: the content that it records, and the object that it points at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) value: Value,
    object: u8,
}

impl Row {
    fn pointing(value: Value, object: ModelObject) -> Self {
        Self { value, object: object.slot() as u8 }
    }

    const fn alone(value: Value) -> Self {
        Self { value, object: NOTHING }
    }

    /// The slot of the object that it points at.
    pub(super) fn object(self) -> Option<usize> {
        (self.value != 0 && self.object != NOTHING).then_some(usize::from(self.object))
    }
}

pub(super) type Rows = [Row; SLOTS];
pub(super) type Objects = [Value; SLOTS];

/// What is explored: the writes, and how the backup is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) writes: Vec<WritePath>,
    pub(super) setting: Setting,
    pub(super) parts: Vec<&'static [Part]>,
    phases: Vec<ModelStep>,
    third: u16,
}

impl Course {
    /// At most [`MOST_WRITES`] writes; more are left out.
    pub(super) fn new(writes: &[WritePath], setting: Setting) -> Self {
        Self::with(WritePath::parts, writes, setting)
    }

    /// The same with other rules for the parts of a write.
    pub(super) fn with(parts_of: PartsOf, writes: &[WritePath], setting: Setting) -> Self {
        let writes: Vec<WritePath> = writes.iter().copied().take(MOST_WRITES).collect();
        let batch = |(n, write): (usize, &WritePath)| {
            if write.kind == WriteKind::Batch { 0b11 << (2 * n) } else { 0_u16 }
        };
        let third = writes.iter().enumerate().map(batch).sum::<u16>();
        Self {
            parts: writes.iter().map(|write| parts_of(*write, &setting)).collect(),
            phases: setting.phases(third != 0),
            writes,
            setting,
            third,
        }
    }

    /// Writers and the backup.
    pub(super) fn processes(&self) -> usize {
        self.writes.len() + 1
    }
}

/// The state of the stores, the engine and the backup at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) rows: Rows,
    pub(super) objects: Objects,
    /// Parts done, for each write.
    done: [u8; MOST_WRITES],
    /// With a grace: the progress of the backup when the write's row was changed.
    row_at: [u8; MOST_WRITES],
    /// Writes that will not continue: their engine was killed.
    dead: u8,
    /// Writes that were acknowledged.
    acknowledged: u8,
    stopped: bool,
    /// The next phase of the backup.
    phase: u8,
    /// With a grace: sub-steps that the backup has made.
    passed: u8,
    /// Sub-steps since the dump, and how many there were at the last copy; 0 before the dump.
    since_dump: u8,
    window: u8,
    /// Listed and not yet copied.
    listed: u16,
    pub(super) dump: Rows,
    pub(super) copied: Objects,
    /// Writes that were acknowledged before the recovery point.
    pub(super) acknowledged_at_dump: u8,
    /// Objects that existed at the recovery point.
    pub(super) there_at_dump: u16,
}

/// What a step reads and writes, as sets of bits; two steps of different processes commute where
/// neither writes what the other reads or writes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    reads: u64,
    writes: u64,
}

impl Footprint {
    pub(super) const fn commutes(self, other: Self) -> bool {
        self.writes & (other.reads | other.writes) == 0 && other.writes & self.reads == 0
    }
}

const OBJECTS: u64 = 0x00ff;
const ROWS: u64 = 0xff00;
const ACKNOWLEDGED: u64 = 0xf << 16;
const ENGINE: u64 = 1 << 20;
const PROGRESS: u64 = 1 << 21;

impl World {
    /// The initial state.
    pub(super) fn before(course: &Course) -> Self {
        let mut world = Self {
            rows: [Row::default(); SLOTS],
            objects: [0; SLOTS],
            done: [0; MOST_WRITES],
            row_at: [0; MOST_WRITES],
            dead: 0,
            acknowledged: 0,
            stopped: false,
            phase: 0,
            passed: 0,
            since_dump: 0,
            window: 0,
            listed: 0,
            dump: [Row::default(); SLOTS],
            copied: [0; SLOTS],
            acknowledged_at_dump: 0,
            there_at_dump: 0,
        };
        for (n, write) in course.writes.iter().enumerate() {
            let old = ModelObject { write: WriteNo(n as u8), new: false };
            match write.kind {
                WriteKind::Upload => {}
                WriteKind::Label | WriteKind::Batch => world.rows[old.slot()] = Row::alone(BEFORE),
                WriteKind::Delete | WriteKind::Replace | WriteKind::Copy => {
                    world.objects[old.slot()] = BEFORE;
                    world.rows[old.slot()] = Row::pointing(BEFORE, old);
                }
            }
        }
        world
    }

    /// Sub-steps from the dump to the last copy (S1 - D), 0 where the copies came first.
    pub(super) const fn window(&self) -> u8 {
        self.window
    }

    /// The state without what only the judgement needs.
    pub(super) fn without_backup(mut self) -> Self {
        self.dump = [Row::default(); SLOTS];
        self.copied = [0; SLOTS];
        self.acknowledged_at_dump = 0;
        self.there_at_dump = 0;
        self.since_dump = 0;
        self.window = 0;
        self
    }

    /// Whether the backup has made its last sub-step. What happens later is in no backup.
    pub(super) fn backed_up(&self, course: &Course) -> bool {
        self.listed == 0 && usize::from(self.phase) == course.phases.len()
    }

    /// The next step of a process, possible now or not. The last process is the backup.
    pub(super) fn next(&self, course: &Course, process: usize) -> Option<ModelStep> {
        let Some(parts) = course.parts.get(process) else {
            if self.listed != 0 {
                return Some(ModelStep::Copy(ModelObject::at(self.listed.trailing_zeros() as usize)));
            }
            return course.phases.get(usize::from(self.phase)).copied();
        };
        if self.dead & (1 << process) != 0 {
            return None;
        }
        let part = parts.get(usize::from(self.done[process]))?;
        Some(ModelStep::Write(WriteNo(process as u8), *part))
    }

    /// Whether the next step of a process is possible now.
    pub(super) fn ready(&self, course: &Course, step: ModelStep) -> bool {
        match step {
            ModelStep::Write(_, _) if self.stopped => false,
            ModelStep::Write(no, Part::Cleanup) => {
                let since = self.passed.saturating_sub(self.row_at[usize::from(no.0)]);
                since >= course.setting.grace || self.backed_up(course)
            }
            ModelStep::Stop if course.setting.method == BackupMethod::Maintenance => {
                self.none_in_flight(course)
            }
            _ => true,
        }
    }

    fn none_in_flight(&self, course: &Course) -> bool {
        (0..course.writes.len()).all(|n| self.done[n] == 0 || self.acknowledged & (1 << n) != 0)
    }

    /// What the next step of a process reads and writes.
    pub(super) fn footprint(&self, course: &Course, step: ModelStep) -> Footprint {
        let progress = if course.setting.grace > 0 { PROGRESS } else { 0 };
        let backup = |reads: u64, writes: u64| Footprint { reads, writes: writes | progress };
        match step {
            ModelStep::Write(no, part) => {
                let n = usize::from(no.0);
                let own = 0b11_u64 << (2 * n);
                let store = if part == Part::Row { own << 8 } else { own };
                // Whether an object was gone at D matters for a delete that was acknowledged by then.
                let matters = self.acknowledges(course, n) || part == Part::Cleanup;
                let waits = matches!(part, Part::Row | Part::Cleanup);
                Footprint {
                    reads: ENGINE | if waits { progress } else { 0 },
                    writes: store | if matters { 1 << (16 + n) } else { 0 },
                }
            }
            ModelStep::Dump => backup(ROWS | ACKNOWLEDGED, 0),
            ModelStep::Instant => backup(ROWS | OBJECTS | ACKNOWLEDGED, 0),
            ModelStep::List | ModelStep::ListResults => backup(OBJECTS, 0),
            ModelStep::Copy(object) => backup(1 << object.slot(), 0),
            ModelStep::Stop | ModelStep::Start => backup(0, ENGINE),
        }
    }

    /// Whether the next part of a write is the one after which it is acknowledged.
    fn acknowledges(&self, course: &Course, write: usize) -> bool {
        let rest = course.parts[write].get(usize::from(self.done[write]) + 1..).unwrap_or_default();
        self.acknowledged & (1 << write) == 0 && rest.iter().all(|part| *part == Part::Cleanup)
    }

    /// Makes a step that is next and possible.
    pub(super) fn make(&mut self, course: &Course, step: ModelStep) {
        match step {
            ModelStep::Write(no, part) => {
                let n = usize::from(no.0);
                let acknowledges = self.acknowledges(course, n);
                self.write(course.writes[n], no, part);
                if part == Part::Row && course.setting.grace > 0 {
                    self.row_at[n] = self.passed;
                }
                self.done[n] += 1;
                self.acknowledged |= u8::from(acknowledges) << n;
                return;
            }
            ModelStep::Copy(object) => {
                self.copied[object.slot()] = self.objects[object.slot()];
                self.listed &= !(1 << object.slot());
            }
            ModelStep::Dump => self.dump(),
            ModelStep::List => self.listed = self.keys() & !course.third,
            ModelStep::ListResults => self.listed = self.keys() & course.third,
            ModelStep::Instant => {
                self.dump();
                self.copied = self.objects;
                if !course.setting.results {
                    (0..SLOTS)
                        .filter(|slot| course.third & (1 << slot) != 0)
                        .for_each(|s| self.copied[s] = 0);
                }
            }
            ModelStep::Stop => {
                self.stopped = true;
                self.dead = (0..course.writes.len())
                    .filter(|n| self.done[*n] > 0 && self.acknowledged & (1 << n) == 0)
                    .fold(self.dead, |dead, n| dead | 1 << n);
            }
            ModelStep::Start => self.stopped = false,
        }
        self.advance(course, step);
    }

    /// Records that the backup has made a sub-step.
    fn advance(&mut self, course: &Course, step: ModelStep) {
        self.since_dump += u8::from(self.since_dump > 0);
        match step {
            // Counted from 1: 0 is no dump.
            ModelStep::Copy(_) => self.window = self.since_dump.saturating_sub(1),
            ModelStep::Dump => (self.since_dump, self.phase) = (1, self.phase + 1),
            _ => self.phase += 1,
        }
        if course.setting.grace > 0 {
            self.passed += 1;
        }
    }

    fn keys(&self) -> u16 {
        (0..SLOTS).filter(|slot| self.objects[*slot] != 0).fold(0, |keys, slot| keys | 1 << slot)
    }

    fn dump(&mut self) {
        self.dump = self.rows;
        self.acknowledged_at_dump = self.acknowledged;
        self.there_at_dump = self.keys();
    }

    fn write(&mut self, path: WritePath, write: WriteNo, part: Part) {
        let (old, new) = (ModelObject { write, new: false }, ModelObject { write, new: true });
        let in_place = path.kind == WriteKind::Replace && path.keys == ReplaceKeys::InPlace;
        let object = if in_place { old } else { new };
        match (part, path.kind) {
            (Part::Cleanup, _) | (Part::Binary, WriteKind::Delete) => self.objects[old.slot()] = 0,
            (Part::Binary, WriteKind::Label) => {}
            (Part::Binary, WriteKind::Upload | WriteKind::Replace | WriteKind::Copy | WriteKind::Batch) => {
                self.objects[object.slot()] = AFTER
            }
            (Part::Row, WriteKind::Upload | WriteKind::Copy) => {
                self.rows[new.slot()] = Row::pointing(AFTER, object);
            }
            (Part::Row, WriteKind::Replace | WriteKind::Batch) => {
                self.rows[old.slot()] = Row::pointing(AFTER, object);
            }
            (Part::Row, WriteKind::Delete) => self.rows[old.slot()] = Row::default(),
            (Part::Row, WriteKind::Label) => self.rows[old.slot()] = Row::alone(AFTER),
        }
    }
}
