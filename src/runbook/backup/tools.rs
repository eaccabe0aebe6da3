//! What programs that operators use to check backups report about the one that was taken. It changes nothing
//! and decides nothing: the checks of the restored site do.

use crate::{
    base::{
        error::Error,
        process::{Command, on_path, run},
    },
    journal::Logbook,
    model::event::{Event, ToolReport},
    procedure::{Backup, command::store_clients},
    site::Handles,
};
use std::time::Duration;

/// How long each may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The remote that rclone finds in its environment.
const REMOTE: &str = "store";

/// Asks `pg_restore --list`, `aws s3 sync --dryrun` and `rclone check` about dump and copy, those that are
/// installed.
///
/// # Errors
/// The journal can't be written.
pub async fn examine(site: &Handles, backup: &Backup, log: &Logbook) -> Result<(), Error> {
    let (dump, aws, rclone) = tokio::join!(list(site, backup), sync(site, backup), check(site, backup));
    for report in [dump, aws, rclone].into_iter().flatten() {
        log.event(Event::BackupExamined(report))?;
    }
    Ok(())
}

/// Whether the dump can be listed.
async fn list(site: &Handles, backup: &Backup) -> Option<ToolReport> {
    let dump = backup.dump.as_deref()?;
    let command = site.programs.command("pg_restore").arg("--list").arg(dump);
    let said = |out: &str, _: &str| {
        let entries = out.lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty()).count();
        format!("{entries} entries listed")
    };
    Some(report("pg_restore --list", command, site, said).await)
}

/// Whether the copy lacks an object of the bucket.
async fn sync(site: &Handles, backup: &Backup) -> Option<ToolReport> {
    let (bucket, copy) = places(site, backup)?;
    let args =
        ["s3", "sync", "--dryrun", &format!("s3://{bucket}/"), &format!("s3://{copy}/")].map(str::to_owned);
    let command = client(site, "aws")
        .args(args)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let said = |out: &str, _: &str| match out.lines().filter(|line| !line.trim().is_empty()).count() {
        0 => "nothing left to copy".to_owned(),
        count => format!("{count} objects left to copy"),
    };
    Some(if_installed("aws", "aws s3 sync --dryrun", command, site, said).await)
}

/// Whether bucket and copy have the same objects.
async fn check(site: &Handles, backup: &Backup) -> Option<ToolReport> {
    let (bucket, copy) = places(site, backup)?;
    let s3 = site.s3.as_ref()?;
    let args = ["check", &format!("{REMOTE}:{bucket}"), &format!("{REMOTE}:{copy}")].map(str::to_owned);
    let command = client(site, "rclone")
        .args(args)
        .without_inherited("RCLONE_")
        .env("RCLONE_CONFIG", "/dev/null")
        .env("RCLONE_CONFIG_STORE_TYPE", "s3")
        .env("RCLONE_CONFIG_STORE_PROVIDER", "Other")
        .env("RCLONE_CONFIG_STORE_ENV_AUTH", "true")
        .env("RCLONE_CONFIG_STORE_ENDPOINT", &s3.endpoint)
        .env("RCLONE_CONFIG_STORE_REGION", &s3.region);
    let said = |_: &str, err: &str| {
        let differences = err.lines().find_map(|line| line.split_once("differences found"));
        let count = differences.and_then(|(before, _)| before.split_whitespace().last());
        count.map_or_else(String::new, |count| format!("{count} differences found"))
    };
    Some(if_installed("rclone", "rclone check", command, site, said).await)
}

/// The live bucket and the copy of it.
fn places(site: &Handles, backup: &Backup) -> Option<(String, String)> {
    let prefix = backup.copy.as_deref()?.trim_end_matches('/');
    Some((site.bucket.to_string(), format!("{}/{prefix}", site.backup_bucket)))
}

/// A client of the object store, with the site's address and keys.
fn client(site: &Handles, program: &str) -> Command {
    let command = Command::new(program).without_inherited("AWS_").cwd(&site.folder);
    store_clients(site).into_iter().fold(command, |command, (name, value)| command.env(name, value))
}

async fn if_installed(
    program: &str,
    tool: &str,
    command: Command,
    site: &Handles,
    said: impl FnOnce(&str, &str) -> String,
) -> ToolReport {
    if on_path(program) {
        return report(tool, command, site, said).await;
    }
    ToolReport {
        tool: tool.to_owned(),
        exit: None,
        accepted: None,
        said: "not installed, not run".to_owned(),
    }
}

/// Runs a program; `said` makes a sentence of its output.
async fn report(
    tool: &str,
    command: Command,
    site: &Handles,
    said: impl FnOnce(&str, &str) -> String,
) -> ToolReport {
    let command = command.limit(LIMIT).recorded_in(&site.engine.children);
    let tool = tool.to_owned();
    match run(command, &site.redactor).await {
        Err(error) => {
            ToolReport { tool, exit: None, accepted: None, said: format!("not run: {}", error.what) }
        }
        Ok(ran) => {
            let text = said(&ran.stdout.text, &ran.stderr.text);
            let text = if text.is_empty() || !ran.exit.is_success() { ran.stderr.tail(3) } else { text };
            ToolReport { tool, exit: Some(ran.exit.to_string()), accepted: None, said: text }
        }
    }
}
