//! Where a site is: a database, buckets and how to reach them, from variables. Names that nobody
//! may ever drill on are refused here.

use crate::base::error::Error;
use crate::base::ids::BucketName;
use crate::base::redact::Redactor;
use crate::system::objects::S3Access;
use crate::system::postgres::Access;

/// What must be set.
const NEEDED: [&str; 6] = [
    "DATABASE_URL",
    "S3_ENDPOINT",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_BUCKET",
    "S3_BACKUP_BUCKET",
];

/// The databases that a server, or a provider, needs for itself.
const MAINTENANCE: [&str; 8] = [
    "postgres",
    "template0",
    "template1",
    "rdsadmin",
    "azure_maintenance",
    "azure_sys",
    "cloudsqladmin",
    "defaultdb",
];

/// What is put behind the name of a database that a restore makes.
pub const RESTORED: &str = "-restored";

/// The longest name: PostgreSQL cuts names after 63 bytes, and a cut name would be another's.
const LONGEST: usize = 63 - RESTORED.len();

/// Where a site is.
#[derive(Clone, Debug)]
pub struct SiteLocation {
    /// The database, with a role that may make, comment and drop it.
    pub database: Access,
    /// The object store.
    pub s3: S3Access,
    /// The engine's bucket.
    pub assets: BucketName,
    /// The bucket for backups.
    pub backups: BucketName,
    /// The bucket for results of batch jobs, if there is one.
    pub results: Option<BucketName>,
}

impl SiteLocation {
    /// Reads it from variables: `DATABASE_URL`, `S3_…`, and `JOB_RESULT_BLOB_BUCKET` for results.
    /// Secrets are given to the redactor.
    ///
    /// # Errors
    /// Blames the user: variables are missing, or name what must not be drilled on.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>, redactor: &Redactor) -> Result<Self, Error> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let missing: Vec<&str> = NEEDED.into_iter().filter(|name| get(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Error::usage(format!("a site of your own needs {}", missing.join(", ")))
                .hint("set them in the environment, or in a file of mode 600 that --env-file names"));
        }
        let text = |name: &str| get(name).unwrap_or_default();
        let database = Access::parse(&text("DATABASE_URL")).map_err(|t| t.while_doing("DATABASE_URL"))?;
        redactor.add(&database.password);
        redactor.add(text("S3_SECRET_ACCESS_KEY"));
        redactor.add(text("S3_ACCESS_KEY_ID"));
        must_be_drillable(&database)?;
        let place = Self {
            database,
            s3: S3Access {
                endpoint: plain_endpoint(&text("S3_ENDPOINT"))?,
                region: get("S3_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
                access_key: text("S3_ACCESS_KEY_ID"),
                secret_key: text("S3_SECRET_ACCESS_KEY"),
                path_style: get("S3_PATH_STYLE").is_none_or(|value| value == "true"),
            },
            assets: BucketName::new(text("S3_BUCKET")),
            backups: BucketName::new(text("S3_BACKUP_BUCKET")),
            results: get("JOB_RESULT_BLOB_BUCKET").map(BucketName::new),
        };
        let mut names = place.buckets();
        names.sort();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err(Error::usage(
                "S3_BUCKET, S3_BACKUP_BUCKET and JOB_RESULT_BLOB_BUCKET name one bucket twice",
            )
            .hint("a loss of the binaries would take the backups with it: give each its own bucket"));
        }
        Ok(place)
    }

    /// All buckets.
    pub fn buckets(&self) -> Vec<BucketName> {
        [&self.assets, &self.backups].into_iter().chain(&self.results).cloned().collect()
    }

    /// The database that a restore into a fresh one makes.
    pub fn restored(&self) -> Access {
        self.database.with_database(&format!("{}{RESTORED}", self.database.database))
    }

    /// In words, without credentials.
    pub fn describe(&self) -> String {
        let buckets: Vec<String> = self.buckets().iter().map(ToString::to_string).collect();
        format!("{} and {} at {}", self.database.place(), buckets.join(", "), self.s3.endpoint)
    }
}

/// Refuses the databases that a server needs for itself.
pub fn must_be_drillable(database: &Access) -> Result<(), Error> {
    let name = database.database.as_str();
    if MAINTENANCE.contains(&name.to_lowercase().as_str()) {
        return Err(Error::usage(format!("database {name:?} is the server's own: it is never drilled on"))
            .hint("name a database of its own in DATABASE_URL"));
    }
    if name.len() > LONGEST || name.ends_with(RESTORED) {
        return Err(Error::usage(format!(
            "database {name:?} can't be a site: {name}{RESTORED} is needed beside it"
        ))
        .hint(format!("choose a name of up to {LONGEST} bytes that does not end in {RESTORED}")));
    }
    Ok(())
}

/// An address that holds a user name or a password would show it wherever it is printed.
fn plain_endpoint(text: &str) -> Result<String, Error> {
    match url::Url::parse(text) {
        Ok(url) if url.username().is_empty() && url.password().is_none() && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        Ok(_) | Err(_) => Err(Error::usage("S3_ENDPOINT is not a plain URL").hint(
            "write it like https://s3.example.com; keys go into S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(changed: &str, value: &str) -> Result<SiteLocation, Error> {
        let lookup = |name: &str| {
            let usual = match name {
                "DATABASE_URL" => "postgresql://u:pass-word@db/drills",
                "S3_ENDPOINT" => "http://127.0.0.1:1/",
                "S3_ACCESS_KEY_ID" | "S3_SECRET_ACCESS_KEY" => "key-of-the-store",
                "S3_BUCKET" => "assets",
                "S3_BACKUP_BUCKET" => "backups",
                _ => "",
            };
            Some(if name == changed { value } else { usual }.to_owned())
        };
        SiteLocation::from_vars(lookup, &Redactor::new())
    }

    #[test]
    fn what_must_never_be_drilled_on_is_refused() {
        assert!(place("", "").is_ok());
        for name in ["postgres", "template1", "Postgres", "drills-restored", &"x".repeat(60)] {
            let refused = place("DATABASE_URL", &format!("postgresql://u:pass-word@db/{name}"));
            let text = refused.expect_err(name).to_string();
            assert!(text.contains(name) && !text.contains("pass-word"), "{text}");
        }
        for (name, value) in [
            ("S3_BACKUP_BUCKET", "assets"),
            ("JOB_RESULT_BLOB_BUCKET", "backups"),
            ("S3_ENDPOINT", "http://user:geheim99@store"),
            ("S3_BUCKET", ""),
        ] {
            let text = place(name, value).expect_err(name).to_string();
            assert!(text.contains(name) && !text.contains("geheim99"), "{text}");
        }
    }

    #[test]
    fn its_words_hold_no_credentials() {
        let description = place("", "").unwrap().describe();
        assert_eq!(description, "postgresql://db:5432/drills and assets, backups at http://127.0.0.1:1");
    }
}
