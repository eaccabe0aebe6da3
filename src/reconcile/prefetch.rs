//! Pages that are requested while those before them are compared.

use crate::{
    base::{error::Error, ids::ObjectKey},
    reconcile::pages::Pages,
};
use std::marker::PhantomData;
use tokio::{
    sync::mpsc::{Receiver, channel},
    task::JoinSet,
};

/// A side of a join, read ahead by a task that ends with it.
pub struct Prefetch<P: Pages> {
    waiting: Receiver<Result<Vec<P::Entry>, Error>>,
    reading: JoinSet<()>,
    side: PhantomData<P>,
}

impl<P: Pages + Send + 'static> Prefetch<P>
where
    P::Entry: Send,
{
    /// Begins to read.
    pub fn new(mut pages: P) -> Self {
        let (sender, waiting) = channel(P::AHEAD);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            loop {
                let page = pages.page().await;
                let is_last = page.as_ref().map_or(true, Vec::is_empty);
                if sender.send(page).await.is_err() || is_last {
                    break;
                }
            }
        });
        Self { waiting, reading, side: PhantomData }
    }
}

impl<P: Pages + Send> Pages for Prefetch<P>
where
    P::Entry: Send,
{
    type Entry = P::Entry;

    fn key(entry: &P::Entry) -> &ObjectKey {
        P::key(entry)
    }

    async fn page(&mut self) -> Result<Vec<P::Entry>, Error> {
        match self.waiting.recv().await {
            Some(page) => page,
            None => match self.reading.join_next().await {
                Some(Err(error)) => Err(Error::harness("reading a page panicked").because(&error)),
                Some(Ok(())) | None => Ok(Vec::new()),
            },
        }
    }
}
