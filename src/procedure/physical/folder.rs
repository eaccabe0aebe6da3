//! A folder of `pg_basebackup`, in plain or tar format, or a copy of a data directory: recognised by what
//! lies in it, and copied file by file. Symbolic links are followed only where PostgreSQL itself makes
//! them: tablespaces and `pg_wal`.

use super::tools::{TABLESPACES, incremental};
use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{ANY_DEPTH, Links, walk},
    },
    procedure::foreign::{Room, tarball},
};
use std::{
    collections::BTreeMap,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

/// The compressions of `pg_basebackup`, and those of people.
const ENDINGS: [&str; 6] = ["", ".gz", ".lz4", ".zst", ".xz", ".bz2"];

/// How a folder is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FolderLayout {
    /// A data directory.
    Plain,
    /// `base.tar`, `pg_wal.tar`, and a tarball for each tablespace.
    Tar,
    /// No base backup; why.
    Neither(String),
}

/// A folder of a physical backup.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where.
    pub path: PathBuf,
    layout: FolderLayout,
}

impl Folder {
    /// What a folder holds, with the major version of the cluster and its size in bytes.
    ///
    /// # Errors
    /// Blames the user where it is no folder.
    pub fn find(path: &Path) -> Result<(Self, Option<u32>, u64), Error> {
        let context = || format!("can't read the backup {}", path.display());
        if !path.metadata().or_usage(context)?.is_dir() {
            return Err(Error::usage(context())
                .cause("it is not a folder")
                .hint("a dump of pg_dump is tested with --dump FILE"));
        }
        let path = path.canonicalize().or_usage(context)?;
        let version = path.join("PG_VERSION");
        let (layout, version) = if version.is_file() {
            (FolderLayout::Plain, std::fs::read_to_string(&version).or_usage(context)?)
        } else if let Some(base) = tar_of(&path, "base") {
            let found = tarball::read_one(&base, "PG_VERSION", 16);
            // A tarball that can't be read is reported when it is unpacked.
            let version = found.ok().flatten().unwrap_or_default();
            (FolderLayout::Tar, String::from_utf8_lossy(&version).into_owned())
        } else {
            let why = "it has neither PG_VERSION (plain format) nor base.tar (tar format)".to_owned();
            (FolderLayout::Neither(why), String::new())
        };
        let mut size = 0;
        for entry in walk(&path, Links::Report, ANY_DEPTH, |_| true) {
            size += entry.and_then(|entry| Ok(entry.metadata()?.len())).or_environment(context)?;
        }
        Ok((Self { path, layout }, version.trim().parse().ok(), size))
    }

    /// Copies or unpacks a backup into a data directory, with its tablespaces below `home`.
    pub fn fetch(&self, data: &Path, home: &Path, room: &mut Room) -> Result<(), Error> {
        let path = &self.path;
        match &self.layout {
            FolderLayout::Plain => copy_plain(path, data, home, room)?,
            FolderLayout::Tar => unpack_tar(path, data, home, room)?,
            FolderLayout::Neither(why) => {
                return Err(Error::usage(format!("{} is not a base backup", path.display())).cause(why));
            }
        }
        if data.join("global/pg_control.old").is_file() && !data.join("global/pg_control").is_file() {
            return Err(incremental());
        }
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(data, private).or_environment(|| format!("can't write {}", data.display()))
    }
}

fn tar_of(folder: &Path, name: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|end| folder.join(format!("{name}.tar{end}"))).find(|path| path.is_file())
}

fn copy_plain(from: &Path, data: &Path, home: &Path, room: &mut Room) -> Result<(), Error> {
    let mut links = copy_tree(from, data, room)?;
    if let Some(wal) = links.remove("pg_wal") {
        copy_linked(&wal, &data.join("pg_wal"), room)?;
    }
    for (name, target) in links {
        let Some(oid) = name.strip_prefix("pg_tblspc/") else {
            return Err(Error::usage(format!("won't read {name} of the backup"))
                .cause(format!("it is a link to {}, which PostgreSQL does not make", target.display())));
        };
        let own = home.join(TABLESPACES).join(oid);
        copy_linked(&target, &own, room)?;
        link(&own, data, oid)?;
    }
    Ok(())
}

