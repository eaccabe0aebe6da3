//! The database schema: numbered migrations, embedded, and what state a database is in.
//! Migrations only go forward.

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection};

/// One numbered step of the schema.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        name: "templates_and_assets",
        sql: include_str!("migrations/0001_templates_and_assets.sql"),
    },
    Migration {
        version: 2,
        name: "schedules_and_jobs",
        sql: include_str!("migrations/0002_schedules_and_jobs.sql"),
    },
    Migration { version: 3, name: "render_usage", sql: include_str!("migrations/0003_render_usage.sql") },
    Migration {
        version: 4,
        name: "moments_of_change",
        sql: include_str!("migrations/0004_moments_of_change.sql"),
    },
];

/// The first release that this engine can act as: earlier schemas lack whole tables.
const OLDEST: i32 = 3;

/// Chosen once at random: two migrators of one database wait for each other on it.
const ADVISORY_LOCK: i64 = 7_038_219_254_511_071;

/// A release of the engine, by the last step of the schema that it supports. Drills of an upgrade let
/// an engine act as an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Release(i32);

impl Release {
    /// The release that supports every step.
    pub(crate) const NEWEST: Self = Self(MIGRATIONS[MIGRATIONS.len() - 1].version);

    /// `None` for a step that does not exist.
    pub(crate) fn ending_at(step: i32) -> Option<Self> {
        MIGRATIONS.iter().any(|known| known.version == step).then_some(Self(step))
    }

    /// Whether an engine can serve as this release.
    pub(crate) fn can_serve(self) -> bool {
        self.0 >= OLDEST
    }

    /// Whether it records when a tenant's status changed.
    pub(crate) fn dates_tenant_status(self) -> bool {
        self.0 >= 4
    }

    fn steps(self) -> impl Iterator<Item = &'static Migration> {
        MIGRATIONS.iter().filter(move |step| step.version <= self.0)
    }
}

/// How a database's schema relates to the one that a release supports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SchemaState {
    Current,
    /// The migrations table is missing.
    Missing,
    /// Steps are missing, from this version on.
    Older {
        next: i32,
        newest: i32,
    },
    /// A step that this release does not support.
    Newer {
        version: i32,
        newest: i32,
    },
    /// A step that was applied with other contents.
    Changed {
        version: i32,
    },
    /// A step that began and did not end.
    Unfinished {
        version: i32,
        name: String,
        log: Option<String>,
    },
}

impl SchemaState {
    /// What is wrong, as the end of "the database schema …"; `None` when current.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Current => None,
            Self::Missing => Some("is not there: run the migrations first".into()),
            Self::Older { next, newest } => Some(format!(
                "is older than this engine: step {next} of {newest} is missing, run the migrations first"
            )),
            Self::Newer { version, newest } => Some(format!(
                "is newer than this engine: it has step {version} and this engine supports up to {newest}, start a newer engine"
            )),
            Self::Changed { version } => {
                Some(format!("is not this engine's: step {version} was applied with other contents"))
            }
            Self::Unfinished { version, name, log } => Some(format!(
                "is half migrated: step {version} ({name}) began and did not finish{}; no further step is \
                 applied, restore the database and migrate again",
                log.as_ref().map(|log| format!(" ({log})")).unwrap_or_default()
            )),
        }
    }
}

/// A step as the database records it.
struct Applied {
    version: i32,
    name: String,
    checksum: String,
    finished: bool,
    log: Option<String>,
}

/// Reads only.
pub(crate) async fn state(
    connection: &mut PgConnection,
    release: Release,
) -> Result<SchemaState, sqlx::Error> {
    let table: Option<String> = sqlx::query_scalar("SELECT to_regclass('_schema_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    if table.is_none() {
        return Ok(SchemaState::Missing);
    }
    let rows: Vec<(i32, String, String, bool, Option<String>)> = sqlx::query_as(
        "SELECT version, name, checksum, finished_at IS NOT NULL, log FROM _schema_migrations ORDER BY version",
    )
    .fetch_all(connection)
    .await?;
    let applied: Vec<Applied> = rows
        .into_iter()
        .map(|(version, name, checksum, finished, log)| Applied { version, name, checksum, finished, log })
        .collect();
    Ok(compare(&applied, release))
}

fn compare(applied: &[Applied], release: Release) -> SchemaState {
    let newest = release.0;
    for there in applied {
        let version = there.version;
        let (name, log) = (there.name.clone(), there.log.clone());
        match release.steps().find(|step| step.version == version) {
            _ if !there.finished => return SchemaState::Unfinished { version, name, log },
            None => return SchemaState::Newer { version, newest },
            Some(step) if checksum(step.sql) != there.checksum => return SchemaState::Changed { version },
            Some(_) => {}
        }
    }
    let missing = release.steps().find(|step| !applied.iter().any(|there| there.version == step.version));
    missing.map_or(SchemaState::Current, |step| SchemaState::Older { next: step.version, newest })
}

/// Brings the schema forward to a release's; does nothing when it is current. Each step is written
/// down when it begins, then applied in one transaction that also writes down its end: one that was
/// cut off or failed stays in the way. The whole runs under an advisory lock.
///
/// With `halve`, only half of the release's last step is applied, as by a migrator
/// without transactions that was killed.
///
/// # Errors
/// The database's own; `Ok(Some(state))` where the schema is not one that can be brought forward.
pub(crate) async fn migrate(
    connection: &mut PgConnection,
    release: Release,
    halve: bool,
) -> Result<Option<SchemaState>, sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(ADVISORY_LOCK).execute(&mut *connection).await?;
    let outcome = locked_migrate(connection, release, halve).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(ADVISORY_LOCK).execute(connection).await?;
    outcome
}

