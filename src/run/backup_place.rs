//! What lies at a place that the user names: a dump by its first bytes, and the newest of several backups.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{Links, walk},
        ids::ObjectKey,
        pattern,
    },
    procedure::foreign::{self, Compression, DumpHead, Recognised},
    scenario::method::DumpFormat,
    system::objects::{ListedObject, origin::Origin},
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// How many backups are looked at to learn which names are those of backups.
const LOOKED_AT: usize = 20;

/// The newest of several backups.
#[derive(Clone, Debug)]
pub struct Chosen<T> {
    /// Where it is.
    pub place: T,
    /// How many others there were.
    pub others: usize,
}

/// What a dump is, by its first bytes.
///
/// # Errors
/// Blames the user where nothing is there.
pub async fn recognise(dump: &Origin) -> Result<Recognised, Error> {
    if !dump.is_folder() {
        let key = ObjectKey::from(dump.name());
        let mut start = dump.start(&key, foreign::START).await?;
        if start.as_deref().is_some_and(|start| Compression::of(start) != Compression::None) {
            start = dump.start(&key, foreign::COMPRESSED_START).await?;
        }
        return Ok(foreign::recognise(&start.ok_or_else(|| not_there(dump))?));
    }
    Ok(match dump.start(&ObjectKey::from(foreign::TOC), foreign::START).await? {
        Some(toc) => match foreign::recognise(&toc) {
            Recognised::Dump(head) => Recognised::Dump(DumpHead { format: DumpFormat::Directory, ..head }),
            not => not,
        },
        None => {
            Recognised::Not("a folder without toc.dat, which pg_dump writes in directory format".to_owned())
        }
    })
}

/// Nothing is at a place.
pub fn not_there(origin: &Origin) -> Error {
    Error::usage(format!("there is no {}", origin.shown())).hint("see whether bucket and key are right")
}

/// The newest dump below a place. Other files may lie there: the newest that is a dump shows how backups
/// are named, and of the names that differ from it in digits only, the newest is taken, dump or not. An
/// upload that failed last night is not passed over for an older one.
///
/// # Errors
/// Blames the user where nothing lies there.
pub async fn newest_dump(below: &Origin, wanted: Option<&str>) -> Result<Chosen<Origin>, Error> {
    let items = below.items().await?;
    let is_toc = |item: &ListedObject| item.key.as_str().strip_suffix("toc.dat").map(str::to_owned);
    let folders: BTreeSet<String> = items.iter().filter_map(|item| is_toc(&item)).collect();
    let path = |item: &ListedObject| {
        let key = item.key.as_str();
        let folder = key.rfind('/').map_or("", |at| &key[..=at]);
        if folders.contains(folder) && !folder.is_empty() { folder } else { key }.to_owned()
    };
    let all = candidates(items.iter().map(|item| (path(&item), item.modified)), wanted);
    let newest_first = newest_first(&all);
    let mut shape = None;
    for path in newest_first.iter().take(LOOKED_AT) {
        if let Recognised::Dump(_) = recognise(&below.child(path)).await? {
            shape = Some(shape_of(path));
            break;
        }
    }
    choose(&newest_first, shape.as_deref(), below.shown())
        .map(|(path, others)| Chosen { place: below.child(path), others })
}

/// The newest folder or tarball of binaries whose name fits a pattern.
///
/// # Errors
/// Blames the user where none does.
pub async fn newest_files(below: &Origin, wanted: &str) -> Result<Chosen<Origin>, Error> {
    let depth = wanted.trim_end_matches('/').split('/').count();
    let items = below.items().await?;
    let path = |item: &ListedObject| {
        let parts: Vec<&str> = item.key.as_str().split('/').collect();
        let end = if parts.len() > depth { "/" } else { "" };
        parts[..depth.min(parts.len())].join("/") + end
    };
    let all = candidates(items.iter().map(|item| (path(&item), item.modified)), Some(wanted));
    let newest_first = newest_first(&all);
    choose(&newest_first, None, below.shown())
        .map(|(path, others)| Chosen { place: below.child(path), others })
}

/// The newest base backup in the folders directly below a folder, chosen like [`newest_dump`].
///
/// # Errors
/// Blames the user where there is none.
pub fn newest_base_backup(below: &Path) -> Result<Chosen<PathBuf>, Error> {
    let context = || format!("can't list {}", below.display());
    let mut all = BTreeMap::new();
    let mut shape = None;
    for entry in walk(below, Links::Report, 1, |_| true) {
        let entry = entry.or_usage(context)?;
        if !entry.file_type().is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_base = |file: &str| entry.path().join(file).is_file();
        if ["PG_VERSION", "base.tar", "base.tar.gz", "base.tar.lz4", "base.tar.zst"].into_iter().any(is_base)
        {
            shape = Some(shape_of(&name));
        }
        let mut written = ["backup_manifest", "backup_label", "."].into_iter();
        let written = written.find_map(|file| entry.path().join(file).metadata().ok()?.modified().ok());
        all.insert(name, written.map(DateTime::<Utc>::from));
    }
    let newest_first = newest_first(&all);
    let (name, others) = choose(&newest_first, shape.as_deref(), &below.display().to_string())?;
    Ok(Chosen { place: below.join(name), others })
}