/// Copies what a link of the backup leads to.
fn copy_linked(from: &Path, to: &Path, room: &mut Room) -> Result<(), Error> {
    if !from.is_dir() {
        return Err(Error::usage(format!("the backup links to {}, which is not there", from.display()))
            .hint("take the base backup in tar format, or with --tablespace-mapping into a folder of the backup"));
    }
    match copy_tree(from, to, room)?.into_iter().next() {
        None => Ok(()),
        Some((name, _)) => {
            Err(Error::usage(format!("won't read {}: it is a link", from.join(name).display())))
        }
    }
}

/// Copies files and folders; gives the symbolic links by their path, with their targets.
fn copy_tree(from: &Path, to: &Path, room: &mut Room) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut links = BTreeMap::new();
    std::fs::create_dir_all(to).or_environment(|| format!("can't make {}", to.display()))?;
    for entry in walk(from, Links::Report, ANY_DEPTH, |_| true) {
        let entry = entry.or_environment(|| format!("can't list {}", from.display()))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let below = path.strip_prefix(from).unwrap_or(path);
        let target = to.join(below);
        let context = || format!("can't copy {}", path.display());
        if kind.is_dir() {
            std::fs::create_dir_all(&target).or_environment(context)?;
        } else if kind.is_file() {
            room.take(entry.metadata().map_err(std::io::Error::from).or_environment(context)?.len())?;
            std::fs::copy(path, &target).or_environment(context)?;
        } else if kind.is_symlink() {
            let leads_to = path.canonicalize().or_else(|_| path.read_link()).or_environment(context)?;
            links.insert(below.to_string_lossy().into_owned(), leads_to);
        } else {
            return Err(Error::usage(format!("won't read {}", path.display()))
                .cause("it is neither a file nor a folder"));
        }
    }
    Ok(links)
}

fn unpack_tar(from: &Path, data: &Path, home: &Path, room: &mut Room) -> Result<(), Error> {
    let base = tar_of(from, "base").ok_or_else(|| Error::usage("base.tar no longer exists"))?;
    // Its links are those of tablespaces, which have tarballs of their own.
    tarball::unpack_without_links(&base, data, room)?;
    if let Some(wal) = tar_of(from, "pg_wal") {
        tarball::unpack_without_links(&wal, &data.join("pg_wal"), room)?;
    }
    let manifest = from.join("backup_manifest");
    if manifest.is_file() {
        let to = data.join("backup_manifest");
        std::fs::copy(&manifest, &to).or_environment(|| format!("can't copy {}", manifest.display()))?;
    }
    let map = std::fs::read_to_string(data.join("tablespace_map")).unwrap_or_default();
    for oid in map.lines().filter_map(|line| line.split(' ').next()).filter(|oid| !oid.is_empty()) {
        let number: u32 = oid.parse().or_usage(|| format!("tablespace_map names the tablespace {oid:?}"))?;
        let packed = tar_of(from, oid)
            .ok_or_else(|| Error::usage(format!("the tarball of a tablespace is missing: {number}.tar")))?;
        let own = home.join(TABLESPACES).join(oid);
        tarball::unpack_without_links(&packed, &own, room)?;
        link(&own, data, oid)?;
    }
    Ok(())
}

/// Puts a tablespace that lies in our folder into a data directory.
fn link(own: &Path, data: &Path, oid: &str) -> Result<(), Error> {
    let folder = data.join("pg_tblspc");
    let link = folder.join(oid);
    let context = || format!("can't link {}", link.display());
    std::fs::create_dir_all(&folder).or_environment(context)?;
    symlink(own, &link).or_environment(context)
}

/// Removes the list of the source's tablespaces, by which a server would replace our links.
pub fn remove_map(data: &Path) -> Result<(), Error> {
    let map = data.join("tablespace_map");
    match map.is_file() {
        true => std::fs::remove_file(&map).or_environment(|| format!("can't remove {}", map.display())),
        false => Ok(()),
    }
}
