//! Finds PostgreSQL's server programs on the machine. It starts no server.

use crate::base::error::Error;
use crate::base::process::{Command, run};
use crate::base::redact::Redactor;
use crate::system::programs::{PgBin, PgVersion};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The oldest major version that the runbook works on (`DROP DATABASE … WITH (FORCE)`, § 3.3).
pub const OLDEST: u32 = 13;

/// What a folder must hold to be used: parts of different installations are not mixed.
const PROGRAMS: [&str; 5] = ["initdb", "postgres", "pg_dump", "pg_restore", "psql"];

/// The major version that a backup needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedMajor {
    /// This one, or the nearest newer one: what a dump needs.
    AtLeast(u32),
    /// This one: what the files of a cluster need.
    Exactly(u32),
}

/// Where to look for PostgreSQL.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The folders that the user named by `PULP_DRILL_PG_BIN`: then no other is considered.
    pub chosen: Vec<PathBuf>,
    /// A `pg_config` to ask for its folder.
    pub pg_config: Option<PathBuf>,
    /// Folders to look into, in order: those of `PATH`.
    pub folders: Vec<PathBuf>,
    /// Folders of versioned installations, as parent and prefix: `/usr/lib/postgresql` and nothing
    /// stands for `/usr/lib/postgresql/*/bin`, newest first.
    pub versioned: Vec<(PathBuf, String)>,
}

impl Places {
    /// The machine's: `PULP_DRILL_PG_BIN`, `pg_config`, `PATH`, then where the distributions and
    /// Homebrew put their versioned folders.
    pub fn of_machine() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> =
            std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
        let versioned = [
            ("/usr/lib/postgresql", ""),
            ("/usr", "pgsql-"),
            ("/opt/homebrew/opt", "postgresql@"),
            ("/usr/local/opt", "postgresql@"),
        ];
        Self {
            chosen: std::env::var_os("PULP_DRILL_PG_BIN")
                .filter(|value| !value.is_empty())
                .map_or_else(Vec::new, |value| std::env::split_paths(&value).collect()),
            pg_config: folders.iter().map(|f| f.join("pg_config")).find(|f| f.is_file()),
            folders,
            versioned: versioned.into_iter().map(|(p, f)| (p.into(), f.to_owned())).collect(),
        }
    }

    async fn candidates(&self) -> Vec<PathBuf> {
        if !self.chosen.is_empty() {
            return self.chosen.clone();
        }
        let mut all = Vec::new();
        if let Some(pg_config) = &self.pg_config {
            all.extend(ask(pg_config, "--bindir").await.ok().map(PathBuf::from));
        }
        all.extend(self.folders.iter().cloned());
        for (parent, prefix) in &self.versioned {
            all.extend(newest_first(parent, prefix));
        }
        all
    }
}

/// What was found, and what was looked at on the way.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The installation to use.
    pub found: Option<PgBin>,
    /// Each folder with what was made of it. Folders of `PATH` without any of the programs are not
    /// listed.
    pub explored: Vec<(PathBuf, String)>,
    chosen: bool,
    /// The major version that was asked for.
    wanted: Option<WantedMajor>,
}

