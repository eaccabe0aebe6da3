//! A tarball of binaries that was made elsewhere (runbook 2.2), unpacked entry by entry: only files
//! below one folder, in any compression. An entry that would lead out of the folder, a symbolic link
//! or a device makes the whole tarball refused before anything is written.

use super::{compression::Compression, room::Room};
use crate::base::error::{Error, ErrorContext as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom},
    path::{Component, Path, PathBuf},
};
use tar::{Archive, Entry, EntryType};

/// How many leading folders may have been packed with the binaries: `./srv/app/media/photos`.
const DEEPEST: usize = 8;

/// Endings of names that mean a tarball.
pub const ENDINGS: [&str; 11] = [
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz",
    ".tar.lz4",
];

/// Unpacks a tarball below a folder and gives the paths of its files, as they are in it.
///
/// # Errors
/// Blames the user (the backup is not what it should be) for a damaged tarball, for entries that are
/// no files below the folder and for one that declares implausibly much; then nothing was written.
pub fn unpack(from: &Path, into: &Path, room: &mut Room) -> Result<Vec<PathBuf>, Error> {
    unpack_with(from, into, room, Symlinks::Refused)
}

/// The same for a tarball whose symbolic links are left out.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_without_links(from: &Path, into: &Path, room: &mut Room) -> Result<Vec<PathBuf>, Error> {
    unpack_with(from, into, room, Symlinks::LeftOut)
}

/// The start of one file of a tarball, up to so many bytes; nothing where it is not in it.
///
/// # Errors
/// As [`unpack`].
pub fn read_one(from: &Path, name: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut archive = Archive::new(open(from)?);
    let damaged = || format!("can't read the tarball {} to its end", from.display());
    for entry in archive.entries().or_usage(damaged)? {
        let entry = entry.or_usage(damaged)?;
        if entry.path_bytes().strip_prefix(b"./").unwrap_or(&entry.path_bytes()) == name.as_bytes() {
            let mut bytes = Vec::new();
            entry.take(most).read_to_end(&mut bytes).or_usage(damaged)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Whether a tar file has its end: two blocks of zeros (POSIX, `pax`, "ustar Interchange Format").
///
/// # Errors
/// Blames the user (the backup is cut off) where it has none. `pg_restore` does not notice that.
pub fn must_have_an_end(file: &Path) -> Result<(), Error> {
    const END: usize = 1024;
    let context = || format!("can't read {}", file.display());
    let mut open = File::open(file).or_environment(context)?;
    let mut end = Vec::new();
    let size = open.seek(SeekFrom::End(0)).or_environment(context)?;
    open.seek(SeekFrom::Start(size.saturating_sub(END as u64))).or_environment(context)?;
    open.read_to_end(&mut end).or_environment(context)?;
    match end.len() == END && end.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(Error::usage("the tar file is cut off").cause("it has no end: two blocks of zeros")),
    }
}

/// What is done with symbolic links of a tarball.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symlinks {
    Refused,
    LeftOut,
}

fn unpack_with(from: &Path, into: &Path, room: &mut Room, symlinks: Symlinks) -> Result<Vec<PathBuf>, Error> {
    let packed = from.metadata().or_environment(|| format!("can't read {}", from.display()))?.len();
    room.unpacks(packed);
    check(from, room, symlinks)?;
    let mut files = Vec::new();
    each(from, symlinks, |mut entry, path, link| {
        let to = into.join(&path);
        let context = || format!("can't write {}", to.display());
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).or_environment(context)?;
        }
        match link {
            Some(link) => {
                let source = into.join(&link);
                room.take(source.metadata().or_environment(context)?.len())?;
                std::fs::copy(source, &to).or_environment(context)?;
            }
            None => {
                let modified = entry.header().mtime().ok();
                let mut target = File::create(&to).or_environment(context)?;
                room.pour(&mut entry, &mut target, &format!("{} of the tarball", path.display()))?;
                if let Some(at) = modified
                    .and_then(|at| std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(at)))
                {
                    target.set_modified(at).or_environment(context)?;
                }
            }
        }
        files.push(path);
        Ok(())
    })?;
    Ok(files)
}

/// The leading folder of a tarball that is not part of the keys: of all readings the one under which
/// most of the rows' keys name a file. Where rows name none, it is the folders that all files share:
/// the runbook packs the folder, not what is in it.
pub fn leading_folder(files: &[PathBuf], keys: &BTreeSet<&str>) -> PathBuf {
    let mut matches: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in files {
        let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
        for depth in 0..parts.len().min(DEEPEST) {
            if keys.contains(parts[depth..].join("/").as_str()) {
                *matches.entry(parts[..depth].iter().collect()).or_default() += 1;
            }
        }
    }
    // The shallowest of equals: less is assumed.
    let best =
        matches.iter().max_by_key(|(folder, count)| (**count, std::cmp::Reverse(folder.iter().count())));
    best.map_or_else(|| shared_folder(files), |(folder, _)| folder.clone())
}