async fn locked_migrate(
    connection: &mut PgConnection,
    release: Release,
    halve: bool,
) -> Result<Option<SchemaState>, sqlx::Error> {
    loop {
        match state(connection, release).await? {
            SchemaState::Current => return Ok(None),
            SchemaState::Missing => {
                sqlx::raw_sql(
                    "CREATE TABLE _schema_migrations (
                        version      integer PRIMARY KEY,
                        name         text NOT NULL,
                        checksum     text NOT NULL,
                        started_at   timestamptz NOT NULL DEFAULT now(),
                        finished_at  timestamptz,
                        failed_at    timestamptz,
                        log          text)",
                )
                .execute(&mut *connection)
                .await?;
            }
            SchemaState::Older { next, newest } => {
                let step = release.steps().find(|step| step.version == next);
                let step = step.expect("`compare` names steps of this release");
                begin(connection, step).await?;
                if halve && next == newest {
                    apply_half(connection, step).await?;
                } else {
                    apply(connection, step).await?;
                }
            }
            refused @ (SchemaState::Newer { .. }
            | SchemaState::Changed { .. }
            | SchemaState::Unfinished { .. }) => return Ok(Some(refused)),
        }
    }
}

async fn begin(connection: &mut PgConnection, step: &Migration) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO _schema_migrations (version, name, checksum) VALUES ($1, $2, $3)")
        .bind(step.version)
        .bind(step.name)
        .bind(checksum(step.sql))
        .execute(connection)
        .await
        .map(drop)
}

async fn apply(connection: &mut PgConnection, step: &Migration) -> Result<(), sqlx::Error> {
    let whole = async {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(step.sql).execute(&mut *transaction).await?;
        sqlx::query("UPDATE _schema_migrations SET finished_at = now() WHERE version = $1")
            .bind(step.version)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    };
    let Err(error) = whole.await else { return Ok(()) };
    let failed = sqlx::query("UPDATE _schema_migrations SET failed_at = now(), log = $2 WHERE version = $1");
    failed.bind(step.version).bind(error.to_string()).execute(connection).await?;
    Err(error)
}

/// The first half of a step's statements, each for itself.
async fn apply_half(connection: &mut PgConnection, step: &Migration) -> Result<(), sqlx::Error> {
    let all = statements(step.sql);
    for statement in &all[..all.len() / 2] {
        sqlx::raw_sql(*statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The statements of one of our own steps: none of them holds a semicolon at the end of a line
/// anywhere but at its own end.
fn statements(sql: &'static str) -> Vec<&'static str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

fn checksum(sql: &str) -> String {
    hex(&Sha256::digest(sql))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Applied, MIGRATIONS, Release, SchemaState, checksum, compare, statements};

    fn applied(versions: &[i32]) -> Vec<Applied> {
        let sum = |version: i32| {
            MIGRATIONS
                .iter()
                .find(|step| step.version == version)
                .map_or("?".into(), |step| checksum(step.sql))
        };
        let there = |version: &i32| Applied {
            version: *version,
            name: "n".into(),
            checksum: sum(*version),
            finished: true,
            log: None,
        };
        versions.iter().map(there).collect()
    }

    #[test]
    fn a_schema_is_current_older_newer_foreign_or_half_migrated() {
        let newest = Release::NEWEST;
        assert_eq!(compare(&applied(&[1, 2, 3, 4]), newest), SchemaState::Current);
        assert_eq!(compare(&applied(&[1]), newest), SchemaState::Older { next: 2, newest: 4 });
        assert_eq!(compare(&applied(&[]), newest), SchemaState::Older { next: 1, newest: 4 });
        assert_eq!(compare(&applied(&[1, 3]), newest), SchemaState::Older { next: 2, newest: 4 });
        assert_eq!(compare(&applied(&[1, 2, 3, 4, 5]), newest), SchemaState::Newer { version: 5, newest: 4 });
        let mut foreign = applied(&[1, 2, 3]);
        foreign[1].checksum = "0".repeat(64);
        assert_eq!(compare(&foreign, newest), SchemaState::Changed { version: 2 });
        let mut half = applied(&[1, 2, 3, 4]);
        half[3].finished = false;
        let unfinished = SchemaState::Unfinished { version: 4, name: "n".into(), log: None };
        assert_eq!(compare(&half, newest), unfinished);
    }

    #[test]
    fn an_older_release_knows_fewer_steps() {
        let older = Release::ending_at(3).expect("there");
        assert_eq!(compare(&applied(&[1, 2, 3]), older), SchemaState::Current);
        assert_eq!(compare(&applied(&[1, 2, 3, 4]), older), SchemaState::Newer { version: 4, newest: 3 });
        assert_eq!((Release::ending_at(0), Release::ending_at(5)), (None, None));
        assert!(older.can_serve() && !Release::ending_at(2).expect("there").can_serve());
    }

    #[test]
    fn steps_are_numbered_without_gaps_and_can_be_halved() {
        for (index, step) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(step.version).expect("positive"), index + 1);
            assert!(statements(step.sql).len() > 1, "{}", step.name);
        }
    }
}
