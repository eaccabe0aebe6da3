//! What all requests and background tasks share.

use super::rows::Rows;
use super::settings::Settings;
use super::store::Store;
use super::writes::{Afterwards, Turns};
use std::sync::Arc;
use tokio::sync::Notify;

/// The running engine.
pub(crate) struct App {
    pub(crate) rows: Box<dyn Rows>,
    pub(crate) binaries: Store,
    /// Where batch results go; into their rows when `None`.
    pub(crate) results: Option<Store>,
    pub(crate) settings: Settings,
    /// Whose turn it is to write an asset.
    pub(crate) turns: Turns,
    /// Work that continues after an answer.
    pub(crate) afterwards: Afterwards,
    /// Wakes the dispatcher when a schedule changed.
    pub(crate) schedules_changed: Notify,
    /// When it was started.
    pub(crate) started: chrono::DateTime<chrono::Utc>,
}

/// Shared by all requests and background tasks.
pub(crate) type Shared = Arc<App>;
