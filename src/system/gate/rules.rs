//! The rules that a gate has at the moment, and the handles that keep them. A rule lives as long as
//! its handle.

use crate::base::sync::MutexExt;
use crate::system::gate::request::S3Request;
use crate::system::gate::rule::Rule;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatePoint {
    /// Before anything of it reaches the store.
    BeforeForward,
    /// When the store has answered, and so has done it, and before the client learns of it.
    BeforeAnswer,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateFailure {
    /// Answered with this status and the S3 error that belongs to it (500 `InternalError`, 503
    /// `SlowDown`); the store never hears of it.
    Status(u16),
    /// Taken and never answered; the store never hears of it. Broken off when the handle goes.
    NoAnswer,
    /// The connection is reset; the store never hears of it.
    Reset,
    /// The store does it, and the connection is reset instead of the answer.
    LostAnswer,
    /// The answer's body ends after so many bytes, at least one short of what its header says; then
    /// the connection is closed. An answer without a body is reset.
    Truncate(u64),
    /// Forwarded only after this time.
    Delay(Duration),
}

/// The decision on a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Wait,
    Go,
    Break,
}

/// What is to be done with one request, in the order in which the rules were set.
#[derive(Debug)]
pub(super) enum Due {
    Hold(GatePoint, Waiting),
    Fail(GateFailure, watch::Receiver<Way>),
}

/// A request's side of a hold.
#[derive(Debug)]
pub(super) struct Waiting {
    came: mpsc::UnboundedSender<S3Request>,
    way: watch::Receiver<Way>,
}

impl Waiting {
    /// Reports the request to the handle and waits for it. Returns whether the request may continue.
    pub(super) async fn hold(mut self, request: &S3Request) -> bool {
        // A handle that is gone holds nobody.
        let _gone = self.came.send(request.clone());
        match self.way.wait_for(|way| *way != Way::Wait).await {
            Ok(way) => *way != Way::Break,
            Err(_gone) => true,
        }
    }
}

struct Entry {
    id: u64,
    rule: Rule,
    /// Requests that fitted, for counting occurrences.
    fitted: u64,
    hits: Arc<AtomicU64>,
    act: Act,
}

enum Act {
    Hold { point: GatePoint, came: mpsc::UnboundedSender<S3Request>, way: watch::Receiver<Way> },
    Fail { failure: GateFailure, way: watch::Receiver<Way> },
}

/// All rules of a gate, in the order in which they were set.
#[derive(Default)]
pub(super) struct Rules {
    entries: Mutex<Vec<Entry>>,
    ids: AtomicU64,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rules({})", self.entries().len())
    }
}

impl Rules {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // What panicked while it held the lock left whole entries.
        self.entries.lock_unpoisoned()
    }

    fn add(&self, rule: Rule, act: Act) -> (u64, Arc<AtomicU64>) {
        let (id, hits) = (self.ids.fetch_add(1, Ordering::Relaxed), Arc::default());
        self.entries().push(Entry { id, rule, fitted: 0, hits: Arc::clone(&hits), act });
        (id, hits)
    }

    fn remove(&self, id: u64) {
        self.entries().retain(|entry| entry.id != id);
    }

    /// Ends every rule; held requests continue.
    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    /// What is to be done with a request. Counts it in every rule that it fits.
    pub(super) fn due(&self, request: &S3Request) -> Vec<Due> {
        let mut due = Vec::new();
        for entry in self.entries().iter_mut().filter(|entry| entry.rule.fits(request)) {
            entry.fitted += 1;
            if !entry.rule.means(entry.fitted) {
                continue;
            }
            entry.hits.fetch_add(1, Ordering::Relaxed);
            due.push(match &entry.act {
                Act::Hold { point, came, way } => {
                    Due::Hold(*point, Waiting { came: came.clone(), way: way.clone() })
                }
                Act::Fail { failure, way } => Due::Fail(*failure, way.clone()),
            });
        }
        due
    }

    pub(super) fn hold(self: &Arc<Self>, rule: Rule, point: GatePoint) -> HeldRequests {
        let (sender, came) = mpsc::unbounded_channel();
        let (way, ways) = watch::channel(Way::Wait);
        let (id, _) = self.add(rule, Act::Hold { point, came: sender, way: ways });
        HeldRequests { rules: Arc::clone(self), id, came, way }
    }

    pub(super) fn fail(self: &Arc<Self>, rule: Rule, failure: GateFailure) -> Failing {
        let (way, ways) = watch::channel(Way::Wait);
        let (id, hits) = self.add(rule, Act::Fail { failure, way: ways });
        Failing { rules: Arc::clone(self), id, hits, way }
    }
}

/// A hold that is set. Dropping it lets go what it holds and holds no more.
#[derive(Debug)]
#[must_use = "dropping it releases what it holds"]
pub struct HeldRequests {
    rules: Arc<Rules>,
    id: u64,
    came: mpsc::UnboundedReceiver<S3Request>,
    way: watch::Sender<Way>,
}

impl HeldRequests {
    /// Waits until a request is held and gives it; called again, the next one. `None` when the gate
    /// is closed. It waits for ever where none comes, and may be dropped at any time without losing
    /// one: put a limit around it.
    pub async fn reached(&mut self) -> Option<S3Request> {
        self.came.recv().await
    }

    /// Lets all held requests continue, and holds no more.
    pub fn release(self) {}

    /// Breaks off what is held, as if the client had died: a request that is held before it is
    /// forwarded never reaches the store. Holds no more.
    pub fn break_off(self) {
        self.way.send_replace(Way::Break);
    }
}

impl Drop for HeldRequests {
    fn drop(&mut self) {
        self.rules.remove(self.id);
        self.way.send_if_modified(|way| {
            let waits = *way == Way::Wait;
            if waits {
                *way = Way::Go;
            }
            waits
        });
    }
}

/// A failure that is set. Dropping it ends it.
#[derive(Debug)]
#[must_use = "dropping it ends the failure"]
pub struct Failing {
    rules: Arc<Rules>,
    id: u64,
    hits: Arc<AtomicU64>,
    way: watch::Sender<Way>,
}

impl Failing {
    /// How many requests it has hit. A failure that hit none proved nothing.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.rules.remove(self.id);
        self.way.send_replace(Way::Go);
    }
}
