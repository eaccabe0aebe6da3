//! The engine's configuration, from the environment variables that the real server documents.
//! It reads and checks; it opens nothing. No type here prints itself: they hold secrets.

use super::defects::{Defect, Defects};
use super::error::EngineError;
use super::schema::Release;
use super::store::{BucketSettings, StoreSettings};
use super::writes::Writes;
use clap::ValueEnum as _;
use sqlx::postgres::PgConnectOptions;
use std::{path::PathBuf, time::Duration};

/// The settings of a serving engine.
pub struct Settings {
    /// Address to listen on, without the port.
    pub(crate) host: String,
    /// 0 takes a free one; the line on stdout contains it.
    pub(crate) port: u16,
    /// Where the rows are stored.
    pub rows: RowSettings,
    /// Where the binaries are stored.
    pub(crate) binaries: StoreSettings,
    /// Where results of batch jobs are stored; with the job when `None`.
    pub(crate) results: Option<StoreSettings>,
    /// Whether `GET /assets/:filename` needs a key and HTML gets its assets inlined.
    pub(crate) private_assets: bool,
    /// Base of asset URLs in public mode with S3.
    pub(crate) public_url: Option<String>,
    /// Scoped API keys.
    pub(crate) keys: Keys,
    /// Unfinished jobs older than this are given up at start.
    pub(crate) orphan_grace: Duration,
    /// How long a completed job can be polled.
    pub(crate) job_retention: Duration,
    /// Which store each kind of write touches first: `PULP_STANDIN_WRITES`.
    pub(crate) writes: Writes,
    /// Deliberate misbehaviour.
    pub(crate) defects: Defects,
}

/// One place for rows.
pub enum RowSettings {
    /// `STORAGE_MODE=postgres`.
    Database {
        /// `DATABASE_URL`.
        options: Box<PgConnectOptions>,
        /// Which release the engine acts as: `PULP_STANDIN_SCHEMA` names its last step.
        release: Release,
    },
    /// `STORAGE_MODE=file`.
    Files {
        /// `TEMPLATES_DIR`.
        templates: PathBuf,
        /// `ASSETS_DIR`.
        assets: PathBuf,
    },
}

impl RowSettings {
    /// Whether a tenant's record contains when its status changed.
    pub(crate) fn dates_tenant_status(&self) -> bool {
        match self {
            Self::Database { release, .. } => release.dates_tenant_status(),
            Self::Files { .. } => false,
        }
    }
}

/// The four scoped keys; with none set, nothing is asked for.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) admin: Option<String>,
    pub(crate) render: Option<String>,
    pub(crate) preview: Option<String>,
    pub(crate) editor: Option<String>,
}

impl Settings {
    /// Reads the process's environment; `defects` come from the command line and are joined by
    /// those in `PULP_STANDIN_DEFECTS` (a comma list).
    pub(crate) fn from_env(defects: &[Defect]) -> Result<Self, EngineError> {
        Self::read(&|name| std::env::var(name).ok(), defects)
    }

    /// The same from any source of variables. A variable set to nothing counts as unset.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>, defects: &[Defect]) -> Result<Self, EngineError> {
        let env = Variables(lookup);
        let access = env.only("ASSET_ACCESS_MODE", "public", &["public", "private"])?;
        let port = env.number("PORT", 3000)?;
        let port = u16::try_from(port).map_err(|_| env.wrong("PORT", "a port from 0 to 65535"))?;
        Ok(Self {
            host: env.get("HOST").unwrap_or_else(|| "127.0.0.1".into()),
            port,
            binaries: env.binaries()?,
            results: if file_mode(lookup)? { None } else { env.results()? },
            rows: env.rows()?,
            private_assets: access == "private",
            public_url: env.get("S3_PUBLIC_URL"),
            keys: Keys {
                admin: env.get("API_KEY_ADMIN"),
                render: env.get("API_KEY_RENDER"),
                preview: env.get("API_KEY_PREVIEW"),
                editor: env.get("API_KEY_EDITOR"),
            },
            orphan_grace: Duration::from_millis(env.number("STARTUP_ORPHAN_GRACE_MS", 60_000)?),
            job_retention: Duration::from_secs(env.number("WEBHOOK_JOB_RETENTION_SECONDS", 86_400)?),
            writes: env.writes()?,
            defects: env.defects(defects)?,
        })
    }
}

