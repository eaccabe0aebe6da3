//! A dump in a database that exists only to be read: for `init` without a live database. It is restored by a
//! plain role, because a dump of unknown origin is SQL that somebody else wrote.

use super::backup_place;
use crate::{
    base::{
        clock,
        error::{Error, ErrorContext as _},
        process::{Base, RunDir, run},
        redact::Redactor,
    },
    procedure::foreign::{Compression, DumpHead, Recognised},
    runbook::provision::processes::{Durability, Places, PostgresServer, WantedMajor, discover},
    scenario::method::DumpFormat,
    system::{
        objects::origin::Origin,
        postgres::{Access, Postgres, create_database, quote_ident},
    },
};
use std::path::Path;

/// The role that restores, and the name of the database.
const NAME: &str = "restored";

/// The database and its server.
pub struct ScratchDatabase {
    server: PostgresServer,
    run_dir: RunDir,
    /// Its URL.
    pub access: Access,
    /// What `pg_restore` reported if it did not restore everything, such as an extension that is not installed.
    pub incomplete: Option<String>,
}

impl ScratchDatabase {
    /// Restores a dump of `pg_dump` in custom, directory or tar format.
    ///
    /// # Errors
    /// Blames the user if it is not such a dump, the environment if PostgreSQL's programs are missing.
    pub async fn of_dump(dump: &Path, redactor: &Redactor) -> Result<Self, Error> {
        let head = archive(dump).await?;
        let wanted = head.major.map(WantedMajor::AtLeast);
        let bin = discover(&Places::of_machine(), wanted).await.or_error()?;
        let name = clock::password()[..8].to_owned();
        let run_dir = RunDir::create(&Base::of_user(0)?, &name, false)?;
        let server = PostgresServer::start(&run_dir, &bin, Durability::Off, redactor).await?;
        let maintenance = server.access();
        let password = clock::password();
        redactor.add(&password);
        let superuser = Postgres::connect(&maintenance).await?;
        let role = quote_ident(NAME);
        let create = format!("create role {role} login createdb bypassrls password '{password}'");
        superuser.execute(&create, &[]).await?;
        superuser.close().await;
        create_database(&maintenance, NAME, NAME).await?;
        let access = Access { user: NAME.to_owned(), password, database: NAME.to_owned(), ..maintenance };
        let mut command = bin
            .command("pg_restore")
            .args(["--no-owner", "--no-privileges", "--no-subscriptions"])
            .arg(format!("--dbname={}", access.url_without_password()))
            .arg(dump)
            .recorded_in(run_dir.children());
        for (name, value) in access.client_env() {
            command = command.env(name, value);
        }
        let ran = run(command, redactor).await?;
        let incomplete = (!ran.exit.is_success()).then(|| ran.describe_failure());
        Ok(Self { server, run_dir, access, incomplete })
    }

    /// Stops the server and removes its files.
    pub async fn remove(self) -> Result<(), Error> {
        self.server.stop().await;
        self.run_dir.remove()
    }
}

/// The head of a dump that `pg_restore` reads.
async fn archive(dump: &Path) -> Result<DumpHead, Error> {
    let refused = |why: String| {
        Error::usage(format!("can't read the dump {}", dump.display()))
            .cause(why)
            .hint("write it with `pg_dump --format=custom`, or restore it and set DATABASE_URL")
    };
    let origin = Origin::local(dump).or_usage(|| format!("can't read the dump {}", dump.display()))?;
    match backup_place::recognise(&origin).await? {
        Recognised::Not(why) => Err(refused(why)),
        Recognised::Dump(head) if head.compression != Compression::None => {
            Err(refused("it is compressed as a whole".to_owned()))
        }
        Recognised::Dump(head) if head.format == DumpFormat::Plain => {
            Err(refused("it is a script of SQL, which is not run here".to_owned()))
        }
        Recognised::Dump(head) => Ok(head),
    }
}