impl Discovery {
    /// The installation, or an error that lists the places searched and how to get one.
    pub fn or_error(self) -> Result<PgBin, Error> {
        if let Some(found) = self.found {
            return Ok(found);
        }
        let needed = match self.wanted {
            None => format!("{OLDEST} or newer"),
            Some(WantedMajor::AtLeast(major)) => format!("{major} or newer"),
            Some(WantedMajor::Exactly(major)) => format!("version {major}"),
        };
        let mut error = Error::environment(format!("no PostgreSQL server programs ({needed}) were found"));
        match self.wanted {
            None => {}
            Some(WantedMajor::AtLeast(major)) => {
                error = error.cause(format!(
                    "the dump was made by PostgreSQL {major}: older programs cannot restore it"
                ));
            }
            Some(WantedMajor::Exactly(major)) => {
                error = error.cause(format!(
                    "the backup is of PostgreSQL {major}, and no other version can use its files"
                ));
            }
        }
        for (folder, what) in &self.explored {
            error = error.cause(format!("{}: {what}", folder.display()));
        }
        if let (Some(WantedMajor::AtLeast(major) | WantedMajor::Exactly(major)), false) =
            (self.wanted, self.chosen)
        {
            return Err(error.hint(format!(
                "install PostgreSQL {major} (apt-get install postgresql-{major}, dnf install postgresql{major}-server, \
                 brew install postgresql@{major}), or set PULP_DRILL_PG_BIN to the folder of its programs"
            )));
        }
        Err(error.hint(if self.chosen {
            "set PULP_DRILL_PG_BIN to the folder that holds initdb, postgres, pg_dump, pg_restore and psql, or unset it"
        } else if cfg!(target_os = "macos") {
            "brew install postgresql@17, or set PULP_DRILL_PG_BIN to the folder of its programs"
        } else {
            "apt-get install postgresql (Debian, Ubuntu) or dnf install postgresql-server postgresql (Fedora, RHEL), \
             or set PULP_DRILL_PG_BIN to the folder of its programs"
        }))
    }
}

/// Looks for an installation: the first folder that holds all programs in a version that will do. With
/// `wanted`, of all installations the one of that major version, else of the nearest newer one.
pub async fn discover(places: &Places, wanted: Option<WantedMajor>) -> Discovery {
    let chosen = !places.chosen.is_empty();
    let mut discovery = Discovery { found: None, explored: Vec::new(), chosen, wanted };
    let distance = |bin: &PgBin| match wanted? {
        WantedMajor::AtLeast(major) => bin.version.major.checked_sub(major),
        WantedMajor::Exactly(major) => (bin.version.major == major).then_some(0),
    };
    let mut seen = Vec::new();
    for folder in places.candidates().await {
        // `/bin` is `/usr/bin` on most machines.
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let here: Vec<&str> = PROGRAMS.into_iter().filter(|p| folder.join(p).is_file()).collect();
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(|p| !here.contains(p)).collect();
        if here.is_empty() && places.folders.contains(&folder) {
            continue;
        }
        let what = if !folder.is_dir() {
            "no such folder".to_owned()
        } else if !missing.is_empty() {
            format!("holds no {}", missing.join(", no "))
        } else {
            match version(&folder).await {
                Ok(version) if version.major >= OLDEST => {
                    discovery.explored.push((folder.clone(), format!("PostgreSQL {version}")));
                    let here = PgBin { dir: folder, version };
                    let nearer = match (&discovery.found, distance(&here)) {
                        (_, None) => wanted.is_none(),
                        (None, Some(_)) => true,
                        (Some(found), Some(here)) => distance(found).is_none_or(|there| here < there),
                    };
                    if nearer {
                        discovery.found = Some(here);
                    }
                    if discovery
                        .found
                        .as_ref()
                        .is_some_and(|found| wanted.is_none() || distance(found) == Some(0))
                    {
                        return discovery;
                    }
                    continue;
                }
                Ok(version) => format!("PostgreSQL {version} is too old"),
                Err(why) => why,
            }
        };
        discovery.explored.push((folder, what));
    }
    discovery
}

async fn version(folder: &Path) -> Result<PgVersion, String> {
    let line = ask(&folder.join("postgres"), "--version").await?;
    PgVersion::parse(&line).ok_or_else(|| format!("its postgres says {line:?} when asked for its version"))
}

/// The first line that a program prints.
async fn ask(program: &Path, option: &str) -> Result<String, String> {
    let command = Command::new(program).arg(option).limit(Duration::from_secs(10));
    let ran = run(command, &Redactor::new()).await.map_err(|error| error.what)?;
    let name = program.display();
    if !ran.exit.is_success() {
        return Err(format!("{name} {option}: {}", ran.exit));
    }
    let line = ran.stdout.text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() { Err(format!("{name} {option} says nothing")) } else { Ok(line) }
}