/// The first part of the paths, where all files share it.
fn shared_folder(files: &[PathBuf]) -> PathBuf {
    let first = |file: &PathBuf| file.iter().next().map(PathBuf::from).filter(|_| file.iter().count() > 1);
    match files.first().and_then(first) {
        Some(head) if files.iter().all(|file| first(file).as_ref() == Some(&head)) => head,
        Some(_) | None => PathBuf::new(),
    }
}

/// Reads all headers: refuses what must not be unpacked, and more than there is space for, before
/// the contents that a header announces are read.
fn check(from: &Path, room: &Room, symlinks: Symlinks) -> Result<(), Error> {
    let (mut total, mut known) = (0_u64, BTreeSet::new());
    each(from, symlinks, |entry, path, link| {
        if let Some(link) = link
            && !known.contains(&link)
        {
            return Err(refused(
                &path.to_string_lossy(),
                "it is a link to a file that is not before it in the tarball",
            ));
        }
        total = total.saturating_add(entry.size());
        room.fits(total)?;
        known.insert(path);
        Ok(())
    })
}

fn refused(name: &str, why: &str) -> Error {
    Error::usage(format!("refusing to unpack {name:?} of the tarball")).cause(why.to_owned())
}

/// Every file with its path, and for a hard link the path that it is linked to.
fn each(
    from: &Path,
    symlinks: Symlinks,
    mut take: impl FnMut(Entry<'_, Box<dyn Read>>, PathBuf, Option<PathBuf>) -> Result<(), Error>,
) -> Result<(), Error> {
    let damaged = || format!("can't read the tarball {} to its end", from.display());
    let mut archive = Archive::new(open(from)?);
    let mut any = false;
    for entry in archive.entries().or_usage(damaged)? {
        let entry = entry.or_usage(damaged)?;
        any = true;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() || kind.is_dir() {
            below(&entry.path_bytes())?;
            continue;
        }
        let path = below(&entry.path_bytes())?;
        let name = path.to_string_lossy();
        let link = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => None,
            EntryType::Link => match entry.link_name_bytes() {
                Some(link) => Some(below(&link)?),
                None => return Err(refused(&name, "it is a link to nothing")),
            },
            EntryType::Symlink if symlinks == Symlinks::LeftOut => continue,
            EntryType::Symlink => {
                return Err(refused(&name, "it is a symbolic link, which could lead out of the folder"));
            }
            _ => return Err(refused(&name, "it is neither a file nor a folder")),
        };
        if path.as_os_str().is_empty() || entry.path_bytes().ends_with(b"/") {
            return Err(refused(&name, "it is a file without a name"));
        }
        take(entry, path, link)?;
    }
    // A file that is cut before its first header reads as an empty archive.
    match any {
        true => Ok(()),
        false => Err(Error::usage(format!("the tarball {} has no entries", from.display()))),
    }
}

/// A name of the archive as a path below a folder.
fn below(name: &[u8]) -> Result<PathBuf, Error> {
    let Ok(text) = std::str::from_utf8(name) else {
        return Err(refused(&String::from_utf8_lossy(name), "its name is not UTF-8"));
    };
    let parts = || Path::new(text).components();
    if parts().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(refused(text, "it leads out of the folder"));
    }
    Ok(parts().filter(|part| matches!(part, Component::Normal(_))).collect())
}

