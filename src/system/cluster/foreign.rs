//! A data directory that was made elsewhere: a base backup, or what a backup tool restored. Its settings
//! name programs, libraries, files and addresses of another machine, so none of them is used: the server
//! gets a configuration of ours. What a server needs of them to recover is in its control file.

use super::dedicated::{By, Came, OwnServer};
use super::verifier::verifier;
use super::{Cluster, Durability, SUPERUSER};
use crate::base::error::{Error, ErrorContext, IfMissing as _};
use crate::base::folder;
use crate::base::process::{CommandInput, Progress, run};
use std::path::Path;

/// What a server that runs leaves in its data directory and a restored one must not have (PostgreSQL,
/// "Making a Base Backup Using the Low Level API").
const STALE_FILES: [&str; 4] = ["postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal"];

/// Folders whose contents belong to the server that ran: the same chapter.
const STALE_FOLDERS: [&str; 7] =
    ["pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];

/// Folders that a server expects, also where they are empty.
const FOLDERS: [&str; 11] = [
    "pg_commit_ts",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_multixact/members",
    "pg_multixact/offsets",
    "pg_stat",
    "pg_tblspc",
    "pg_twophase",
    "pg_wal/archive_status",
    "pg_wal/summaries",
    "pg_xact",
];

/// Settings of databases and roles that would load a library or keep a session from working.
const HARMFUL: &str = "^(session_preload_libraries|local_preload_libraries|default_transaction_read_only|statement_timeout|role)=";

/// What `pg_controldata` reports of a data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlData {
    /// The identifier of the cluster, which its WAL carries too.
    pub system: u64,
    /// `in production`, `shut down`, …
    pub state: String,
    /// Bytes of a WAL segment.
    pub segment: u64,
    /// Whether pages have checksums.
    pub checksums: bool,
    /// Settings that a recovery needs at least as high as the source had them.
    pub limits: Vec<(&'static str, u64)>,
}

/// The lines of `pg_controldata` that are settings (`XLogParameters`), with their names.
const LIMITS: [(&str, &str); 5] = [
    ("max_connections setting", "max_connections"),
    ("max_worker_processes setting", "max_worker_processes"),
    ("max_wal_senders setting", "max_wal_senders"),
    ("max_prepared_xacts setting", "max_prepared_transactions"),
    ("max_locks_per_xact setting", "max_locks_per_transaction"),
];

impl ControlData {
    /// Reads the output of `pg_controldata`. `Err` is what is wrong with the control file.
    pub fn parse(output: &str) -> Result<Self, String> {
        if output.contains("CRC checksum does not match") {
            return Err("its checksum does not match its content".to_owned());
        }
        let value = |name: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).ok_or_else(|| format!("pg_controldata shows no {name:?}"))
        };
        let number = |name: &str| {
            let text = value(name)?;
            text.parse::<u64>().map_err(|_| format!("its {name:?} is {text:?}"))
        };
        let limits = LIMITS.map(|(line, setting)| number(line).map(|value| (setting, value)));
        Ok(Self {
            system: number("Database system identifier")?,
            state: value("Database cluster state")?.to_owned(),
            segment: number("Bytes per WAL segment")?,
            checksums: number("Data page checksum version")? > 0,
            limits: limits.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// Whether the cluster was stopped in order, so that its files are complete without WAL.
    pub fn is_shut_down(&self) -> bool {
        self.state.starts_with("shut down")
    }
}

impl OwnServer {
    /// Starts the server on a foreign data directory, lets it recover by the settings given, checks its pages
    /// and gives it the superuser of our clusters. The directory is changed.
    ///
    /// # Errors
    /// The server can't be started again after it has recovered.
    pub async fn adopt(
        &self,
        data: &Path,
        control: &ControlData,
        recovery: &[(&str, String)],
    ) -> Result<Came, Error> {
        let By::Programs(cluster) = self.by() else {
            return Err(Error::harness("a foreign data directory is started by programs of this machine"));
        };
        clean(data)?;
        let config = self.configure(cluster, control, recovery)?;
        if !recovery.is_empty() {
            write(&data.join("recovery.signal"), "")?;
        }
        self.give(data)?;
        self.at().await.started_with(Durability::Off, vec![config.clone()]);
        let recovered = match self.start_on(data).await? {
            Came::Up(log) => log,
            down @ Came::Down(_) => return Ok(down),
        };
        self.stop().await;
        self.check_pages(cluster, data).await?;
        self.make_superuser(cluster, data, &config).await?;
        match self.start_on(data).await? {
            Came::Up(_) => Ok(Came::Up(recovered)),
            Came::Down(log) => {
                Err(Error::environment("the server recovered and cannot be started again").cause(log.end()))
            }
        }
    }

    /// The configuration that takes the place of the backup's own, as an option of `postgres`.
    fn configure(
        &self,
        cluster: &Cluster,
        control: &ControlData,
        recovery: &[(&str, String)],
    ) -> Result<String, Error> {
        let file = |name: &str| self.home().join(name);
        write(&file("foreign-hba.conf"), "host all all 127.0.0.1/32 scram-sha-256\n")?;
        write(&file("foreign-ident.conf"), "")?;
        let path = |name: &str| file(name).display().to_string();
        let mut settings: Vec<(&str, String)> = vec![
            ("hba_file", path("foreign-hba.conf")),
            ("ident_file", path("foreign-ident.conf")),
            // It takes connections when it has recovered, and not before.
            ("hot_standby", "off".to_owned()),
            ("archive_mode", "off".to_owned()),
            // No subscription may connect to the system that still runs.
            ("max_logical_replication_workers", "0".to_owned()),
            ("autovacuum", "off".to_owned()),
            ("huge_pages", "off".to_owned()),
            ("track_commit_timestamp", "on".to_owned()),
        ];
        if cluster.bin.version.major >= 17 {
            // Triggers on login are code of the backup.
            settings.push(("event_triggers", "off".to_owned()));
        }
        settings.extend(control.limits.iter().map(|(name, value)| (*name, value.to_string())));
        settings.extend(recovery.iter().cloned());
        let lines: String = settings
            .iter()
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect();
        write(&file("foreign.conf"), &lines)?;
        for name in ["foreign.conf", "foreign-hba.conf", "foreign-ident.conf"] {
            self.give(&file(name))?;
        }
        Ok(format!("config_file={}", path("foreign.conf")))
    }

    /// Gives the cluster our superuser. The names of its own roles are not known, and `postgres --single` needs
    /// none.
    async fn make_superuser(&self, cluster: &Cluster, data: &Path, config: &str) -> Result<(), Error> {
        let password = verifier(self.password());
        let sql = format!(
            "set default_transaction_read_only = off;\n\
             create role \"{SUPERUSER}\" superuser login;\n\
             alter role \"{SUPERUSER}\" superuser login bypassrls connection limit -1 valid until 'infinity' \
             password '{password}';\n\
             delete from pg_db_role_setting where not exists \
             (select from unnest(setconfig) s where s !~ '{HARMFUL}');\n\
             update pg_db_role_setting set setconfig = \
             array(select s from unnest(setconfig) s where s !~ '{HARMFUL}');\n"
        );
        let mut failed = None;
        for database in ["template1", "postgres"] {
            let single = cluster
                .command("postgres")
                .cwd(data)
                .args([
                    "--single",
                    "-c",
                    config,
                    "-c",
                    "log_destination=stderr",
                    "-c",
                    "logging_collector=off",
                ])
                .arg("-D")
                .arg(data)
                .arg(database)
                .input(CommandInput::Bytes(sql.clone().into_bytes()))
                .while_progressing(Progress::default());
            let ran = run(single, &self.redactor).await?;
            if ran.exit.is_success() {
                return Ok(());
            }
            failed.get_or_insert(ran.describe_failure());
        }
        let why = failed.unwrap_or_default();
        Err(Error::environment("can't give the recovered cluster a superuser of our own").cause(why))
    }
}

/// Removes what belongs to the server that ran there, and its settings; makes the folders that a server
/// expects: tools that copy files leave out empty ones.
fn clean(data: &Path) -> Result<(), Error> {
    for name in STALE_FILES {
        let path = data.join(name);
        std::fs::remove_file(&path)
            .or_gone()
            .or_environment(|| format!("can't remove {}", path.display()))?;
    }
    for name in STALE_FOLDERS {
        folder::remove(&data.join(name))?;
    }
    for name in STALE_FOLDERS.into_iter().chain(FOLDERS) {
        let path = data.join(name);
        std::fs::create_dir_all(&path).or_environment(|| format!("can't make {}", path.display()))?;
    }
    write(&data.join("postgresql.auto.conf"), "")
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).or_environment(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
pg_control version number:            1300
Database system identifier:           7714030434369482075
Database cluster state:               in production
wal_level setting:                    replica
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           3
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
Data page checksum version:           1
";

    #[test]
    fn the_control_file_is_read_and_damage_of_it_is_named() {
        let control = ControlData::parse(OUTPUT).unwrap();
        assert_eq!((control.system, control.segment), (7_714_030_434_369_482_075, 16 << 20));
        assert!(control.checksums && !control.is_shut_down());
        assert!(control.limits.contains(&("max_prepared_transactions", 3)));
        let warning = "WARNING: Calculated CRC checksum does not match value stored in file.\n";
        assert!(ControlData::parse(&format!("{warning}{OUTPUT}")).unwrap_err().contains("checksum"));
        assert!(ControlData::parse("").unwrap_err().contains("system identifier"));
    }
}
