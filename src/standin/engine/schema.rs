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

const MIGRATIONS: [Migration; 3] = [
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
];

/// Chosen once at random: two migrators of one database wait for each other on it.
const ADVISORY_LOCK: i64 = 7_038_219_254_511_071;

/// How a database's schema relates to the one that this engine knows.
#[derive(Debug, PartialEq, Eq)]
pub enum SchemaState {
    Current,
    /// The migrations table is missing.
    Missing,
    /// Steps are missing, from this version on.
    Older {
        next: i32,
    },
    /// A step that this engine does not know.
    Newer {
        version: i32,
    },
    /// A step that was applied with other contents.
    Changed {
        version: i32,
    },
}

impl SchemaState {
    /// What is wrong, as the end of "the database schema …"; `None` when current.
    pub fn complaint(&self) -> Option<String> {
        let newest = MIGRATIONS.len();
        match self {
            Self::Current => None,
            Self::Missing => Some("is not there: run the migrations first".into()),
            Self::Older { next } => Some(format!(
                "is older than this engine: step {next} of {newest} is missing, run the migrations first"
            )),
            Self::Newer { version } => Some(format!(
                "is newer than this engine: it has step {version} and this engine knows {newest}, start a newer engine"
            )),
            Self::Changed { version } => {
                Some(format!("is not this engine's: step {version} was applied with other contents"))
            }
        }
    }
}

/// Looks, and changes nothing.
pub async fn state(connection: &mut PgConnection) -> Result<SchemaState, sqlx::Error> {
    let table: Option<String> = sqlx::query_scalar("SELECT to_regclass('_schema_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    if table.is_none() {
        return Ok(SchemaState::Missing);
    }
    let applied: Vec<(i32, String)> =
        sqlx::query_as("SELECT version, checksum FROM _schema_migrations ORDER BY version")
            .fetch_all(connection)
            .await?;
    Ok(compare(&applied))
}

fn compare(applied: &[(i32, String)]) -> SchemaState {
    for (version, sum) in applied {
        match MIGRATIONS.iter().find(|step| step.version == *version) {
            None => return SchemaState::Newer { version: *version },
            Some(step) if checksum(step.sql) != *sum => return SchemaState::Changed { version: *version },
            Some(_) => {}
        }
    }
    let missing = MIGRATIONS.iter().find(|step| !applied.iter().any(|(version, _)| *version == step.version));
    missing.map_or(SchemaState::Current, |step| SchemaState::Older { next: step.version })
}

/// Brings the schema forward; does nothing when it is current. One step is one transaction, and
/// the whole runs under an advisory lock.
///
/// # Errors
/// The database's own; `Ok(Some(state))` where the schema is not one that can be brought forward.
pub async fn migrate(connection: &mut PgConnection) -> Result<Option<SchemaState>, sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(ADVISORY_LOCK).execute(&mut *connection).await?;
    let outcome = locked_migrate(connection).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(ADVISORY_LOCK).execute(connection).await?;
    outcome
}

async fn locked_migrate(connection: &mut PgConnection) -> Result<Option<SchemaState>, sqlx::Error> {
    loop {
        match state(connection).await? {
            SchemaState::Current => return Ok(None),
            SchemaState::Missing => {
                sqlx::raw_sql(
                    "CREATE TABLE _schema_migrations (
                        version     integer PRIMARY KEY,
                        name        text NOT NULL,
                        checksum    text NOT NULL,
                        applied_at  timestamptz NOT NULL DEFAULT now())",
                )
                .execute(&mut *connection)
                .await?;
            }
            SchemaState::Older { next } => {
                let step = MIGRATIONS.iter().find(|step| step.version == next);
                apply(connection, step.expect("`compare` names steps of this list")).await?;
            }
            refused @ (SchemaState::Newer { .. } | SchemaState::Changed { .. }) => return Ok(Some(refused)),
        }
    }
}

async fn apply(connection: &mut PgConnection, step: &Migration) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(step.sql).execute(&mut *transaction).await?;
    sqlx::query("INSERT INTO _schema_migrations (version, name, checksum) VALUES ($1, $2, $3)")
        .bind(step.version)
        .bind(step.name)
        .bind(checksum(step.sql))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

fn checksum(sql: &str) -> String {
    hex(&Sha256::digest(sql))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, SchemaState, checksum, compare};

    fn applied(versions: &[i32]) -> Vec<(i32, String)> {
        let sum = |version: i32| {
            MIGRATIONS
                .iter()
                .find(|step| step.version == version)
                .map_or("?".into(), |step| checksum(step.sql))
        };
        versions.iter().map(|version| (*version, sum(*version))).collect()
    }

    #[test]
    fn a_schema_is_current_older_newer_or_foreign() {
        assert_eq!(compare(&applied(&[1, 2, 3])), SchemaState::Current);
        assert_eq!(compare(&applied(&[1])), SchemaState::Older { next: 2 });
        assert_eq!(compare(&applied(&[])), SchemaState::Older { next: 1 });
        assert_eq!(compare(&applied(&[1, 3])), SchemaState::Older { next: 2 });
        assert_eq!(compare(&applied(&[1, 2, 3, 4])), SchemaState::Newer { version: 4 });
        let mut foreign = applied(&[1, 2, 3]);
        foreign[1].1 = "0".repeat(64);
        assert_eq!(compare(&foreign), SchemaState::Changed { version: 2 });
    }

    #[test]
    fn steps_are_numbered_without_gaps() {
        for (index, step) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(step.version).expect("positive"), index + 1);
        }
    }
}
