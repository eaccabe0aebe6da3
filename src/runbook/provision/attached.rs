//! An attached engine: it runs elsewhere, with the database and the bucket that it was configured
//! with. A drill destroys both, so it is refused unless the operator names the database, and unless
//! database and bucket are empty when the run begins.

use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::BucketName,
        process::RunDir,
        redact::Redactor,
    },
    model::profile::Profile,
    scenario::method::Method,
    site::{EngineSlot, Handles, RowStore, Site, Source},
    system::{
        destroy::Guard,
        engine::{ApiKeys, Engine, Launch},
        external_site::{SiteLease, must_be_drillable},
        objects::{ObjectStore, S3Access},
        postgres::{Access, create_database, drop_database, tables_with_rows},
        programs::PgBin,
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;
use url::Url;

/// The stores behind an engine that runs elsewhere, from the engine's own environment variables.
#[derive(Clone)]
pub struct AttachedStores {
    url: Url,
    database: Access,
    s3: S3Access,
    bucket: BucketName,
    keys: ApiKeys,
    env: BTreeMap<String, String>,
    lease: Option<Arc<SiteLease>>,
}

/// What must be set, beside the keys.
const NEEDED: [&str; 5] =
    ["DATABASE_URL", "S3_BUCKET", "S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"];

/// What may be set.
const OPTIONAL: [&str; 6] =
    ["S3_REGION", "S3_PATH_STYLE", "API_KEY_ADMIN", "API_KEY_RENDER", "API_KEY_PREVIEW", "API_KEY_EDITOR"];

impl AttachedStores {
    /// Reads the stores from the environment, and whether the operator named the database that will
    /// be destroyed.
    pub fn from_env(
        url: &Url,
        destroys: &[String],
        lookup: impl Fn(&str) -> Option<String>,
        redactor: &Redactor,
    ) -> Result<Self, Error> {
        let names = NEEDED.iter().chain(&OPTIONAL);
        let env: BTreeMap<String, String> = names
            .filter_map(|name| Some(((*name).to_owned(), lookup(name).filter(|v| !v.is_empty())?)))
            .collect();
        let missing: Vec<&str> = NEEDED.into_iter().filter(|name| !env.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Err(Error::usage(format!(
                "--engine url: needs the engine's stores: {} not set",
                missing.join(", ")
            ))
            .hint("set the environment variables that the engine was started with"));
        }
        let get = |name: &str| env.get(name).cloned();
        let text = |name: &str| get(name).unwrap_or_default();
        let database = Access::parse(&text("DATABASE_URL")).map_err(|t| t.while_doing("DATABASE_URL"))?;
        redactor.add(&database.password);
        redactor.add(text("S3_SECRET_ACCESS_KEY"));
        let keys = ApiKeys {
            admin: get("API_KEY_ADMIN"),
            render: get("API_KEY_RENDER"),
            preview: get("API_KEY_PREVIEW"),
            editor: get("API_KEY_EDITOR"),
        };
        for key in [&keys.admin, &keys.render, &keys.preview, &keys.editor].into_iter().flatten() {
            redactor.add(key);
        }
        must_be_drillable(&database)?;
        if !destroys.contains(&database.database) {
            return Err(Error::usage(format!(
                "this drill destroys the database {:?} and the bucket {:?}, and destroys both several times",
                database.database,
                text("S3_BUCKET")
            ))
            .hint(format!("if that is meant, add --i-understand-this-destroys {}", database.database)));
        }
        let s3 = S3Access {
            endpoint: text("S3_ENDPOINT"),
            region: get("S3_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            access_key: text("S3_ACCESS_KEY_ID"),
            secret_key: text("S3_SECRET_ACCESS_KEY"),
            path_style: get("S3_PATH_STYLE").is_none_or(|v| v == "true"),
        };
        Ok(Self {
            url: url.clone(),
            database,
            bucket: BucketName::new(text("S3_BUCKET")),
            s3,
            keys,
            env,
            lease: None,
        })
    }

    /// The same engine on stores that are lease as a marked site: it must be the one that the variables
    /// name.
    #[must_use]
    pub fn on(mut self, lease: Arc<SiteLease>) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Refuses a site that holds anything: rows and objects that are not ours must not be lost. Every
    /// table is looked at, not only what the API shows; the schema and the notes of its migrations
    /// may be there.
    pub async fn must_be_empty(&self, profile: &Profile) -> Result<(), Error> {
        let api = Engine::new(&self.url, &self.keys);
        let (templates, assets) = (api.templates().await?.len(), api.assets().await?.len());
        let tables = tables_with_rows(&self.database, &profile.fresh()).await?;
        let objects = ObjectStore::s3(&self.s3).bucket(&self.bucket).something_in_it().await?;
        if templates + assets == 0 && tables.is_empty() && objects.is_none() {
            return Ok(());
        }
        let in_bucket = objects.unwrap_or_else(|| "nothing".to_owned());
        let in_tables = if tables.is_empty() { "no table".to_owned() } else { tables.join(", ") };
        Err(Error::usage(format!(
            "the site is not empty: {templates} templates, {assets} assets, rows in {in_tables}, {in_bucket} in {}",
            self.bucket
        ))
        .hint("drill on an engine with a database and a bucket of its own; nothing was changed"))
    }

    /// The database.
    pub fn database(&self) -> &Access {
        &self.database
    }

    /// Makes database and bucket empty again, and removes the bucket that was made for backups.
    pub async fn remove_site(&self, site: &Site<Source>) -> Result<(), Error> {
        self.reset(&site.guard).await?;
        if self.lease.is_none() {
            site.store.delete_bucket(site.guard.bucket(&site.backup_bucket).await?).await?;
        }
        Ok(())
    }

    async fn reset(&self, guard: &Guard) -> Result<(), Error> {
        if let Some(lease) = &self.lease {
            return lease.clear().await;
        }
        let maintenance = self.database.maintenance();
        drop_database(guard.database(&self.database).await?).await?;
        create_database(&maintenance, &self.database.database, &self.database.user).await?;
        ObjectStore::s3(&self.s3).empty_bucket(guard.bucket(&self.bucket).await?).await
    }

    #[expect(clippy::too_many_arguments, reason = "all that a site is made of, once")]
    /// The site, made empty, with a bucket of the run's own for backups.
    pub async fn site(
        &self,
        number: usize,
        method: &Method,
        run_dir: &Arc<RunDir>,
        programs: PgBin,
        profile: Arc<Profile>,
        ready_within: Duration,
        redactor: &Redactor,
    ) -> Result<Site<Source>, Error> {
        let store = ObjectStore::s3(&self.s3);
        let run = run_dir.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (guard, backup_bucket) = match &self.lease {
            Some(lease) => (Guard::marked(lease), lease.place().backups.clone()),
            None => {
                let made = BucketName::new(format!("pulp-drill-{run}-{number}"));
                store.create_bucket(&made).await?;
                (Guard::named(self.database.clone(), vec![self.bucket.clone(), made.clone()]), made)
            }
        };
        self.reset(&guard).await?;
        let folder = run_dir.path().join(format!("site-{number:03}"));
        std::fs::create_dir(&folder).or_environment(|| format!("can't make {}", folder.display()))?;
        Ok(Site::new(Handles {
            guard,
            objects: store.bucket(&self.bucket),
            backups: store.bucket(&backup_bucket),
            method: method.clone(),
            rows: RowStore::Postgres(RwLock::new(self.database.clone())),
            s3: Some(self.s3.clone()),
            results: None,
            bucket: self.bucket.clone(),
            engine: EngineSlot {
                launch: Launch::Url(self.url.clone()),
                variables: RwLock::new(self.env.clone()),
                keys: self.keys.clone(),
                log: folder.join("engine.log"),
                children: run_dir.children().clone(),
                ready_within,
                starts_itself: false,
                profile: Arc::clone(&profile),
                running: Mutex::new(None),
            },
            gate: None,
            server: None,
            connection: Mutex::new(None),
            former: std::sync::Mutex::default(),
            redactor: redactor.clone(),
            store,
            backup_bucket,
            programs,
            profile,
            folder,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        Some(
            match name {
                "DATABASE_URL" => "postgresql://u:pass-word@db/pulp-engine",
                "S3_BUCKET" => "assets",
                "S3_ENDPOINT" => "http://127.0.0.1:1",
                "S3_ACCESS_KEY_ID" | "S3_SECRET_ACCESS_KEY" => "key-of-the-store",
                _ => return None,
            }
            .to_owned(),
        )
    }

    #[test]
    fn nothing_is_destroyed_that_was_not_named() {
        let url = Url::parse("http://127.0.0.1:1").expect("a URL");
        let from = |named: Option<&str>| {
            let named: Vec<String> = named.map(str::to_owned).into_iter().collect();
            AttachedStores::from_env(&url, &named, lookup, &Redactor::new())
        };
        assert!(from(None).is_err());
        assert!(from(Some("pulp")).is_err());
        assert!(from(Some("pulp-engine")).is_ok());
        let refusal = from(None).err().expect("refused").to_string();
        assert!(refusal.contains("--i-understand-this-destroys pulp-engine"), "{refusal}");
        assert!(!refusal.contains("pass-word"), "{refusal}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let url = Url::parse("http://127.0.0.1:1").expect("a URL");
        let refusal = AttachedStores::from_env(&url, &[], |_| None, &Redactor::new()).err().expect("refused");
        assert!(refusal.to_string().contains("DATABASE_URL, S3_BUCKET"), "{refusal}");
    }
}
