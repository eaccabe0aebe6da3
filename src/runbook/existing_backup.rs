//! An existing backup brought to a site: its dump and its binaries are fetched from where they are
//! stored, through [`Origin`], which cannot write there. An error that blames the user means that the
//! backup is not what it should be; the drill turns it into a finding.

use crate::{
    base::{
        clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::ObjectKey,
    },
    model::state::Database,
    plan::ExistingBackup,
    procedure::foreign::{self, Recognised, Room, tarball},
    runbook::verify::age::Newest,
    scenario::method::DumpFormat,
    site::{Handles, Site, Source},
    system::{
        objects::{
            Bucket,
            origin::{Item, Origin},
        },
        postgres::quote_ident,
    },
};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::path::{Component, Path, PathBuf};

/// Objects in flight at a time.
const CONCURRENT: usize = 8;

/// A dump in the site's folder.
pub struct FetchedDump {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 as it was read, where it is one file.
    pub sha256: Option<Digest>,
}

/// Brings the dump to the site's folder, in a form that may be restored.
///
/// # Errors
/// It is not a dump, or cannot be fetched.
pub async fn fetch_dump(backup: &ExistingBackup, site: &Handles) -> Result<FetchedDump, Error> {
    let origin = &backup.dump;
    let (format, gzip) = match &backup.recognised {
        Recognised::Dump { format, gzip } => (*format, *gzip),
        Recognised::Not(why) => {
            return Err(Error::usage(format!("{} is not a dump", origin.shown())).cause(why));
        }
    };
    let mut room = Room::of(&site.folder)?;
    let items = origin.items().await?;
    items.iter().try_for_each(|item| room.take(item.size))?;
    let fetched = site.folder.join("fetched");
    if format == DumpFormat::Directory {
        for item in &items {
            origin.fetch(&item.key, &below(&fetched, &item.key)?).await?;
        }
        return Ok(FetchedDump { path: fetched, sha256: None });
    }
    let item = first(origin, &items)?;
    let sha256 = Some(origin.fetch(&item.key, &fetched).await?.sha256);
    let mut path = fetched;
    if gzip {
        let unpacked = site.folder.join("unpacked");
        foreign::gunzip(&path, &unpacked, &mut room)?;
        path = unpacked;
    }
    if format == DumpFormat::Plain {
        let confined = site.folder.join("confined.sql");
        foreign::confine(&path, &confined, &clock::password())?;
        path = confined;
    }
    Ok(FetchedDump { path, sha256 })
}

/// Brings the binaries into the site. Returns the newest of them by its time.
///
/// # Errors
/// There are none, or they cannot be fetched or unpacked.
pub async fn fetch_objects(
    backup: &ExistingBackup,
    site: &Site<Source>,
    now: DateTime<Utc>,
) -> Result<Option<Newest>, Error> {
    let origin = &backup.assets;
    let mut room = Room::of(&site.folder)?;
    let items = origin.items().await?;
    items.iter().try_for_each(|item| room.take(item.size))?;
    let (count, times) = if origin.is_folder() {
        copy(origin, &items, site).await?;
        let visible = |item: &&Item| !item.key.as_str().split('/').any(|part| part.starts_with('.'));
        let objects: Vec<&Item> = items.iter().filter(visible).collect();
        let times = objects.iter().filter_map(|item| Some((item.key.clone(), item.modified?)));
        (objects.len(), times.collect::<Vec<_>>())
    } else {
        let packed = site.folder.join("assets.tar");
        origin.fetch(&first(origin, &items)?.key, &packed).await?;
        let unpacked = tarball::unpack(&packed, &site.assets_dir(), &mut room)?;
        (unpacked.objects, unpacked.newest.into_iter().collect())
    };
    if count == 0 {
        return Err(Error::usage(format!("there is no binary at {}", origin.shown()))
            .hint("an empty copy proves nothing: check that this is the right place"));
    }
    Ok(Newest::of_objects(times, now))
}

fn first<'a>(origin: &Origin, items: &'a [Item]) -> Result<&'a Item, Error> {
    items.first().ok_or_else(|| Error::usage(format!("{} no longer exists", origin.shown())))
}

async fn copy(origin: &Origin, items: &[Item], site: &Site<Source>) -> Result<(), Error> {
    let staged = site.folder.join("staged");
    let one = |(number, item): (usize, _)| copy_one(origin, item, staged.join(format!("{number}")), site);
    let copies: Vec<_> = items.iter().enumerate().map(one).collect();
    stream::iter(copies).buffer_unordered(CONCURRENT).try_collect().await
}

async fn copy_one(origin: &Origin, item: &Item, staged: PathBuf, site: &Site<Source>) -> Result<(), Error> {
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

/// Moves every next run a hundred years ahead: the engine reads it from the restored rows and would
/// deliver on behalf of a system that still runs.
pub async fn hold_schedules(site: &Handles, loaded: &Database) -> Result<(), Error> {
    let postgres = site.connect().await?;
    for entity in site.profile.entities.values() {
        let Some(column) = entity.next_run.as_ref().filter(|_| loaded.tables.contains_key(&entity.table))
        else {
            continue;
        };
        let table: Vec<String> = entity.table.as_str().split('.').map(quote_ident).collect();
        let (table, column) = (table.join("."), quote_ident(column));
        let later = format!("update {table} set {column} = {column} + interval '100 years'");
        postgres.execute(&later, &[]).await?;
    }
    Ok(())
}

/// The file of a key below a folder. The keys of a foreign store are not trusted.
fn below(folder: &Path, key: &ObjectKey) -> Result<PathBuf, Error> {
    let path = Path::new(key.as_str());
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    match inside && !key.as_str().is_empty() {
        true => Ok(folder.join(path)),
        false => Err(Error::usage(format!("won't fetch {key:?}")).cause("it leads out of the folder")),
    }
}
