//! Backups that were made elsewhere: what a dump is, by its first bytes, and what must be done to it
//! before PostgreSQL's programs may have it. Nothing in such a file is trusted: it is read by
//! recognised formats only, and a plain dump is kept from giving orders to `psql`. Tarballs of
//! binaries are in `foreign::tarball`.

use crate::{
    base::error::{Error, ErrorContext as _},
    scenario::method::DumpFormat,
};
use flate2::read::MultiGzDecoder;
use nix::sys::statvfs::statvfs;
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write},
    path::Path,
};

pub mod compression;
pub mod head;
pub mod script;
pub mod tarball;

/// How much of a dump is looked at to tell what it is.
pub const START: usize = 64 * 1024;

/// Longest line that is looked at in a plain dump's head, in bytes.
const LINE: u64 = 4096;

/// The first bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a file is that was called a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A dump of one database.
    Dump {
        /// In this format.
        format: DumpFormat,
        /// Inside of gzip.
        gzip: bool,
    },
    /// No dump that can be restored; why.
    Not(String),
}

/// Tells what a dump is by its first bytes, up to [`START`]. A folder is told by its `toc.dat`, which
/// is not asked here.
pub fn recognise(start: &[u8]) -> Recognised {
    if start.starts_with(&GZIP) {
        let mut inside = Vec::new();
        // The start of a stream ends in its middle; what came until then is enough.
        let _cut = MultiGzDecoder::new(start).take(START as u64).read_to_end(&mut inside);
        return match recognise(&inside) {
            Recognised::Dump { gzip: true, .. } => Recognised::Not("gzip inside of gzip".to_owned()),
            Recognised::Dump { format, gzip: false } => Recognised::Dump { format, gzip: true },
            Recognised::Not(why) => Recognised::Not(format!("inside of gzip: {why}")),
        };
    }
    let dump = |format| Recognised::Dump { format, gzip: false };
    let holds = |description: &[u8]| start.windows(description.len()).any(|w| w == description);
    match start {
        [] => Recognised::Not("it is empty".to_owned()),
        _ if start.starts_with(b"PGDMP") => dump(DumpFormat::Custom),
        _ if start.get(257..262) == Some(b"ustar") => match start.starts_with(b"toc.dat\0") {
            true => dump(DumpFormat::Tar),
            false => Recognised::Not("a tar file whose first entry is not toc.dat".to_owned()),
        },
        _ if start.contains(&0) => Recognised::Not("neither pg_dump's formats nor SQL".to_owned()),
        _ if holds(b"PostgreSQL database cluster dump") => {
            Recognised::Not("a dump of a whole cluster (pg_dumpall), not of one database".to_owned())
        }
        _ if holds(b"-- PostgreSQL database dump") => dump(DumpFormat::Plain),
        _ => Recognised::Not("no dump of PostgreSQL: neither its magic nor its first comment".to_owned()),
    }
}

/// What may still be written where a backup is unpacked: a small file can hold more than a disk.
#[derive(Debug)]
pub struct Room {
    left: u64,
}

impl Room {
    /// What is free below a folder, a part of it left for the database.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let free =
            statvfs(folder).or_environment(|| format!("can't ask how much room {} has", folder.display()))?;
        Ok(Self { left: free.blocks_available().saturating_mul(free.fragment_size()) / 10 * 9 })
    }

    /// A room of so many bytes.
    pub fn with(left: u64) -> Self {
        Self { left }
    }

    /// Takes a part of it.
    ///
    /// # Errors
    /// Blames the surroundings where there is not so much.
    pub fn take(&mut self, bytes: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::environment("the backup takes more room than there is")
                .hint("set TMPDIR to a folder with more room, such as three times the backup's size")
        })?;
        Ok(())
    }

    /// Writes all that a reader gives. Errors of reading are the backup's: it is cut short or damaged.
    pub fn pour(&mut self, mut from: impl Read, mut to: impl Write, what: &str) -> Result<u64, Error> {
        let (mut total, mut buffer) = (0, vec![0; 1 << 16]);
        loop {
            let n = from.read(&mut buffer).or_usage(|| format!("can't read {what} to its end"))?;
            if n == 0 {
                return Ok(total);
            }
            self.take(n as u64)?;
            total += n as u64;
            to.write_all(&buffer[..n]).or_environment(|| format!("can't write {what}"))?;
        }
    }
}

/// Unpacks gzip into a file. Gives its first bytes.
///
/// # Errors
/// Blames the user (the backup is damaged) where the stream does not come to its end.
pub fn gunzip(from: &Path, to: &Path, room: &mut Room) -> Result<(), Error> {
    let source = File::open(from).or_environment(|| format!("can't read {}", from.display()))?;
    let target = File::create_new(to).or_environment(|| format!("can't write {}", to.display()))?;
    room.pour(MultiGzDecoder::new(BufReader::new(source)), target, "the gzip stream").map(drop)
}

