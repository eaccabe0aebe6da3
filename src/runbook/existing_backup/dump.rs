//! The dump of an existing backup: fetched, unpacked, and brought into a form that may be restored.

use super::{
    cluster::{database_of, others_than},
    objects::{below, first},
};
use crate::{
    base::{
        clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
    },
    journal::Logbook,
    model::profile::Profile,
    plan::{ExistingBackup, RowsBackup, TestScope},
    procedure::{
        foreign::{
            self, Compression, Recognised, Room,
            script::{self, Rows, ScriptFacts},
            tarball,
        },
        pg_dump,
    },
    scenario::method::DumpFormat,
    site::Handles,
};
use std::{
    fs::File,
    io::{BufWriter, Read as _},
    path::{Path, PathBuf},
};

/// A dump in the site's folder.
#[derive(Debug, Default)]
pub struct FetchedDump {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 as it was read, where it is one file.
    pub sha256: Option<Digest>,
    /// The other databases of a dump of a cluster, which are left out.
    pub others: Vec<String>,
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
        return Err(Error::harness("a physical backup is not a dump"));
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
        return Ok(FetchedDump { path: fetched, needs, ..FetchedDump::default() });
    }
    let sha256 = Some(origin.fetch(&first(origin, &items)?.key, &fetched).await?.sha256);
    if head.packed {
        let path = unpacked_folder(&fetched, &site.folder.join("unpacked"), site, &mut room)?;
        let needs = needs_of_archive(site, &path, log).await?;
        return Ok(FetchedDump { path, sha256, others: Vec::new(), needs });
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
            let wanted = backup.database.as_deref();
            let (needs, others) = restricted(&path, &copy, head.cluster, rows, &site.profile, wanted)?;
            return Ok(FetchedDump { path: copy, sha256, others, needs });
        }
        DumpFormat::Custom | DumpFormat::Tar | DumpFormat::Directory => {
            if head.format == DumpFormat::Tar {
                tarball::must_have_an_end(&path)?;
            }
            needs_of_archive(site, &path, log).await?
        }
    };
    Ok(FetchedDump { path, sha256, others: Vec::new(), needs })
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
    wanted: Option<&str>,
) -> Result<(ScriptFacts, Vec<String>), Error> {
    let open = || File::open(from).or_environment(|| format!("can't read {}", from.display()));
    let database = match cluster {
        true => {
            let facts = script::facts_of(open()?)?;
            must_be_complete(&facts)?;
            Some(database_of(&facts, profile, wanted)?)
        }
        false => None,
    };
    let copy = File::create_new(to).or_environment(|| format!("can't write {}", to.display()))?;
    let facts = script::copy(open()?, BufWriter::new(copy), &clock::password(), database.as_deref(), rows)?;
    must_be_complete(&facts)?;
    let others = database.map(|chosen| others_than(&chosen, &facts)).unwrap_or_default();
    Ok((facts, others))
}

fn must_be_complete(facts: &ScriptFacts) -> Result<(), Error> {
    match facts.complete {
        true => Ok(()),
        false => Err(Error::usage("the dump is cut off: it does not end with the line that pg_dump writes last")
            .cause("\"-- PostgreSQL database dump complete\" is missing; psql restores what there is without an error")),
    }
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
