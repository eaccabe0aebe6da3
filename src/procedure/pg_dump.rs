//! Rows by `pg_dump` and `pg_restore`: runbook 2.1 and 3.3, option for option. The one departure:
//! URLs on the command line carry no password, which goes by the environment.

use crate::{
    base::{
        error::{Error, ErrorContext},
        process::{self, Progress, Ran},
    },
    journal::Logbook,
    model::finding::Finding,
    procedure::{PendingFaults, backup_failed, restore_failed},
    scenario::method::DumpFormat,
    site::Handles,
    system::postgres::{Access, Postgres, drop_statement, drop_subscriptions, quote_ident},
};
use std::{path::Path, time::Duration};

/// How often the server is asked whether it works for a command.
const ASKED: Duration = Duration::from_secs(2);

/// `pg_dump --no-owner --no-privileges` (runbook 2.1), in the scenario's format.
pub async fn dump(
    site: &Handles,
    to: &Path,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let options = site.method.dump;
    let mut args = vec![
        format!("--format={}", options.format.option()),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        format!("--file={}", to.display()),
    ];
    args.extend(options.compress.map(|level| format!("--compress={level}")));
    if options.format == DumpFormat::Directory {
        args.extend(options.jobs.map(|jobs| format!("--jobs={jobs}")));
    }
    args.extend(armed.dump_options.iter().cloned());
    args.push(site.database()?.url_without_password());
    let ran = client(site, "pg_dump", &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| backup_failed("dump database", ran.describe_failure())))
}

/// Drops, creates and fills the database (runbook 3.3): both statements over the maintenance URL,
/// names quoted, `WITH (FORCE)` for stragglers.
pub async fn restore(
    site: &Handles,
    from: &Path,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    site.disconnect().await;
    let database = site.database()?;
    let ours = site.guard.database(&database).await?;
    drop_subscriptions(&ours).await?;
    let drop = drop_statement(ours);
    for sql in [drop, create(&database)] {
        if let Some(why) = maintain(site, &database, sql, log).await? {
            return Ok(Some(restore_failed("restore database", why)));
        }
    }
    site.guard.made(&database).await?;
    let why = fill(site, &database, from, armed, log).await?;
    Ok(why.map(|why| restore_failed("restore database", why)))
}

