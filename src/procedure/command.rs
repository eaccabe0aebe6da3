//! The operator's own commands: whatever backs up and restores a site in production is what gets
//! drilled. They run in a shell, in the scenario file's folder, with the environment that
//! `docs/own-commands.md` describes; secrets are in the environment only. The commands of a profile
//! are run here too, in the profile's folder and without a shell (`docs/profile.md`).
//!
//! A command is alone with the site and what it keeps: temporary files and processes that it leaves
//! behind end with it, as in a container, and a backup that is links to its source is none.

use crate::{
    base::{
        error::{Error, ErrorContext},
        folder::{ANY_DEPTH, Links, path_below, walk},
        process::{self, Command, Ran, own_program},
    },
    journal::Logbook,
    model::{event::Event, finding::Finding},
    procedure::{backup_failed, restore_failed},
    scenario::method::{BackupJob, Commands, RestoreJob},
    site::{Handles, RowStore},
    system::{
        cluster::{Came, OwnServer},
        objects::Bucket,
        postgres::Access,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// No command of a drill's size takes longer.
const LIMIT: Duration = Duration::from_secs(900);

/// Where the commands keep what they save: outlives the loss of the site.
const REPOSITORY: &str = "repository";

/// Where they keep settings and caches.
const WORK: &str = "work";

/// Where a command's temporary files go, and go with it.
const TEMPORARY: &str = "command-tmp";

/// What may be done before the first backup, then the backup.
pub async fn back_up(site: &Handles, log: &Logbook) -> Result<Option<Finding>, Error> {
    let commands = commands(site)?;
    let step = BackupJob::RunBackupCommand.describe();
    let data = match &site.server {
        Some(server) => Some(server.data_dir().await),
        None => None,
    };
    let prepared = site.folder.join(".prepared");
    if let Some(prepare) = commands.prepare.as_ref().filter(|_| !prepared.exists()) {
        let ran = shell(site, commands, ("prepare", prepare), data.as_deref(), log).await?;
        if !ran.exit.is_success() {
            return Ok(Some(backup_failed(step, ran.describe_failure())));
        }
        std::fs::write(&prepared, "").or_environment(|| format!("can't write {}", prepared.display()))?;
    }
    let ran = shell(site, commands, ("back up", &commands.back_up), data.as_deref(), log).await?;
    if !ran.exit.is_success() {
        return Ok(Some(backup_failed(step, ran.describe_failure())));
    }
    let links = links(site, data)?;
    Ok(links.map(|links| backup_failed(step, format!("{links}: what is lost there is lost in the backup"))))
}

/// What a site and its backup have in common by links of either kind, in words.
fn links(site: &Handles, data: Option<PathBuf>) -> Result<Option<String>, Error> {
    let mut places: Vec<PathBuf> = data.into_iter().collect();
    if let Bucket::Files(_) = &site.objects {
        places.push(site.assets_dir());
    }
    if let RowStore::Files(files) = &site.rows {
        places.extend([files.templates.clone(), files.assets.clone()]);
    }
    if places.is_empty() {
        return Ok(None);
    }
    let kept = home(site).join(REPOSITORY);
    let links = shared(&places, &kept).or_environment(|| format!("can't look into {}", kept.display()))?;
    Ok(links.first().map(|first| {
        let count = links.len();
        format!("links make {count} files in BACKUP_DIR the site's own, such as {first}")
    }))
}

/// What lies in a backup and is a file or folder of the site all the same.
fn shared(places: &[PathBuf], backup: &Path) -> io::Result<Vec<String>> {
    // What goes while it is looked at is no file any more.
    let file = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    let mut of_site: BTreeSet<_> = places.iter().filter_map(|folder| file(folder)).collect();
    let below = |folder| walk(folder, Links::Report, ANY_DEPTH, |_| true);
    for entry in places.iter().flat_map(|folder| below(folder)) {
        of_site.extend(file(entry?.path()));
    }
    let mut links = Vec::new();
    for entry in below(backup) {
        let entry = entry?;
        if file(entry.path()).is_some_and(|file| of_site.contains(&file)) {
            links.push(path_below(backup, &entry));
        }
    }
    links.sort();
    Ok(links)
}

/// The restore. The engine is stopped; what was lost is not there. A server of the scenario's own is
/// stopped, too: it is started on the data directory that the command has filled.
pub async fn restore(site: &Handles, log: &Logbook) -> Result<Option<Finding>, Error> {
    site.disconnect().await;
    let commands = commands(site)?;
    let step = RestoreJob::RunRestoreCommand.describe();
    let Some(server) = &site.server else {
        let ran = shell(site, commands, ("restore", &commands.restore), None, log).await?;
        if !ran.exit.is_success() {
            return Ok(Some(restore_failed(step, ran.describe_failure())));
        }
        return Ok(links(site, None)?.map(|links| written_through(step, &links)));
    };
    let database = site.database()?.database;
    server.stop().await;
    let data = server.fresh_dir().await;
    let ran = shell(site, commands, ("restore", &commands.restore), Some(&data), log).await?;
    if !ran.exit.is_success() {
        return Ok(Some(restore_failed(step, ran.describe_failure())));
    }
    if !data.join("PG_VERSION").is_file() {
        let why = format!("the command left no data directory at $PGDATA, {}", data.display());
        return Ok(Some(restore_failed(step, why)));
    }
    if let Some(links) = links(site, Some(data.clone()))? {
        return Ok(Some(written_through(step, &links)));
    }
    // It takes connections when it has recovered, and not before.
    server.set(&data, &[("hot_standby", "off")])?;
    server.give(&data)?;
    Ok(match server.start_restored(&data).await? {
        Came::Up(_) => {
            site.flip(server.access(&database).await).await?;
            None
        }
        Came::Down(log) => Some(restore_failed(step, log.end())),
    })
}

fn written_through(step: &str, links: &str) -> Finding {
    restore_failed(step, format!("{links}: what the engine writes there changes the backup"))
}

fn commands(site: &Handles) -> Result<&Commands, Error> {
    site.method.commands.as_ref().ok_or_else(|| Error::harness("a procedure of own commands has none"))
}

async fn shell(
    site: &Handles,
    commands: &Commands,
    (step, line): (&str, &str),
    data: Option<&Path>,
    log: &Logbook,
) -> Result<Ran, Error> {
    let temporary = home(site).join(TEMPORARY);
    folder(site, &temporary)?;
    let mut command = Command::new("/bin/sh")
        .args(["-c", line])
        .without_inherited("PG")
        .without_inherited("AWS_")
        .cwd(&commands.folder)
        .limit(LIMIT)
        .recorded_in(&site.engine.children)
        .env("TMPDIR", &temporary);
    for (name, value) in environment(site, step, data)? {
        command = command.env(name, value);
    }
    // A preparation may start what a backup needs: a receiver of WAL, a repository's server.
    if step != "prepare" {
        command = command.leaving_nothing();
    }
    let ran = process::run(command, &site.redactor).await?;
    std::fs::remove_dir_all(&temporary).or_environment(|| format!("can't remove {}", temporary.display()))?;
    log.ran(&ran)?;
    if !ran.left.is_empty() {
        let left = ran.left.join(", ");
        let text = format!(
            "the command to {step} ended and left programs running, which were ended with it: {left}. Its exit \
             code says nothing of what they had still to do"
        );
        log.event(Event::Noted { text })?;
    }
    Ok(ran)
}

/// Where a site keeps what outlives its loss. A server's user can't enter the site's own folder: what
/// both write lies in the server's.
fn home(site: &Handles) -> &Path {
    site.server.as_ref().map_or(&*site.folder, OwnServer::home)
}

/// Makes a folder that the commands may write to.
fn folder(site: &Handles, path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).or_environment(|| format!("can't make {}", path.display()))?;
    site.server.as_ref().map_or(Ok(()), |server| server.give(path))
}

/// The words of a profile's command; `pulp-drill` stands for this program.
pub fn own_words(description: &[String]) -> Result<Vec<String>, Error> {
    let mut description = description.to_vec();
    if let Some(first) = description.first_mut().filter(|word| *word == "pulp-drill") {
        *first = own_program()?.display().to_string();
    }
    Ok(description)
}

/// Runs a command of the profile, in the profile's folder, with the target's environment and that of
/// clients of both stores (`docs/profile.md`).
pub async fn of_profile(
    site: &Handles,
    step: &str,
    description: &[String],
    database: Option<&Access>,
    limit: Duration,
    log: &Logbook,
) -> Result<Ran, Error> {
    let other = database.map(|other| {
        let url = [("DATABASE_URL".to_owned(), other.url())];
        other.libpq().into_iter().chain(url).collect()
    });
    let ran = beside(site, step, description, &other.unwrap_or_default(), limit).await?;
    log.ran(&ran)?;
    Ok(ran)
}

/// The same with more variables, without a record in the journal: for writes, of which there are many.
pub async fn beside(
    site: &Handles,
    step: &str,
    description: &[String],
    variables: &BTreeMap<String, String>,
    limit: Duration,
) -> Result<Ran, Error> {
    let description = own_words(description)?;
    let (program, args) = description
        .split_first()
        .ok_or_else(|| Error::usage(format!("the profile has no command to {step}")))?;
    let mut command = Command::new(program)
        .args(args)
        .without_inherited("PG")
        .without_inherited("AWS_")
        .cwd(&site.profile.folder)
        .limit(limit)
        .recorded_in(&site.engine.children)
        .env("PULP_DRILL_STEP", step);
    let env = clients(site).into_iter().chain(site.engine.env_of_commands().await);
    for (name, value) in env.chain(variables.clone()) {
        command = command.env(name, value);
    }
    process::run(command, &site.redactor).await
}

/// What clients of the two stores read.
pub fn clients(site: &Handles) -> BTreeMap<String, String> {
    let mut env = store_clients(site);
    if let Ok(database) = site.database() {
        env.extend(database.client_env());
        env.extend(database.libpq());
        let programs = site.programs.dir.as_path();
        env.insert("PATH".to_owned(), with_programs(&std::env::var("PATH").unwrap_or_default(), programs));
        env.insert("PG_BIN".to_owned(), programs.display().to_string());
    }
    env
}

/// A search path on which PostgreSQL's programs of the server's version are found first. One on which they are stays
/// as it is: their folder may have other programs, too, such as a `python` that must not come before that of a virtual
/// environment.
fn with_programs(path: &str, programs: &Path) -> String {
    let found = std::env::split_paths(path).find(|folder| folder.join("pg_dump").is_file());
    match found.is_some_and(|found| found == programs) {
        true => path.to_owned(),
        false => format!("{}:{path}", programs.display()),
    }
}

/// What clients of the object store read.
pub fn store_clients(site: &Handles) -> BTreeMap<String, String> {
    let (Some(s3), Bucket::S3(_)) = (&site.s3, &site.backups) else { return BTreeMap::new() };
    [
        ("AWS_ACCESS_KEY_ID", &s3.access_key),
        ("AWS_SECRET_ACCESS_KEY", &s3.secret_key),
        ("AWS_REGION", &s3.region),
        ("AWS_DEFAULT_REGION", &s3.region),
        ("AWS_ENDPOINT_URL", &s3.endpoint),
    ]
    .map(|(name, value)| (name.to_owned(), value.clone()))
    .into()
}

/// What the commands find in their environment: `docs/own-commands.md`.
fn environment(site: &Handles, step: &str, data: Option<&Path>) -> Result<BTreeMap<String, String>, Error> {
    let home = home(site);
    let (repository, work) = (home.join(REPOSITORY), home.join(WORK));
    folder(site, &repository)?;
    folder(site, &work)?;
    let shown = |path: PathBuf| path.display().to_string();
    let mut env = BTreeMap::from([
        ("PULP_DRILL_STEP".to_owned(), step.to_owned()),
        ("BACKUP_DIR".to_owned(), shown(repository)),
        // Programs that keep settings or caches in a home must not find the operator's own.
        ("HOME".to_owned(), shown(work.clone())),
        ("WORK_DIR".to_owned(), shown(work)),
    ]);
    let engine = site.engine.env();
    let passed = [
        "DATABASE_URL",
        "ASSETS_DIR",
        "TEMPLATES_DIR",
        "S3_BUCKET",
        "JOB_RESULT_BLOB_DIR",
        "JOB_RESULT_BLOB_BUCKET",
    ];
    env.extend(passed.into_iter().filter_map(|name| Some((name.to_owned(), engine.get(name)?.clone()))));
    env.extend(clients(site));
    if let Ok(database) = site.database() {
        env.insert("DATABASE_URL_MAINTENANCE".to_owned(), database.maintenance().url());
    }
    if let (Some(server), Some(data)) = (&site.server, data) {
        env.insert("PGDATA".to_owned(), shown(data.to_owned()));
        env.insert("PG_OS_USER".to_owned(), server.user().map(|user| user.name.clone()).unwrap_or_default());
    }
    if let Bucket::S3(_) = &site.backups {
        env.insert("BACKUP_BUCKET".to_owned(), site.backup_bucket.to_string());
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_of_a_virtual_environment_stay_first() {
        let folder = tempfile::tempdir().unwrap();
        let [venv, usual, other] = ["venv", "usual", "other"].map(|name| folder.path().join(name));
        for place in [&usual, &other] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("pg_dump"), "").unwrap();
        }
        let path = format!("{}:{}", venv.display(), usual.display());
        assert_eq!(with_programs(&path, &usual), path);
        assert_eq!(with_programs(&path, &other), format!("{}:{path}", other.display()));
        let both = format!("{path}:{}", other.display());
        assert_eq!(with_programs(&both, &other), format!("{}:{both}", other.display()));
    }

    #[test]
    fn a_backup_that_is_links_to_its_source_is_told_from_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (source, backup) = (folder.path().join("assets"), folder.path().join("backup"));
        for place in [source.join("v"), backup.join("v")] {
            std::fs::create_dir_all(place).unwrap();
        }
        std::fs::write(source.join("v/a.png"), "a").unwrap();
        std::fs::write(source.join("b.png"), "b").unwrap();
        std::fs::copy(source.join("v/a.png"), backup.join("v/a.png")).unwrap();
        symlink("v/a.png", backup.join("latest")).unwrap();
        let links = || shared(&[source.clone(), folder.path().join("none")], &backup).unwrap();
        assert_eq!(links(), Vec::<String>::new());
        std::fs::hard_link(source.join("b.png"), backup.join("b.png")).unwrap();
        symlink(source.join("v/a.png"), backup.join("v/c.png")).unwrap();
        symlink(&source, backup.join("whole")).unwrap();
        assert_eq!(links(), ["b.png", "v/c.png", "whole"]);
    }
}
