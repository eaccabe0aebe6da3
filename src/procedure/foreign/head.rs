//! What a dump is: its format, its compression and the versions that made it, read from its first
//! bytes. Nothing is restored or started here.

use super::compression::Compression;
use crate::scenario::method::DumpFormat;
use std::io::Read as _;

/// How much of a dump is read to recognise it, in bytes.
pub const START: usize = 64 * 1024;

/// How much of a compressed one is read: nothing of a block can be decoded before its end, and blocks of `lz4` hold
/// 4 MiB.
pub const COMPRESSED_START: usize = 5 << 20;

/// The table of contents of an archive in directory format.
pub const TOC: &str = "toc.dat";

/// The mark that some editors and PowerShell put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a file is that was given as a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A dump that can be restored.
    Dump(DumpHead),
    /// No dump that can be restored; why.
    Not(String),
}

impl Recognised {
    /// The newest major version that took part in the dump, if it shows one.
    pub fn major(&self) -> Option<u32> {
        match self {
            Self::Dump(head) => head.major,
            Self::Not(_) => None,
        }
    }
}

/// What the head of a dump shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpHead {
    /// The format.
    pub format: DumpFormat,
    /// What the whole is compressed with; compression inside the format is `pg_restore`'s concern.
    pub compression: Compression,
    /// Whether it is `pg_dumpall`'s: roles and several databases.
    pub cluster: bool,
    /// Whether it is a folder in directory format that was packed into a tar file.
    pub packed: bool,
    /// The newest major version that took part: that of the server it was taken from, or of the
    /// `pg_dump` that took it. An older server or `pg_restore` need not understand it.
    pub major: Option<u32>,
}

impl DumpHead {
    /// A dump of one database, nothing else known of it.
    pub fn of_format(format: DumpFormat) -> Self {
        Self { format, compression: Compression::None, cluster: false, packed: false, major: None }
    }
}

/// Recognises a dump by its first bytes, up to [`START`] or [`COMPRESSED_START`]. A folder is recognised by its `toc.dat`,
/// whose first bytes are given then.
pub fn recognise(start: &[u8]) -> Recognised {
    let compression = Compression::of(start);
    if compression == Compression::None {
        return recognise_plain_bytes(start);
    }
    let mut inside = Vec::new();
    // The start of a stream ends in its middle; what came until then is enough.
    let cut = compression
        .reader(start)
        .is_ok_and(|reader| reader.take(COMPRESSED_START as u64).read_to_end(&mut inside).is_err());
    if inside.is_empty() && cut {
        return Recognised::Not(format!("the {} stream is cut off or damaged", compression.name()));
    }
    match recognise_plain_bytes(&inside) {
        Recognised::Dump(head) => Recognised::Dump(DumpHead { compression, ..head }),
        Recognised::Not(why) => Recognised::Not(format!("inside {}: {why}", compression.name())),
    }
}

fn recognise_plain_bytes(start: &[u8]) -> Recognised {
    let not = |why: &str| Recognised::Not(why.to_owned());
    let start = start.strip_prefix(BOM).unwrap_or(start);
    match start {
        [] => not("it is empty"),
        _ if start.starts_with(b"PGDMP") => {
            let major = archive_major(start);
            Recognised::Dump(DumpHead { major, ..DumpHead::of_format(DumpFormat::Custom) })
        }
        _ if start.get(257..262) == Some(b"ustar") => match start.starts_with(b"toc.dat\0") {
            // What `pg_dump` writes as a tar file has no compressed entries.
            true if !names(start).any(|name| is_compressed_part(&name)) => {
                let major = start.get(512..).and_then(archive_major);
                Recognised::Dump(DumpHead { major, ..DumpHead::of_format(DumpFormat::Tar) })
            }
            true | false => packed_folder(start).map_or_else(
                || not("a tar file that is neither pg_dump's nor holds a folder of its directory format"),
                Recognised::Dump,
            ),
        },
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            not("text in UTF-16, as PowerShell's > writes it: psql can't restore that; use pg_dump --file")
        }
        _ if start.contains(&0) => not("neither a format of pg_dump nor SQL"),
        _ => match plain(start) {
            Some(head) => Recognised::Dump(head),
            None if Compression::of(start) != Compression::None => not("compressed twice"),
            None => not("not a dump of PostgreSQL: neither its magic number nor its first comment is there"),
        },
    }
}

