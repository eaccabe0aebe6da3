//! The requests that a gate has seen, in the order in which they came. No headers, no contents: no
//! keys are in them.

use crate::base::clock::Clock;
use crate::base::sync::MutexExt;
use crate::system::gate::request::S3Request;
use chrono::{DateTime, Utc};
use std::sync::Mutex;

/// A request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateRequest {
    /// When its head had come.
    pub at: DateTime<Utc>,
    /// What it was about.
    pub request: S3Request,
    /// What became of it.
    pub end: End,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is in flight, held, or its connection was closed meanwhile.
    InFlight,
    /// Answered with this status, by the store or by the gate.
    Answered(u16),
    /// The connection was closed or reset instead of an answer.
    Broken,
}

#[derive(Debug)]
pub(super) struct Log {
    clock: Clock,
    seen: Mutex<Vec<GateRequest>>,
}

impl Log {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// Takes a request down and gives its number.
    pub(super) fn came(&self, request: &S3Request) -> usize {
        let seen = GateRequest { at: self.clock.now(), request: request.clone(), end: End::InFlight };
        let mut all = self.seen.lock_unpoisoned();
        all.push(seen);
        all.len() - 1
    }

    pub(super) fn ended(&self, number: usize, end: End) {
        let mut all = self.seen.lock_unpoisoned();
        if let Some(seen) = all.get_mut(number) {
            seen.end = end;
        }
    }

    pub(super) fn all(&self) -> Vec<GateRequest> {
        self.seen.lock_unpoisoned().clone()
    }
}
