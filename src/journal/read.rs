//! Reads a stored journal back and verifies it: numbers without gaps, the chain of digests, the
//! digest of the whole file where the run ended. A file from elsewhere is never trusted.

use crate::{
    base::{
        digest::{Digest, Hasher},
        error::{Error, ErrorContext as _},
        sanitize::one_line,
    },
    model::event::{Entry, Event, FORMAT},
};
use chrono::Datelike as _;
use std::{
    fmt,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    ops::Range,
    path::{Path, PathBuf},
};

/// The journal's file in a run's folder.
pub const EVENTS: &str = "events.jsonl";

/// The file with the digest of [`EVENTS`], written when the run ends.
pub const SEAL: &str = "events.jsonl.sha256";

/// The longest line that is written or read, in bytes.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// A seal is not longer, in bytes.
const LONGEST_SEAL: u64 = 1024;

/// A journal as it was read.
#[derive(Clone, Debug)]
pub struct StoredJournal {
    /// The entries before the first flaw.
    pub entries: Vec<Entry>,
    /// The first thing that is wrong with it.
    pub flaw: Option<Flaw>,
}

/// What is wrong with a stored journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The last line has no end: the run was killed while it was written. What is before it holds.
    Torn(LinePosition),
    /// Something was changed after it was written, or is no journal from here on.
    Broken {
        /// Where.
        place: LinePosition,
        /// How that shows.
        why: String,
    },
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// Its number, from 1.
    pub line: usize,
    /// Its bytes in the file, without the newline.
    pub bytes: Range<u64>,
}

impl fmt::Display for LinePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (bytes {} to {})", self.line, self.bytes.start, self.bytes.end)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(place) => write!(f, "{EVENTS} ends in the middle of {place}"),
            Self::Broken { place, why } => write!(f, "{EVENTS} is broken at {place}: {why}"),
        }
    }
}

/// The text of [`SEAL`], as `sha256sum` writes it.
pub(super) fn seal(digest: &Digest) -> String {
    format!("{digest}  {EVENTS}\n")
}

/// The text of [`SEAL`] in a run's folder.
pub fn seal_in(dir: &Path) -> Option<String> {
    text_of_seal(&dir.join(SEAL), LONGEST_SEAL)
}

/// The text of a file with digests as `sha256sum` writes them. A link, a pipe or a file of more than
/// `longest` bytes in its place is none.
pub fn text_of_seal(path: &Path, longest: u64) -> Option<String> {
    let is_one = fs::symlink_metadata(path).is_ok_and(|m| m.is_file() && m.len() <= longest);
    is_one.then(|| fs::read_to_string(path).ok()).flatten()
}

/// Reads and verifies the journal in a run's folder, or in the folder that a `latest` file names.
///
/// # Errors
/// Blames the user where the folder holds no journal or one of another version, the environment
/// where it can't be read. A changed or torn journal is no error but a [`Flaw`].
pub fn read(run_dir: &Path) -> Result<StoredJournal, Error> {
    let dir = folder_of(run_dir);
    let path = dir.join(EVENTS);
    // A pipe or a device of that name would block or never end.
    if !fs::metadata(&path).is_ok_and(|m| m.is_file()) {
        let shown = run_dir.display();
        if !run_dir.exists() {
            return Err(Error::usage(format!("there is no {shown}"))
                .hint("has a run finished here? Give its folder below the one that --report-dir named"));
        }
        let what = format!("{shown} is not the folder of a run: it has no {EVENTS}");
        return Err(Error::usage(what).hint("name a folder below reports/, such as reports/latest"));
    }
    let unreadable = || format!("can't read {}", path.display());
    let file = File::open(&path).or_environment(unreadable)?;
    let mut reader = Reader::new(BufReader::new(file));
    while reader.flaw.is_none() && reader.line().or_environment(unreadable)?.is_some() {
        if let Some(other) = reader.other_format() {
            let what =
                format!("{} was written in format {other}; this version reads {FORMAT}", path.display());
            return Err(Error::usage(what).hint("use the version of pulp-drill that wrote it"));
        }
        reader.take();
    }
    reader.check_seal(&dir);
    Ok(StoredJournal { entries: reader.entries, flaw: reader.flaw })
}

