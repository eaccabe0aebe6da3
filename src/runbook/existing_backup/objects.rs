//! The binaries of an existing backup: a folder, a prefix or a tarball, all of them or a sample.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::ObjectKey,
        sorted::{SortedMap, SortedMapBuilder},
    },
    model::{reference::references, state::Database},
    plan::{ExistingBackup, TestScope},
    procedure::foreign::{Room, tarball},
    runbook::verify::age::Newest,
    site::{Handles, Site, Source},
    system::objects::{Bucket, ListedObject, Listing, ListingBuilder, origin::Origin},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

/// Objects in flight at a time.
const CONCURRENT: usize = 8;

/// The binaries in the site.
#[derive(Debug, Default)]
pub struct FetchedObjects {
    /// The newest by its time.
    pub newest: Option<Newest>,
    /// The files of a tarball, with the folders that they were packed in.
    pub unpacked: Vec<PathBuf>,
    /// The objects that were listed and not read, with their sizes: those outside of a sample.
    pub listed: SortedMap<ObjectKey, u64>,
}

/// Moves the files of a tarball out of the folders that they were packed in, by the keys that the
/// restored rows name.
///
/// # Errors
/// A file can't be moved.
pub fn place_unpacked(unpacked: &[PathBuf], site: &Handles, rows: &Database) -> Result<(), Error> {
    let keys: Vec<String> = references(&site.profile, rows).map(|reference| reference.key.0).collect();
    let leading = tarball::leading_folder(unpacked, &keys.iter().map(String::as_str).collect());
    if leading.as_os_str().is_empty() {
        return Ok(());
    }
    let assets = site.assets_dir();
    let packed = assets.with_added_extension("packed");
    let context = || format!("can't move {}", assets.display());
    std::fs::rename(&assets, &packed).or_environment(context)?;
    std::fs::rename(packed.join(&leading), &assets).or_environment(context)?;
    std::fs::remove_dir_all(&packed).or_environment(context)
}

/// Brings the binaries into the site.
///
/// # Errors
/// There are none, or they cannot be fetched or unpacked.
pub async fn fetch_objects(
    backup: &ExistingBackup,
    site: &Site<Source>,
    now: DateTime<Utc>,
) -> Result<FetchedObjects, Error> {
    let origin = backup.assets.as_ref();
    let origin = origin.ok_or_else(|| Error::harness("the test of a schema fetches no binaries"))?;
    let mut room = Room::of(&site.folder)?;
    let Sample { read, listed } = sample(origin.items().await?, backup.scope);
    read.iter().try_for_each(|item| room.take(item.size))?;
    let (count, newest, unpacked) = if origin.is_folder() {
        copy(origin, &read, site).await?;
        let objects = || read.iter().filter(|item| !is_hidden(item));
        let times = objects().filter_map(|item| Some((item.key, item.modified?)));
        (objects().count(), Newest::of_objects(times, now), Vec::new())
    } else {
        let packed = site.folder.join("assets.tar");
        origin.fetch(&first(origin, &read)?.key, &packed).await?;
        let files = tarball::unpack(&packed, &site.assets_dir(), &mut room)?;
        let visible =
            files.iter().filter(|file| !file.iter().any(|part| part.as_encoded_bytes().starts_with(b".")));
        let times = visible.clone().filter_map(|file| {
            let modified = site.assets_dir().join(file).metadata().ok()?.modified().ok()?;
            Some((ObjectKey::new(file.to_string_lossy().into_owned()), modified.into()))
        });
        let newest = Newest::of_objects(times, now);
        (visible.count(), newest, files)
    };
    if count == 0 {
        return Err(Error::usage(format!("there is no binary at {}", origin.shown()))
            .hint("an empty copy proves nothing: check that this is the right place"));
    }
    Ok(FetchedObjects { newest, unpacked, listed })
}

fn is_hidden(item: &ListedObject) -> bool {
    item.key.as_str().split('/').any(|part| part.starts_with('.'))
}

/// The objects of a test.
struct Sample {
    /// Those to read.
    read: Listing,
    /// The sizes of those of which only the listing is used.
    listed: SortedMap<ObjectKey, u64>,
}

/// Digests of their keys with the seed decide which objects are read.
fn sample(items: Listing, scope: TestScope) -> Sample {
    let TestScope::Sample { objects, seed } = scope else {
        return Sample { read: items, listed: SortedMap::default() };
    };
    // Hidden files are no objects.
    let order = |item: &ListedObject| (is_hidden(item), Digest::of(format!("{seed}/{}", item.key)));
    let mut chosen = BTreeSet::new();
    for item in &items {
        chosen.insert((order(&item), item.key));
        if chosen.len() > objects {
            chosen.pop_last();
        }
    }
    let (mut read, mut listed) = (ListingBuilder::default(), SortedMapBuilder::new());
    for item in &items {
        if chosen.contains(&(order(&item), item.key.clone())) {
            read.add(item);
        } else if !is_hidden(&item) {
            listed.add(&item.key, &item.size);
        }
    }
    Sample { read: read.finish(), listed: listed.finish() }
}

async fn copy(origin: &Origin, items: &Listing, site: &Site<Source>) -> Result<(), Error> {
    let staged = site.folder.join("staged");
    let one = |(number, item): (usize, _)| copy_one(origin, item, staged.join(format!("{number}")), site);
    stream::iter(items.iter().enumerate()).map(one).buffer_unordered(CONCURRENT).try_collect().await
}

async fn copy_one(
    origin: &Origin,
    item: ListedObject,
    staged: PathBuf,
    site: &Site<Source>,
) -> Result<(), Error> {
    match &site.objects {
        Bucket::Files(folder) => origin.fetch(&item.key, &below(folder.path(), &item.key)?).await.map(drop),
        Bucket::S3(_) => {
            let fetched = origin.fetch(&item.key, &staged).await?;
            let context = || format!("can't read {}", staged.display());
            let bytes = std::fs::read(&staged).or_environment(context)?;
            std::fs::remove_file(&staged).or_environment(context)?;
            site.objects.put(&item.key, bytes, &fetched.metadata).await
        }
    }
}

/// The one item of an origin that is no folder.
pub(super) fn first(origin: &Origin, items: &Listing) -> Result<ListedObject, Error> {
    items.iter().next().ok_or_else(|| Error::usage(format!("{} no longer exists", origin.shown())))
}

/// The file of a key below a folder. The keys of a foreign store are not trusted.
pub(super) fn below(folder: &Path, key: &ObjectKey) -> Result<PathBuf, Error> {
    let path = Path::new(key.as_str());
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    match inside && !key.as_str().is_empty() {
        true => Ok(folder.join(path)),
        false => Err(Error::usage(format!("won't fetch {key:?}")).cause("it leads out of the folder")),
    }
}