/// Backups by path, each with the newest time of its parts.
fn candidates(
    parts: impl Iterator<Item = (String, Option<DateTime<Utc>>)>,
    wanted: Option<&str>,
) -> BTreeMap<String, Option<DateTime<Utc>>> {
    let mut all: BTreeMap<String, Option<DateTime<Utc>>> = BTreeMap::new();
    for (path, modified) in parts {
        let fits = |wanted: &str| pattern::matches(wanted.trim_end_matches('/'), path.trim_end_matches('/'));
        if wanted.is_none_or(fits) {
            let newest = all.entry(path).or_default();
            *newest = (*newest).max(modified);
        }
    }
    all
}

fn newest_first(all: &BTreeMap<String, Option<DateTime<Utc>>>) -> Vec<&str> {
    let mut sorted: Vec<(&Option<DateTime<Utc>>, &str)> =
        all.iter().map(|(path, at)| (at, path.as_str())).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.into_iter().map(|(_, path)| path).collect()
}

/// The first one of a shape, and how many others of it there are.
fn choose<'a>(newest_first: &[&'a str], shape: Option<&str>, below: &str) -> Result<(&'a str, usize), Error> {
    let mut fitting = newest_first.iter().filter(|path| shape.is_none_or(|shape| shape_of(path) == shape));
    let newest = fitting.next().ok_or_else(|| Error::usage(format!("there is no backup below {below}")))?;
    Ok((newest, fitting.count()))
}

/// A name with one mark for every run of digits.
fn shape_of(name: &str) -> String {
    let mut shape = String::new();
    for c in name.chars() {
        match c.is_ascii_digit() {
            true if shape.ends_with('#') => {}
            true => shape.push('#'),
            false => shape.push(c),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, time::Duration};

    fn write(path: &Path, text: &str, age: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000 - age);
        fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[tokio::test]
    async fn the_newest_dump_is_taken_also_where_it_is_none() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        for (name, text, age) in [
            ("shop-20260411.dump", "PGDMP", 300),
            ("shop-20260412.dump", "PGDMP", 200),
            ("assets-20260412.tar.gz", "x", 100),
            ("shop-20260412.dump.sha256", "x", 50),
        ] {
            write(&at(name), text, age);
        }
        let origin = Origin::local(temp.path()).unwrap();
        let chosen = newest_dump(&origin, None).await.unwrap();
        assert!(chosen.place.shown().ends_with("/shop-20260412.dump"), "{}", chosen.place.shown());
        assert_eq!(chosen.others, 1);
        write(&at("shop-20260413.dump"), "", 10);
        let chosen = newest_dump(&origin, None).await.unwrap();
        assert!(chosen.place.shown().ends_with("/shop-20260413.dump"), "an upload that failed");
        let chosen = newest_dump(&origin, Some("*11.dump")).await.unwrap();
        assert!(chosen.place.shown().ends_with("/shop-20260411.dump"));
        write(&at("dir-14/toc.dat"), "PGDMP", 5);
        write(&at("dir-14/1.dat.gz"), "x", 5);
        let chosen = newest_dump(&origin, None).await.unwrap();
        assert!(chosen.place.shown().ends_with("/dir-14/") && chosen.place.is_folder());
        let chosen = newest_files(&origin, "assets-*.tar.gz").await.unwrap();
        assert!(chosen.place.shown().ends_with("/assets-20260412.tar.gz"));
        let chosen = newest_files(&origin, "dir-*/").await.unwrap();
        assert!(chosen.place.is_folder());
        assert!(newest_files(&origin, "none-*").await.is_err());
        let none = tempfile::tempdir().unwrap();
        assert!(newest_dump(&Origin::local(none.path()).unwrap(), None).await.is_err());
    }

    #[test]
    fn the_newest_base_backup_is_taken() {
        let temp = tempfile::tempdir().unwrap();
        for (name, age) in [
            ("base-1/PG_VERSION", 30),
            ("base-2/base.tar.gz", 20),
            ("base-2/backup_manifest", 20),
            ("wal/x", 1),
        ] {
            write(&temp.path().join(name), "15", age);
        }
        write(&temp.path().join("base-1/backup_manifest"), "{}", 30);
        let chosen = newest_base_backup(temp.path()).unwrap();
        assert_eq!((chosen.place, chosen.others), (temp.path().join("base-2"), 1));
    }
}
