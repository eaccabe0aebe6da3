//! An existing backup brought to a site: its dump and its binaries are fetched from where they are
//! stored, through [`Origin`], which cannot write there. An error that blames the user means that the
//! backup is not what it should be; the drill turns it into a finding.

use crate::{
    base::{
        clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::ObjectKey,
        sorted::{SortedMap, SortedMapBuilder},
    },
    journal::Logbook,
    model::{profile::Profile, reference::references, state::Database},
    plan::{ExistingBackup, RowsBackup, TestScope},
    procedure::{
        foreign::{
            self, Compression, Recognised, Room,
            script::{self, Rows, ScriptFacts},
            tarball,
        },
        pg_dump,
    },
    runbook::verify::age::Newest,
    scenario::method::DumpFormat,
    site::{Handles, Site, Source},
    system::{
        cluster::OwnServer,
        objects::{Bucket, ListedObject, Listing, ListingBuilder, origin::Origin},
        postgres::{Postgres, quote_ident, quote_table},
    },
};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Read as _},
    path::{Component, Path, PathBuf},
};

/// Objects in flight at a time.
const CONCURRENT: usize = 8;

/// A dump in the site's folder.
#[derive(Debug, Default)]
pub struct FetchedDump {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 as it was read, where it is one file.
    pub sha256: Option<Digest>,
    /// What it needs of the cluster that it is restored into.
    pub needs: ScriptFacts,
}

/// Brings the dump to the site's folder, in a form that may be restored, and finds out what it needs.
///
/// # Errors
/// It is not a dump, is cut off, or cannot be fetched.
pub async fn fetch_dump(
    backup: &ExistingBackup,
    site: &Handles,
    log: &Logbook,
) -> Result<FetchedDump, Error> {
    let RowsBackup::Dump { origin, recognised } = &backup.rows else {
        return Err(Error::harness("a physical backup is no dump"));
    };
    let head = match recognised {
        Recognised::Dump(head) => head,
        Recognised::Not(why) => {
            return Err(Error::usage(format!("{} is not a dump", origin.shown())).cause(why));
        }
    };
    let mut room = Room::of(&site.folder)?;
    let items = origin.items().await?;
    items.iter().try_for_each(|item| room.take(item.size))?;
    let fetched = site.folder.join("fetched");
    if head.format == DumpFormat::Directory && !head.packed {
        for item in &items {
            origin.fetch(&item.key, &below(&fetched, &item.key)?).await?;
        }
        let needs = needs_of_archive(site, &fetched, log).await?;
        return Ok(FetchedDump { path: fetched, sha256: None, needs });
    }
    let sha256 = Some(origin.fetch(&first(origin, &items)?.key, &fetched).await?.sha256);
    if head.packed {
        let path = unpacked_folder(&fetched, &site.folder.join("unpacked"), site, &mut room)?;
        let needs = needs_of_archive(site, &path, log).await?;
        return Ok(FetchedDump { path, sha256, needs });
    }
    let mut path = fetched;
    if head.compression != Compression::None {
        let unpacked = site.folder.join("unpacked");
        foreign::unpack(&path, &unpacked, head.compression, &mut room)?;
        path = unpacked;
    }
    let needs = match head.format {
        DumpFormat::Plain => {
            let copy = site.folder.join("restricted.sql");
            let rows = match backup.scope {
                TestScope::Whole | TestScope::Sample { .. } => Rows::Copied,
                TestScope::Schema => Rows::LeftOut,
            };
            let needs = restricted(&path, &copy, head.cluster, rows, &site.profile)?;
            path = copy;
            needs
        }
        DumpFormat::Custom | DumpFormat::Tar | DumpFormat::Directory => {
            if head.format == DumpFormat::Tar {
                tarball::must_have_an_end(&path)?;
            }
            needs_of_archive(site, &path, log).await?
        }
    };
    Ok(FetchedDump { path, sha256, needs })
}

/// Unpacks a folder in directory format from a tar file and gives its path.
///
/// # Errors
/// Blames the user where there is no such folder in it, or more than one; the environment where a newer
/// PostgreSQL made it.
fn unpacked_folder(from: &Path, into: &Path, site: &Handles, room: &mut Room) -> Result<PathBuf, Error> {
    let files = tarball::unpack(from, into, room)?;
    let tocs: Vec<&PathBuf> = files.iter().filter(|file| file.ends_with(foreign::TOC)).collect();
    let [toc] = tocs[..] else {
        let why = format!("it holds {} files {} and must hold one", tocs.len(), foreign::TOC);
        return Err(Error::usage("the tar file holds no dump in directory format").cause(why));
    };
    let path = into.join(toc);
    let context = || format!("can't read {}", path.display());
    let mut start = Vec::new();
    let file = File::open(&path).or_environment(context)?;
    file.take(foreign::START as u64).read_to_end(&mut start).or_environment(context)?;
    match foreign::recognise(&start).major() {
        Some(major) if major > site.programs.version.major => Err(Error::environment(format!(
            "the dump was made by PostgreSQL {major}"
        ))
        .hint(format!(
            "unpack the tar file and give the folder: a PostgreSQL of version {major} or newer is then chosen"
        ))),
        Some(_) | None => Ok(path.parent().unwrap_or(into).to_owned()),
    }
}

