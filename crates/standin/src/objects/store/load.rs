//! The start of a store: its lock, the clearing of what a killed server left, and the index.

use super::disk::{self, Layout, entries, is_record};
use super::index::{Bucket, State, Upload};
use crate::objects::ObjectsError;
use crate::objects::names::{BucketName, ObjectKey};
use crate::objects::record::{PartRecord, UploadId, UploadRecord, VersionRecord};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::Path;

/// Locks the folder for this process.
///
/// # Errors
/// [`ObjectsError::InUse`] when another server has it.
pub(crate) fn lock(layout: &Layout) -> Result<File, ObjectsError> {
    let failed = |source| ObjectsError::Folder { path: layout.root().to_owned(), source };
    let file = File::create(layout.lock()).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ObjectsError::InUse { path: layout.root().to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Clears the unfinished and builds the index from the records.
///
/// # Errors
/// [`ObjectsError::Folder`] and [`ObjectsError::Record`].
pub(crate) fn load(layout: &Layout) -> Result<State, ObjectsError> {
    let failed = |source| ObjectsError::Folder { path: layout.root().to_owned(), source };
    if layout.unfinished().exists() {
        fs::remove_dir_all(layout.unfinished()).map_err(failed)?;
    }
    fs::create_dir_all(layout.unfinished()).map_err(failed)?;
    fs::create_dir_all(layout.buckets()).map_err(failed)?;
    let mut state = State::default();
    for folder in entries(&layout.buckets())? {
        let name = BucketName(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let bucket = load_bucket(layout, &name)?;
        let newest = bucket.keys.values().filter_map(|versions| versions.last()).map(|last| last.order).max();
        state.last_order = state.last_order.max(newest.unwrap_or(0));
        state.buckets.insert(name, bucket);
    }
    Ok(state)
}

fn load_bucket(layout: &Layout, name: &BucketName) -> Result<Bucket, ObjectsError> {
    let folder = layout.bucket(name);
    let mut bucket = Bucket::new(disk::read(&folder.join(disk::BUCKET))?);
    bucket.keys = load_versions(layout, name, &folder.join("versions"))?;
    let done: HashSet<&UploadId> = bucket
        .keys
        .values()
        .flatten()
        .filter_map(|version| version.object().and_then(|object| object.upload.as_ref()))
        .collect();
    for folder in entries(&folder.join("uploads"))? {
        let record: UploadRecord = disk::read(&folder.join(disk::UPLOAD))?;
        if done.contains(&record.id) {
            // Completed, but the server was killed before it could clear the parts.
            layout.discard(&folder).map_err(|source| ObjectsError::Folder { path: folder, source })?;
        } else {
            let parts = load_parts(&folder)?;
            bucket.uploads.insert((record.key.clone(), record.id.clone()), Upload { record, parts });
        }
    }
    Ok(bucket)
}

fn load_versions(
    layout: &Layout,
    bucket: &BucketName,
    folder: &Path,
) -> Result<BTreeMap<ObjectKey, Vec<VersionRecord>>, ObjectsError> {
    let paths = entries(folder)?;
    let mut keys: BTreeMap<ObjectKey, Vec<VersionRecord>> = BTreeMap::new();
    for path in paths.iter().filter(|path| is_record(path)) {
        let version: VersionRecord = disk::read(path)?;
        keys.entry(version.key.clone()).or_default().push(version);
    }
    for versions in keys.values_mut() {
        versions.sort_by_key(|version| version.order);
        drop_replaced(layout, bucket, versions)?;
    }
    for body in paths.iter().filter(|path| !is_record(path)) {
        if !body.with_extension("json").exists() {
            remove(body)?;
        }
    }
    Ok(keys)
}

/// A key has one `null` version. Two on disk mean that the server was killed after it wrote the later
/// one and before it removed the earlier.
fn drop_replaced(
    layout: &Layout,
    bucket: &BucketName,
    versions: &mut Vec<VersionRecord>,
) -> Result<(), ObjectsError> {
    let newest = versions.iter().rev().find(|version| version.id.is_null()).map(|version| version.order);
    let (kept, replaced) = std::mem::take(versions)
        .into_iter()
        .partition(|version| !version.id.is_null() || Some(version.order) == newest);
    *versions = kept;
    let replaced: Vec<VersionRecord> = replaced;
    replaced.iter().try_for_each(|version| remove(&layout.version(bucket, version.order)))
}

fn load_parts(folder: &Path) -> Result<BTreeMap<i32, PartRecord>, ObjectsError> {
    let paths = entries(folder)?;
    let mut parts = BTreeMap::new();
    for path in paths.iter().filter(|path| is_record(path) && !path.ends_with(disk::UPLOAD)) {
        let part: PartRecord = disk::read(path)?;
        parts.insert(part.number, part);
    }
    let named: HashSet<&str> = parts.values().map(|part| part.body.as_str()).collect();
    for body in paths.iter().filter(|path| !is_record(path)) {
        if !named.contains(body.file_name().unwrap_or_default().to_string_lossy().as_ref()) {
            remove(body)?;
        }
    }
    Ok(parts)
}

fn remove(path: &Path) -> Result<(), ObjectsError> {
    fs::remove_file(path).map_err(|source| ObjectsError::Folder { path: path.to_owned(), source })
}
