//! Rows and listings page by page, in the byte order of their keys.

use crate::{
    base::{error::Error, ids::ObjectKey},
    model::reference::ObjectReference,
    reconcile::pace::Pace,
    system::{
        objects::{ListedObject, view::ViewPages},
        postgres::PointerPages,
    },
};
use std::sync::Arc;

/// What gives pages in the order of their keys.
pub trait Pages {
    /// An entry.
    type Entry;
    /// How many pages may be read ahead.
    const AHEAD: usize = 1;
    /// The key of an entry.
    fn key(entry: &Self::Entry) -> &ObjectKey;
    /// The next entries; none at the end.
    fn page(&mut self) -> impl Future<Output = Result<Vec<Self::Entry>, Error>> + Send;
}

impl Pages for PointerPages {
    type Entry = ObjectReference;

    fn key(entry: &ObjectReference) -> &ObjectKey {
        &entry.key
    }

    async fn page(&mut self) -> Result<Vec<ObjectReference>, Error> {
        self.next().await
    }
}

/// A listing whose requests keep the pace.
pub struct PacedPages(ViewPages, Arc<Pace>);

impl PacedPages {
    /// Nothing is requested yet.
    pub fn new(pages: ViewPages, pace: Arc<Pace>) -> Self {
        Self(pages, pace)
    }
}

impl Pages for PacedPages {
    type Entry = ListedObject;
    // The server sorts the rows before it sends the first one; meanwhile the store lists.
    const AHEAD: usize = 16;

    fn key(entry: &ListedObject) -> &ObjectKey {
        &entry.key
    }

    async fn page(&mut self) -> Result<Vec<ListedObject>, Error> {
        loop {
            self.1.turn().await;
            match self.0.next().await? {
                // A page may be empty and not the last.
                Some(page) if page.is_empty() => {}
                page => return Ok(page.unwrap_or_default()),
            }
        }
    }
}
