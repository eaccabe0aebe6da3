//! A tarball of binaries that was made elsewhere (runbook 2.2), unpacked by its entries: only files,
//! only below the folder. An entry that would lead out of it, a link or a device makes the whole
//! tarball refused before anything is written.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        ids::ObjectKey,
    },
    procedure::foreign::Room,
};
use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Component, Path, PathBuf},
};
use tar::{Archive, Entry};

/// What was unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// How many files that are objects: names that begin with a dot are the engine's own.
    pub objects: usize,
    /// The newest of them, and when it was last written.
    pub newest: Option<(ObjectKey, DateTime<Utc>)>,
}

/// Unpacks a tarball, gzip or not, below a folder. The first part of the paths is left out where all
/// entries share it: the runbook packs the folder, not what is in it.
///
/// # Errors
/// Blames the user (the backup is not what it should be) for a damaged tarball and for entries that
/// are no files below the folder; then nothing was written.
pub fn unpack(from: &Path, into: &Path, room: &mut Room) -> Result<Unpacked, Error> {
    let shared = shared(from)?;
    let mut unpacked = Unpacked::default();
    each(from, |mut entry, path| {
        let Some(path) = path else { return Ok(()) };
        let names = path.components().skip(usize::from(shared));
        let below: PathBuf = names.filter(|part| matches!(part, Component::Normal(_))).collect();
        let to = into.join(&below);
        let context = || format!("can't write {}", to.display());
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).or_environment(context)?;
        }
        let written = entry.header().mtime().ok();
        let target = File::create(&to).or_environment(context)?;
        room.pour(&mut entry, target, &format!("{} of the tarball", below.display()))?;
        let key = below.to_string_lossy().into_owned();
        if !key.split('/').any(|part| part.starts_with('.')) {
            unpacked.objects += 1;
            let at = written.and_then(|at| DateTime::from_timestamp(at.try_into().ok()?, 0));
            let newest = unpacked.newest.take().into_iter().chain(at.map(|at| (ObjectKey::new(key), at)));
            unpacked.newest = newest.max_by_key(|(_, at)| *at);
        }
        Ok(())
    })?;
    Ok(unpacked)
}

/// Looks at all entries. Gives whether they share the first part of their paths.
fn shared(from: &Path) -> Result<bool, Error> {
    let mut first: Option<PathBuf> = None;
    let mut shared = true;
    each(from, |_, path| {
        let Some(path) = path else { return Ok(()) };
        let head: PathBuf = path.iter().take(1).collect();
        shared &= path.iter().count() > 1 && first.get_or_insert_with(|| head.clone()) == &head;
        Ok(())
    })?;
    Ok(shared && first.is_some())
}

/// Every entry with its path: none for a folder.
fn each(
    from: &Path,
    mut take: impl FnMut(Entry<'_, Box<dyn Read>>, Option<PathBuf>) -> Result<(), Error>,
) -> Result<(), Error> {
    let damaged = || format!("can't read the tarball {} to its end", from.display());
    let mut archive = Archive::new(open(from)?);
    for entry in archive.entries().or_usage(damaged)? {
        let entry = entry.or_usage(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse =
            |why: &str| Err(Error::usage(format!("won't unpack {name:?} of the tarball")).cause(why));
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        if std::str::from_utf8(&entry.path_bytes()).is_err() {
            return refuse("its name is no UTF-8");
        }
        let parts = || Path::new(&name).components();
        if parts().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return refuse("it leads out of the folder");
        }
        let path: PathBuf = parts().collect();
        if kind.is_dir() {
            take(entry, None)?;
        } else if kind.is_file() || kind.is_gnu_sparse() || kind.is_contiguous() {
            if name.is_empty() || name.ends_with('/') {
                return refuse("it is a file without a name");
            }
            take(entry, Some(path))?;
        } else if kind.is_symlink() || kind.is_hard_link() {
            return refuse("it is a link, which could lead out of the folder");
        } else {
            return refuse("it is neither a file nor a folder");
        }
    }
    Ok(())
}

fn open(from: &Path) -> Result<Box<dyn Read>, Error> {
    let context = || format!("can't read {}", from.display());
    let mut magic = Vec::new();
    File::open(from).or_environment(context)?.take(2).read_to_end(&mut magic).or_environment(context)?;
    let file = BufReader::new(File::open(from).or_environment(context)?);
    Ok(if magic == super::GZIP { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Builder, EntryType, Header};

    fn packed(entries: &[(&str, EntryType)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = Builder::new(file.reopen().unwrap());
        for (name, kind) in entries {
            let mut header = Header::new_gnu();
            // `set_path` would refuse what a hostile hand writes.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(if kind.is_file() { 3 } else { 0 });
            header.set_mtime(1_700_000_000);
            if kind.is_symlink() {
                header.set_link_name("/etc").unwrap();
            }
            header.set_cksum();
            builder.append(&header, if kind.is_file() { &b"xyz"[..] } else { b"" }).unwrap();
        }
        builder.finish().unwrap();
        file
    }

    fn unpacked(entries: &[(&str, EntryType)]) -> (Result<Unpacked, Error>, Vec<String>) {
        let temp = tempfile::tempdir().unwrap();
        let into = temp.path().join("in/assets");
        std::fs::create_dir_all(&into).unwrap();
        let done = unpack(packed(entries).path(), &into, &mut Room::with(1 << 20));
        let mut names = Vec::new();
        let mut folders = vec![temp.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    let below = path.strip_prefix(&into).expect("nothing lies outside");
                    names.push(below.display().to_string());
                }
            }
        }
        names.sort();
        (done, names)
    }

    #[test]
    fn the_packed_folder_is_left_out_and_dotted_names_are_no_objects() {
        use EntryType as E;
        let (done, names) = unpacked(&[
            ("assets/", E::dir()),
            ("assets/logo.png", E::file()),
            ("assets/v/1", E::file()),
            ("assets/.assets-index.json", E::file()),
        ]);
        assert_eq!(names, [".assets-index.json", "logo.png", "v/1"]);
        let done = done.unwrap();
        assert_eq!((done.objects, done.newest.unwrap().1.timestamp()), (2, 1_700_000_000));
        assert_eq!(unpacked(&[("./", E::dir()), ("./a", E::file()), ("./v/b", E::file())]).1, ["a", "v/b"]);
        assert_eq!(unpacked(&[("a", E::file()), ("v/b", E::file())]).1, ["a", "v/b"]);
    }

    #[test]
    fn what_leads_out_of_the_folder_is_refused_before_anything_is_written() {
        use EntryType as E;
        for (name, kind) in [
            ("../escaped", E::file()),
            ("assets/../../escaped", E::file()),
            ("/tmp/escaped", E::file()),
            ("assets/link", E::symlink()),
            ("assets/hard", E::hard_link()),
            ("assets/device", E::character_special()),
            ("assets/pipe", E::fifo()),
        ] {
            let (done, names) = unpacked(&[("assets/good.png", E::file()), (name, kind)]);
            let refused = done.unwrap_err();
            assert_eq!(refused.blame, crate::base::error::Blame::Usage, "{refused}");
            assert!(refused.to_string().contains(name), "{refused}");
            assert!(names.is_empty(), "{name}: {names:?}");
        }
    }
}