/// Copies a plain dump so that `psql` takes no orders from it: `\restrict` with a key that nobody can
/// know stands before it, and `psql` then refuses every backslash command (CVE-2025-8714). The
/// dump's own pair of `\restrict` and `\unrestrict`, which `pg_dump` writes around the whole, is
/// left out: within ours it would be refused too. A `psql` that does not know `\restrict` stops there.
pub fn confine(from: &Path, to: &Path, key: &str) -> Result<(), Error> {
    let context = || format!("can't copy {}", from.display());
    let mut source = BufReader::new(File::open(from).or_environment(context)?);
    let mut target =
        File::options().read(true).write(true).create_new(true).open(to).or_environment(context)?;
    writeln!(target, "\\restrict {key}").or_environment(context)?;
    let mut own = None;
    loop {
        let mut line = Vec::new();
        source.by_ref().take(LINE).read_until(b'\n', &mut line).or_environment(context)?;
        let text = String::from_utf8_lossy(&line);
        if let Some(word) = text.strip_prefix("\\restrict ").and_then(|rest| rest.strip_suffix('\n')) {
            own = Some(word.to_owned());
            break;
        }
        target.write_all(&line).or_environment(context)?;
        let is_head = line.ends_with(b"\n") && (text.trim().is_empty() || text.starts_with("--"));
        if !is_head {
            break;
        }
    }
    std::io::copy(&mut source, &mut target).or_environment(context)?;
    match own {
        Some(own) => cut_end(&mut target, &format!("\n\\unrestrict {own}\n")).or_environment(context),
        None => Ok(()),
    }
}

/// Cuts off a last line of a file, with blank lines behind it.
fn cut_end(file: &mut File, line: &str) -> std::io::Result<()> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let at = end.windows(line.len()).rposition(|w| w == line.as_bytes());
    match at {
        Some(at) if end[at + line.len()..].trim_ascii().is_empty() => file.set_len(from + at as u64 + 1),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn dumps_are_told_by_their_first_bytes() {
        let dump = |format, gzip| Recognised::Dump { format, gzip };
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"toc.dat\0");
        tar[257..262].copy_from_slice(b"ustar");
        let plain = b"--\n-- PostgreSQL database dump\n--\n";
        assert_eq!(recognise(b"PGDMP\x01\x0e"), dump(DumpFormat::Custom, false));
        assert_eq!(recognise(&tar), dump(DumpFormat::Tar, false));
        assert_eq!(recognise(plain), dump(DumpFormat::Plain, false));
        assert_eq!(recognise(&gz(plain)), dump(DumpFormat::Plain, true));
        let rows: String = (0..500).map(|row| format!("INSERT INTO t VALUES ({row});\n")).collect();
        let long = gz(&[&plain[..], rows.as_bytes()].concat());
        assert_eq!(
            recognise(&long[..long.len() / 2]),
            dump(DumpFormat::Plain, true),
            "the start of a stream is enough"
        );
        tar[..8].copy_from_slice(b"a.png\0\0\0");
        for no in [&b""[..], &tar, b"%PDF-1.7", b"<Error>AccessDenied</Error>", &gz(&gz(plain)), &gz(b"")] {
            assert!(matches!(recognise(no), Recognised::Not(_)), "{no:?}");
        }
        let cluster = recognise(b"--\n-- PostgreSQL database cluster dump\n--\n");
        assert!(matches!(&cluster, Recognised::Not(why) if why.contains("pg_dumpall")), "{cluster:?}");
    }

    fn confined(text: &str) -> String {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("a.sql"), temp.path().join("b.sql"));
        std::fs::write(&from, text).unwrap();
        confine(&from, &to, "KEY").unwrap();
        std::fs::read_to_string(to).unwrap()
    }

    #[test]
    fn a_plain_dump_is_put_under_our_restriction_and_loses_only_its_own() {
        let own =
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nselect 1;\n\n\\unrestrict abc\n\n";
        let expected = "\\restrict KEY\n--\n-- PostgreSQL database dump\n--\n\n\nselect 1;\n\n";
        assert_eq!(confined(own), expected);
        for hostile in [
            "-- PostgreSQL database dump\nselect 1;\n\\unrestrict abc\n\\! id\n",
            "-- x\n\\restrict abc\n\\unrestrict abc\n\\! id\n",
            "select 1; \\! id\n\\restrict abc\n",
        ] {
            let text = confined(hostile);
            assert!(text.contains("\\! id") && text.starts_with("\\restrict KEY\n"), "{text}");
            assert!(!text.contains("\\unrestrict KEY"), "{text}");
        }
    }

    #[test]
    fn a_cut_stream_is_the_backups_fault_and_too_little_room_is_ours() {
        let temp = tempfile::tempdir().unwrap();
        let from = temp.path().join("a.gz");
        let packed = gz(&[7; 100_000]);
        std::fs::write(&from, &packed[..packed.len() - 9]).unwrap();
        let blame = |left, to| gunzip(&from, &temp.path().join(to), &mut Room::with(left)).unwrap_err().blame;
        assert_eq!(blame(1 << 20, "b"), crate::base::error::Blame::Usage);
        assert_eq!(blame(1000, "c"), crate::base::error::Blame::Environment);
    }
}
