//! Rows in a database. A change is one transaction.

mod assets;
mod jobs;
mod records;
mod templates;

use super::{Change, Rows};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::schema::{self, Release};
use async_trait::async_trait;
use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// Rows in a database whose schema ends at a release's last step.
pub(crate) struct PostgresRows {
    db: PgPool,
    release: Release,
}

impl PostgresRows {
    pub(crate) fn new(db: PgPool, release: Release) -> Self {
        Self { db, release }
    }
}

#[async_trait]
impl Rows for PostgresRows {
    async fn change(&self) -> Result<Box<dyn Change>, Failure> {
        Ok(Box::new(SqlChange(self.db.begin().await?)))
    }

    async fn complaint(&self) -> Option<String> {
        let state = async {
            let mut connection = self.db.acquire().await?;
            schema::state(&mut connection, self.release).await
        };
        match state.await {
            Ok(state) => state.complaint().map(|complaint| format!("the schema {complaint}")),
            Err(error) => Some(format!("unreachable: {error}")),
        }
    }

    fn sql(&self) -> Result<&PgPool, Failure> {
        Ok(&self.db)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

/// A transaction.
struct SqlChange(Transaction<'static, Postgres>);

#[async_trait]
impl Change for SqlChange {
    async fn audit(
        &mut self,
        caller: &Caller,
        resource: &str,
        operation: &str,
        id: &str,
        details: Value,
    ) -> Result<(), Failure> {
        Ok(audit(&mut self.0, caller, resource, operation, id, details).await?)
    }

    async fn commit(self: Box<Self>) -> Result<(), Failure> {
        Ok(self.0.commit().await?)
    }
}

/// Records what a caller did, within the transaction that did it.
pub(crate) async fn audit(
    connection: &mut PgConnection,
    caller: &Caller,
    resource: &str,
    operation: &str,
    id: &str,
    details: Value,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_events
           (tenant_id, event, operation, resource_type, resource_id, actor, credential_scope, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&caller.tenant)
    .bind(format!("{resource}.{operation}"))
    .bind(operation)
    .bind(resource)
    .bind(id)
    .bind(caller.actor())
    .bind(caller.scope.map(|scope| scope.as_str()))
    .bind(details)
    .execute(connection)
    .await
    .map(drop)
}
