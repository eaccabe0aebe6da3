//! Rows by `pg_dump` and `pg_restore`: runbook 2.1 and 3.3, option for option. The one departure:
//! URLs on the command line carry no password, which goes by the environment.

use crate::{
    base::{
        process::{self, Ran},
        trouble::{OrTrouble, Trouble},
    },
    journal::Logbook,
    model::finding::Finding,
    procedure::{Armed, backup_failed, restore_failed},
    site::Handles,
    system::postgres::quote_ident,
};
use std::{path::Path, time::Duration};

/// No command of a drill's size takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// `pg_dump --format=custom --no-owner --no-privileges` (runbook 2.1).
pub async fn dump(
    site: &Handles,
    to: &Path,
    armed: &Armed,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    let mut args = vec![
        "--format=custom".to_owned(),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        format!("--file={}", to.display()),
    ];
    args.extend(armed.without_tables.iter().map(|t| format!("--exclude-table={}", quote_ident(t.as_str()))));
    args.push(site.database.url_without_password());
    let ran = client(site, "pg_dump", &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| backup_failed("dump database", said(&ran))))
}

/// Drops, creates and fills the database (runbook 3.3): both statements over the maintenance URL,
/// names quoted, `WITH (FORCE)` for stragglers.
pub async fn restore(
    site: &Handles,
    from: &Path,
    armed: &Armed,
    log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    site.disconnect().await;
    let (name, owner) = (quote_ident(&site.database.database), quote_ident(&site.database.user));
    let maintenance = site.database.maintenance().url_without_password();
    for sql in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE);"),
        format!("CREATE DATABASE {name} OWNER {owner};"),
    ] {
        let args = ["--no-psqlrc".to_owned(), maintenance.clone(), "-c".to_owned(), sql];
        let ran = client(site, "psql", &args, log).await?;
        if !ran.exit.is_success() {
            return Ok(Some(restore_failed("restore database", said(&ran))));
        }
    }
    let mut args = vec![
        format!("--dbname={}", site.database.url_without_password()),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
    ];
    if armed.without_sequences {
        args.push(format!("--use-list={}", list_without_sequences(site, from, log).await?.display()));
    }
    args.push(from.display().to_string());
    let ran = client(site, "pg_restore", &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| restore_failed("restore database", said(&ran))))
}

/// The dump's table of contents without the lines that set sequences, as a file for `--use-list`.
async fn list_without_sequences(
    site: &Handles,
    dump: &Path,
    log: &Logbook,
) -> Result<std::path::PathBuf, Trouble> {
    let full = dump.with_extension("toc");
    let file = format!("--file={}", full.display());
    let ran =
        client(site, "pg_restore", &["--list".to_owned(), file, dump.display().to_string()], log).await?;
    ran.or_trouble("can't list the dump's contents")?;
    let toc = std::fs::read_to_string(&full).or_environment(|| format!("can't read {}", full.display()))?;
    let kept: Vec<&str> = toc.lines().filter(|line| !line.contains(" SEQUENCE SET ")).collect();
    let path = dump.with_extension("without-sequences.toc");
    std::fs::write(&path, kept.join("\n") + "\n")
        .or_environment(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// Runs one of PostgreSQL's client programs against the site and keeps it in the journal.
async fn client(site: &Handles, program: &str, args: &[String], log: &Logbook) -> Result<Ran, Trouble> {
    let mut command =
        site.programs.command(program).args(args).limit(LIMIT).recorded_in(&site.engine.children);
    for (name, value) in site.database.client_env() {
        command = command.env(name, value);
    }
    let ran = process::run(command, &site.redactor).await?;
    log.ran(&ran)?;
    Ok(ran)
}

/// How a command failed, with the end of what it said.
fn said(ran: &Ran) -> String {
    format!("{}: {}\n{}", ran.program, ran.exit, ran.stderr.tail(12)).trim_end().to_owned()
}