/// Whether the rows are in files: `STORAGE_MODE`.
pub(crate) fn file_mode(lookup: &dyn Fn(&str) -> Option<String>) -> Result<bool, EngineError> {
    Ok(Variables(lookup).only("STORAGE_MODE", "postgres", &["postgres", "file"])? == "file")
}

/// Where the rows are: `DATABASE_URL`. User, password and database name may be percent-encoded.
pub(crate) fn database(lookup: &dyn Fn(&str) -> Option<String>) -> Result<PgConnectOptions, EngineError> {
    let env = Variables(lookup);
    // The parser's own message can quote the URL, which holds the password: it is left out.
    let options: PgConnectOptions = env.need("DATABASE_URL")?.parse().map_err(|_: sqlx::Error| {
        env.wrong("DATABASE_URL", "a URL such as postgresql://user:password@host:5432/database")
    })?;
    Ok(options.application_name("pulp-drill standin engine"))
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn wrong(&self, name: &str, wanted: &str) -> EngineError {
        EngineError::Settings(format!("{name} must be {wanted}"))
    }

    fn need(&self, name: &str) -> Result<String, EngineError> {
        self.get(name).ok_or_else(|| EngineError::Settings(format!("{name} is not set")))
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, EngineError> {
        self.get(name)
            .map_or(Ok(default), |text| text.parse().map_err(|_| self.wrong(name, "a whole number")))
    }

    fn only(&self, name: &str, default: &str, allowed: &[&str]) -> Result<String, EngineError> {
        let value = self.get(name).unwrap_or_else(|| default.into());
        if allowed.contains(&value.as_str()) {
            return Ok(value);
        }
        Err(self.wrong(name, &format!("{} for the stand-in engine, not `{value}`", allowed.join(" or "))))
    }

    fn rows(&self) -> Result<RowSettings, EngineError> {
        if file_mode(self.0)? {
            let (templates, assets) = (self.need("TEMPLATES_DIR")?.into(), self.need("ASSETS_DIR")?.into());
            return Ok(RowSettings::Files { templates, assets });
        }
        Ok(RowSettings::Database { options: Box::new(database(self.0)?), release: self.release()? })
    }

    fn release(&self) -> Result<Release, EngineError> {
        let Some(text) = self.get("PULP_STANDIN_SCHEMA") else { return Ok(Release::NEWEST) };
        let release = text.parse().ok().and_then(Release::ending_at).filter(|release| release.can_serve());
        release
            .ok_or_else(|| self.wrong("PULP_STANDIN_SCHEMA", "a step of the schema that an engine ended at"))
    }

    fn binaries(&self) -> Result<StoreSettings, EngineError> {
        match self.only("ASSET_BINARY_STORE", "filesystem", &["filesystem", "s3"])?.as_str() {
            "s3" => Ok(StoreSettings::Bucket(self.bucket(self.need("S3_BUCKET")?)?)),
            _ => Ok(StoreSettings::Folder(self.need("ASSETS_DIR")?.into())),
        }
    }

    fn results(&self) -> Result<Option<StoreSettings>, EngineError> {
        match (self.get("JOB_RESULT_BLOB_DIR"), self.get("JOB_RESULT_BLOB_BUCKET")) {
            (Some(_), Some(_)) => Err(EngineError::Settings(
                "JOB_RESULT_BLOB_DIR and JOB_RESULT_BLOB_BUCKET exclude each other".into(),
            )),
            (Some(folder), None) => Ok(Some(StoreSettings::Folder(folder.into()))),
            (None, Some(bucket)) => Ok(Some(StoreSettings::Bucket(self.bucket(bucket)?))),
            (None, None) => Ok(None),
        }
    }

    fn bucket(&self, bucket: String) -> Result<BucketSettings, EngineError> {
        Ok(BucketSettings {
            bucket,
            region: self.need("S3_REGION")?,
            access_key_id: self.need("S3_ACCESS_KEY_ID")?,
            secret_access_key: self.need("S3_SECRET_ACCESS_KEY")?,
            endpoint: self.get("S3_ENDPOINT"),
            path_style: self.only("S3_PATH_STYLE", "false", &["true", "false"])? == "true",
        })
    }

    fn writes(&self) -> Result<Writes, EngineError> {
        let text = self.get("PULP_STANDIN_WRITES").unwrap_or_default();
        text.parse().map_err(|why| EngineError::Settings(format!("PULP_STANDIN_WRITES: {why}")))
    }

    fn defects(&self, chosen: &[Defect]) -> Result<Defects, EngineError> {
        let mut all = chosen.to_vec();
        for name in self.get("PULP_STANDIN_DEFECTS").unwrap_or_default().split(',') {
            let name = name.trim();
            if !name.is_empty() {
                all.push(Defect::from_str(name, false).map_err(|_| {
                    EngineError::Settings(format!("PULP_STANDIN_DEFECTS names no defect `{name}`"))
                })?);
            }
        }
        Ok(Defects::new(all))
    }
}

#[cfg(test)]
mod tests {
    use super::{RowSettings, Settings, StoreSettings};
    use crate::engine::defects::Defect;

    fn read(extra: &[(&str, &str)]) -> Result<Settings, String> {
        let mut all = vec![
            ("DATABASE_URL", "postgresql://pulp-engine:p%40ss%2Fword@db:5433/pulp%2Dengine"),
            ("ASSETS_DIR", "/a"),
        ];
        all.extend(extra);
        let lookup =
            |name: &str| all.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Settings::read(&lookup, &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_percent_encoded_hyphenated_database_is_decoded() {
        let settings = read(&[]).expect("valid");
        let RowSettings::Database { options, .. } = &settings.rows else { panic!("a database") };
        assert_eq!(options.get_database(), Some("pulp-engine"));
        assert_eq!(options.get_username(), "pulp-engine");
        assert_eq!(settings.port, 3000);
        assert!(matches!(settings.binaries, StoreSettings::Folder(_)));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (name, value) in [
            ("STORAGE_MODE", "sqlserver"),
            ("PULP_STANDIN_SCHEMA", "1"),
            ("PULP_STANDIN_SCHEMA", "5"),
            ("PORT", "70000"),
            ("PORT", "x"),
            ("ASSET_ACCESS_MODE", "secret"),
            ("PULP_STANDIN_DEFECTS", "fail-open,nonsense"),
            ("PULP_STANDIN_WRITES", "upload=row-first,replace=sometimes"),
        ] {
            let message = read(&[(name, value)]).err().expect("refused");
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn file_mode_needs_both_folders_and_no_database() {
        let file = [("STORAGE_MODE", "file"), ("DATABASE_URL", "")];
        assert!(read(&file).err().expect("refused").contains("TEMPLATES_DIR"));
        let both = [file.as_slice(), &[("TEMPLATES_DIR", "/t"), ("JOB_RESULT_BLOB_DIR", "/r")]].concat();
        let settings = read(&both).expect("valid");
        assert!(matches!(settings.rows, RowSettings::Files { .. }));
        assert!(settings.results.is_none(), "jobs are in memory only");
        let no_assets = [both.as_slice(), &[("ASSETS_DIR", ""), ("ASSET_BINARY_STORE", "s3")]].concat();
        assert!(read(&no_assets).is_err());
    }

    #[test]
    fn a_wrong_database_url_is_refused_without_quoting_it() {
        let message =
            read(&[("DATABASE_URL", "postgresql://u:hush@host:notaport/x")]).err().expect("refused");
        assert!(message.contains("DATABASE_URL") && !message.contains("hush"), "{message}");
    }

    #[test]
    fn s3_needs_its_variables_and_defects_come_as_a_list() {
        assert!(read(&[("ASSET_BINARY_STORE", "s3")]).err().expect("refused").contains("S3_BUCKET"));
        let settings = read(&[("PULP_STANDIN_DEFECTS", "fail-open, lies-ready")]).expect("valid");
        assert!(settings.defects.has(Defect::FailOpen) && settings.defects.has(Defect::LiesReady));
        assert!(!settings.defects.has(Defect::WrongCode));
    }
    #[test]
    fn the_orders_of_writes_are_those_of_the_variable() {
        use crate::engine::writes::{First, Writes};
        let writes = |extra: &[(&str, &str)]| read(extra).expect("valid").writes;
        assert_eq!(writes(&[]), Writes::default());
        let row_first = Writes { upload: First::Row, batch: First::Row, ..Writes::default() };
        assert_eq!(writes(&[("PULP_STANDIN_WRITES", "upload=row-first,batch=row-first")]), row_first);
    }
}