/// The folder of a run; `latest` may be a file that names it.
pub fn folder_of(run_dir: &Path) -> PathBuf {
    let named = fs::metadata(run_dir).ok().filter(|m| m.is_file() && m.len() < 1024);
    match named.and_then(|_| fs::read_to_string(run_dir).ok()) {
        Some(name) => run_dir.with_file_name(name.trim()),
        None => run_dir.to_owned(),
    }
}

struct Reader<R> {
    input: R,
    whole: Hasher,
    text: Vec<u8>,
    place: LinePosition,
    entries: Vec<Entry>,
    prev: Digest,
    before: Option<LinePosition>,
    flaw: Option<Flaw>,
}

impl<R: BufRead> Reader<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            whole: Hasher::new(),
            text: Vec::new(),
            place: LinePosition { line: 0, bytes: 0..0 },
            entries: Vec::new(),
            prev: Digest::ZERO,
            before: None,
            flaw: None,
        }
    }

    /// The next whole line into `text`; none at the end and where the line is no whole one.
    fn line(&mut self) -> io::Result<Option<()>> {
        let start = if self.place.line == 0 { 0 } else { self.place.bytes.end + 1 };
        self.text.clear();
        let read = (&mut self.input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.text)?;
        if read == 0 {
            return Ok(None);
        }
        self.whole.update(&self.text);
        let ended = self.text.last() == Some(&b'\n');
        self.before = (self.place.line > 0).then(|| self.place.clone());
        let end = start + read as u64 - u64::from(ended);
        self.place = LinePosition { line: self.place.line + 1, bytes: start..end };
        if ended {
            self.text.pop();
            return Ok(Some(()));
        }
        if self.text.len() > MAX_LINE {
            self.broken(format!("the line is longer than {MAX_LINE} bytes"));
        } else {
            self.flaw = Some(Flaw::Torn(self.place.clone()));
        }
        Ok(None)
    }

    /// The format of a first line that is not ours; the rest of it may be anything.
    fn other_format(&self) -> Option<u64> {
        if self.place.line != 1 {
            return None;
        }
        let value: serde_json::Value = serde_json::from_slice(&self.text).ok()?;
        value.pointer("/event/format")?.as_u64().filter(|f| *f != u64::from(FORMAT))
    }

    fn take(&mut self) {
        let entry: Entry = match serde_json::from_slice(&self.text) {
            Ok(entry) => entry,
            // The library quotes what it read.
            Err(error) => return self.broken(one_line(&format!("it is not an event: {error}"))),
        };
        if entry.prev != self.prev {
            let why = format!("line {} has the digest of another text", self.place.line);
            // The first line has nothing before it but the zeros that it must name.
            self.place = self.before.take().unwrap_or_else(|| self.place.clone());
            self.entries.pop();
            return self.broken(why);
        }
        if entry.seq != self.entries.len() as u64 {
            return self.broken(format!("it has the number {} instead of {}", entry.seq, self.entries.len()));
        }
        if let Some(why) = self.out_of_place(&entry) {
            return self.broken(why.to_owned());
        }
        self.prev = Digest::of(&self.text);
        self.entries.push(entry);
    }

    /// Why no run writes this entry behind those before it: a run begins once, and ends once.
    fn out_of_place(&self, entry: &Entry) -> Option<&'static str> {
        let begins = matches!(entry.event, Event::RunStarted(_));
        match self.entries.last().map(|before| &before.event) {
            None if !begins => Some("it is not how a run begins: what was before it is missing"),
            Some(Event::RunFinished { .. }) => Some("it stands behind the end of the run"),
            Some(_) if begins => Some("the run began before"),
            // Neither a PDF nor RFC 3339 can say another.
            _ if !(1..=9999).contains(&entry.at.year()) => Some("its year has not four digits"),
            _ => None,
        }
    }

    fn broken(&mut self, why: String) {
        self.flaw = Some(Flaw::Broken { place: self.place.clone(), why });
    }

    /// Verifies the last line, for which no other line vouches.
    fn check_seal(&mut self, dir: &Path) {
        let ended = matches!(self.entries.last().map(|e| &e.event), Some(Event::RunFinished { .. }));
        if self.flaw.is_some() || (!ended && !dir.join(SEAL).exists()) {
            return;
        }
        let digest = std::mem::take(&mut self.whole).finish();
        if seal_in(dir).is_none_or(|text| text != seal(&digest)) {
            self.broken(format!("{SEAL} does not match it"));
        }
    }
}
