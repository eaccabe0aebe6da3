//! The ledger's file and the digest beside it: reading with verification, and adding a line.

use super::{LEDGER, LedgerEntry};
use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        sanitize::one_line,
    },
    journal::{folder, read::text_of_seal},
};
use nix::fcntl::{Flock, FlockArg};
use std::{
    fmt,
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The most bytes of a seal: a digest for each of several hundred writers at once.
const LONGEST_SEAL: u64 = 64 << 10;

/// What is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: usize,
    /// How it shows.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger is broken at line {}: {}", self.line, self.why)
    }
}

/// What adding a run came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// It is in the ledger now, as the line of this number, from 1.
    Line(usize),
    /// The ledger was changed by someone else; nothing was added.
    Broken(Broken),
}

/// The ledger's file: the one named, or [`LEDGER`] in the folder named.
pub fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(LEDGER) } else { path.to_owned() }
}

/// Reads and verifies a ledger.
///
/// # Errors
/// Blames the user where there is none, the environment where it can't be read. A changed ledger is
/// no error but [`Broken`].
pub fn read(file: &Path) -> Result<Result<Vec<LedgerEntry>, Broken>, Error> {
    if !fs::metadata(file).is_ok_and(|m| m.is_file()) {
        return Err(Error::usage(format!("there is no ledger at {}", file.display()))
            .hint("`pulp-drill history add RUN_DIR --ledger FILE` begins one"));
    }
    let open = File::open(file).or_environment(|| format!("can't read {}", file.display()))?;
    // Nobody adds a line meanwhile.
    let mut locked = lock(open, FlockArg::LockShared, file)?;
    Ok(verified(&mut locked, file)?.map(|ledger| ledger.lines))
}

/// Adds a run: locked, so that two at once come one behind the other, and only to a ledger that is as
/// it was written.
///
/// # Errors
/// Blames the user where the run is there already, the environment where the file can't be written.
pub fn add(file: &Path, mut line: LedgerEntry) -> Result<Added, Error> {
    let failed = || format!("can't write {}", file.display());
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).or_environment(failed)?;
    }
    let mut options = File::options();
    let open = options.read(true).append(true).create(true).open(file).or_environment(failed)?;
    let mut locked = lock(open, FlockArg::LockExclusive, file)?;
    let Ledger { lines, text: before } = match verified(&mut locked, file)? {
        Ok(ledger) => ledger,
        Err(broken) => return Ok(Added::Broken(broken)),
    };
    if let Some(at) = lines.iter().position(|l| l.run == line.run || l.record == line.record) {
        let what = format!("run {} is in the ledger already, at line {}", line.run, at + 1);
        return Err(Error::usage(what).hint("a run is counted once"));
    }
    line.seq = lines.len() as u64;
    line.prev = before.lines().last().map_or(Digest::ZERO, Digest::of);
    let text = serde_json::to_string(&line).or_harness(|| "can't write a line as JSON".to_owned())? + "\n";
    let after = format!("{before}{text}");
    folder::write_whole(&seal_of(file), (seal(&before, file) + &seal(&after, file)).as_bytes())?;
    let written = locked
        // What an interrupted write has left.
        .set_len(before.len() as u64)
        .and_then(|()| locked.write_all(text.as_bytes()))
        .and_then(|()| locked.sync_data());
    if let Err(error) = written {
        let taken_back = locked.set_len(before.len() as u64);
        let error = Error::environment(failed()).because(&error);
        return Err(match taken_back {
            Ok(()) => error,
            Err(cause) => error.cause(format!("its torn last line can't be removed: {cause}")),
        });
    }
    folder::write_whole(&seal_of(file), seal(&after, file).as_bytes())?;
    Ok(Added::Line(lines.len() + 1))
}

fn lock(file: File, how: FlockArg, path: &Path) -> Result<Flock<File>, Error> {
    Flock::lock(file, how)
        .map_err(|(_, error)| Error::environment(format!("can't lock {}", path.display())).because(&error))
}

fn whole(file: &mut File, path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    file.rewind()
        .and_then(|()| file.read_to_string(&mut text))
        .or_environment(|| format!("can't read {}", path.display()))?;
    Ok(text)
}

pub(super) fn seal_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// The digest of the whole file, as `sha256sum` writes it.
pub(super) fn seal(text: &str, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{}  {name}\n", Digest::of(text))
}

/// A ledger that is as it was written.
struct Ledger {
    lines: Vec<LedgerEntry>,
    /// Its text, without what an interrupted write has left.
    text: String,
}

/// The ledger, or the first line that is not as it was written.
fn verified(file: &mut File, path: &Path) -> Result<Result<Ledger, Broken>, Error> {
    let mut text = whole(file, path)?;
    let sealed = text_of_seal(&seal_of(path), LONGEST_SEAL);
    let last = text.trim_end_matches('\n').rfind('\n').map_or(0, |at| at + 1);
    let torn = text.get(last..).is_some_and(|line| {
        !line.is_empty() && (!line.ends_with('\n') || serde_json::from_str::<LedgerEntry>(line).is_err())
    });
    if torn && is_sealed(sealed.as_deref(), &text[..last], path) {
        text.truncate(last);
    }
    let lines = match chained(&text) {
        Ok(lines) => lines,
        Err(broken) => return Ok(Err(broken)),
    };
    if !is_sealed(sealed.as_deref(), &text, path) {
        let seal = seal_of(path);
        let why = match is_sealed(sealed.as_deref(), &text[..last.min(text.len())], path) {
            true => format!("{} does not match it: `history add` did not write it", seal.display()),
            false => {
                format!("{} does not match it: it was changed, or runs after it were removed", seal.display())
            }
        };
        return Ok(Err(Broken { line: lines.len().max(1), why }));
    }
    Ok(Ok(Ledger { lines, text }))
}

/// Whether the seal vouches for a text; without a seal, for an empty one only. While a line is being added,
/// the seal has several digests: that of the ledger before, and what it may become.
fn is_sealed(sealed: Option<&str>, text: &str, path: &Path) -> bool {
    let Some(sealed) = sealed else { return text.is_empty() };
    let digest = seal(text, path);
    sealed.split_inclusive('\n').any(|line| line == digest)
}

/// The lines of a text whose chain holds.
fn chained(text: &str) -> Result<Vec<LedgerEntry>, Broken> {
    let mut lines: Vec<LedgerEntry> = Vec::new();
    let mut prev = Digest::ZERO;
    for (i, raw) in text.split_inclusive('\n').enumerate() {
        let broken = |why: String| Broken { line: i + 1, why };
        let raw = raw.strip_suffix('\n').ok_or_else(|| broken("it has no end".to_owned()))?;
        let line: LedgerEntry = serde_json::from_str(raw)
            .map_err(|error| broken(one_line(&format!("it is not a run: {error}"))))?;
        if line.prev != prev {
            // The line that was changed, or behind which one is missing.
            let why = format!("line {} has the digest of another text", i + 1);
            return Err(Broken { line: if i == 0 { 1 } else { i }, why });
        }
        if line.seq != i as u64 {
            return Err(broken(format!("it has the number {} instead of {i}", line.seq)));
        }
        prev = Digest::of(raw);
        lines.push(line);
    }
    Ok(lines)
}
