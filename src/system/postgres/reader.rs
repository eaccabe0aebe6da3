//! A role that can read every table of a database and change nothing, for queries that others wrote.

use super::{Access, Postgres, quote_ident};
use crate::base::{
    clock,
    error::{Error, ErrorContext},
    redact::Redactor,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// The first version with the role `pg_read_all_data`.
const WITH_ROLE: u32 = 14;

/// The schemas of users.
const SCHEMAS: &str = "select nspname::text from pg_namespace \
    where nspname !~ '^pg_' and nspname <> 'information_schema'";

/// A reading role and its connection.
pub struct Reader {
    admin: Postgres,
    role: String,
    postgres: Postgres,
}

impl Reader {
    /// Creates the role. `admin` is a role that may create others, on the database to be read.
    ///
    /// # Errors
    /// Blames the environment where the role cannot be created or cannot connect.
    pub async fn create(admin: &Access, redactor: &Redactor) -> Result<Self, Error> {
        let password = clock::password();
        redactor.add(&password);
        let role = format!("{}-reader", admin.database);
        let name = quote_ident(&role);
        let server = Postgres::connect(admin).await?;
        let make = format!("create role {name} login bypassrls password '{password}'");
        // The statement holds the password, so that its own error is not shown.
        server.execute(&make, &[]).await.map_err(|_| {
            Error::environment("can't create a role that only reads")
                .hint("the role of the database must be allowed to create roles that bypass row security")
        })?;
        let reader = Access { user: role.clone(), password, ..admin.clone() };
        let opened = async {
            let major = server.version().await?.split('.').next().and_then(|major| major.parse().ok());
            if major.is_some_and(|major: u32| major >= WITH_ROLE) {
                server.execute(&format!("grant pg_read_all_data to {name}"), &[]).await?;
            } else {
                for schema in server.texts(SCHEMAS).await? {
                    let schema = quote_ident(&schema);
                    server.execute(&format!("grant usage on schema {schema} to {name}"), &[]).await?;
                    let tables = format!("grant select on all tables in schema {schema} to {name}");
                    server.execute(&tables, &[]).await?;
                }
            }
            Postgres::connect_read_only(&reader).await
        };
        match opened.await {
            Ok(postgres) => Ok(Self { admin: server, role, postgres }),
            Err(error) => {
                remove(&server, &role).await?;
                Err(error)
            }
        }
    }

    /// The first rows of a query, two at most, each as a JSON object.
    ///
    /// # Errors
    /// Blames the environment where the server refuses the query or it takes longer than `limit`.
    pub async fn rows(&self, query: &str, limit: Duration) -> Result<Vec<Value>, Error> {
        let context = || "can't run the query".to_owned();
        let query = query.trim().trim_end_matches(';');
        let mut snapshot = self.postgres.pool.begin_with("begin read only").await.or_environment(context)?;
        let limit = format!("set local statement_timeout = {}", limit.as_millis());
        sqlx::raw_sql(AssertSqlSafe(limit)).execute(&mut *snapshot).await.or_environment(context)?;
        // One statement of the extended protocol: a second one is refused. A comment may end the query.
        let rows = format!("select to_jsonb(answer) from (\n{query}\n) answer limit 2");
        let rows = sqlx::query(AssertSqlSafe(rows)).persistent(false).fetch_all(&mut *snapshot).await;
        let rows = rows.or_environment(context)?;
        snapshot.rollback().await.or_environment(context)?;
        rows.iter().map(|row| row.try_get(0).or_harness(context)).collect()
    }

    /// Removes the role.
    ///
    /// # Errors
    /// Blames the environment where it cannot be removed.
    pub async fn remove(self) -> Result<(), Error> {
        self.postgres.close().await;
        let removed = remove(&self.admin, &self.role).await;
        self.admin.close().await;
        removed
    }
}

async fn remove(server: &Postgres, role: &str) -> Result<(), Error> {
    let role = quote_ident(role);
    server.execute(&format!("drop owned by {role}"), &[]).await?;
    server.execute(&format!("drop role {role}"), &[]).await?;
    Ok(())
}

impl Postgres {
    /// Connects so that every transaction is read-only.
    ///
    /// # Errors
    /// As [`Postgres::connect`].
    pub async fn connect_read_only(access: &Access) -> Result<Self, Error> {
        Self::connect_with(access, &[("default_transaction_read_only", "on")]).await
    }
}
