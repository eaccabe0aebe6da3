//! Binaries in a folder, as an engine with `ASSET_BINARY_STORE=filesystem` keeps them: a key is a
//! path below the folder. Names that begin with a dot are the engine's own (its index, writes under
//! way) and no objects. A folder keeps no metadata but the permission to read.

use super::kinds::{Got, ListedObject, Listing, ListingBuilder};
use crate::base::checksum::{ChecksumAlgorithm, Checksums};
use crate::base::digest::Digest;
use crate::base::error::{Error, ErrorContext, IfMissing};
use crate::base::folder::{self, ANY_DEPTH, Links};
use crate::base::ids::{BucketName, ObjectKey};
use crate::base::sorted::SortedMapBuilder;
use crate::model::state::{Metadata, ObjectState, Objects};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Its owner may read a file, or list a folder.
const READ: u32 = 0o400;
/// Its owner may enter a folder.
const ENTER: u32 = 0o100;

/// A folder of folders: each is a bucket.
#[derive(Clone, Debug)]
pub struct Folders {
    root: PathBuf,
}

/// A folder whose files are objects.
#[derive(Clone, Debug)]
pub struct FolderStore {
    dir: PathBuf,
}

impl Folders {
    /// The folders below this one.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(super) fn folder(&self, name: &BucketName) -> FolderStore {
        FolderStore { dir: self.root.join(name.as_str()) }
    }
}

impl FolderStore {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    pub(super) fn create(&self) -> Result<(), Error> {
        std::fs::create_dir_all(&self.dir).or_environment(|| format!("can't make {}", self.dir.display()))
    }

    pub(super) fn delete_whole(&self) -> Result<(), Error> {
        folder::remove(&self.dir)
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Listing, Error> {
        let context = || format!("can't list {}", self.dir.display());
        let mut all = ListingBuilder::default();
        for entry in folder::walk(&self.dir, Links::Follow, ANY_DEPTH, folder::is_visible) {
            let entry = entry.or_environment(context)?;
            let key = folder::path_below(&self.dir, &entry);
            if entry.file_type().is_dir() || !key.starts_with(prefix) {
                continue;
            }
            let meta = entry.metadata().or_environment(context)?;
            let modified = meta.modified().ok().map(Into::into);
            all.add(ListedObject { key: key.into(), size: meta.len(), modified });
        }
        Ok(all.finish())
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Result<Got, Error> {
        match std::fs::read(self.file(key)?) {
            Ok(bytes) => Ok(Got::Found { bytes, metadata: Metadata::default() }),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(Got::Missing),
                ErrorKind::PermissionDenied => Ok(Got::Denied),
                _ => Err(Error::environment(self.describe("read", key)).because(&error)),
            },
        }
    }

    pub(super) fn put(&self, key: &ObjectKey, bytes: &[u8]) -> Result<(), Error> {
        let file = self.file(key)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).or_environment(|| self.describe("write", key))?;
        }
        std::fs::write(file, bytes).or_environment(|| self.describe("write", key))
    }

    pub(super) fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        std::fs::remove_file(self.file(key)?).or_gone().or_environment(|| self.describe("remove", key))
    }

    pub(super) fn inventory(
        &self,
        prefix: &str,
        checksums: &BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Objects, Error> {
        let mut objects = SortedMapBuilder::new();
        let digest = |listed: ListedObject| {
            let file = self.file(&listed.key)?;
            let bytes = std::fs::read(&file).or_environment(|| self.describe("read", &listed.key))?;
            let short = listed.key.as_str().strip_prefix(prefix).unwrap_or(listed.key.as_str());
            let object = ObjectState {
                size: bytes.len() as u64,
                sha256: Digest::of(&bytes),
                checksums: Checksums::of(&bytes, checksums),
                metadata: self.permission(&file),
            };
            objects.add(&ObjectKey::from(short), &object);
            Ok::<_, Error>(())
        };
        self.list(prefix)?.into_iter().try_for_each(digest)?;
        Ok(objects.finish())
    }

    /// What keeps its owner from reading a file, if anything. Root reads it all the same; the application that
    /// the files are for is not root.
    fn permission(&self, file: &Path) -> Metadata {
        let folders = file.ancestors().skip(1).take_while(|folder| *folder != self.dir);
        let needed = std::iter::once((file, READ)).chain(folders.map(|folder| (folder, READ | ENTER)));
        let mode = |path: &Path| path.metadata().ok().map(|meta| meta.permissions().mode() & 0o7777);
        let denied = needed
            .filter_map(|(path, bits)| Some((path, mode(path).filter(|mode| mode & bits != bits)?)))
            .last();
        let shown = denied.map(|(path, mode)| {
            let of = path.strip_prefix(&self.dir).unwrap_or(path).display();
            ("permission".to_owned(), format!("mode {mode:03o} of {of}, which its owner cannot read"))
        });
        Metadata(shown.into_iter().collect())
    }

    /// The file of a key; one that would lead out of the folder is refused.
    fn file(&self, key: &ObjectKey) -> Result<PathBuf, Error> {
        let path = Path::new(key.as_str());
        if path.components().all(|part| matches!(part, Component::Normal(_))) && !key.as_str().is_empty() {
            return Ok(self.dir.join(path));
        }
        Err(Error::environment(format!("the key {key:?} is no path below {}", self.dir.display())))
    }

    fn describe(&self, verb: &str, key: &ObjectKey) -> String {
        format!("can't {verb} {}", self.dir.join(key.as_str()).display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_objects_and_hidden_ones_are_not() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folders::new(temp.path()).folder(&BucketName::new("assets"));
        folder.create().unwrap();
        let key = ObjectKey::from("versions/1/2");
        folder.put(&key, b"old").unwrap();
        folder.put(&"logo.png".into(), b"new").unwrap();
        std::fs::write(temp.path().join("assets/.assets-index.json"), "{}").unwrap();
        let keys: Vec<String> = folder.list("").unwrap().into_iter().map(|l| l.key.to_string()).collect();
        assert_eq!(keys, ["logo.png", "versions/1/2"]);
        let old = folder.inventory("versions/", &BTreeSet::new()).unwrap().get("1/2").unwrap();
        assert_eq!(old.sha256, Digest::of("old"));
        folder.delete(&key).unwrap();
        assert_eq!(folder.get(&key).unwrap(), Got::Missing);
        assert!(folder.get(&"../outside".into()).is_err());
        folder.delete_whole().unwrap();
        assert!(folder.list("").unwrap().is_empty());
    }

    #[test]
    fn a_file_that_its_owner_cannot_read_is_marked() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folders::new(temp.path()).folder(&BucketName::new("assets"));
        folder.put(&"a/b".into(), b"x").unwrap();
        let mode = |path: &str, mode| {
            std::fs::set_permissions(folder.path().join(path), std::fs::Permissions::from_mode(mode))
                .unwrap();
        };
        let marked = || folder.permission(&folder.path().join("a/b")).0.into_values().next();
        assert_eq!(marked(), None);
        mode("a/b", 0o200);
        assert_eq!(marked().unwrap(), "mode 200 of a/b, which its owner cannot read");
        mode("a", 0o600);
        assert_eq!(marked().unwrap(), "mode 600 of a, which its owner cannot read");
        mode("a", 0o700);
        mode("a/b", 0o440);
        assert_eq!(marked(), None);
    }
}