fn open(from: &Path) -> Result<Box<dyn Read>, Error> {
    let context = || format!("can't read {}", from.display());
    let mut file = BufReader::with_capacity(1 << 16, File::open(from).or_environment(context)?);
    let compression = Compression::of(file.fill_buf().or_environment(context)?);
    compression.reader(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;
    use std::io::Write as _;
    use tar::{Builder, Header};

    fn header(name: &str, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        // `set_path` would refuse what a hostile hand writes.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mtime(1_700_000_000);
        header
    }

    fn packed(entries: &[(&str, EntryType)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = Builder::new(file.reopen().unwrap());
        for (name, kind) in entries {
            let mut header = header(name, *kind, if kind.is_file() { 3 } else { 0 });
            if kind.is_symlink() {
                header.set_link_name("/etc").unwrap();
            }
            if kind.is_hard_link() {
                header.set_link_name("assets/good.png").unwrap();
            }
            header.set_cksum();
            builder.append(&header, if kind.is_file() { &b"xyz"[..] } else { b"" }).unwrap();
        }
        builder.finish().unwrap();
        file
    }

    fn unpacked(entries: &[(&str, EntryType)]) -> (Result<Vec<String>, Error>, tempfile::TempDir) {
        let temp = tempfile::tempdir().unwrap();
        let into = temp.path().join("in");
        std::fs::create_dir_all(&into).unwrap();
        let done = unpack(packed(entries).path(), &into, &mut Room::with(1 << 20));
        let names = done.map(|files| files.iter().map(|f| f.display().to_string()).collect());
        (names, temp)
    }

    #[test]
    fn files_are_unpacked_with_their_times_and_hard_links_as_copies() {
        use EntryType as E;
        let (done, temp) = unpacked(&[
            ("./assets/", E::dir()),
            ("./assets/good.png", E::file()),
            ("assets/v/1", E::file()),
            ("assets/same.png", E::hard_link()),
        ]);
        assert_eq!(done.unwrap(), ["assets/good.png", "assets/v/1", "assets/same.png"]);
        let at = |name: &str| temp.path().join("in").join(name);
        assert_eq!(std::fs::read(at("assets/same.png")).unwrap(), b"xyz");
        let modified = at("assets/good.png").metadata().unwrap().modified().unwrap();
        assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_700_000_000);
    }

    #[test]
    fn what_leads_out_of_the_folder_is_refused_before_anything_is_written() {
        use EntryType as E;
        for (name, kind) in [
            ("../escaped", E::file()),
            ("assets/../../escaped", E::file()),
            ("/tmp/escaped", E::file()),
            ("assets/link", E::symlink()),
            ("assets/device", E::character_special()),
            ("assets/pipe", E::fifo()),
        ] {
            let (done, temp) = unpacked(&[("assets/good.png", E::file()), (name, kind)]);
            let refused = done.unwrap_err();
            assert_eq!(refused.blame, Blame::Usage, "{refused}");
            assert!(refused.to_string().contains(name.trim_start_matches('/')), "{refused}");
            assert_eq!(std::fs::read_dir(temp.path().join("in")).unwrap().count(), 0, "{name}");
        }
        let (done, _temp) = unpacked(&[("assets/hard", E::hard_link())]);
        assert_eq!(done.unwrap_err().blame, Blame::Usage, "a link to what is not there");
    }

    #[test]
    fn a_file_that_declares_a_terabyte_is_refused_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut header = header("huge", EntryType::GNUSparse, 0);
        // Larger than eleven octal digits: base 256.
        if let Some(gnu) = header.as_gnu_mut() {
            gnu.realsize = [0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
        }
        header.set_cksum();
        file.reopen().unwrap().write_all(&[header.as_bytes().as_slice(), &[0; 1024]].concat()).unwrap();
        let into = tempfile::tempdir().unwrap();
        let refused = unpack(file.path(), into.path(), &mut Room::with(u64::MAX)).unwrap_err();
        assert_eq!(refused.blame, Blame::Usage, "{refused}");
        assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_tarball_that_is_cut_or_empty_is_the_backups_fault() {
        let whole =
            std::fs::read(packed(&[("a", EntryType::file()), ("b", EntryType::file())]).path()).unwrap();
        let into = tempfile::tempdir().unwrap();
        for cut in [0, 300, 514, 1100, 1537] {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.reopen().unwrap().write_all(&whole[..cut]).unwrap();
            let refused = unpack(file.path(), into.path(), &mut Room::with(1 << 20)).unwrap_err();
            assert_eq!(refused.blame, Blame::Usage, "cut at {cut}: {refused}");
        }
    }

    #[test]
    fn the_leading_folder_is_the_one_under_which_keys_name_files() {
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let folder = |names: &[&str], keys: &[&str]| {
            leading_folder(&files(names), &keys.iter().copied().collect()).display().to_string()
        };
        assert_eq!(folder(&["assets/logo.png", "assets/v/1"], &["logo.png", "v/1"]), "assets");
        assert_eq!(
            folder(&["photos/1.jpg", "photos/2.jpg"], &["photos/1.jpg"]),
            "",
            "it is part of the keys"
        );
        assert_eq!(folder(&["srv/app/media/a/1", "srv/app/log"], &["a/1"]), "srv/app/media");
        assert_eq!(folder(&["a/x", "b/x", "b/y"], &["x", "y"]), "b", "most keys decide");
        assert_eq!(folder(&["assets/a", "assets/b"], &[]), "assets", "no key decides: what all share");
        assert_eq!(folder(&["a", "v/b"], &[]), "");
    }
}
