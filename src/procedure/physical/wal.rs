//! The WAL of a physical backup, before a server replays it: every segment has its size, belongs to the
//! cluster and lies in sequence. A server takes a gap or a foreign segment for the end of the WAL and
//! starts without what follows.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{ANY_DEPTH, Links, walk},
    },
    procedure::foreign::{Compression, Room},
    system::cluster::ControlData,
};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::Path,
};

/// Bytes of the header of a segment's first page (`XLogLongPageHeaderData` in `xlog_internal.h`).
const HEADER: usize = 40;

/// A segment by timeline and number. The number counts from the beginning of the WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId {
    /// The timeline.
    pub timeline: u32,
    /// Position in the WAL, divided by the size of a segment.
    pub number: u64,
    per_file: u64,
}

impl SegmentId {
    /// Reads `000000010000000A000000FF` for segments of a size in bytes.
    pub fn parse(name: &str, size: u64) -> Option<Self> {
        if name.len() != 24 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u64::from_str_radix(&name[at..at + 8], 16).ok();
        let per_file = (1_u64 << 32).checked_div(size)?;
        let number = part(8)?.checked_mul(per_file)?.checked_add(part(16)?)?;
        Some(Self { timeline: u32::try_from(part(0)?).ok()?, number, per_file })
    }

    /// The segment that holds a position of a timeline.
    pub fn at(timeline: u32, position: u64, size: u64) -> Option<Self> {
        let per_file = (1_u64 << 32).checked_div(size)?;
        Some(Self { timeline, number: position.checked_div(size)?, per_file })
    }

    /// The next one of its timeline.
    fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_file = self.per_file.max(1);
        write!(f, "{:08X}{:08X}{:08X}", self.timeline, self.number / per_file, self.number % per_file)
    }
}

/// Where the replay of a backup begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStart {
    /// The segment that `backup_label` names.
    pub segment: SegmentId,
    /// When the backup was begun, where the label shows it in UTC.
    pub begun: Option<chrono::DateTime<chrono::Utc>>,
}

/// A segment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its file name.
    pub name: String,
    /// Whether it is in the folder of archived WAL, and not in `pg_wal`.
    pub archived: bool,
}

/// The WAL that can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// In order.
    pub files: Vec<SegmentFile>,
    /// The last one of each timeline.
    pub last: BTreeMap<u32, SegmentId>,
}

