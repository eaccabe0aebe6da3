//! The steps of a restore test. An error that blames the user means that the backup is not what it
//! should be; the loop makes a finding of it.

use super::{Step, Test, observe};
use crate::{
    base::{
        clock,
        error::{Error, ErrorContext as _},
        ids::ObjectKey,
    },
    model::{finding::Finding, profile::EngineStart},
    procedure::{
        PendingFaults,
        foreign::{self, Recognised, Room, tarball},
        pg_dump,
    },
    runbook::{
        restore,
        verify::{Started, at_start, existing, existing::age::Newest},
    },
    scenario::method::DumpFormat,
    system::{
        objects::{Bucket, origin::Item},
        postgres::quote_ident,
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{path::Path, time::Instant};

/// Objects under way at a time.
const ABREAST: usize = 8;

impl Test<'_> {
    pub(super) async fn step(&mut self, step: Step) -> Result<Option<Finding>, Error> {
        match step {
            Step::Fetch => self.fetch().await.map(|()| None),
            Step::Objects => self.objects().await.map(|()| None),
            Step::Database => self.database().await,
            Step::Hold => self.hold().await.map(|()| None),
            Step::Migrate => restore::migrate(self.site, &self.log).await,
            Step::Start => self.start().await.map(|()| None),
        }
    }

    /// Brings the dump to the site's folder, in a form that may be restored.
    async fn fetch(&mut self) -> Result<(), Error> {
        let (format, gzip) = match &self.asked.recognised {
            Recognised::Dump { format, gzip } => (*format, *gzip),
            Recognised::Not(why) => {
                return Err(Error::usage(format!("{} is no dump", self.asked.dump.shown())).cause(why));
            }
        };
        let mut room = Room::of(&self.site.folder)?;
        let origin = &self.asked.dump;
        let items = origin.items().await?;
        items.iter().try_for_each(|item| room.take(item.size))?;
        let fetched = self.site.folder.join("fetched");
        if format == DumpFormat::Directory {
            for item in &items {
                origin.fetch(&item.key, &below(&fetched, &item.key)?).await?;
            }
            self.dump = fetched;
            return Ok(());
        }
        let Some(item) = items.first() else {
            return Err(Error::usage(format!("{} is not there any more", origin.shown())));
        };
        self.recorded.dump = Some(origin.fetch(&item.key, &fetched).await?.sha256);
        self.dump = fetched;
        if gzip {
            let unpacked = self.site.folder.join("unpacked");
            foreign::gunzip(&self.dump, &unpacked, &mut room)?;
            self.dump = unpacked;
        }
        if format == DumpFormat::Plain {
            let confined = self.site.folder.join("confined.sql");
            foreign::confine(&self.dump, &confined, &clock::password())?;
            self.dump = confined;
        }
        Ok(())
    }

    /// Brings the binaries to the site. None at all is no backup.
    async fn objects(&mut self) -> Result<(), Error> {
        let origin = &self.asked.assets;
        let mut room = Room::of(&self.site.folder)?;
        let items = origin.items().await?;
        items.iter().try_for_each(|item| room.take(item.size))?;
        let (count, newest) = if origin.is_folder() {
            self.copy(&items).await?;
            let kept = |item: &&Item| !item.key.as_str().split('/').any(|part| part.starts_with('.'));
            let objects = items.iter().filter(kept);
            (
                objects.clone().count(),
                objects.filter_map(|i| Some((i.key.clone(), i.modified?))).collect::<Vec<_>>(),
            )
        } else {
            let packed = self.site.folder.join("assets.tar");
            let item = items.first();
            let item =
                item.ok_or_else(|| Error::usage(format!("{} is not there any more", origin.shown())))?;
            origin.fetch(&item.key, &packed).await?;
            let unpacked = tarball::unpack(&packed, &self.site.assets_dir(), &mut room)?;
            (unpacked.objects, unpacked.newest.into_iter().collect())
        };
        if count == 0 {
            return Err(Error::usage(format!("no binary lies at {}", origin.shown()))
                .hint("an empty copy proves nothing: see whether this is the right place"));
        }
        self.newest_object = Newest::of_objects(newest, self.now);
        Ok(())
    }

    async fn copy(&self, items: &[Item]) -> Result<(), Error> {
        let origin = &self.asked.assets;
        let staged = self.site.folder.join("staged");
        stream::iter(items.iter().enumerate())
            .map(|(number, item)| {
                let staged = staged.join(number.to_string());
                async move {
                    match &self.site.objects {
                        Bucket::Files(folder) => {
                            origin.fetch(&item.key, &below(folder.path(), &item.key)?).await.map(drop)
                        }
                        Bucket::S3(_) => {
                            let fetched = origin.fetch(&item.key, &staged).await?;
                            let context = || format!("can't read {}", staged.display());
                            let bytes = std::fs::read(&staged).or_environment(context)?;
                            std::fs::remove_file(&staged).or_environment(context)?;
                            self.site.objects.put(&item.key, bytes, &fetched.metadata).await
                        }
                    }
                }
            })
            .buffer_unordered(ABREAST)
            .try_collect()
            .await
    }

    async fn database(&mut self) -> Result<Option<Finding>, Error> {
        let failed = pg_dump::restore(self.site, &self.dump, &PendingFaults::default(), &self.log).await?;
        if let Some(failed) = failed {
            if failed.actual.contains("invalid command \\restrict") {
                return Err(Error::environment(
                    "this psql can't be kept from running commands of a plain dump",
                )
                .hint(
                    "use PostgreSQL 13.22, 14.19, 15.14, 16.10, 17.6 or newer, or a dump in custom format",
                ));
            }
            return Ok(Some(failed));
        }
        let arrived = observe(self.site, None).await?;
        if arrived.database.tables.is_empty() {
            return Err(Error::usage("the dump holds no table"));
        }
        self.newest_row = Newest::of_rows(&arrived.database, &self.site.profile, self.now);
        self.recorded.arrived = arrived;
        Ok(None)
    }

    /// Moves every next run a hundred years ahead: the engine reads it from the restored rows and
    /// would deliver on behalf of a system that is still at work.
    async fn hold(&mut self) -> Result<(), Error> {
        let postgres = self.site.connect().await?;
        for entity in self.site.profile.entities.values() {
            let Some(column) = &entity.next_run else { continue };
            if !self.recorded.arrived.database.tables.contains_key(&entity.table) {
                continue;
            }
            let table: Vec<String> = entity.table.as_str().split('.').map(quote_ident).collect();
            let (table, column) = (table.join("."), quote_ident(column));
            let later = format!("update {table} set {column} = {column} + interval '100 years'");
            postgres.execute(&later, &[]).await?;
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Error> {
        let arrived = &self.recorded.arrived;
        let before = observe(self.site, Some(arrived)).await;
        let env = self.site.engine.env();
        let began = self.clock.now();
        let mut start = EngineStart { began, until: began, env };
        let not_ready = self.site.engine.start(&self.site.redactor).await.err().map(|why| why.to_string());
        self.ready = not_ready.is_none().then(Instant::now);
        let after = match (&before, &not_ready) {
            (Ok(before), None) => {
                at_start::settled(self.site, arrived, before, &mut start, &self.clock).await
            }
            (Ok(_) | Err(_), _) => observe(self.site, Some(arrived)).await,
        };
        let untouched = existing::untouched_by_start(before, after, &self.site.restored(), &start);
        self.engine = Started { not_ready, untouched: Some(untouched), start: Some(start) };
        Ok(())
    }
}

/// The file of a key below a folder. Keys of a store are anybody's text.
fn below(folder: &Path, key: &ObjectKey) -> Result<std::path::PathBuf, Error> {
    let path = Path::new(key.as_str());
    let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    match inside && !key.as_str().is_empty() {
        true => Ok(folder.join(path)),
        false => Err(Error::usage(format!("won't fetch {key:?}")).cause("it leads out of the folder")),
    }
}
