//! Leaves sites running for inspection (`run --keep`). `leftovers` removes them later.

use crate::{
    base::error::{Error, ErrorContext},
    runbook::provision::{stores::Stores, substrate::Substrate},
    site::{Site, Source},
    system::engine::EngineProcess,
};
use std::{
    collections::BTreeMap,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file in the site's folder that holds how to reach it, secrets included.
const ENVIRONMENT: &str = "environment";

impl Substrate {
    /// Makes a site ready to outlive the harness: the gate before the object store ends with us, so
    /// the engine is started again with the store's own address. Gives how to connect, for people
    /// and without secrets; those are in a file that only its owner can read.
    pub async fn leave(&self, site: &Site<Source>) -> Result<String, Error> {
        let mut env = site.engine.env();
        if let Some(s3) = &site.s3 {
            env.insert("S3_ENDPOINT".to_owned(), s3.endpoint.clone());
        }
        site.engine.stop().await;
        let with = site.engine.start_with(&env, &site.redactor);
        let engine = match EngineProcess::start(&site.engine.launch, &with).await {
            _ if !site.engine.exists() => "none, as the profile says".to_owned(),
            Ok(process) => {
                process.release();
                if let Some(port) = process.url().port().filter(|_| process.is_ours()) {
                    env.insert("PORT".to_owned(), port.to_string());
                }
                process.url().to_string()
            }
            // A site whose engine does not start may be the one to inspect.
            Err(error) => format!("does not start ({}); see {}", error.what, site.engine.log.display()),
        };
        if let Some(server) = &site.server {
            server.release().await;
        }
        let mut how = Vec::new();
        if let Ok(database) = site.database() {
            how.push(format!("  database: psql {}", quoted(&database.url_without_password())));
            env.insert("PGPASSWORD".to_owned(), database.password);
        }
        if let Some(s3) = &site.s3 {
            let variables = [
                ("AWS_ACCESS_KEY_ID", &s3.access_key),
                ("AWS_SECRET_ACCESS_KEY", &s3.secret_key),
                ("AWS_REGION", &s3.region),
                ("AWS_ENDPOINT_URL", &s3.endpoint),
            ];
            env.extend(variables.map(|(name, value)| (name.to_owned(), value.clone())));
            how.push(format!("  objects:  aws s3 ls s3://{}", site.bucket));
            how.push(format!("  backups:  aws s3 ls s3://{}", site.backup_bucket));
        }
        let file = site.folder.join(ENVIRONMENT);
        write(&file, &env)?;
        Ok(format!(
            "  secrets:  set -a; . {}; set +a\n  engine:   {engine}\n{}\n  folder:   {}",
            quoted(&file.display().to_string()),
            how.join("\n"),
            site.folder.display()
        ))
    }

    /// Leaves everything running for inspection. Gives the run's folder.
    pub fn leave_running(self) -> Result<PathBuf, Error> {
        let run_dir =
            Arc::try_unwrap(self.run_dir).map_err(|_| Error::harness("the run's folder is still in use"))?;
        if let Stores::Local { postgres, objects } = &self.stores {
            postgres.daemon().release();
            objects.daemon().release();
        }
        run_dir.leave_running()
    }
}

/// Writes variables so that a shell reads them with `.`, for the owner's eyes only.
fn write(file: &Path, env: &BTreeMap<String, String>) -> Result<(), Error> {
    let context = || format!("can't write {}", file.display());
    let text: String = env.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
    let mut open = std::fs::OpenOptions::new();
    let mut out = open.write(true).create_new(true).mode(0o600).open(file).or_environment(context)?;
    out.write_all(text.as_bytes()).or_environment(context)
}

/// One word for a shell.
fn quoted(text: &str) -> std::borrow::Cow<'_, str> {
    shell_words::quote(text)
}
