//! The programs that read a data directory, run for a physical backup.

use super::wal::Segments;
use crate::{
    base::{
        error::{Error, ErrorContext as _},
        folder::{Links, walk},
        process::{self, Command, Progress, Ran},
    },
    journal::Logbook,
    site::Handles,
    system::cluster::{ControlData, OwnServer},
};
use std::path::Path;

/// Where the tablespaces of a restored cluster are, in the server's folder.
pub const TABLESPACES: &str = "tablespaces";

/// The server that a physical backup is recovered on.
pub fn own(site: &Handles) -> Result<&OwnServer, Error> {
    site.server.as_ref().ok_or_else(|| Error::harness("a physical backup needs a server of the site's own"))
}

/// The programs that read a data directory.
pub struct Tools<'a> {
    site: &'a Handles,
    log: &'a Logbook,
}

impl<'a> Tools<'a> {
    /// Those of a site's version.
    pub fn of(site: &'a Handles, log: &'a Logbook) -> Self {
        Self { site, log }
    }

    /// Runs a command as long as it makes progress, and keeps it in the journal.
    pub async fn run(&self, command: Command) -> Result<Ran, Error> {
        let command = command.while_progressing(Progress::default()).recorded_in(&self.site.engine.children);
        let ran = process::run(command, &self.site.redactor).await?;
        self.log.ran(&ran)?;
        Ok(ran)
    }

    fn postgres(&self, program: &str) -> Command {
        self.site.programs.command(program).hint_if_missing(format!(
            "install {program}: it belongs to PostgreSQL's client programs, or to its server's on some systems"
        ))
    }

    /// Compares the files with the backup's manifest, and its WAL. Whether there is a manifest.
    pub async fn verify_backup(&self, data: &Path) -> Result<bool, Error> {
        let manifest = data.join("backup_manifest");
        if !manifest.is_file() {
            return Ok(false);
        }
        let text = std::fs::read_to_string(&manifest).or_usage(|| "can't read backup_manifest".to_owned())?;
        if text.contains("\"INCREMENTAL.") {
            return Err(incremental());
        }
        // Files that are no part of a cluster, such as lists of checksums, do no harm.
        let ignored = strangers(data, &text)?;
        // What WAL must be there is judged later, with that of the archive.
        let verify = self.postgres("pg_verifybackup").arg("--no-parse-wal");
        let verify = verify.args(ignored.iter().map(|name| format!("--ignore={name}"))).arg(data);
        let ran = self.run(verify).await?;
        match ran.exit.is_success() {
            true => Ok(true),
            false => Err(Error::usage("the files of the backup do not agree with its backup_manifest")
                .cause(ran.describe_failure())),
        }
    }

    pub async fn control_data(&self, data: &Path) -> Result<ControlData, Error> {
        let damaged = |why: String| Error::usage("the backup's global/pg_control is damaged").cause(why);
        let ran = self.run(self.postgres("pg_controldata").arg(data)).await?;
        if !ran.exit.is_success() {
            return Err(damaged(ran.describe_failure()));
        }
        ControlData::parse(&format!("{}{}", ran.stdout.text, ran.stderr.text)).map_err(damaged)
    }

    /// Replaying `CREATE TABLESPACE` would write to a folder of the source, which can be on this machine.
    pub async fn no_tablespace_in(&self, segments: &Segments, data: &Path, wal: &Path) -> Result<(), Error> {
        for segment in &segments.files {
            let folder = if segment.archived { wal.to_owned() } else { data.join("pg_wal") };
            let dump = self.postgres("pg_waldump").arg("--rmgr=Tablespace").arg(folder.join(&segment.name));
            // A record that begins in one segment and ends in the next one is an error of this program.
            let ran = process::run(dump.while_progressing(Progress::default()), &self.site.redactor).await?;
            let place = |line: &str| Some(line.split_once("desc: CREATE ")?.1.split('"').nth(1)?.to_owned());
            if let Some(place) = ran.stdout.text.lines().find_map(place).filter(|p| p.starts_with('/')) {
                return Err(Error::environment(format!(
                    "the WAL creates a tablespace in {place}: to replay it would write there"
                ))
                .hint(
                    "take a base backup after the tablespace was created, or choose an earlier --target-time",
                ));
            }
        }
        Ok(())
    }
}

/// An incremental backup of PostgreSQL 17 or newer.
pub fn incremental() -> Error {
    Error::usage("it is an incremental backup, which restores nothing by itself")
        .hint("combine it with the backups before it: pg_combinebackup FULL INCREMENTAL… --output DIR")
}

/// The files directly in a data directory that PostgreSQL does not make and its manifest does not name.
fn strangers(data: &Path, manifest: &str) -> Result<Vec<String>, Error> {
    let known = |name: &str| {
        let suffix = Path::new(name).extension().is_some_and(|end| end == "conf" || end == "signal");
        suffix
            || name.starts_with("pg_")
            || ["base", "global", "PG_VERSION", "backup_manifest"].contains(&name)
    };
    let mut all = Vec::new();
    for entry in walk(data, Links::Report, 1, |_| true) {
        let entry = entry.or_environment(|| format!("can't list {}", data.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !known(&name)
            && !manifest.contains(&format!("\"{name}\""))
            && !manifest.contains(&format!("\"{name}/"))
        {
            all.push(name);
        }
    }
    Ok(all)
}
