//! PostgreSQL's own programs: which installation is used, and how its programs are called so that
//! nothing of the user's own database settings leaks in. Finding them is
//! `runbook/provision/processes`.

mod memory;

pub use memory::forget_shared_memory;

use crate::base::process::Command;
use std::path::{Path, PathBuf};

/// The version of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgVersion {
    /// 15 of `15.14`, 18 of `18beta1`.
    pub major: u32,
    /// As PostgreSQL prints it: `15.14 (Debian 15.14-0+deb12u1)`.
    pub text: String,
}

impl PgVersion {
    /// Reads `postgres (PostgreSQL) 15.14 (Debian …)`; `None` when it is no such line.
    pub fn parse(line: &str) -> Option<Self> {
        let text = line.trim().split_once("(PostgreSQL) ")?.1;
        let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self { major: digits.parse().ok()?, text: text.to_owned() })
    }
}

impl std::fmt::Display for PgVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A folder that holds PostgreSQL's server and client programs, all of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgBin {
    /// The folder.
    pub dir: PathBuf,
    /// The version of `postgres` in it.
    pub version: PgVersion,
}

impl PgBin {
    /// Where a program is: `pg_dump`.
    pub fn program(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// A call of one of the programs, with English messages and without the user's own libpq
    /// variables (`PGHOST`, `PGDATA`, `PGSERVICE`, …) and `psqlrc`. The password goes into
    /// `PGPASSWORD` by [`Command::env`].
    pub fn command(&self, name: impl AsRef<Path>) -> Command {
        Command::new(self.program(name))
            .without_inherited("PG")
            .without_inherited("LANGUAGE")
            .env("LC_ALL", "C")
            .env("PSQLRC", "/dev/null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_betas_are_read() {
        let debian = PgVersion::parse("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n").unwrap();
        assert_eq!((debian.major, debian.text.as_str()), (15, "15.14 (Debian 15.14-0+deb12u1)"));
        assert_eq!(PgVersion::parse("postgres (PostgreSQL) 18beta1").unwrap().major, 18);
        assert_eq!(PgVersion::parse("not a server"), None);
    }
}
