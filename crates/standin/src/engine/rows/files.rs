//! Rows in files: `STORAGE_MODE=file`. `docs/file-mode.md` describes the layout.
//!
//! Every request reads the disk: nothing is cached, so that a damaged file is noticed. Writers
//! take turns. Batch jobs and usage are in memory and end with the process. There is one tenant.

mod assets;
mod change;
mod jobs;
mod library;
mod records;
mod templates;

use super::{Change, JobResults, Rows, Window};
use crate::engine::failure::Failure;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use library::{Library, LibraryError};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use uuid::Uuid;

/// The only tenant.
const TENANT: &str = "default";

/// Rows in two folders.
pub(crate) struct FileRows {
    library: Library,
    writing: Arc<Mutex<()>>,
    jobs: Mutex<HashMap<Uuid, JobRow>>,
    usage: Mutex<Counts>,
}

/// A batch job.
struct JobRow {
    tenant: String,
    items: Vec<Value>,
    status: &'static str,
    failure_code: Option<String>,
    kept: Option<JobResults>,
    created_at: DateTime<Utc>,
    /// When it ended, and how long it stays pollable.
    ended: Option<(DateTime<Utc>, Duration)>,
}

/// Renders and bytes by template, format and source.
type Counts = BTreeMap<(Option<String>, &'static str, &'static str), (u64, usize)>;

impl FileRows {
    /// Makes missing folders and reads everything once.
    ///
    /// # Errors
    /// When a folder can't be used, or a file in it can't be read.
    pub(crate) fn open(templates: PathBuf, assets: PathBuf) -> Result<Self, LibraryError> {
        let library = Library::open(templates, assets)?;
        Ok(Self {
            library,
            writing: Arc::new(Mutex::new(())),
            jobs: Mutex::new(HashMap::new()),
            usage: Mutex::new(Counts::new()),
        })
    }
}

#[async_trait]
impl Rows for FileRows {
    async fn change(&self) -> Result<Box<dyn Change>, Failure> {
        let turn = self.writing.clone().lock_owned().await;
        Ok(Box::new(change::FileChange::new(self.library.clone(), turn)))
    }

    async fn complaint(&self) -> Option<String> {
        // In turn with writers: they rename one file after another.
        let _turn = self.writing.lock().await;
        self.library.check().err().map(|error| error.to_string())
    }

    fn sql(&self) -> Result<&PgPool, Failure> {
        Err(Failure::not_implemented("file mode has no schedules, tenants or editors: they need a database"))
    }

    async fn close(&self) {}
}

/// A page of a complete list.
fn cut(items: Vec<Value>, (limit, offset): Window) -> Value {
    let total = items.len();
    let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let page: Vec<Value> = items.into_iter().skip(size(offset)).take(size(limit)).collect();
    json!({"items": page, "total": total, "limit": limit, "offset": offset})
}

/// Whether one text holds another, whatever their case.
fn holds(text: &str, search: &str) -> bool {
    text.to_lowercase().contains(&search.to_lowercase())
}