/// Fills a fresh database and flips the connection to it (runbook 3.3, "safer alternative"): what
/// was there stays untouched, and the engine never sees a half-filled database.
pub async fn restore_fresh(
    site: &Handles,
    from: &Path,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<Finding>, Error> {
    let step = "restore into fresh database";
    let mut fresh = site.database()?;
    fresh.database += "-restored";
    // What stands under this name, if anything does, must be ours too.
    site.guard.database(&fresh).await?;
    if let Some(why) = maintain(site, &fresh, create(&fresh), log).await? {
        return Ok(Some(restore_failed(step, why)));
    }
    site.guard.made(&fresh).await?;
    // Also where filling it fails: it is then the site's to be taken down.
    site.flip(fresh.clone()).await?;
    let why = fill(site, &fresh, from, armed, log).await?;
    Ok(why.map(|why| restore_failed(step, why)))
}

fn create(database: &Access) -> String {
    let (name, owner) = (quote_ident(&database.database), quote_ident(&database.user));
    format!("CREATE DATABASE {name} OWNER {owner};")
}

/// One statement over the maintenance database. Gives why it failed.
async fn maintain(
    site: &Handles,
    database: &Access,
    sql: String,
    log: &Logbook,
) -> Result<Option<String>, Error> {
    let maintenance = database.maintenance().url_without_password();
    let args = ["--no-psqlrc".to_owned(), maintenance, "-c".to_owned(), sql];
    let ran = client(site, "psql", &args, log).await?;
    Ok((!ran.exit.is_success()).then(|| ran.describe_failure()))
}

/// Fills an empty database that the site is not on. Gives why it failed.
pub async fn fill_beside(
    site: &Handles,
    database: &Access,
    from: &Path,
    log: &Logbook,
) -> Result<Option<String>, Error> {
    fill(site, database, from, &PendingFaults::default(), log).await
}

/// Fills an empty database from a dump: `pg_restore`, or `psql` for a plain one. Gives why it failed.
async fn fill(
    site: &Handles,
    database: &Access,
    from: &Path,
    armed: &PendingFaults,
    log: &Logbook,
) -> Result<Option<String>, Error> {
    let options = site.method.dump;
    let target = format!("--dbname={}", database.url_without_password());
    let (program, args) = if options.format == DumpFormat::Plain {
        let stop = "--set=ON_ERROR_STOP=1".to_owned();
        let quiet = "--output=/dev/null".to_owned();
        ("psql", vec!["--no-psqlrc".to_owned(), stop, quiet, target, format!("--file={}", from.display())])
    } else {
        let mut args = vec![target, "--no-owner".to_owned(), "--no-privileges".to_owned()];
        args.extend(options.jobs.map(|jobs| format!("--jobs={jobs}")));
        if options.on_another_server {
            args.extend(["--no-subscriptions", "--no-tablespaces"].map(str::to_owned));
        }
        args.extend(options.schema_only.then(|| "--schema-only".to_owned()));
        if armed.without_sequences {
            args.push(format!("--use-list={}", list_without_sequences(site, from, log).await?.display()));
        }
        args.push(from.display().to_string());
        ("pg_restore", args)
    };
    let ran = client(site, program, &args, log).await?;
    let failed = (!ran.exit.is_success()).then(|| ran.describe_failure());
    match failed.as_deref().filter(|_| options.on_another_server).and_then(lacked_by_server) {
        Some(lacked) => Err(lacked.cause(failed.unwrap_or_default())),
        None => Ok(failed),
    }
}

/// What a restore reports where the server, and not the dump, is at fault, and what to do.
const LACKED: [(&str, &str); 8] = [
    ("\" for encoding \"", "install the locale that the collation needs, and repeat the test"),
    ("could not create locale", "install the locale that a collation needs, and repeat the test"),
    ("ICU is not supported", "choose a PostgreSQL that was built with ICU, with PULP_DRILL_PG_BIN"),
    ("could not open extension control file", "install the package of the extension for this version"),
    ("could not access file \"", "install the library for this version of PostgreSQL"),
    ("No space left on device", "free space, or choose another folder with TMPDIR"),
    ("could not resize shared memory", "free memory, or choose another folder with TMPDIR"),
    ("max_locks_per_transaction", "repeat the test on a machine with more memory"),
];

/// The error, if the server lacks what the dump needs.
fn lacked_by_server(said: &str) -> Option<Error> {
    let (_, hint) = LACKED.iter().find(|(text, _)| said.contains(text))?;
    Some(Error::environment("the server that restores lacks what the dump needs").hint(*hint))
}

/// The dump's table of contents without the lines that set sequences, as a file for `--use-list`.
async fn list_without_sequences(
    site: &Handles,
    dump: &Path,
    log: &Logbook,
) -> Result<std::path::PathBuf, Error> {
    let full = dump.with_extension("toc");
    let file = format!("--file={}", full.display());
    let ran =
        client(site, "pg_restore", &["--list".to_owned(), file, dump.display().to_string()], log).await?;
    ran.or_error("can't list the dump's contents")?;
    let toc = std::fs::read_to_string(&full).or_environment(|| format!("can't read {}", full.display()))?;
    let kept: Vec<&str> = toc.lines().filter(|line| !line.contains(" SEQUENCE SET ")).collect();
    let path = dump.with_extension("without-sequences.toc");
    std::fs::write(&path, kept.join("\n") + "\n")
        .or_environment(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// Writes the schema of a dump in one of `pg_restore`'s formats as SQL. Gives why that failed.
pub async fn schema_of(
    site: &Handles,
    dump: &Path,
    to: &Path,
    log: &Logbook,
) -> Result<Option<String>, Error> {
    let options = ["--schema-only", "--no-owner", "--no-privileges"].map(str::to_owned);
    let files = [format!("--file={}", to.display()), dump.display().to_string()];
    let ran = client(site, "pg_restore", &[&options[..], &files].concat(), log).await?;
    Ok((!ran.exit.is_success()).then(|| ran.describe_failure()))
}

/// Runs one of PostgreSQL's client programs against the site, as long as it or the server makes progress,
/// and keeps it in the journal.
async fn client(site: &Handles, program: &str, args: &[String], log: &Logbook) -> Result<Ran, Error> {
    let (database, progress) = (site.database()?, Progress::default());
    let command = site.programs.command(program).args(args).recorded_in(&site.engine.children);
    let mut command = command.while_progressing(progress.clone());
    for (name, value) in database.client_env() {
        command = command.env(name, value);
    }
    let ran = tokio::select! {
        ran = process::run(command, &site.redactor) => ran?,
        () = server_at_work(&database, &progress) => unreachable!("it is asked for ever"),
    };
    log.ran(&ran)?;
    Ok(ran)
}

/// Reports progress while the server executes a statement for a role: a client waits silently for an
/// index that takes an hour.
async fn server_at_work(database: &Access, progress: &Progress) {
    // Other sessions of the role: the drill's own are idle while a command runs. One that waits for rows of a
    // client does nothing: pg_restore 15 loops on a tar file that was cut off.
    const ACTIVE: &str = "select pid::text from pg_stat_activity \
        where state = 'active' and usename = current_user and pid <> pg_backend_pid() \
        and wait_event_type is distinct from 'Client'";
    loop {
        tokio::time::sleep(ASKED).await;
        if let Ok(server) = Postgres::connect(&database.maintenance()).await {
            if server.texts(ACTIVE).await.is_ok_and(|active| !active.is_empty()) {
                progress.report();
            }
            server.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_locale_is_not_the_dumps_fault_and_a_missing_table_is() {
        for (said, lacked) in [
            ("ERROR:  collation \"pg_catalog.de_DE.utf8\" for encoding \"UTF8\" does not exist", true),
            ("ERROR:  could not access file \"$libdir/postgis-3\": No such file or directory", true),
            ("ERROR:  relation \"public.photos\" does not exist", false),
            ("ERROR:  invalid byte sequence for encoding \"UTF8\": 0xe4", false),
        ] {
            assert_eq!(lacked_by_server(said).is_some(), lacked, "{said}");
        }
    }
}