/// Copies the segments of an archive that a replay may need, and the histories of timelines. Compressed
/// segments are unpacked.
pub fn bring(
    archive: &Path,
    to: &Path,
    start: Option<&ReplayStart>,
    control: &ControlData,
    room: &mut Room,
) -> Result<(), Error> {
    let Some(start) = start else { return Ok(()) };
    for entry in walk(archive, Links::Follow, ANY_DEPTH, |_| true) {
        let entry = entry.or_environment(|| format!("can't list {}", archive.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let stem = name.split('.').next().unwrap_or_default();
        let wanted = match SegmentId::parse(stem, control.segment) {
            // A label, or the unfinished end of a stream, which a server does not ask for.
            Some(_) if name.contains(".backup") || name.contains(".partial") => false,
            Some(id) => id.timeline >= start.segment.timeline && id.number >= start.segment.number,
            None => name.contains(".history"),
        };
        if wanted && entry.file_type().is_file() {
            let plain = if name.contains(".history") { format!("{stem}.history") } else { stem.to_owned() };
            unpack(entry.path(), &to.join(plain), room)?;
        }
    }
    Ok(())
}

fn unpack(from: &Path, to: &Path, room: &mut Room) -> Result<(), Error> {
    let context = || format!("can't read {}", from.display());
    let source = File::open(from).or_environment(context)?;
    room.unpacks(source.metadata().or_environment(context)?.len());
    let mut source = BufReader::new(source);
    let compression = Compression::of(source.fill_buf().or_environment(context)?);
    let write = || format!("can't write {}", to.display());
    let mut target = BufWriter::new(File::create(to).or_environment(write)?);
    let what = format!("the WAL segment {}", from.display());
    room.pour(compression.reader(source)?, &mut target, &what)?;
    target.flush().or_environment(write)
}

/// Looks at all segments from the start of the replay on. `hint` is what to do where its first one is missing.
///
/// # Errors
/// Blames the user where one is missing, too short, damaged at its head, or of another cluster.
pub fn inspect(
    data: &Path,
    archive: &Path,
    start: Option<&ReplayStart>,
    control: &ControlData,
    hint: &str,
) -> Result<Segments, Error> {
    // A cluster that was stopped in order needs none, and keeps segments for later use.
    let Some(start) = start else { return Ok(Segments::default()) };
    let mut all: BTreeMap<SegmentId, SegmentFile> = BTreeMap::new();
    for (folder, archived) in [(data.join("pg_wal"), false), (archive.to_owned(), true)] {
        for entry in walk(&folder, Links::Report, 1, |_| true) {
            let entry = entry.or_environment(|| format!("can't list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(id) =
                SegmentId::parse(&name, control.segment).filter(|id| id.number >= start.segment.number)
            else {
                continue;
            };
            if usable(entry.path(), id, archived, control)? {
                all.insert(id, SegmentFile { name, archived });
            }
        }
    }
    if !all.contains_key(&start.segment) {
        let why = format!("its backup_label names the WAL segment {} as its start", start.segment);
        let error = Error::usage("the WAL that the backup begins with is missing").cause(why);
        let first = all.keys().next().map(|first| format!("the first one that is there is {first}"));
        return Err(first.into_iter().fold(error, Error::cause).hint(hint));
    }
    without_gap(&all)?;
    let last = all.keys().map(|id| (id.timeline, *id)).collect();
    Ok(Segments { files: all.into_values().collect(), last })
}

/// Whether a file is the segment that its name says. In `pg_wal`, files that are kept for later use have
/// other contents: they are no segments.
fn usable(path: &Path, id: SegmentId, archived: bool, control: &ControlData) -> Result<bool, Error> {
    let damaged = |why: String| Error::usage(format!("the WAL segment {id} is damaged")).cause(why);
    let context = || format!("can't read {}", path.display());
    let file = File::open(path).or_environment(context)?;
    let size = file.metadata().or_environment(context)?.len();
    if size != control.segment {
        return Err(damaged(format!("it has {size} bytes instead of {}", control.segment)));
    }
    let mut head = Vec::new();
    file.take(HEADER as u64).read_to_end(&mut head).or_environment(context)?;
    // The byte order is the machine's, which is that of the source: PostgreSQL's files are not portable.
    let number =
        |at: usize| head.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes);
    let (position, system) = (number(8), number(24));
    let expected = id.number.saturating_mul(control.segment);
    if system == control.system && position == expected {
        return Ok(true);
    }
    if system != 0 && system != control.system {
        return Err(Error::usage(format!("the WAL segment {id} is of another cluster"))
            .cause(format!("its system identifier is {system}, that of the backup is {}", control.system)));
    }
    match archived {
        true => Err(damaged("its first page is not that of a segment with this name".to_owned())),
        false => Ok(false),
    }
}

/// Whether nothing follows the header of a segment's first page: a server made the file and wrote no record.
pub fn holds_no_record(path: &Path) -> bool {
    let mut page = Vec::new();
    let read = File::open(path).and_then(|file| file.take(8192).read_to_end(&mut page));
    read.is_ok() && page.iter().skip(HEADER).all(|byte| *byte == 0)
}

fn without_gap(all: &BTreeMap<SegmentId, SegmentFile>) -> Result<(), Error> {
    for (id, following) in all.keys().zip(all.keys().skip(1)) {
        if id.timeline == following.timeline && *following != id.next() {
            return Err(Error::usage(format!("the WAL segment {} is missing", id.next())).cause(format!(
                "there are segments up to {id} and again from {following}: a recovery ends at the gap without an error"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 16 << 20;

    #[test]
    fn names_of_segments_are_read_and_written() {
        let id = SegmentId::parse("0000000200000001000000FF", SIZE).unwrap();
        assert_eq!((id.timeline, id.number), (2, 511));
        assert_eq!(id.to_string(), "0000000200000001000000FF");
        assert_eq!(id.next().to_string(), "000000020000000200000000");
        assert_eq!(SegmentId::at(2, 0x1_FF00_0028, SIZE), Some(id));
        for no in ["00000002.history", "0000000200000001000000FF.partial", "000000020000000100000FFG"] {
            assert_eq!(SegmentId::parse(no, SIZE), None, "{no}");
        }
    }

    fn segment(folder: &Path, name: &str, system: u64, control: &ControlData) {
        let id = SegmentId::parse(name, control.segment).unwrap();
        let mut bytes = vec![0; usize::try_from(control.segment).unwrap()];
        bytes[8..16].copy_from_slice(&(id.number * control.segment).to_ne_bytes());
        bytes[24..32].copy_from_slice(&system.to_ne_bytes());
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    #[test]
    fn gaps_short_and_foreign_segments_are_found() {
        let control = ControlData { system: 7, segment: 1 << 20, ..ControlData::default() };
        let temp = tempfile::tempdir().unwrap();
        let (data, archive) = (temp.path().join("data"), temp.path().join("archive"));
        std::fs::create_dir_all(data.join("pg_wal")).unwrap();
        std::fs::create_dir(&archive).unwrap();
        let name = |number: u32| format!("0000000100000000{number:08X}");
        let first = SegmentId::parse(&name(2), control.segment).unwrap();
        let start = ReplayStart { segment: first, begun: None };
        let inspected = || inspect(&data, &archive, Some(&start), &control, "look");
        let said = || inspected().unwrap_err().to_string();
        assert!(said().contains("begins with is missing"), "{}", said());
        segment(&data.join("pg_wal"), &name(2), 7, &control);
        // One that is kept for later use has an earlier position.
        std::fs::copy(data.join("pg_wal").join(name(2)), data.join("pg_wal").join(name(9))).unwrap();
        for number in [3, 4] {
            segment(&archive, &name(number), 7, &control);
        }
        assert_eq!(inspected().unwrap().last[&1].to_string(), name(4));
        segment(&archive, &name(6), 7, &control);
        assert!(said().contains(&format!("{} is missing", name(5))), "{}", said());
        segment(&archive, &name(5), 8, &control);
        assert!(said().contains("of another cluster"), "{}", said());
        std::fs::write(archive.join(name(5)), "short").unwrap();
        assert!(said().contains("it has 5 bytes instead of 1048576"), "{}", said());
        std::fs::copy(archive.join(name(4)), archive.join(name(5))).unwrap();
        assert!(said().contains("first page"), "{}", said());
        segment(&archive, &name(5), 7, &control);
        assert_eq!(inspected().unwrap().files.len(), 5);
    }
}
