//! The layout of the store's folder, and atomic writes of records. It does not depend on S3.

use crate::objects::ObjectsError;
use crate::objects::names::BucketName;
use crate::objects::record::UploadId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The store's folder. No path is made from an object's key.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Takes the folder as a store: makes it when it is missing, and refuses one that holds other
    /// files, because the store deletes what it finds unfinished.
    ///
    /// # Errors
    /// [`ObjectsError::Folder`] and [`ObjectsError::Foreign`].
    pub(crate) fn open(root: &Path) -> Result<Self, ObjectsError> {
        let failed = |source| ObjectsError::Folder { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(failed)?;
        let layout = Self { root: root.to_owned() };
        let empty = fs::read_dir(root).map_err(failed)?.next().is_none();
        if !empty && !layout.lock().exists() {
            return Err(ObjectsError::Foreign { path: root.to_owned() });
        }
        Ok(layout)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Locked while a server uses the folder; also marks the folder as a store.
    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Files and folders that no record names yet, or no longer. Emptied at every start.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// One folder a bucket.
    pub(crate) fn buckets(&self) -> PathBuf {
        self.root.join("buckets")
    }

    /// A bucket's folder. Bucket names are checked before (lower case, digits, `.` and `-`, at least
    /// three characters), so they are safe as names of folders.
    pub(crate) fn bucket(&self, name: &BucketName) -> PathBuf {
        self.buckets().join(name.as_str())
    }

    /// The record of a version; without it the body beside it does not count.
    pub(crate) fn version(&self, bucket: &BucketName, order: u64) -> PathBuf {
        self.bucket(bucket).join("versions").join(format!("{order:016x}.json"))
    }

    /// The bytes of a version.
    pub(crate) fn body(&self, bucket: &BucketName, order: u64) -> PathBuf {
        self.version(bucket, order).with_extension("body")
    }

    /// The folder of a multipart upload in progress.
    pub(crate) fn upload(&self, bucket: &BucketName, id: &UploadId) -> PathBuf {
        self.bucket(bucket).join("uploads").join(&id.0)
    }

    /// A new file among the unfinished; gone when dropped, unless it is moved to its place.
    ///
    /// # Errors
    /// The file system's error.
    pub(crate) fn spare(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.unfinished())
    }

    /// Writes a record so that `path` holds either its old content or the new, never a part.
    ///
    /// # Errors
    /// The file system's error.
    pub(crate) fn write<T: Serialize>(&self, path: &Path, record: &T) -> io::Result<()> {
        let mut file = self.spare()?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.persist(path).map_err(|kept| kept.error)?;
        Ok(())
    }

    /// Takes a folder out of the store in one step, then deletes it.
    ///
    /// # Errors
    /// The file system's error; once the folder is out, errors no longer matter.
    pub(crate) fn discard(&self, folder: &Path) -> io::Result<()> {
        let discarded = self.unfinished().join(uuid::Uuid::new_v4().to_string());
        fs::rename(folder, &discarded)?;
        // What stays is deleted at the next start.
        fs::remove_dir_all(&discarded).or(Ok(()))
    }
}

/// Reads a record.
///
/// # Errors
/// [`ObjectsError::Record`], also when its text is not what the store writes.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ObjectsError> {
    let failed = |source| ObjectsError::Record { path: path.to_owned(), source };
    let text = fs::read(path).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|wrong| failed(wrong.into()))
}

/// The paths in a folder, in no order.
///
/// # Errors
/// [`ObjectsError::Folder`].
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ObjectsError> {
    let failed = |source| ObjectsError::Folder { path: folder.to_owned(), source };
    fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

/// Whether a path ends in `.json`.
pub(crate) fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// The file name of a bucket's record.
pub(crate) const BUCKET: &str = "bucket.json";

/// The file name of an upload's record.
pub(crate) const UPLOAD: &str = "upload.json";
