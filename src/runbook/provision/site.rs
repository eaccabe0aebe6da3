//! The sites on a substrate: one for each scenario.

use super::binaries::binaries;
use super::external;
use super::stores::Stores;
use super::substrate::Substrate;
use super::variables::{environment, new_keys, order_of_writes, release_of_source};
use crate::{
    base::error::Error,
    model::profile::Profile,
    scenario::method::{BackupSchema, Method},
    site::{EngineSlot, Handles, RowStore, Site, Source},
    system::{
        cluster::{OwnServer, ServerPrograms},
        destroy::Guard,
        external_site::SiteLease,
        objects::S3Access,
        postgres::{Access, create_database},
        row_files::RowFiles,
    },
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, RwLock},
};
use tokio::sync::Mutex;

/// The database's name in the runbook; each site adds its number.
const DATABASE: &str = "pulp-engine";

impl Substrate {
    /// A new, empty site. Its number is part of every name.
    pub async fn site(
        &self,
        number: usize,
        method: &Method,
        profile: &Arc<Profile>,
    ) -> Result<Site<Source>, Error> {
        match &self.stores {
            Stores::Local { postgres, objects } => {
                self.own_site(number, method, profile, &postgres.access(), &objects.access(), None).await
            }
            Stores::Containers(stores) => {
                self.own_site(number, method, profile, &stores.database, &stores.s3, None).await
            }
            Stores::External(lease) => {
                // What a scenario before this one could not remove must not affect this one.
                lease.empty().await?;
                let place = lease.place();
                self.own_site(number, method, profile, &place.database, &place.s3, Some(lease)).await
            }
            Stores::Attached(stores) => {
                let (programs, profile) = (self.programs.clone(), Arc::clone(profile));
                let within = self.engine.ready_within;
                stores.site(number, method, &self.run_dir, programs, profile, within, &self.redactor).await
            }
        }
    }

    /// Databases and buckets of its own on our stores, or all of an external site.
    async fn own_site(
        &self,
        number: usize,
        method: &Method,
        profile: &Arc<Profile>,
        postgres: &Access,
        objects: &S3Access,
        lease: Option<&Arc<SiteLease>>,
    ) -> Result<Site<Source>, Error> {
        let folder = self.run_dir.private(&format!("site-{number:03}"), None)?;
        self.run_dir.private(&format!("site-{number:03}/tmp"), None)?;
        let keys = new_keys(&self.redactor);
        let mut variables = environment(&keys, &folder);
        if lease.is_some() && method.schema == BackupSchema::Previous {
            return Err(Error::usage("this scenario needs a database beside the site's")
                .hint("exclude it with --filter: on your own stores, only what was named is created"));
        }
        variables.extend(release_of_source(profile, method)?);
        variables.extend(method.env.clone());
        variables.extend(order_of_writes(profile, method)?);
        let server = match method.needs_own_server() {
            true => Some(self.own_server(number, method).await?),
            false => None,
        };
        let rows = match lease {
            Some(lease) => external::rows(lease, &mut variables),
            None => self.rows(number, method, postgres, server.as_ref(), &folder, &mut variables).await?,
        };
        let binaries = binaries(number, method, objects, lease, &folder, &mut variables).await?;
        let (launch, starts_itself) = self.engine.launch_of(profile, &self.profile)?;
        let engine = EngineSlot {
            launch,
            starts_itself,
            profile: Arc::clone(profile),
            variables: RwLock::new(variables),
            keys,
            log: folder.join("engine.log"),
            ready_within: self.engine.ready_within,
            children: self.run_dir.children().clone(),
            running: Mutex::new(None),
        };
        Ok(Site::new(Handles {
            method: method.clone(),
            rows,
            guard: lease.map_or_else(Guard::own, Guard::marked),
            objects: binaries.store.bucket(&binaries.bucket),
            backups: binaries.store.bucket(&binaries.backups),
            programs: self.programs.clone(),
            profile: match method.topology.has_database() {
                true => Arc::clone(profile),
                false => RowFiles::profile(profile)?,
            },
            redactor: self.redactor.clone(),
            gate: binaries.gate,
            server,
            connection: Mutex::new(None),
            former: std::sync::Mutex::default(),
            s3: binaries.s3,
            store: binaries.store,
            bucket: binaries.bucket,
            results: binaries.results,
            backup_bucket: binaries.backups,
            folder,
            engine,
        }))
    }

    /// A server that no other scenario is on.
    async fn own_server(&self, number: usize, method: &Method) -> Result<OwnServer, Error> {
        let origin = match (&self.stores, self.why_host_server(method)) {
            (Stores::Containers(stores), None) => ServerPrograms::Image(&stores.image),
            _ => ServerPrograms::Here(&self.programs),
        };
        OwnServer::start(&self.run_dir, &format!("own-{number:03}"), origin, &self.redactor).await
    }

    /// Where the rows of a new site are.
    async fn rows(
        &self,
        number: usize,
        method: &Method,
        postgres: &Access,
        own: Option<&OwnServer>,
        folder: &Path,
        variables: &mut BTreeMap<String, String>,
    ) -> Result<RowStore, Error> {
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        if !method.topology.has_database() {
            set("STORAGE_MODE", "file".to_owned());
            return Ok(RowStore::Files(RowFiles {
                templates: folder.join("templates"),
                assets: folder.join("assets"),
            }));
        }
        let name = format!("{DATABASE}-{number:03}");
        let database = match own {
            Some(own) => own.access(&name).await,
            None => postgres.with_database(&name),
        };
        create_database(&database.maintenance(), &database.database, &database.user).await?;
        set("STORAGE_MODE", "postgres".to_owned());
        set("DATABASE_URL", database.url());
        Ok(RowStore::Postgres(RwLock::new(database)))
    }
}
