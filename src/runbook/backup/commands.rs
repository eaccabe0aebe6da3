//! Commands of the user's that verify a backup, run on the backup of a drill: on its files before the loss, or
//! on the database after the restore if they name it.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        process::{Command, run},
    },
    journal::Logbook,
    model::{
        event::{Event, ToolReport},
        state::State,
    },
    procedure::{Backup, command::clients},
    site::Handles,
    system::objects::Got,
};
use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The variable with the restored database.
const DATABASE: &str = "DATABASE_URL";

/// The variables that a command may name, with what each holds.
pub const VARIABLES: [(&str, &str); 9] = [
    ("BACKUP", "the folder with all files of the backup, in which the command is started"),
    ("DUMP", "the dump"),
    ("ASSETS", "the folder with the copied objects"),
    ("SHA256SUMS", "SHA-256 of dump and objects as they were when the backup was taken, for sha256sum"),
    ("BUCKET", "the live bucket, for S3 clients (AWS_… is set)"),
    ("COPY", "bucket and prefix of the copy"),
    ("BASE_BACKUP", "the base backup of a recovery to a point in time"),
    ("WAL_ARCHIVE", "its archive of WAL"),
    (DATABASE, "the restored database; with it, the command is run after the restore"),
];

/// A command that is to verify backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyCommand {
    /// Its name in reports.
    pub name: String,
    /// The line for `sh -c`.
    pub line: String,
}

impl VerifyCommand {
    /// Whether it looks at the restored database.
    fn wants_database(&self) -> bool {
        self.names(DATABASE)
    }

    /// Whether the line names a variable.
    fn names(&self, variable: &str) -> bool {
        let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        [format!("${variable}"), format!("${{{variable}")].iter().any(|start| {
            self.line.match_indices(start.as_str()).any(|(at, _)| is_end(&self.line[at + start.len()..]))
        })
    }
}

/// What commands are run on.
pub struct BackupSet<'a> {
    /// The site.
    pub site: &'a Handles,
    /// The backup.
    pub backup: &'a Backup,
    /// What was in both stores when it was taken.
    pub source: Option<&'a State>,
    /// Why its files, or the database, do not show the damage of the drill.
    pub unfit: Option<&'a str>,
}