/// `<parent>/<prefix><version>/bin`, the newest version first.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else { return Vec::new() };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            let version = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn install(folder: &Path, programs: &[&str], version: &str) {
        std::fs::create_dir_all(folder).unwrap();
        for program in programs {
            let path = folder.join(program);
            std::fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[tokio::test]
    async fn a_lone_postgres_on_path_is_passed_over_for_a_whole_installation() {
        let root = tempfile::tempdir().unwrap();
        let (lone, versioned) = (root.path().join("lone"), root.path().join("pg"));
        install(&lone, &["postgres"], "17.1");
        install(&versioned.join("9/bin"), &PROGRAMS, "9.6.24");
        install(&versioned.join("14/bin"), &PROGRAMS, "14.2");
        install(&versioned.join("16/bin"), &PROGRAMS, "16.3");
        let places = Places {
            folders: vec![root.path().join("empty"), lone.clone()],
            versioned: vec![(versioned.clone(), String::new())],
            ..Places::default()
        };
        let found = discover(&places, None).await;
        assert_eq!(
            found.explored[0],
            (lone, "holds no initdb, no pg_dump, no pg_restore, no psql".to_owned())
        );
        assert_eq!(found.explored.len(), 2);
        let bin = found.or_error().unwrap();
        assert_eq!((bin.dir, bin.version.major), (versioned.join("16/bin"), 16));
    }

    #[tokio::test]
    async fn too_old_is_said_with_what_was_looked_at_and_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let old = root.path().join("9.6/bin");
        install(&old, &PROGRAMS, "9.6.24");
        let places = Places { versioned: vec![(root.path().into(), String::new())], ..Places::default() };
        let error = discover(&places, None).await.or_error().unwrap_err();
        assert_eq!(error.causes, [format!("{}: PostgreSQL 9.6.24 is too old", old.display())]);
        assert!(error.hint.unwrap().contains("PULP_DRILL_PG_BIN"));
    }

    #[tokio::test]
    async fn a_dump_gets_its_own_version_or_the_nearest_newer_one() {
        let root = tempfile::tempdir().unwrap();
        for version in ["14.2", "16.3", "18.1"] {
            let major = version.split('.').next().unwrap();
            install(&root.path().join(major).join("bin"), &PROGRAMS, version);
        }
        let places = Places { versioned: vec![(root.path().into(), String::new())], ..Places::default() };
        for (wanted, expected) in [(14, 14), (15, 16), (16, 16), (17, 18), (18, 18)] {
            let bin = discover(&places, Some(WantedMajor::AtLeast(wanted))).await.or_error().unwrap();
            assert_eq!(bin.version.major, expected, "{wanted}");
        }
        let error = discover(&places, Some(WantedMajor::AtLeast(19))).await.or_error().unwrap_err();
        assert!(error.to_string().contains("(19 or newer)"), "{error}");
        let exactly = discover(&places, Some(WantedMajor::Exactly(16))).await.or_error().unwrap();
        assert_eq!(exactly.version.major, 16);
        let error = discover(&places, Some(WantedMajor::Exactly(15))).await.or_error().unwrap_err();
        assert!(error.to_string().contains("no other version can use its files"), "{error}");
    }

    #[tokio::test]
    async fn the_folder_that_the_user_names_is_the_only_one_looked_at() {
        let root = tempfile::tempdir().unwrap();
        install(&root.path().join("16/bin"), &PROGRAMS, "16.3");
        let places = Places {
            chosen: vec![root.path().join("nowhere")],
            versioned: vec![(root.path().into(), String::new())],
            ..Places::default()
        };
        let found = discover(&places, None).await;
        assert_eq!(found.explored, [(root.path().join("nowhere"), "no such folder".to_owned())]);
        assert_eq!(found.found, None);
    }
}