/// A tar file with a folder in directory format, by the names of its first entries.
fn packed_folder(start: &[u8]) -> Option<DumpHead> {
    let mut archive = tar::Archive::new(start);
    let entries = archive.entries().ok()?.map_while(Result::ok);
    let toc = entries.into_iter().find(|entry| entry.path().is_ok_and(|path| path.ends_with(TOC)));
    let major = toc.and_then(|toc| {
        let mut head = Vec::new();
        let _cut = toc.take(START as u64).read_to_end(&mut head);
        archive_major(&head)
    });
    let is_part = |name: &String| *name == TOC || is_compressed_part(name) || is_part(name, "dat");
    let packed = || DumpHead { packed: true, major, ..DumpHead::of_format(DumpFormat::Directory) };
    names(start).any(|name| is_part(&name)).then(packed)
}

/// The names of the files of a tar file whose headers are there.
fn names(start: &[u8]) -> impl Iterator<Item = String> {
    let mut archive = tar::Archive::new(start);
    let name =
        |entry: tar::Entry<'_, &[u8]>| Some(entry.path().ok()?.file_name()?.to_string_lossy().into_owned());
    let names: Vec<String> = match archive.entries() {
        Ok(entries) => entries.map_while(Result::ok).filter_map(name).collect(),
        Err(_) => Vec::new(),
    };
    names.into_iter()
}

fn is_compressed_part(name: &str) -> bool {
    ["dat.gz", "dat.lz4", "dat.zst"].into_iter().any(|ending| is_part(name, ending))
}

