//! The defect `undeletes-later`: a deletion is done, and undone once the audit trail was read twice with its
//! event. Only a client that looks again much later notices it.

use super::failure::Failure;
use super::rows::Rows;
use super::store::Store;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often the audit trail shows a deletion before it is undone.
const SHOWN: usize = 2;

/// What a deletion takes away.
pub(crate) enum Deleted {
    /// A template, by its key; it stays in the trash.
    Template,
    /// An asset: its row, its storage key, its media type, its binary.
    Asset(Value, String, String, Vec<u8>),
}

/// Deletions that are not undone yet, by the id of their resource.
#[derive(Default)]
pub(super) struct Undeletes(Mutex<BTreeMap<String, (Deleted, usize)>>);

impl Undeletes {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, (Deleted, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, id: &str, deleted: Deleted) {
        self.all().insert(id.to_owned(), (deleted, 0));
    }

    /// Called after a page of the audit trail was read: brings back what it showed for the last time.
    pub(super) async fn shown(&self, page: &Value, rows: &dyn Rows, store: &Store) -> Result<(), Failure> {
        for event in page["items"].as_array().into_iter().flatten() {
            let Some(id) = event["resourceId"].as_str().filter(|_| event["operation"] == "delete") else {
                continue;
            };
            let due = {
                let mut all = self.all();
                let Some((_, shown)) = all.get_mut(id) else { continue };
                *shown += 1;
                if *shown < SHOWN { continue } else { all.remove(id) }
            };
            if let Some((deleted, _)) = due {
                bring_back(id, deleted, rows, store).await?;
            }
        }
        Ok(())
    }
}

async fn bring_back(id: &str, deleted: Deleted, rows: &dyn Rows, store: &Store) -> Result<(), Failure> {
    let db = rows.sql()?;
    match deleted {
        Deleted::Template => {
            let undelete = "UPDATE templates SET deleted_at = NULL, deleted_by = NULL WHERE key = $1";
            sqlx::query(undelete).bind(id).execute(db).await?;
        }
        Deleted::Asset(row, key, mime, bytes) => {
            store.put(&key, bytes, &mime).await?;
            let insert = "INSERT INTO assets SELECT * FROM jsonb_populate_record(NULL::assets, $1)";
            sqlx::query(insert).bind(row).execute(db).await?;
        }
    }
    Ok(())
}
