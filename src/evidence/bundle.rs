//! A run as one file: a plain tar whose bytes depend on the run's files alone. Taking one apart
//! believes nothing: names, kinds and sizes are looked at before anything is written, and what comes
//! out must give the same bundle again.

use crate::{
    base::{
        digest::{Digest, Hasher},
        error::{Error, ErrorContext as _},
    },
    evidence::{
        chain, inventory,
        verify::{self, EvidenceCheck, Problem, Trust},
    },
    journal::folder::write_whole,
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};
use tar::{Archive, Builder, EntryType, Header};
use tempfile::TempDir;

/// More files than a run keeps.
const MOST: usize = 100_000;

/// The largest file in a bundle, in bytes.
const LARGEST: u64 = 4 << 30;

/// The folder in the tar is this and the run's id: it must not depend on what a folder is called.
const PREFIX: &str = "pulp-drill-";

/// Packs a run's folder that was verified.
///
/// # Errors
/// Blames the environment where something can't be read or written.
pub fn pack(dir: &Path, out: impl Write) -> Result<(), Error> {
    let failed = || format!("can't bundle {}", dir.display());
    let link = chain::link(dir).ok_or_else(|| Error::usage(failed()).cause("it is not a run"))?;
    let mut tar = Builder::new(out);
    for name in inventory::take(dir)?.files.keys() {
        let file = File::open(dir.join(name)).or_environment(failed)?;
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(format!("{PREFIX}{}/{name}", link.itself.run)).or_environment(failed)?;
        header.set_size(file.metadata().or_environment(failed)?.len());
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        tar.append(&header, file).or_environment(failed)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).or_environment(failed)
}

/// Whether a file is a bundle, or was one once.
pub fn is_one(path: &Path) -> bool {
    // A pipe would keep us waiting for its head.
    if !fs::metadata(path).is_ok_and(|m| m.is_file()) {
        return false;
    }
    let mut head = [0; 262];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && (&head[257..] == b"ustar" || head.starts_with(PREFIX.as_bytes()))
}

/// Verifies the run in a bundle, and that the bundle holds nothing else.
///
/// # Errors
/// Blames the environment where it can't be read or has no room to be unpacked, the user where
/// there is no run in it.
pub fn verify(path: &Path, trust: &Trust) -> Result<EvidenceCheck, Error> {
    let failed = || format!("can't read {}", path.display());
    let temp = TempDir::new().or_environment(failed)?;
    let file = File::open(path).or_environment(failed)?;
    let long = file.metadata().or_environment(failed)?.len();
    let bad = |what: String| EvidenceCheck {
        problems: vec![Problem::new(path.display().to_string(), what, None)],
        ..EvidenceCheck::nothing()
    };
    // In a folder of its own: nothing beside it is of that report folder.
    let run = temp.path().join("run");
    if let Err(why) = unpack(file, long, &run) {
        return match why {
            Refused::Bundle(why) => Ok(bad(why)),
            Refused::Disk(error) => Err(Error::environment(failed()).because(&error)),
        };
    }
    let mut verified = verify::folder(&run, trust)?;
    let mut same = Sum(Hasher::new());
    if verified.problems.is_empty() {
        pack(&run, &mut same)?;
        let (expected, found) = (same.0.finish(), Digest::of_file(path).or_environment(failed)?);
        if expected != found {
            let what = "its files hold, and are not packed as a bundle is";
            let file = path.display().to_string();
            verified.problems.push(Problem::new(file, what, Some((expected, found))));
        }
    }
    Ok(verified)
}

/// Writes a bundle, whole or not at all.
///
/// # Errors
/// As [`pack`].
pub fn write(dir: &Path, out: &Path) -> Result<(), Error> {
    let mut bytes = Vec::new();
    pack(dir, &mut bytes)?;
    write_whole(out, &bytes)
}

/// Why a bundle was not unpacked.
enum Refused {
    /// It is not one, or does harm.
    Bundle(String),
    /// We could not.
    Disk(io::Error),
}

/// Unpacks the one run of a bundle into an empty folder.
fn unpack(file: File, long: u64, into: &Path) -> Result<(), Refused> {
    let bundle = |error: io::Error| Refused::Bundle(format!("it is broken: {error}"));
    let mut archive = Archive::new(file);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut first = None;
    // Raw: long names and other extensions are entries that we refuse, and nobody acts upon.
    for entry in archive.entries().map_err(bundle)?.raw(true) {
        let mut entry = entry.map_err(bundle)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let no = |why: &str| Refused::Bundle(format!("its entry {name:?} {why}"));
        if entry.header().entry_type() != EntryType::Regular {
            return Err(no("is no plain file"));
        }
        let size = entry.header().entry_size().map_err(bundle)?;
        if size > LARGEST.min(long) {
            return Err(no("is longer than it may be"));
        }
        let (top, below) = name.split_once('/').ok_or_else(|| no("is in no folder"))?;
        if first.get_or_insert_with(|| top.to_owned()) != top || !top.starts_with(PREFIX) {
            return Err(no("is not in the folder of the one run"));
        }
        if !below.split('/').all(is_plain) {
            return Err(no("has a name that leads elsewhere"));
        }
        if !seen.insert(below.to_owned()) || seen.len() > MOST {
            return Err(no("is there twice, or is one of too many"));
        }
        let path = into.join(below);
        fs::create_dir_all(path.parent().unwrap_or(into)).map_err(|_| no("is a file and a folder"))?;
        let mut out = File::create_new(&path).map_err(|_| no("is a file and a folder"))?;
        copy(&mut entry, &mut out, size)?;
    }
    if seen.is_empty() { Err(Refused::Bundle("it is empty".to_owned())) } else { Ok(()) }
}

fn copy(from: &mut impl Read, to: &mut File, size: u64) -> Result<(), Refused> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        let n = from.read(&mut buffer).map_err(|e| Refused::Bundle(format!("it is broken: {e}")))?;
        if n == 0 {
            break;
        }
        to.write_all(&buffer[..n]).map_err(Refused::Disk)?;
        copied += n as u64;
    }
    if copied == size { Ok(()) } else { Err(Refused::Bundle("it ends too early".to_owned())) }
}

/// Whether a part of a path names a file below, and nothing above or elsewhere.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.contains(['\0', '\\'])
}

/// Digests what is written.
struct Sum(Hasher);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