/// Whether `pg_dump` gives files of a directory such names: `3456.dat.gz`.
fn is_part(name: &str, ending: &str) -> bool {
    let number = name.strip_suffix(ending).and_then(|name| name.strip_suffix('.'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The head of a plain dump: comments and settings may stand before `pg_dump`'s own first lines.
fn plain(start: &[u8]) -> Option<DumpHead> {
    let text = String::from_utf8_lossy(start);
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| line.starts_with("-- PostgreSQL database "))?;
    let cluster = first.starts_with("-- PostgreSQL database cluster dump");
    let version = |line: &str| {
        let rest = line
            .strip_prefix("-- Dumped from database version ")
            .or_else(|| line.strip_prefix("-- Dumped by pg_dump version "))?;
        major(rest)
    };
    let major = text.lines().filter_map(version).max();
    Some(DumpHead { cluster, major, ..DumpHead::of_format(DumpFormat::Plain) })
}

/// 15 of `15.18 (Debian 15.18-0+deb12u1)` and of `15beta1`.
fn major(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The newest major version in the head of an archive (`pg_backup_archiver.c`, `ReadHead`): after the
/// magic number come the archive's version, the size of integers and of offsets, the format, the
/// compression, seven integers with the time, and three texts: database, server, `pg_dump`.
fn archive_major(head: &[u8]) -> Option<u32> {
    let mut at = 5;
    let byte = |at: &mut usize| {
        let found = head.get(*at).copied();
        *at += 1;
        found
    };
    let (v_major, v_minor, _revision) = (byte(&mut at)?, byte(&mut at)?, byte(&mut at)?);
    let (int_size, _offset_size, _format) = (byte(&mut at)?, byte(&mut at)?, byte(&mut at)?);
    let int = |at: &mut usize| -> Option<i64> {
        let negative = head.get(*at)? != &0;
        let digits = head.get(*at + 1..*at + 1 + usize::from(int_size))?;
        *at += 1 + usize::from(int_size);
        let value = digits.iter().rev().fold(0_i64, |value, digit| value.wrapping_shl(8) | i64::from(*digit));
        Some(if negative { -value } else { value })
    };
    // From archive version 1.15 on the compression is one byte.
    if (v_major, v_minor) >= (1, 15) {
        at += 1;
    } else {
        int(&mut at)?;
    }
    for _ in 0..7 {
        int(&mut at)?;
    }
    let mut newest = None;
    for number in 0..3 {
        let length = int(&mut at)?;
        let Ok(length) = usize::try_from(length) else { continue };
        let text = head.get(at..at.checked_add(length)?)?;
        at += length;
        // The first text is the database's name.
        if number > 0 {
            newest = newest.max(std::str::from_utf8(text).ok().and_then(major));
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const PLAIN: &[u8] = b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 14.9\n\
                           -- Dumped by pg_dump version 18.1 (Debian)\n\nSET x = 1;\n";

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn dump(start: &[u8]) -> DumpHead {
        match recognise(start) {
            Recognised::Dump(head) => head,
            Recognised::Not(why) => panic!("{why}"),
        }
    }

    /// The head of an archive of version 1.14, of `pg_dump` 15.
    fn archive(server: &str, tool: &str) -> Vec<u8> {
        let mut head = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
        let int = |n: u8| [0, n, 0, 0, 0];
        (0..8).for_each(|_| head.extend(int(1)));
        for text in ["shop-99", server, tool] {
            head.extend(int(text.len() as u8));
            head.extend(text.as_bytes());
        }
        head
    }

    #[test]
    fn dumps_are_recognised_by_their_first_bytes() {
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"toc.dat\0");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(dump(b"PGDMP\x01\x0e").format, DumpFormat::Custom);
        assert_eq!(dump(&tar).format, DumpFormat::Tar);
        for (start, compression) in [(PLAIN.to_vec(), Compression::None), (gz(PLAIN), Compression::Gzip)] {
            let head = dump(&start);
            assert_eq!((head.format, head.compression), (DumpFormat::Plain, compression));
        }
        let rows: String = (0..500).map(|row| format!("INSERT INTO t VALUES ({row});\n")).collect();
        let long = gz(&[PLAIN, rows.as_bytes()].concat());
        assert_eq!(dump(&long[..long.len() / 2]).compression, Compression::Gzip, "the start is enough");
        tar[..8].copy_from_slice(b"a.png\0\0\0");
        let mut folder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        folder.append_data(&mut header.clone(), "shop.dir/3456.dat.gz", &b""[..]).unwrap();
        header.set_size(43);
        folder.append_data(&mut header, "shop.dir/toc.dat", &archive("16.2", "16.2")[..43]).unwrap();
        let folder = gz(&folder.into_inner().unwrap());
        assert_eq!((dump(&folder).format, dump(&folder).packed), (DumpFormat::Directory, true));
        for no in [&b""[..], &tar, b"%PDF-1.7", b"<Error>AccessDenied</Error>", &gz(&gz(PLAIN)), &gz(b"")] {
            assert!(matches!(recognise(no), Recognised::Not(_)), "{no:?}");
        }
    }

    #[test]
    fn a_large_block_is_enough_and_a_cut_stream_is_not_called_empty() {
        let rows: String =
            (0_u32..400_000).map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761))).collect();
        let text = [PLAIN, rows.as_bytes()].concat();
        let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max4MB);
        let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        lz4.write_all(&text).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        bzip2.write_all(&text).unwrap();
        for packed in [lz4.finish().unwrap(), bzip2.finish().unwrap()] {
            assert!(packed.len() > 4 * START);
            let start = &packed[..packed.len().min(COMPRESSED_START)];
            assert_eq!(dump(start).format, DumpFormat::Plain);
            let cut = recognise(&packed[..START]);
            assert!(matches!(&cut, Recognised::Not(why) if why.contains("cut off")), "{cut:?}");
        }
    }

    #[test]
    fn marks_line_ends_and_lines_before_the_head_do_not_matter() {
        let with_bom = [BOM, PLAIN].concat();
        let text = String::from_utf8_lossy(PLAIN);
        let crlf = text.replace('\n', "\r\n");
        let wrapped = format!("-- nightly\nSET statement_timeout = 0;\n\\restrict abc\n{text}");
        for start in [&with_bom[..], crlf.as_bytes(), wrapped.as_bytes()] {
            assert_eq!((dump(start).format, dump(start).major), (DumpFormat::Plain, Some(18)));
        }
        let utf16: Vec<u8> =
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert!(matches!(recognise(&utf16), Recognised::Not(why) if why.contains("UTF-16")));
        assert!(dump(b"--\n-- PostgreSQL database cluster dump\n--\n").cluster);
    }

    #[test]
    fn the_newest_version_that_took_part_is_read() {
        assert_eq!(dump(PLAIN).major, Some(18));
        assert_eq!(dump(&archive("14.2", "16.3 (Debian 16.3-1)")).major, Some(16));
        assert_eq!(dump(&archive("17beta1", "16.3")).major, Some(17));
        assert_eq!(dump(&archive("17beta1", "16.3")[..40]).major, None, "a cut head shows nothing");
    }
}