impl BackupSet<'_> {
    /// Runs the commands that look at files, before the loss.
    ///
    /// # Errors
    /// The files of the backup can't be laid out, or the journal can't be written.
    pub async fn examine(&self, commands: &[VerifyCommand], log: &Logbook) -> Result<(), Error> {
        let chosen: Vec<_> = commands.iter().filter(|command| !command.wants_database()).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let variables = self.lay_out().await?;
        self.run_all(&chosen, &variables, log).await
    }

    /// Runs the commands that look at the restored database.
    ///
    /// # Errors
    /// As [`Self::examine`].
    pub async fn examine_restored(&self, commands: &[VerifyCommand], log: &Logbook) -> Result<(), Error> {
        let chosen: Vec<_> = commands.iter().filter(|command| command.wants_database()).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let mut variables = self.lay_out().await?;
        if let Ok(database) = self.site.database() {
            variables.insert(DATABASE.to_owned(), database.url_without_password());
        }
        self.run_all(&chosen, &variables, log).await
    }

    async fn run_all(
        &self,
        commands: &[&VerifyCommand],
        variables: &BTreeMap<String, String>,
        log: &Logbook,
    ) -> Result<(), Error> {
        for command in commands {
            let report = match self.unfit {
                Some(why) => not_run(command, why.to_owned()),
                None => self.run(command, variables).await,
            };
            log.event(Event::BackupExamined(report))?;
        }
        Ok(())
    }

    async fn run(&self, wanted: &VerifyCommand, variables: &BTreeMap<String, String>) -> ToolReport {
        let missing = |name: &&str| wanted.names(name) && !variables.contains_key(*name);
        if let Some(name) = VARIABLES.iter().map(|(name, _)| *name).find(|name| missing(name)) {
            return not_run(wanted, format!("the backup has no {name}"));
        }
        let mut command = Command::new("sh").args(["-c", &wanted.line]).cwd(folder(self.site));
        for prefix in ["AWS_", "PG", "RCLONE_", "RESTIC_"] {
            command = command.without_inherited(prefix);
        }
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let command = command.limit(LIMIT).recorded_in(&self.site.engine.children);
        match run(command, &self.site.redactor).await {
            Err(error) => not_run(wanted, error.what),
            Ok(ran) => {
                let said = [ran.stdout.tail(2), ran.stderr.tail(2)].join(" ").trim().to_owned();
                let (exit, accepted) = (Some(ran.exit.to_string()), Some(ran.exit.is_success()));
                ToolReport { tool: wanted.name.clone(), exit, accepted, said }
            }
        }
    }

    /// Lays out the files of the backup in one folder, and returns the variables that name them.
    async fn lay_out(&self) -> Result<BTreeMap<String, String>, Error> {
        let (site, backup) = (self.site, self.backup);
        let folder = folder(site);
        let shown = |path: &Path| path.display().to_string();
        let context = || format!("can't write below {}", folder.display());
        std::fs::create_dir_all(&folder).or_environment(context)?;
        let mut variables = clients(site);
        variables.insert("BACKUP".to_owned(), shown(&folder));
        let mut sums = String::new();
        if let Some(dump) = backup.dump.as_ref().filter(|dump| dump.is_file()) {
            let copy = folder.join("rows.dump");
            std::fs::copy(dump, &copy).or_environment(context)?;
            variables.insert("DUMP".to_owned(), shown(&copy));
            if let Some(digest) = &backup.dump_sha256 {
                writeln!(sums, "{digest}  rows.dump").or_harness(|| "a text takes any line".to_owned())?;
            }
        }
        if let Some(prefix) = &backup.copy {
            self.fetch(prefix, &folder.join("assets")).await?;
            variables.insert("ASSETS".to_owned(), shown(&folder.join("assets")));
            variables.insert("BUCKET".to_owned(), site.bucket.to_string());
            variables.insert(
                "COPY".to_owned(),
                format!("{}/{}", site.backup_bucket, prefix.trim_end_matches('/')),
            );
            for (key, object) in self.source.into_iter().flat_map(|state| &state.objects) {
                writeln!(sums, "{}  assets/{key}", object.sha256)
                    .or_harness(|| "a text takes any line".to_owned())?;
            }
        }
        if !sums.is_empty() {
            let file = folder.join("SHA256SUMS");
            std::fs::write(&file, sums).or_environment(context)?;
            variables.insert("SHA256SUMS".to_owned(), shown(&file));
        }
        if let (Some(point), Some(server)) = (&backup.point, &site.server) {
            variables.insert("BASE_BACKUP".to_owned(), shown(&point.base));
            variables.insert("WAL_ARCHIVE".to_owned(), shown(&server.archive()));
        }
        Ok(variables)
    }

    /// Fetches the objects of the copy.
    async fn fetch(&self, prefix: &str, to: &Path) -> Result<(), Error> {
        let context = || format!("can't write below {}", to.display());
        std::fs::create_dir_all(to).or_environment(context)?;
        for object in self.site.backups.list(prefix).await? {
            let name = object.key.as_str().trim_start_matches(prefix);
            let Got::Found { bytes, .. } = self.site.backups.get(&object.key).await? else { continue };
            let file = to.join(name);
            if name.ends_with('/') {
                std::fs::create_dir_all(&file).or_environment(context)?;
                continue;
            }
            std::fs::create_dir_all(file.parent().unwrap_or(to)).or_environment(context)?;
            std::fs::write(&file, bytes).or_environment(context)?;
        }
        Ok(())
    }
}

/// Where the files of the backup are laid out.
fn folder(site: &Handles) -> std::path::PathBuf {
    site.folder.join("examined")
}

fn not_run(command: &VerifyCommand, why: String) -> ToolReport {
    ToolReport { tool: command.name.clone(), exit: None, accepted: None, said: why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_with_and_without_braces_and_not_by_its_beginning() {
        let command = |line: &str| VerifyCommand { name: String::new(), line: line.to_owned() };
        assert!(command("pg_restore --list \"$DUMP\"").names("DUMP"));
        assert!(command("test -s ${DUMP}").names("DUMP"));
        assert!(command("psql ${DATABASE_URL:?}").wants_database());
        assert!(!command("ls $DUMPS DUMP").names("DUMP"));
    }
}