/// Copies a plain dump so that it can be restored here.
fn restricted(
    from: &Path,
    to: &Path,
    cluster: bool,
    rows: Rows,
    profile: &Profile,
) -> Result<ScriptFacts, Error> {
    let open = || File::open(from).or_environment(|| format!("can't read {}", from.display()));
    let database = match cluster {
        true => Some(database_of(&script::facts_of(open()?)?, profile)?),
        false => None,
    };
    let copy = File::create_new(to).or_environment(|| format!("can't write {}", to.display()))?;
    let facts = script::copy(open()?, BufWriter::new(copy), &clock::password(), database.as_deref(), rows)?;
    match facts.complete {
        true => Ok(facts),
        false => Err(Error::usage("the dump is cut off: it does not end with the line that pg_dump writes last")
            .cause("\"-- PostgreSQL database dump complete\" is missing; psql restores what there is without an error")),
    }
}

/// The database of a cluster's dump that holds most of the profile's tables.
fn database_of(facts: &ScriptFacts, profile: &Profile) -> Result<String, Error> {
    let tables: Vec<String> = profile.entities.values().map(|entity| entity.table.to_string()).collect();
    let holds = |held: &BTreeSet<String>| {
        let held = |table: &&String| held.contains(*table) || held.contains(&format!("public.{table}"));
        tables.iter().filter(held).count()
    };
    let best = facts.databases.iter().filter(|(name, _)| !name.is_empty());
    let best = best.map(|(name, held)| (holds(held), name)).max_by_key(|(count, _)| *count);
    match best {
        Some((count, name)) if count > 0 => Ok(name.clone()),
        Some(_) | None => {
            Err(Error::usage("no database of the backup has the profile's tables").cause(format!(
                "it holds {}",
                facts
                    .databases
                    .keys()
                    .filter(|name| !name.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            )))
        }
    }
}

/// The database of a recovered cluster that holds most of the profile's tables, and the names of the others
/// that hold any.
///
/// # Errors
/// Blames the user where none has any of them.
pub async fn database_of_cluster(
    server: &OwnServer,
    profile: &Profile,
) -> Result<(String, Vec<String>), Error> {
    const DATABASES: &str =
        "select datname::text from pg_database where datallowconn and not datistemplate order by 1";
    const TABLES: &str = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
    // No user has to keep `postgres`, but hardly anybody drops both.
    let first = match Postgres::connect(&server.access("postgres").await).await {
        Ok(postgres) => postgres,
        Err(_) => Postgres::connect(&server.access("template1").await).await?,
    };
    let names = first.texts(DATABASES).await;
    first.close().await;
    let mut facts = ScriptFacts::default();
    for name in names? {
        let postgres = Postgres::connect(&server.access(&name).await).await.map_err(|error| {
            error.while_doing(format!("can't open the database {name:?} of the recovered cluster"))
        })?;
        let tables = postgres.texts(TABLES).await;
        postgres.close().await;
        facts.databases.insert(name, tables?.into_iter().collect());
    }
    let chosen = database_of(&facts, profile)?;
    let others = facts.databases.into_iter().filter(|(name, held)| *name != chosen && !held.is_empty());
    let others = others.map(|(name, _)| name).collect();
    Ok((chosen, others))
}

/// What a dump in one of `pg_restore`'s formats needs. One whose schema can't be read needs nothing: its
/// restore reports why.
async fn needs_of_archive(site: &Handles, dump: &Path, log: &Logbook) -> Result<ScriptFacts, Error> {
    let schema = site.folder.join("schema.sql");
    if pg_dump::schema_of(site, dump, &schema, log).await?.is_some() {
        return Ok(ScriptFacts::default());
    }
    script::facts_of(File::open(&schema).or_environment(|| format!("can't read {}", schema.display()))?)
}

/// Gives the cluster what the dump needs: roles without login. What it can't give is refused before
/// anything is restored.
///
/// # Errors
/// Blames the environment: an extension is not installed, or only a superuser may restore the dump.
pub async fn prepare_cluster(
    needs: &ScriptFacts,
    as_superuser: bool,
    server: &Postgres,
) -> Result<Vec<String>, Error> {
    let installed = server.texts("select name::text from pg_available_extensions").await?;
    let missing: Vec<&str> = needs
        .extensions
        .iter()
        .map(String::as_str)
        .filter(|name| !installed.iter().any(|i| i == name))
        .collect();
    if !missing.is_empty() {
        return Err(Error::environment(format!(
            "the dump needs extensions that this PostgreSQL does not have: {}",
            missing.join(", ")
        ))
        .hint(
            "install their packages for this version, or choose another installation with PULP_DRILL_PG_BIN",
        ));
    }
    if !as_superuser && !needs.needs_superuser.is_empty() {
        let kinds: Vec<&str> = needs.needs_superuser.iter().copied().collect();
        return Err(Error::environment(format!(
            "only a superuser may restore what the dump contains: {}",
            kinds.join(", ")
        ))
        .hint("repeat with --restore-as-superuser, if you would give whoever made the dump a shell here"));
    }
    let existing = server.texts("select rolname::text from pg_roles").await?;
    let roles: Vec<&String> = needs.roles.iter().filter(|role| !existing.contains(role)).collect();
    for role in &roles {
        server.execute(&format!("create role {} nologin", quote_ident(role)), &[]).await?;
    }
    Ok(roles.into_iter().cloned().collect())
}

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

fn first(origin: &Origin, items: &Listing) -> Result<ListedObject, Error> {
    items.iter().next().ok_or_else(|| Error::usage(format!("{} no longer exists", origin.shown())))
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

/// Moves every next run a hundred years ahead: the engine reads it from the restored rows and would
/// deliver on behalf of a system that still runs.
pub async fn hold_schedules(site: &Handles, loaded: &Database) -> Result<(), Error> {
    let postgres = site.connect().await?;
    for entity in site.profile.entities.values() {
        let Some(column) = entity.next_run.as_ref().filter(|_| loaded.tables.contains_key(&entity.table))
        else {
            continue;
        };
        let (table, column) = (quote_table(&entity.table), quote_ident(column));
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
